"""What a store of transcripts gives: an answer with its verdict and labels, and a page of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# How much of an answer a list needs: enough to find the words searched for in most of them.
HEAD: Final = 4_000


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """A reviewer's own verdict on an answer."""

    reviewer: str
    response_type: str
    engages: bool
    harm: bool


@dataclass(frozen=True, slots=True)
class OtherVerdict:
    """What another judge than the one asked for said of an answer."""

    judge: str
    response_type: str
    engages: bool
    harm: bool


@dataclass(frozen=True, slots=True)
class JudgeEntry:
    """A judge whose verdicts a store holds; ``id`` names it in addresses."""

    no: int
    id: str
    judge: str
    rubric: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """One answer to one case with a judge's verdict; ``response`` is None where there is no answer.

    In lists ``response`` is cut to its first ``HEAD`` characters; ``length`` is that of the whole.
    ``labels`` and ``others``, what other judges said, are there only where it is read alone.
    """

    no: int
    case_id: str
    model: str
    response: str | None
    reasoning: str | None
    response_type: str | None
    engages: bool | None
    harm: bool | None
    unscored_reason: str | None
    judge: str
    hit_token_cap: bool
    length: int
    collected_at: str | None
    labels: tuple[HumanLabel, ...] = ()
    others: tuple[OtherVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what a search finds.

    ``total`` is exact unless ``capped``, and then there are more. ``before`` and ``after`` say
    whether there is a page before and after this one.
    """

    rows: tuple[Transcript, ...]
    total: int
    capped: bool
    before: bool
    after: bool
