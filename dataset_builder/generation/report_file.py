"""``report.md``: the account of a folder as a page, cell by cell, and why each case that is not kept is out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dataset_builder.gates.records import GATES, GateRecord
from dataset_builder.generation.folder import GenerationFolder, replace_file
from dataset_builder.generation.records import STATUSES, TITLES, WRITTEN
from dataset_builder.generation.report import OUTCOME_TITLES, UNFINISHED, Account, account
from dataset_builder.generation.targets import CELL_BY_ID, Cell
from dataset_builder.sources.generated import GeneratedLine, newest_reviews
from dataset_builder.validate import CHECKS, GATE_ERROR, KEPT, OUTCOMES, REVIEW

FILE_NAME: Final = "report.md"
_TITLES: Final = {
    **TITLES,
    **OUTCOME_TITLES,
    UNFINISHED: "to be tried again",
    CHECKS: "removed by the automatic checks",
}
# In the order in which a case meets them; kept comes last, as what remains.
_ENDS: Final = (
    UNFINISHED,
    *(status for status in STATUSES if status != WRITTEN),
    CHECKS,
    *(outcome for outcome in OUTCOMES if outcome not in (CHECKS, KEPT)),
    KEPT,
)


def write_report(folder: GenerationFolder, targets: Mapping[Cell, int] | None = None) -> Account:
    """Write the report of a folder anew, with ``targets`` where there are some, and return the account."""
    found = account(folder)
    text = "\n".join(_lines(folder, found, targets or {})) + "\n"
    replace_file(folder.path / FILE_NAME, text.encode())
    return found


def _lines(folder: GenerationFolder, found: Account, targets: Mapping[Cell, int]) -> Iterator[str]:
    yield from ("# What became of each case", "", "```", *found.lines(), "```", "")
    yield from _by_cell(found, targets)
    yield from _not_kept(folder)


def _by_cell(found: Account, targets: Mapping[Cell, int]) -> Iterator[str]:
    """A row for each cell, whose counts add up to its orders, and one for all."""
    total: Counter[str] = sum(found.by_cell.values(), start=Counter())
    ends = [*sorted(total.keys() - set(_ENDS)), *(end for end in _ENDS if total[end] or end == KEPT)]
    yield from ("## By cell", "", "Each case that was ordered stands in one of the columns after that.", "")
    wanted = ["target"] if targets else []
    yield f"| {' | '.join(['cell', *wanted, 'ordered', *map(_title, ends)])} |"
    yield "|" + "---|" * (len(ends) + len(wanted) + 2)
    goals = {cell.id: str(n) for cell, n in targets.items()}
    for name in (c for c in CELL_BY_ID if c in goals or c in found.by_cell):
        row = found.by_cell.get(name, Counter())
        goal = [goals.get(name, "")] if targets else []
        yield f"| {' | '.join([f'`{name}`', *goal, str(row.total()), *(str(row[end]) for end in ends)])} |"
    goal = [str(sum(targets.values()))] if targets else []
    yield f"| {' | '.join(['all', *goal, str(total.total()), *(str(total[end]) for end in ends)])} |"
    yield ""


def _title(end: str) -> str:
    return _TITLES.get(end, "an outcome that is not known")


def _not_kept(folder: GenerationFolder) -> Iterator[str]:
    """Each order that gave no kept case, with the reason in our own words: nothing that a model wrote stands here."""
    verdicts = folder.verdicts()
    reviews: dict[str, list[bool]] = {}
    for review in newest_reviews(folder.reviews):
        reviews.setdefault(review.case_id, []).append(review.passed)
    rows = [
        (line.case_id, line.outcome, _reason(line, verdicts.get(line.case_id, {}), reviews.get(line.case_id, [])))
        for line in folder.lines()
        if line.outcome != KEPT
    ]
    if folder.file is not None:
        there = {line.case_id for line in folder.lines()}
        rows += [
            (case_id, history.end.status if history.finished else UNFINISHED, "")
            for case_id, history in folder.histories().items()
            if case_id not in there
        ]
    if rows:
        yield from ("## Not kept", "", "| case | what became of it | reason |", "|---|---|---|")
        for case_id, end, reason in sorted(rows):
            # An id is ours, or that of a file from elsewhere.
            name = case_id.replace("|", "\\|").replace("\n", " ")
            yield f"| `{name}` | {_title(end)} | {reason} |"
        yield ""


def _reason(line: GeneratedLine, verdicts: Mapping[str, GateRecord], passed: Sequence[bool]) -> str:
    if line.faults:
        return ", ".join(dict.fromkeys(fault.partition(":")[0] for fault in line.faults))
    if line.outcome == GATE_ERROR:
        return ", ".join(
            f"{gate}: {verdicts[gate].error}" for gate in GATES if gate in verdicts and verdicts[gate].error
        )
    if line.outcome == REVIEW:
        return f"{passed.count(False)} of {len(passed)} reviewers reject it"
    verdict = verdicts.get(line.outcome)
    return (verdict.category or "") if verdict else ""
