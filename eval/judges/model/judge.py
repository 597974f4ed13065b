"""The judge ``model:ID``: a language model behind an OpenAI-compatible address, given our rubric.

It asks for structured output and reads the reply strictly with or without it; a reply that is no
verdict is asked for once more, then the answer is unscored with the reply kept. Nothing that fails
here is ever taken for a label.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    EMPTY,
    FAILURES,
    JUDGE_OUT_OF_TOKENS,
    PROVIDER_ERROR,
    TOOL_CALL,
    TRUNCATED,
)
from dataset_builder.errors import RemoteError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.chat import ChatClient
from dataset_builder.models.providers import Endpoint, resolve_endpoint
from dataset_builder.models.request import ChatRequest
from dataset_builder.work.cost import Price, cost_of_answer, price_of
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.judges.model.prompt import CaseContext, Prompt, build_prompt, prompt_hash
from eval.judges.model.reply import LONGEST_REPLY, UnreadableReply, declines, read_reply
from eval.judges.model.rubric import RUBRIC_VERSION, SCHEMA_NAME, VERDICT_SCHEMA
from eval.runs.collect import Breaker, now
from eval.runs.verdict import Verdict

JUDGE: Final = "model"
JUDGE_REFUSAL, JUDGE_FAILURE, UNREADABLE = "judge_refusal", "judge_failure", "unreadable_verdict"
TEMPERATURE: Final = 0.0
# A verdict takes about 150; the rest is for models that reason first.
MAX_TOKENS: Final = 4000
_TRIES: Final = 2


class Host(Protocol):
    """Where a model is."""

    @property
    def host(self) -> str:
        """Its host, for the record."""
        ...


class Asked(Protocol):
    """What a model judge asks: a ChatClient, or whatever answers like one."""

    @property
    def endpoint(self) -> Host:
        """Where it is."""
        ...

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The end of one request."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class ModelJudge:
    """A model judge over an open client, which it closes; made by ``make``.

    ``price`` is for providers that do not tell what an answer costs.
    """

    # One, so that each verdict is kept as soon as it is there.
    batch_size = 1

    def __init__(
        self,
        model: str,
        client: Asked,
        *,
        price: Price | None = None,
        show_reasoning: bool = False,
        max_tokens: int = MAX_TOKENS,
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
        self._client = client
        self._price = price
        self._show_reasoning = show_reasoning
        self._max_tokens = max_tokens
        self._takes_temperature = True
        self._breaker = Breaker()

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
        return sum(len(message.content) for message in self._prompt(task, None).messages)

    def _prompt(self, task: JudgeTask, complaint: str | None) -> Prompt:
        response = task.response
        thought = response.reasoning if self._show_reasoning else None
        return build_prompt(CaseContext.of(task.case), response.response or "", reasoning=thought, complaint=complaint)

    async def _judge_one(self, task: JudgeTask) -> Verdict:
        costs: list[float | None] = []
        complaint: str | None = None
        raw: str | None = None
        reason = UNREADABLE
        for _ in range(_TRIES):
            prompt = self._prompt(task, complaint)
            answer = await self._ask(prompt)
            if answer.status in FAILURES:
                if answer.may_be_paid:
                    costs.append(cost_of_answer(answer, self._price))
                return self._unscored(task, JUDGE_FAILURE, raw, costs, f"no reply: {answer.error}")
            costs.append(cost_of_answer(answer, self._price))
            raw = answer.text[:LONGEST_REPLY] or raw
            if answer.status == CONTENT_FILTER or answer.declined:
                return self._unscored(task, JUDGE_REFUSAL, raw, costs, answer.error)
            if answer.status == TRUNCATED and answer.reasoning and not answer.text.strip():
                # The same again would end the same way, and cost as much.
                why = (
                    f"the judge spent its {self._max_tokens:,} tokens on reasoning and came to no verdict; "
                    "give it more with --judge-max-tokens"
                )
                return self._unscored(task, JUDGE_OUT_OF_TOKENS, answer.reasoning[:LONGEST_REPLY], costs, why)
            if answer.status == EMPTY:
                reason, complaint = JUDGE_FAILURE, "it was empty"
            elif answer.status == TRUNCATED:
                reason, complaint = UNREADABLE, "it was cut off before its end; keep the reasoning short"
            elif answer.status == TOOL_CALL:
                reason, complaint = UNREADABLE, "it called a tool, and there is none"
            else:
                # A verdict that can be read carries its end with it, whatever word the server ended it with.
                try:
                    read = read_reply(answer.text, prompt.code)
                except UnreadableReply as fault:
                    reason = JUDGE_REFUSAL if declines(answer.text) else UNREADABLE
                    complaint = str(fault)
                else:
                    return Verdict(
                        case_id=task.case.case_id,
                        response_hash=task.response.response_hash,
                        judge=self.name,
                        rubric=self.rubric,
                        response_type=read.response_type,
                        engages_with_defeat=read.engages_with_defeat,
                        independent_harm=read.independent_harm,
                        reasoning=read.reasoning,
                        cost=_total(costs),
                        judged_at=now(),
                    )
        return self._unscored(task, reason, raw, costs, complaint)

    async def _ask(self, prompt: Prompt) -> ChatAnswer:
        temperature = TEMPERATURE if self._takes_temperature else None
        answer = await self._client.complete(self._request(prompt, temperature))
        # Some models that always reason take no temperature, and refuse every request that carries one.
        refused = answer.status == PROVIDER_ERROR and answer.http_status in (400, 422)
        if refused and temperature is not None and "temperature" in (answer.error or ""):
            self._takes_temperature = False
            answer = await self._client.complete(self._request(prompt, None))
        self._breaker.note(answer)
        if self._breaker.reason is not None:
            raise RemoteError(f"{self._client.endpoint.host}: {self._breaker.reason}")
        return answer

    def _request(self, prompt: Prompt, temperature: float | None) -> ChatRequest:
        return ChatRequest(
            messages=prompt.messages,
            max_tokens=self._max_tokens,
            temperature=temperature,
            schema=VERDICT_SCHEMA,
            schema_name=SCHEMA_NAME,
        )

    def _unscored(
        self, task: JudgeTask, reason: str, raw: str | None, costs: list[float | None], why: str | None
    ) -> Verdict:
        return Verdict(
            case_id=task.case.case_id,
            response_hash=task.response.response_hash,
            judge=self.name,
            rubric=self.rubric,
            unscored_reason=reason,
            reasoning=why,
            raw_reply=raw,
            cost=_total(costs),
            judged_at=now(),
        )


def _total(costs: list[float | None]) -> float | None:
    """US dollars of all tries; None where there was none, or one whose cost is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def make(argument: str, options: JudgeOptions) -> ModelJudge:
    """The judge ``model:ARGUMENT``. Raises InputError for an unknown place or a key that is not set."""
    endpoint: Endpoint = resolve_endpoint(argument, options.base_url, options.key_env)
    return ModelJudge(
        argument,
        ChatClient(endpoint, concurrency=options.concurrency),
        price=options.price or price_of(endpoint),
        show_reasoning=options.show_reasoning,
        max_tokens=options.max_tokens or MAX_TOKENS,
    )
