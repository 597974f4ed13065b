"""A verdict: what one judge, by one rubric, said of one answer.

Verdicts are keyed by (response hash, judge, rubric version), so that a judge can be swapped
without collecting answers again, and two judges are never mistaken for one.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

import msgspec


class VerdictKey(NamedTuple):
    """What makes a verdict unique."""

    case_id: str
    response_hash: str
    judge: str
    rubric: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict: the three labels, or the reason why there are none (never both, never neither)."""

    case_id: str
    # SHA-256 of the answer; an answer that never came has the hash of the empty text.
    response_hash: str
    judge: str
    # Version of the rubric text, or of the trained weights, that decided.
    rubric: str
    response_type: str | None = None
    engages_with_defeat: bool | None = None
    independent_harm: bool | None = None
    # A reason of dataset_builder.dataset.taxonomy.UNSCORED_REASONS.
    unscored_reason: str | None = None
    reasoning: str | None = None
    # Probability of each field's chosen label, where the judge gives one.
    confidence: float | None = None
    # Which part of a cascade decided; None for a plain judge.
    decided_by: str | None = None
    # The judge's reply as it came, kept where it could not be read.
    raw_reply: str | None = None
    # US dollars that this verdict cost; None where the judge does not know.
    cost: float | None = None
    judged_at: str | None = None

    @property
    def scored(self) -> bool:
        """Whether the verdict counts in a rate."""
        return self.unscored_reason is None

    @property
    def key(self) -> VerdictKey:
        """What makes this verdict unique."""
        return VerdictKey(self.case_id, self.response_hash, self.judge, self.rubric)


def hash_text(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hex; lone surrogates are kept as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


NOT_JUDGED: Final = "not_judged"


# The rubric version of verdicts that came with the dataset.
PUBLISHED_RUBRIC: Final = "published"
