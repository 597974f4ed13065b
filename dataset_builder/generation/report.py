"""What became of everything that was ordered: an account in which the numbers add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dataset_builder.gates.records import GATES
from dataset_builder.generation.checks import KINDS
from dataset_builder.generation.folder import GenerationFolder
from dataset_builder.generation.records import FAULTY, STATUSES, TITLES, WRITTEN
from dataset_builder.generation.targets import Cell
from dataset_builder.taxonomy import cell
from dataset_builder.validate import CHECKS, KEPT, OUTCOMES

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
            yield f"Ordered: {self.orders:,} cases, in {self.tries:,} tries"
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
            yield f"Written: {self.written:,} cases"
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
