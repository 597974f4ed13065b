"""The judge ``model:ID``: a language model behind an OpenAI-compatible address, given our rubric.

It asks for structured output and reads the reply strictly with or without it; a reply that is no
verdict is asked for once more, then the answer is unscored with the reply kept. Nothing that fails
here is ever taken for a label.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from dataset_builder.dataset.taxonomy import JUDGE_OUT_OF_TOKENS
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.chat import ChatClient
from dataset_builder.models.request import ChatRequest
from dataset_builder.storage.files import now
from dataset_builder.work.asking import Asker, Client, Prompt, Question, Reply, ReplyStatus, Try
from dataset_builder.work.cost import Price
from dataset_builder.work.stopping import StoppedEarlyError
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.judges.model.prompt import CaseContext, build_prompt, prompt_hash
from eval.judges.model.reply import ReadVerdict, read_reply
from eval.judges.model.rubric import RUBRIC_VERSION, SCHEMA_NAME, VERDICT_SCHEMA
from eval.runs.verdict import Verdict

JUDGE: Final = "model"
JUDGE_REFUSAL, JUDGE_FAILURE, UNREADABLE = "judge_refusal", "judge_failure", "unreadable_verdict"
TEMPERATURE: Final = 0.0
# A verdict takes about 150; the rest is for models that reason first.
MAX_TOKENS: Final = 4000
_REASONS: Final = {
    ReplyStatus.NO_REPLY: JUDGE_FAILURE,
    ReplyStatus.REFUSED: JUDGE_REFUSAL,
    ReplyStatus.UNREADABLE: UNREADABLE,
    ReplyStatus.OUT_OF_TOKENS: JUDGE_OUT_OF_TOKENS,
}


class Host(Protocol):
    """Where a model is."""

    @property
    def host(self) -> str:
        """Its host, for the record."""
        ...


class JudgeClient(Client, Protocol):
    """What a model judge asks: a ChatClient, or whatever answers like one."""

    @property
    def endpoint(self) -> Host:
        """Where it is."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class ModelJudge:
    """A model judge over an open client, which it closes; made by ``make``.

    ``price`` is for providers that do not tell what an answer costs; ``providers`` and ``excluded_providers``
    are those that a router may have judge, and may not.
    """

    # One, so that each verdict is kept as soon as it is there.
    batch_size = 1
    # Any model reads more; this is what its agreement with people was measured on.
    languages = ("en",)

    def __init__(
        self,
        model: str,
        client: JudgeClient,
        *,
        price: Price | None = None,
        show_reasoning: bool = False,
        max_tokens: int = MAX_TOKENS,
        providers: tuple[str, ...] = (),
        excluded_providers: tuple[str, ...] = (),
    ) -> None:
        self.name = f"{JUDGE}:{model}"
        self.rubric = f"{RUBRIC_VERSION}-{prompt_hash()[:12]}" + ("+reasoning" if show_reasoning else "")
        self.settings: dict[str, Any] = {
            "endpoint": client.endpoint.host,
            "max_tokens": max_tokens,
            "prompt_hash": prompt_hash(),
            "show_reasoning": show_reasoning,
            "temperature": TEMPERATURE,
            "left_out_where_refused": ["temperature", "response_format"],
        }
        route = {"providers": providers, "excluded_providers": excluded_providers}
        # Said where it was chosen: a judge without a choice is the one that earlier runs record.
        self.settings |= {name: list(names) for name, names in route.items() if names}
        self._client = client
        self._asker = Asker(
            client,
            max_tokens=max_tokens,
            temperature=TEMPERATURE,
            price=price,
            providers=providers,
            excluded_providers=excluded_providers,
        )
        self._show_reasoning = show_reasoning

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """One verdict for each task, in order.

        Raises RemoteError where the key is rejected, the account is out of credit, or the server
        answers no more.
        """
        ended = await asyncio.gather(*(self._judge_one(task) for task in tasks), return_exceptions=True)
        verdicts = []
        for end in ended:
            if isinstance(end, BaseException):
                raise end
            verdicts.append(end)
        return verdicts

    def request_chars(self, task: JudgeTask) -> int:
        """Characters of the request that a task takes, for an estimate."""
        return sum(len(message.content) for message in self.prompt_of(task, None).messages)

    async def decided(self, tasks: Sequence[JudgeTask]) -> tuple[list[Verdict], list[JudgeTask]]:
        """Nothing without asking."""
        return [], list(tasks)

    def prompt_of(self, task: JudgeTask, complaint: str | None) -> Prompt:
        """The question about an answer, with what was wrong with an earlier reply."""
        response = task.response
        thought = response.reasoning if self._show_reasoning else None
        return build_prompt(CaseContext.of(task.case), response.response or "", reasoning=thought, complaint=complaint)

    def request_of(self, prompt: Prompt) -> ChatRequest:
        """What is sent for it."""
        return self._asker.request(prompt.messages, VERDICT_SCHEMA, SCHEMA_NAME)

    def reading(self, code: str, reply: ChatAnswer) -> Try[ReadVerdict]:
        """What a reply to the prompt with that code came to."""
        return self._asker.reading(read_reply, code, reply)

    def verdict_of(self, case_id: str, response_hash: str, reply: Reply[ReadVerdict]) -> Verdict:
        """The verdict on an answer, from what became of the question about it."""
        read, why = reply.value, reply.why
        if reply.status is ReplyStatus.OUT_OF_TOKENS:
            why = f"the judge {why}; give it more with --judge-max-tokens"
        return Verdict(
            case_id=case_id,
            response_hash=response_hash,
            judge=self.name,
            rubric=self.rubric,
            response_type=read.response_type if read else None,
            engages_with_defeat=read.engages_with_defeat if read else None,
            independent_harm=read.independent_harm if read else None,
            unscored_reason=_REASONS.get(reply.status),
            reasoning=read.reasoning if read else why,
            raw_reply=None if read else reply.raw,
            cost=reply.cost,
            judged_at=now(),
        )

    async def _judge_one(self, task: JudgeTask) -> Verdict:
        reply = await self._asker.read(
            Question(SCHEMA_NAME, VERDICT_SCHEMA, lambda complaint: self.prompt_of(task, complaint), read_reply)
        )
        if self._asker.stop is not None:
            raise StoppedEarlyError(self._asker.stop)
        return self.verdict_of(task.case.case_id, task.response.response_hash, reply)


def make(argument: str, options: JudgeOptions) -> ModelJudge:
    """The judge ``model:ARGUMENT``.

    Raises InputError for an unknown place, a key that is not set, or a choice of providers behind no router.
    """
    choice = options.choice.of(argument)
    choice.check_route("judge-")
    return ModelJudge(
        argument,
        ChatClient(choice.endpoint, concurrency=choice.concurrency),
        price=choice.known_price,
        show_reasoning=options.show_reasoning,
        max_tokens=options.max_tokens or MAX_TOKENS,
        providers=choice.providers,
        excluded_providers=choice.excluded_providers,
    )
