"""One case's answer, or why there is none: a line of a run's folder, a row of a bundle, what a judge is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import field

from dataset_builder.dataset.records import Record, about, fields_for
from dataset_builder.dataset.taxonomy import EMPTY, OK, PROVIDER_ERROR, RESPONSE_STATUSES, UNKNOWN_FINISH
from dataset_builder.models.answer import ChatAnswer
from eval.runs.verdict import hash_text

# Worth another try: nothing was said, or it broke off. A cut-off or filtered answer would come out the same.
REPEATABLE: Final = frozenset({PROVIDER_ERROR, EMPTY, UNKNOWN_FINISH})


class Answer(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one case."""

    case_id: Annotated[str, about("The case.")]
    query_hash: Annotated[str, about("SHA-256 of the user message as it was sent, in UTF-8.")]
    status: Annotated[
        str,
        about(f"`{OK}`, or why there is no answer: {', '.join(f'`{status}`' for status in RESPONSE_STATUSES[1:])}."),
    ]
    response: Annotated[str | None, about("The answer in full; where `status` is not `ok`, what came of one.")] = None
    response_hash: Annotated[str, about("SHA-256 of `response` in UTF-8; of the empty text where it is null.")]
    reasoning: Annotated[str | None, about("The model's reasoning, where the provider gives it.")] = None
    finish_reason: Annotated[str | None, about("Why the provider says that the answer ended.")] = None
    native_finish_reason: Annotated[
        str | None, about("The same in the words of the server behind a router, where that is told.")
    ] = None
    served_model: Annotated[str | None, about("The model that the provider says has answered.")] = None
    provider: Annotated[str | None, about("Who a router had answer, where it tells.")] = None
    system_fingerprint: Annotated[str | None, about("The server's mark of its own set-up.")] = None
    adapted: Annotated[
        list[str],
        about("What was sent otherwise than the settings say: `stream`, `max_completion_tokens`, `no temperature`."),
    ] = field(default_factory=list)
    prompt_tokens: Annotated[int | None, about("Tokens of the request.")] = None
    completion_tokens: Annotated[int | None, about("Tokens of the answer, reasoning included.")] = None
    reasoning_tokens: Annotated[int | None, about("Tokens of hidden reasoning.")] = None
    cached_tokens: Annotated[int | None, about("Tokens of the request that the provider had cached.")] = None
    tokens_estimated: Annotated[bool, about("True where the provider left counts out, and ours stand there.")] = False
    # Tries that brought nothing included. As the provider tells, or by the price that was given.
    cost: Annotated[float | None, about("US dollars; null where that is not known.")] = None
    latency_s: Annotated[float | None, about("Seconds that the last attempt took.")] = None
    attempts: Annotated[int | None, about("Attempts, the last one included.")] = None
    error: Annotated[str | None, about("What the provider said went wrong.")] = None
    collected_at: Annotated[str | None, about("When the answer came (ISO 8601).")] = None

    @property
    def ok(self) -> bool:
        """Whether there is an answer to judge."""
        return self.status == OK

    @classmethod
    def of(cls, case_id: str, query: str, answer: ChatAnswer, cost: float | None, collected_at: str | None) -> Answer:
        """The record of one finished request."""
        told = fields_for(cls, answer, answer.usage)
        text = {"response": answer.text or None, "response_hash": hash_text(answer.text)}
        mine = {"case_id": case_id, "query_hash": hash_text(query), "cost": cost, "collected_at": collected_at}
        odd = {"adapted": list(answer.adapted), "tokens_estimated": answer.usage.estimated}
        return cls(**told | odd | text | mine)


def last_collected(answers: Iterable[Answer]) -> str | None:
    """When the last of some answers was collected; None where no time is known."""
    return max((one.collected_at for one in answers if one.collected_at), default=None)
