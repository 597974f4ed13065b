"""What became of everything that was ordered: an account in which the numbers add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.batch.gate_records import GATES, GateRecord
from dataset_builder.batch.lines import GeneratedLine, newest_reviews
from dataset_builder.batch.records import FAULTY, STATUSES, TITLES, WRITTEN
from dataset_builder.batch.targets import CELL_BY_ID, Cell
from dataset_builder.dataset.taxonomy import cell
from dataset_builder.dataset.validate import CHECKS, GATE_ERROR, KEPT, OUTCOMES, REVIEW
from dataset_builder.generation.checks import KINDS
from dataset_builder.storage.files import write_file
from dataset_builder.wording import counted

OUTCOME_TITLES: Mapping[str, str] = {
    KEPT: "kept",
    "operational_validity": "removed by the operational-validity gate",
    "reasonable_judge": "removed by the reasonable-judge gate",
    "gate_error": "held back, as a gate gave no readable verdict",
    "review": "removed by people",
    "ungated": "not through all gates yet",
}
UNFINISHED = "unfinished"


@dataclass
class Account:
    """Counts of one folder.

    ``orders`` is the sum of ``ends``; of these, ``unfinished`` are to be tried again. What was written is
    the sum of ``outcomes``. For a folder from elsewhere there are no orders.
    """

    orders: int = 0
    unfinished: int = 0
    tries: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    # How the tries ended that came to nothing.
    failed_tries: Counter[str] = field(default_factory=Counter)
    fault_kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    # By cell, where each order stands: in an outcome, in a status where no case came of it, or unfinished.
    by_cell: dict[str, Counter[str]] = field(default_factory=dict)
    flagged: int = 0
    unassessed: int = 0
    gate_errors: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0
    cost_known: bool = True

    @property
    def written(self) -> int:
        """Cases that went on to the gates."""
        return sum(self.outcomes.values())

    @property
    def kept_by_cell(self) -> Counter[str]:
        """Kept cases of each cell that has some."""
        return Counter({name: ends[KEPT] for name, ends in self.by_cell.items() if ends[KEPT]})

    def count(self, cell_id: str, where: str) -> None:
        """Count one more order of a cell that stands so."""
        self.by_cell.setdefault(cell_id, Counter())[where] += 1

    def short(self, targets: Mapping[Cell, int]) -> dict[str, int]:
        """How many kept cases each cell lacks to its target."""
        kept = self.kept_by_cell
        return {c.id: n - kept[c.id] for c, n in targets.items() if kept[c.id] < n}

    def lines(self) -> Iterator[str]:
        """The account in words."""
        if self.orders:
            yield f"Ordered: {counted(self.orders, 'case')}, in {counted(self.tries, 'try', 'tries')}"
            for status in STATUSES:
                if self.ends[status]:
                    open_too = " (some to be tried again)" if self.unfinished and status != WRITTEN else ""
                    yield f"  {self.ends[status]:>6,} {TITLES[status]}{open_too}"
            if self.failed_tries:
                told = ", ".join(f"{self.failed_tries[s]:,} {TITLES[s]}" for s in STATUSES if self.failed_tries[s])
                yield f"  tries that came to nothing: {told}"
            if self.fault_kinds:
                told = ", ".join(f"{self.fault_kinds[k]} {k}" for k in KINDS if self.fault_kinds[k])
                yield f"  faults found, over all tries: {told}"
        if self.written:
            yield f"Written: {counted(self.written, 'case')}"
            for outcome in OUTCOMES:
                if self.outcomes[outcome]:
                    yield f"  {self.outcomes[outcome]:>6,} {OUTCOME_TITLES[outcome]}"
        if kept := self.outcomes[KEPT]:
            unassessed = f", {self.unassessed:,} not assessed" if self.unassessed else ""
            yield f"Of the {kept:,} kept, {self.flagged:,} carry the dual-use flag{unassessed}"
        if self.gate_errors:
            told = ", ".join(f"{n} {gate}" for gate, n in sorted(self.gate_errors.items()))
            yield f"Gates without a readable verdict: {told} (--retry-errors asks them again)"
        if self.tries or self.cost:
            yield f"Cost so far: ${self.cost:,.4f}{'' if self.cost_known else ', and answers whose cost is not known'}"


def account(folder: GenerationFolder) -> Account:
    """The account of a folder."""
    found = Account()
    if folder.file is not None:
        for history in folder.histories().values():
            found.orders += 1
            found.unfinished += not history.finished
            found.tries += len(history.tries)
            status = history.end.status
            found.ends[status] += 1
            name = cell(history.order.family, history.order.authority)
            if not history.finished:
                found.count(name, UNFINISHED)
            elif status not in (WRITTEN, FAULTY):
                found.count(name, status)
            for one in history.tries:
                if one.status != WRITTEN:
                    found.failed_tries[one.status] += 1
                found.fault_kinds.update({fault.partition(":")[0] for fault in one.faults})
                found.cost += one.cost or 0.0
                found.cost_known &= one.cost is not None or one.prompt_tokens is None
    for line in folder.lines():
        found.count(cell(line.defeat_family, line.authority_type), line.outcome)
        if line.outcome == CHECKS:
            continue
        found.outcomes[line.outcome] += 1
        if line.outcome == KEPT:
            found.flagged += bool(line.dual_use)
            found.unassessed += line.dual_use is None
    for record in folder.gates:
        found.cost += record.cost or 0.0
    for verdicts in folder.verdicts().values():
        found.gate_errors.update(g for g in GATES if g in verdicts and verdicts[g].error)
    return found


# ``report.md``: the account of a folder as a page, cell by cell, and why each case that is not kept is out.


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
    write_file(folder.path / FILE_NAME, text.encode())
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
