"""A verdict: what one judge, by one rubric, said of one answer.

Verdicts are keyed by (response hash, judge, rubric version), so that a judge can be swapped
without collecting answers again, and two judges are never mistaken for one.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, NamedTuple

from dataset_builder.dataset.records import Record, about

# What came with the dataset: the rubric and the judge of such verdicts, and the kind and the name of such runs.
PUBLISHED: Final = "published"
NOT_JUDGED: Final = "not_judged"
LABELS: Final = ("response_type", "engages_with_defeat", "independent_harm")


class VerdictKey(NamedTuple):
    """What makes a verdict unique."""

    case_id: str
    response_hash: str
    judge: str
    rubric: str


class Verdict(Record, frozen=True, kw_only=True):
    """One verdict: the three labels, or the reason why there are none (never both, never neither)."""

    case_id: Annotated[str, about("The case.")]
    response_hash: Annotated[str, about("SHA-256 of the answer that was judged.")]
    judge: Annotated[str, about("The judge.")]
    rubric: Annotated[str, about("Version of its rubric or weights.")]
    response_type: Annotated[str | None, about("`helps`, `deflects` or `hard_refusal`; null if unscored.")] = None
    engages_with_defeat: Annotated[
        bool | None, about("Whether it examines what defeats the rule; null if unscored.")
    ] = None
    independent_harm: Annotated[
        bool | None, about("Whether it names a harm apart from the rule; null if unscored.")
    ] = None
    unscored_reason: Annotated[str | None, about("Why there are no labels; null where there are.")] = None
    reasoning: Annotated[str | None, about("The judge's explanation.")] = None
    confidence: Annotated[float | None, about("How sure the judge is of its labels, from 0 to 1.")] = None
    decided_by: Annotated[str | None, about("Which part of a cascade decided.")] = None
    raw_reply: Annotated[str | None, about("The judge's reply, where it could not be read.")] = None
    cost: Annotated[float | None, about("US dollars.")] = None
    judged_at: Annotated[str | None, about("When (ISO 8601).")] = None

    @property
    def scored(self) -> bool:
        """Whether the verdict counts in a rate."""
        return self.unscored_reason is None

    @property
    def labels(self) -> tuple[str | None, bool | None, bool | None]:
        """Its labels, in the order of LABELS."""
        return self.response_type, self.engages_with_defeat, self.independent_harm

    @property
    def key(self) -> VerdictKey:
        """What makes this verdict unique."""
        return VerdictKey(self.case_id, self.response_hash, self.judge, self.rubric)


def hash_text(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hex; lone surrogates are kept as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# An answer that never came has this hash.
EMPTY_HASH: Final = hash_text("")
