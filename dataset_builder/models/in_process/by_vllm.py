"""Answers of a model that vLLM loads: its offline API, ``LLM`` and ``SamplingParams``, given tokens."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.models.in_process.answers import Generated
from dataset_builder.models.in_process.named import InProcess, NamedModel
from dataset_builder.models.in_process.prompting import Prompting
from dataset_builder.models.request import ChatRequest

# What a model's own generation_config.json may say of sampling.
_OWN: Final = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


class VllmModel:
    """A loaded model. Raises InputError where it cannot be loaded.

    vLLM finds its GPU itself; CUDA_VISIBLE_DEVICES says which.
    """

    def __init__(self, model: NamedModel, how: InProcess) -> None:
        import vllm

        if how.device is not None:
            raise InputError("--device: vLLM finds its GPU itself. Leave it out, and set CUDA_VISIBLE_DEVICES.")
        self._vllm: Any = vllm
        folder = model.folder()
        try:
            self._llm: Any = vllm.LLM(model=str(folder), dtype=how.dtype, trust_remote_code=False)
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise InputError(f"{model.called} cannot be loaded: {lines[0].replace(str(folder), folder.name)}") from None
        config = getattr(self._llm.llm_engine, "model_config", None)
        self._prompting = Prompting(
            self._llm.get_tokenizer(),
            getattr(config, "max_model_len", None),
            completion=how.completion,
            called=model.called,
        )

    def generate(self, requests: Sequence[ChatRequest]) -> list[Generated]:
        """A text for each request."""
        asked = [self._prompting.tokens(request) for request in requests]
        rooms = [self._prompting.room(tokens, request) for tokens, request in zip(asked, requests, strict=True)]
        fitting = [number for number, room in enumerate(rooms) if room > 0]
        found = [Generated("", too_long=self._prompting.too_long(tokens)) for tokens in asked]
        made = self._llm.generate(
            [{"prompt_token_ids": asked[number]} for number in fitting],
            [self._sampling(requests[number], rooms[number]) for number in fitting],
            use_tqdm=False,
        )
        # In the order of the prompts, as vLLM promises.
        for number, one in zip(fitting, made, strict=True):
            text = one.outputs[0]
            finish = text.finish_reason or "stop"
            found[number] = Generated(text.text, finish, len(asked[number]), len(text.token_ids))
        return found

    def _sampling(self, request: ChatRequest, most: int) -> Any:
        """The model's own settings, with those of the request in their place."""
        usual = self._llm.get_default_sampling_params()
        values = {name: getattr(usual, name) for name in _OWN}
        said = {name: getattr(request, name) for name in ("temperature", "top_p", "seed")}
        values |= {name: value for name, value in said.items() if value is not None}
        if request.stop:
            values["stop"] = list(request.stop)
        # The marks of reasoning are read by the reader of answers.
        return self._vllm.SamplingParams(max_tokens=most, skip_special_tokens=False, **values)

    def close(self) -> None:
        """Give the memory back."""
        self._llm = None
        gc.collect()
