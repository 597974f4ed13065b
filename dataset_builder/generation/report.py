"""What became of everything that was ordered: an account in which the numbers add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dataset_builder.gates.records import GATES
from dataset_builder.generation.checks import KINDS
from dataset_builder.generation.folder import GenerationFolder
from dataset_builder.generation.records import STATUSES, TITLES, WRITTEN
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
    fault_kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    kept_by_cell: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    unassessed: int = 0
    gate_errors: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0
    cost_known: bool = True

    @property
    def written(self) -> int:
        """Cases that went on to the gates."""
        return sum(self.outcomes.values())

    def short(self, targets: Mapping[Cell, int]) -> dict[str, int]:
        """How many kept cases each cell lacks to its target."""
        return {c.id: n - self.kept_by_cell[c.id] for c, n in targets.items() if self.kept_by_cell[c.id] < n}

    def lines(self) -> Iterator[str]:
        """The account in words."""
        if self.orders:
            yield f"Ordered: {self.orders:,} cases, in {self.tries:,} tries"
            for status in STATUSES:
                if self.ends[status]:
                    open_too = " (some to be tried again)" if self.unfinished and status != WRITTEN else ""
                    yield f"  {self.ends[status]:>6,} {TITLES[status]}{open_too}"
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
            found.ends[history.end.status] += 1
            for one in history.tries:
                found.fault_kinds.update({fault.partition(":")[0] for fault in one.faults})
                found.cost += one.cost or 0.0
                found.cost_known &= one.cost is not None or one.prompt_tokens is None
    for line in folder.lines():
        if line.outcome == CHECKS:
            continue
        found.outcomes[line.outcome] += 1
        if line.outcome == KEPT:
            found.kept_by_cell[cell(line.defeat_family, line.authority_type)] += 1
            found.flagged += bool(line.dual_use)
            found.unassessed += line.dual_use is None
    for record in folder.gates:
        found.cost += record.cost or 0.0
    for verdicts in folder.verdicts().values():
        found.gate_errors.update(g for g in GATES if g in verdicts and verdicts[g].error)
    return found


def markdown(found: Account, targets: Mapping[Cell, int] | None = None) -> str:
    """The account as a page to be kept beside the cases."""
    lines = ["# What became of each case", "", "```", *found.lines(), "```", ""]
    if targets:
        lines += ["| cell | target | kept |", "|---|---|---|"]
        lines += [f"| `{c.id}` | {n} | {found.kept_by_cell[c.id]} |" for c, n in targets.items()]
        lines.append("")
    return "\n".join(lines)
