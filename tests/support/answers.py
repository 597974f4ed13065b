"""Small cases and answers, written as strings, for tests of the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import AUTHORITY_BY_ID, DIMENSIONS, SUBTYPES
from eval.scores.answers import ScoredAnswers, VerdictRow
from eval.scores.cases import CaseTable

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


def verdict(case_id: str, code: str) -> VerdictRow:
    """A verdict from its code: ``h``, ``d`` or ``r`` with ``e`` and ``x`` (a harm) behind it, or ``?reason``."""
    if code.startswith("?"):
        return VerdictRow(case_id, None, None, None, code[1:] or "judge_failure")
    return VerdictRow(case_id, TYPES[code[0]], "e" in code, "x" in code, None)


def make_answers(
    table: CaseTable, codes: Mapping[str, str] | Iterable[str], model: str = "model-a", judge: str = "judge"
) -> ScoredAnswers:
    """Answers from a code for each case, in the table's order or by case id."""
    pairs = codes.items() if isinstance(codes, Mapping) else zip(table.ids, codes, strict=True)
    rows = [verdict(case_id, code) for case_id, code in pairs]
    return ScoredAnswers.from_rows(table, rows, model=model, judge=judge, rubric="1")


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
