"""A review: what the maintainers found on a submission, kept beside the submissions and not among them.

``reviews/<organization>__<model>/<run id>/review.json``, with the maintainers' own verdicts in
``verdicts.parquet`` and the scores by each judge in ``<judge>/results.json``. A submission can only
add files below ``submissions/``, so nobody writes a review of their own run.
"""

from __future__ import annotations

from typing import Final

from msgspec import field

from eval.repository.evidence import Evidence, Share
from eval.repository.leaderboard import Status
from eval.runs.fields import Hash, Line, Note, Part
from eval.scores.results import CorrectedValue, JudgeAgreement

SCHEMA_VERSION: Final = "1.0.0"
REVIEW: Final = "review.json"


class ReviewedJudge(Part, frozen=True, kw_only=True):
    """Verdicts that this review lets into the leaderboard."""

    judge: Line
    rubric: Line
    # True: the submitter's verdicts, checked; False: the maintainers' own, beside the review.
    adopted: bool
    status: Status
    reasons: list[str] = field(default_factory=list)
    # What was done to test these verdicts, apart from this judge: what `verified` rests on.
    evidence: list[Evidence] = field(default_factory=list)
    # How the judge agrees with humans and others on the dataset's answers, where it was measured.
    judge_agreement: list[JudgeAgreement] = field(default_factory=list)
    # The model's rates corrected for the judge's errors, where that could be done.
    corrected: list[CorrectedValue] = field(default_factory=list)
    # Its results.json, from the root of the results repository.
    results: str | None = None


class Audit(Part, frozen=True, kw_only=True):
    """A submitter's judge against the maintainers' on a random sample of the same answers."""

    judge: Line
    rubric: Line
    against: Line
    against_rubric: Line
    # Drawn after the submission, so that nobody can prepare for it; kept, so that anyone can draw again.
    seed: int
    n: int
    # Shares of equal labels.
    response_type: Share | None
    engages_with_defeat: Share | None
    independent_harm: Share | None


class Review(Part, frozen=True, kw_only=True):
    """What ``review.json`` holds."""

    schema_version: str = SCHEMA_VERSION
    # Of the submission's bundle.json, which holds the hash of every other file: one review, one content.
    bundle_sha256: Hash
    cases_hash: Hash
    status: Status
    reasons: list[str] = field(default_factory=list)
    judges: list[ReviewedJudge] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)
    reviewed_at: Line
    # Of the first review of this content: a copy is what came later.
    first_reviewed_at: Line
    # The maintainers' worker that asked the model; null where a submitter did. Only the worker writes it.
    collected_by: Line | None = None
    # Why a person let it in though it was held; kept when it is reviewed again.
    accepted: Note | None = None
    package_version: Line
    # The account that handed it in, by the Hub's word; null in a folder, which has no owners.
    submitter: Line | None = None
    # Of the maintainers' verdicts.parquet; null where there is none.
    verdicts_sha256: Hash | None = None
