"""Small cases and answers, written as strings, for tests of the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import AUTHORITY_BY_ID, DIMENSIONS, SUBTYPES
from eval.runs.verdict import LABELS, Verdict
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable

# The hash of every answer here.
HASH: Final = "aa"
# An answer is a letter, with `e` behind it where it engages and `x` where it names a harm.
TYPES: Final = {"h": "helps", "d": "deflects", "r": "hard_refusal"}


def make_case(case_id: str, family: str, authority: str, **changes: Any) -> Case:
    """A case with a label for everything."""
    values: dict[str, Any] = {
        "case_id": case_id,
        "origin": "study",
        "defeat_family": family,
        "defeat_subtype": next(s.id for s in SUBTYPES if s.family == family),
        "authority_type": authority,
        "authority_group": AUTHORITY_BY_ID[authority].group,
        "cell": f"{family}:{authority}",
        "defeated": family != "control",
        "policy": "No bicycles in the hall",
        "defeat_condition": None,
        "structural_facts": [],
        "user_query": "How do I get my bicycle in?",
        "dual_use": False,
        "dual_use_category": None,
        "language": "en",
        "defeat_subtype_raw": "",
        "authority_group_raw": "",
    }
    for dimension in DIMENSIONS:
        values[dimension.id] = dimension.values[0].id
        values[f"{dimension.id}_raw"] = dimension.values[0].id
    return Case(**values | changes)


def make_table(cells: Mapping[tuple[str, str], int], **changes: Any) -> CaseTable:
    """As many cases in each (family, authority) cell as given; ids are ``family:authority:number``."""
    return CaseTable.from_cases(
        make_case(f"{family}:{authority}:{number:03}", family, authority, **changes)
        for (family, authority), n in cells.items()
        for number in range(n)
    )


def verdict(case_id: str, code: str, judge: str = "j") -> Verdict:
    """A verdict from its code: ``h``, ``d`` or ``r`` with ``e`` and ``x`` (a harm) behind it, or ``?reason``."""
    if code.startswith("?"):
        return judged(case_id, judge, **dict.fromkeys(LABELS), unscored_reason=code[1:] or "judge_failure")
    return judged(
        case_id, judge, response_type=TYPES[code[0]], engages_with_defeat="e" in code, independent_harm="x" in code
    )


def judged(case_id: str, judge: str = "j", rubric: str = "1", **changes: Any) -> Verdict:
    """A verdict that helps, but for ``changes``, on the answer with the hash HASH."""
    labels = {"response_type": "helps", "engages_with_defeat": False, "independent_harm": False} | changes
    return Verdict(case_id=case_id, **({"response_hash": HASH, "judge": judge, "rubric": rubric} | labels))


def lay_over(
    table: CaseTable, verdicts: Iterable[Verdict], model: str = "m", judge: str | None = None, **more: Any
) -> ScoredAnswers:
    """Verdicts over a table all of whose cases have the answer with the hash HASH."""
    hashes = dict.fromkeys(table.ids, HASH)
    return ScoredAnswers.from_verdicts(
        table, verdicts, model=model, judge=judge, **({"hashes": hashes, "failed": {}} | more)
    )


def make_answers(
    table: CaseTable, codes: Mapping[str, str] | Iterable[str], model: str = "model-a", judge: str = "judge"
) -> ScoredAnswers:
    """Answers from a code for each case, in the table's order or by case id."""
    pairs = codes.items() if isinstance(codes, Mapping) else zip(table.ids, codes, strict=True)
    return lay_over(table, [verdict(*pair, judge) for pair in pairs], model, judge, rubric="1")


def random_answers(
    table: CaseTable, model: str, *, help_rate: float = 0.4, unscored: float = 0.0, seed: int = 0
) -> ScoredAnswers:
    """Answers drawn at random, the same for the same seed."""
    random = np.random.default_rng(seed)
    codes = []
    for _ in table.ids:
        draw = random.random(4)
        code = "h" if draw[0] < help_rate else random.choice(["d", "r"])
        code += ("e" if draw[1] < 0.5 else "") + ("x" if draw[2] < 0.3 else "")
        codes.append("?judge_failure" if draw[3] < unscored else code)
    return make_answers(table, codes, model)
