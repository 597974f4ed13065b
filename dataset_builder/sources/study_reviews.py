"""The study's gate verdicts and human reviews as records; reviewers under numbers, no free text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import CaseReview, GateVerdict, VerdictReview
from dataset_builder.errors import Problem
from dataset_builder.sources import study_files as raw

_GATE_OF_PREFIX: Final = {
    "du": "dual_use",
    "rj": "reasonable_judge",
    "df": "decision_forcing",
    "na": "naturalistic_ask",
}
# The gates that ran over all cases in one go; the others ran over a part, early.
_FULL_BY_PREFIX: Final = {"du"}
_QUESTION: Final = "_q_natural"
_PASSED: Final = {"pass": True, "fail": False}
_YES_NO: Final = {"yes": True, "no": False}


def gate_verdicts(files: Sequence[tuple[str, Any]], full: str, problems: list[Problem]) -> list[GateVerdict]:
    """All gate verdicts, by gate, stage and case.

    ``files`` are (path, decoded file), ``full`` the path of the reasonable judge's run over all
    cases. A verdict that is neither a pass, a fail nor an error is a problem.
    """
    verdicts: dict[tuple[str, str, str], GateVerdict] = {}
    for path, content in files:
        prefix = path.rpartition("/")[2].partition("_")[0]
        gate = _GATE_OF_PREFIX.get(prefix)
        if gate is None:
            problems.append(Problem(path, f"unknown gate prefix {prefix!r}", f"expected {sorted(_GATE_OF_PREFIX)}"))
            continue
        stage = "full" if path == full or prefix in _FULL_BY_PREFIX else "pilot"
        rows = list(content.items()) if isinstance(content, dict) else [(row.case_id, row) for row in content]
        for case_id, row in rows:
            where = f"case {case_id!r}"
            if row.case_id != case_id and not _shortened(row.case_id, case_id):
                problems.append(Problem(path, f"{where} holds the verdict on {row.case_id!r}"))
            if row.gate not in (gate, None) or (row.gate is None and not row.error):
                problems.append(Problem(path, f"{where}: gate is {row.gate!r}, not {gate}"))
            if not row.error and row.passed is None:
                problems.append(Problem(path, f"{where}: neither passed, failed nor an error"))
            if gate == "dual_use" and not row.error:
                _check_dual_use(path, where, row, problems)
            key = (gate, stage, case_id)
            if key in verdicts:
                problems.append(Problem(path, f"{where}: a second verdict of gate {gate}"))
            verdicts[key] = GateVerdict(
                case_id=case_id,
                gate=gate,
                stage=stage,
                passed=None if row.error else row.passed,
                flagged=row.flagged,
                category=row.category,
                reasoning=row.reasoning,
                escape_route=row.escape_route,
                naturalness_score=row.naturalness_score,
                red_flags=row.red_flags or [],
                suggested_fix=row.suggested_fix,
                error=row.error,
            )
    return [verdicts[key] for key in sorted(verdicts)]


def _shortened(told: str, case_id: str) -> bool:
    """Whether a gate repeated an id without its authority, as the reasonable judge did five times.

    The key it stands under is whole, and is what counts.
    """
    stem, _, number = told.rpartition("_")
    return bool(stem) and case_id.startswith(f"{stem}_") and case_id.endswith(f"_{number}")


def _check_dual_use(path: str, where: str, row: raw.RawGate, problems: list[Problem]) -> None:
    if row.flagged is None or row.flagged == row.passed:
        problems.append(Problem(path, f"{where}: flagged is {row.flagged} where passed is {row.passed}"))
    known = taxonomy.ids(taxonomy.DUAL_USE_CATEGORIES)
    if not row.flagged and row.category in known:
        problems.append(Problem(path, f"{where}: category is {row.category!r} where nothing is flagged"))
    if row.category not in known and (row.flagged or row.category is not None):
        problems.append(Problem(path, f"{where}: unknown dual-use category {row.category!r}", f"known: {list(known)}"))


def reviewer_numbers(case_file: raw.CaseReviews, verdict_file: raw.VerdictReviews) -> dict[str, str]:
    """The reviewers' names as they stand in the files -> ``reviewer_1``, ``reviewer_2``, in sorted order."""
    names = {name for reviews in verdict_file.values() for name in reviews}
    names |= {key.removesuffix(_QUESTION) for row in case_file.values() for key in row if key.endswith(_QUESTION)}
    return {name: f"reviewer_{number}" for number, name in enumerate(sorted(names), start=1)}


def case_reviews(
    file: raw.CaseReviews,
    names: Mapping[str, str],
    cases: Collection[str],
    path: str,
    problems: list[Problem],
) -> list[CaseReview]:
    """The reviews of cases; questions that a reviewer was not asked are null."""
    reviews = []
    for case_id in sorted(file):
        if case_id not in cases:
            problems.append(Problem(path, f"a review of unknown case {case_id!r}"))
        row = file[case_id]
        for name, number in names.items():
            if name not in row:
                continue
            answers = [row.get(name + key) for key in ("_q_defeated", "_q_classified", _QUESTION, "_confound")]
            if row[name] not in ("pass", "fail") or not all(a is None or isinstance(a, bool) for a in answers):
                problems.append(Problem(path, f"case {case_id!r}, {number}: expected pass or fail, and true or false"))
                continue
            defeated, classified, natural, confound = answers
            reviews.append(
                CaseReview(
                    case_id=case_id,
                    reviewer=number,
                    passed=_PASSED[row[name]],
                    rule_defeated=defeated,
                    rightly_classified=classified,
                    natural=natural,
                    confound=confound,
                )
            )
    return reviews


def verdict_reviews(
    file: raw.VerdictReviews,
    names: Mapping[str, str],
    samples: Sequence[Collection[str]],
    answered: Collection[tuple[str, str]],
    path: str,
    problems: list[Problem],
) -> list[VerdictReview]:
    """The reviewers' own verdicts on answers; ``samples`` are the review keys of the two draws."""
    reviews = []
    first, second = samples
    for key in sorted(file):
        case_id, _, model = key.rpartition("__")
        if (model, case_id) not in answered:
            problems.append(Problem(path, f"{key!r} reviews an answer that is not there", "expected <case>__<model>"))
        for name, labels in sorted(file[key].items()):
            engages = _YES_NO.get(labels.human_engages_with_defeat)
            harm = _YES_NO.get(labels.human_independent_harm)
            if (
                labels.human_response_type not in taxonomy.ids(taxonomy.RESPONSE_TYPES)
                or engages is None
                or harm is None
            ):
                problems.append(Problem(path, f"{key!r}, {names[name]}: a label that is none of those offered"))
                continue
            reviews.append(
                VerdictReview(
                    case_id=case_id,
                    model=model,
                    reviewer=names[name],
                    response_type=labels.human_response_type,
                    engages_with_defeat=engages,
                    independent_harm=harm,
                    in_first_sample=key in first,
                    in_second_sample=key in second,
                )
            )
    return reviews
