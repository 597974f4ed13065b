"""From a request to the tokens that a model is given: its chat template's frame, or the bare text for a base model."""

from __future__ import annotations

from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.models.in_process.answers import messages_of
from dataset_builder.models.request import ChatRequest

# The one further field of a request that a model in this process can heed.
TEMPLATE_OPTIONS: Final = "chat_template_kwargs"


class Prompting:
    """Puts requests to a tokenizer; ``context`` is how many tokens the model holds, None where it does not tell."""

    def __init__(self, tokenizer: Any, context: int | None, *, completion: bool, called: str) -> None:
        self.tokenizer = tokenizer
        self.context = context
        self._completion = completion
        if not completion and not getattr(tokenizer, "chat_template", None):
            raise InputError(f"{called}: its tokenizer has no chat template. Give --completion for a base model.")

    def tokens(self, request: ChatRequest) -> list[int]:
        """The tokens that the model goes on from."""
        messages = messages_of(request)
        if self._completion:
            text = "\n\n".join(one["content"] for one in messages)
            return list(self.tokenizer(text)["input_ids"])
        options = request.extra.get(TEMPLATE_OPTIONS) or {}
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options)
        # The template has put the marks of the beginning there itself.
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def room(self, tokens: list[int], request: ChatRequest) -> int:
        """How many tokens an answer may have; below 1 where the request fills what the model holds."""
        most = request.max_tokens or (self.context or len(tokens)) - len(tokens)
        return most if self.context is None else min(most, self.context - len(tokens))

    def too_long(self, tokens: list[int]) -> str:
        """What to say of a request that leaves no room."""
        return f"the request is {len(tokens):,} tokens, and the model holds {self.context:,}"
