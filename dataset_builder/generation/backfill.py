"""Writing and gating in turn until every cell has as many kept cases as it should, or until it has to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dataset_builder.batch.targets import Cell
from dataset_builder.dataset.taxonomy import cell
from dataset_builder.gates.gating import GateSession, gate_tasks, spent_on_gates
from dataset_builder.gates.registry import ALL_GATES
from dataset_builder.generation.plan import plan_orders
from dataset_builder.generation.report import account
from dataset_builder.generation.write import Progress, WritingSession, spent_on_writing
from dataset_builder.models.chat import Retries, Timeouts
from dataset_builder.work.choice import ModelChoice


@dataclass(frozen=True)
class Ended:
    """How a backfill ended: cases that each cell still lacks, and why it stopped early, if it did."""

    short: dict[str, int]
    rounds: int
    stopped: str | None = None


@dataclass
class Backfill:
    """The work of one command. ``first`` is a session whose folder, writer, existing cases and budget are used."""

    first: WritingSession
    gates: ModelChoice
    targets: Mapping[Cell, int]
    rounds: int
    retry_errors: bool = False
    timeouts: Timeouts | None = None
    retries: Retries | None = None

    def run(self, progress: Progress, told: Callable[[str], None]) -> Ended:
        """Order what is lacking, gate what is written, and again, at most ``rounds`` times.

        A case whose gates could not be read counts as lacking. Raises RemoteError where a key is
        rejected, InputError where the disk is full; what was done until then is kept.
        """
        folder = self.first.folder
        # What a stopped run left half done is finished first.
        stopped = self._gate(progress, self.retry_errors)
        rounds = 0
        while stopped is None and rounds < self.rounds:
            short = account(folder).short(self.targets)
            if not short:
                break
            rounds += 1
            told(f"Round {rounds}: {sum(short.values()):,} cases short in {len(short)} cells")
            stopped = self._write(short, progress) or self._gate(progress, again=False)
        return Ended(account(folder).short(self.targets), rounds, stopped)

    def lacking(self, short: Mapping[str, int]) -> dict[Cell, int]:
        """The number of orders that each cell is to have had after one more round."""
        had: Counter[str] = Counter()
        for history in self.first.folder.histories().values():
            # One that is still to be tried again is as good as a new one.
            had[cell(history.order.family, history.order.authority)] += history.finished
        return {target: had[target.id] + short[target.id] for target in self.targets if target.id in short}

    def _write(self, short: Mapping[str, int], progress: Progress) -> str | None:
        folder = self.first.folder
        orders = plan_orders(folder, self.lacking(short), self.first.existing.cases)
        session = replace(self.first, orders=orders, spent_elsewhere=spent_on_gates(folder))
        return session.run(progress, timeouts=self.timeouts, retries=self.retries)

    def _gate(self, progress: Progress, again: bool) -> str | None:
        folder = self.first.folder
        tasks = gate_tasks(folder.lines(), ALL_GATES, folder.gates, self.gates.model, retry_errors=again)
        if not tasks:
            return None
        spent = spent_on_writing(folder) + spent_on_gates(folder)
        session = GateSession(folder.gates, tasks, self.gates, self.first.budget, spent)
        with folder.writing():
            return session.run(progress, timeouts=self.timeouts, retries=self.retries)
