"""One case's answer in a run, or why there is none."""

from __future__ import annotations

import msgspec

from dataset_builder.dataset.taxonomy import EMPTY, OK, PROVIDER_ERROR, UNKNOWN_FINISH
from dataset_builder.models.answer import ChatAnswer, Usage
from eval.runs.verdict import hash_text

# Worth another try: nothing was said, or it broke off. A cut-off or filtered answer would come out the same.
REPEATABLE = frozenset({PROVIDER_ERROR, EMPTY, UNKNOWN_FINISH})


class RunResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one case; ``status`` is one of taxonomy.RESPONSE_STATUSES."""

    case_id: str
    # SHA-256 of the request as it was sent.
    query_hash: str
    status: str
    # What there is of an answer: the whole of it where the status is ok, else what came of it.
    response: str | None = None
    # SHA-256 of the answer, of the empty text where there is none; verdicts are keyed by it.
    response_hash: str
    reasoning: str | None = None
    finish_reason: str | None = None
    # What the server behind a router calls it, where that is told.
    native_finish_reason: str | None = None
    # The model that the server says has answered.
    served_model: str | None = None
    # Who a router had answer (OpenRouter's `provider`), and the server's mark of its own set-up.
    provider: str | None = None
    system_fingerprint: str | None = None
    # How what was sent differs from the settings, as the server asked for it: `stream`, `max_completion_tokens`.
    adapted: tuple[str, ...] = ()
    usage: Usage = Usage()
    # In US dollars, tries that brought nothing included: as the provider tells, or by the price that was given;
    # None where neither is known.
    cost: float | None = None
    latency_s: float = 0.0
    attempts: int = 1
    error: str | None = None
    # ISO 8601, in UTC.
    collected_at: str

    @property
    def ok(self) -> bool:
        """Whether there is an answer to judge."""
        return self.status == OK


def response_of(case_id: str, query: str, answer: ChatAnswer, cost: float | None, collected_at: str) -> RunResponse:
    """The record of one finished request."""
    return RunResponse(
        case_id=case_id,
        query_hash=hash_text(query),
        status=answer.status,
        response=answer.text or None,
        response_hash=hash_text(answer.text),
        reasoning=answer.reasoning,
        finish_reason=answer.finish_reason,
        native_finish_reason=answer.native_finish_reason,
        served_model=answer.served_model,
        provider=answer.provider,
        system_fingerprint=answer.system_fingerprint,
        adapted=answer.adapted,
        usage=answer.usage,
        cost=cost,
        latency_s=answer.latency_s,
        attempts=answer.attempts,
        error=answer.error,
        collected_at=collected_at,
    )
