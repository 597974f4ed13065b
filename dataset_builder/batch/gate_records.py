"""What a gate said of a case, as a line of ``gates.jsonl``, and what becomes of the case by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from dataset_builder.dataset.records import CaseReview, GateVerdict
from dataset_builder.dataset.validate import CHECKS, GATE_ERROR, KEPT, REVIEW, UNGATED

OPERATIONAL_VALIDITY, REASONABLE_JUDGE, DUAL_USE = "operational_validity", "reasonable_judge", "dual_use"
# In the order in which they are asked and in which the first that fails names the outcome.
BLOCKING: Final = (OPERATIONAL_VALIDITY, REASONABLE_JUDGE)
GATES: Final = (*BLOCKING, DUAL_USE)
# `full` is a model's own reading; `first_pass` is a trained classifier's, and decides nothing.
FULL, FIRST_PASS = "full", "first_pass"

# Why a gate has no verdict. None of these is a pass.
UNREADABLE, REFUSED, NO_REPLY = "unreadable_verdict", "gate_refusal", "gate_failure"


class GateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate said of one case. ``error`` is why it said nothing; then ``passed`` is null."""

    case_id: str
    # Of what the gate read, so that a verdict on an older wording does not count for a newer one.
    case_hash: str
    gate: str
    stage: str
    model: str
    prompt: str
    passed: bool | None = None
    flagged: bool | None = None
    category: str | None = None
    reasoning: str | None = None
    suggested_fix: str | None = None
    # Of a classifier: its calibrated probability of a pass, or for dual use of a flag.
    probability: float | None = None
    error: str | None = None
    raw_reply: str | None = None
    cost: float | None = None
    judged_at: str

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What it is a verdict on, by whom."""
        return self.case_id, self.case_hash, self.gate, self.model, self.prompt


class Standing(msgspec.Struct, frozen=True):
    """What became of a case, and its dual-use flag; None where that gate has not spoken."""

    outcome: str
    dual_use: bool | None = None
    dual_use_category: str | None = None


def case_hash(policy: str, defeat_condition: str | None, facts: Sequence[str], query: str) -> str:
    """SHA-256, in hex, of the texts that a gate reads."""
    text = "\0".join((policy, defeat_condition or "", *facts, query))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def newest(records: Iterable[GateRecord]) -> dict[tuple[str, str, str], GateRecord]:
    """The last word of each gate on each case by stage; a later failure does not take a verdict away."""
    found: dict[tuple[str, str, str], GateRecord] = {}
    for record in records:
        key = record.case_id, record.gate, record.stage
        if record.error is None or key not in found or found[key].error is not None:
            found[key] = record
    return found


def standing(
    verdicts: Mapping[str, GateRecord], *, faults: Sequence[str] = (), reviews: Sequence[CaseReview] = ()
) -> Standing:
    """What becomes of a case by the full verdicts of the gates (by gate), its faults and its reviews.

    A case with a fault goes by the checks. The first blocking gate that fails it names the outcome; one
    that could not be read keeps it out, as does one that has not spoken. Then people have the last
    word: a case that at least half of its reviewers fail is out.
    """
    dual = verdicts.get(DUAL_USE)
    flag = dual.flagged if dual and dual.error is None else None
    category = dual.category if dual and flag else None
    blocking = [verdicts.get(gate) for gate in BLOCKING]
    outcome = KEPT
    if faults:
        outcome = CHECKS
    elif failed := next((v.gate for v in blocking if v and v.error is None and not v.passed), None):
        outcome = failed
    elif any(v and v.error for v in blocking):
        outcome = GATE_ERROR
    elif any(v is None for v in blocking):
        outcome = UNGATED
    elif reviews and 2 * sum(not r.passed for r in reviews) >= len(reviews):
        outcome = REVIEW
    return Standing(outcome, flag, category)


def gate_verdicts(records: Iterable[GateRecord]) -> list[GateVerdict]:
    """The verdicts as the dataset publishes them, by gate, stage and case: the newest of each."""
    found = newest(records)
    return [_published(found[key]) for key in sorted(found, key=lambda k: (k[1], k[2], k[0]))]


def _published(record: GateRecord) -> GateVerdict:
    failed = record.error is not None
    return GateVerdict(
        case_id=record.case_id,
        gate=record.gate,
        stage=record.stage,
        passed=None if failed else record.passed,
        flagged=None if failed else record.flagged,
        category=None if failed else record.category,
        reasoning=record.error if failed else record.reasoning,
        escape_route=None,
        naturalness_score=None,
        red_flags=[],
        suggested_fix=record.suggested_fix,
        error=failed,
        model=record.model,
    )
