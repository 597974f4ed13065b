"""Writing and gating in turn until every cell has as many kept cases as it should, or until it has to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dataset_builder.batch.targets import Cell
from dataset_builder.dataset.taxonomy import cell
from dataset_builder.gates.gating import MAX_TOKENS, GateSession, estimate_of_unwritten, gate_tasks, spent_on_gates
from dataset_builder.gates.registry import ALL_GATES
from dataset_builder.generation.plan import plan_orders
from dataset_builder.generation.report import account
from dataset_builder.generation.write import WritingSession, spent_on_writing
from dataset_builder.wording import counted
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import Estimate
from dataset_builder.work.session import USUAL, Conditions
from dataset_builder.work.stopping import Stop


@dataclass(frozen=True)
class BackfillResult:
    """How a backfill ended: cases that each cell still lacks, and why it stopped early, if it did."""

    short: dict[str, int]
    rounds: int
    stopped: Stop | None = None


@dataclass
class Backfill:
    """The work of one command. ``first`` is a session whose folder, writer, existing cases and budget are used."""

    first: WritingSession
    gates: ModelChoice
    targets: Mapping[Cell, int]
    rounds: int
    retry_errors: bool = False
    gate_max_tokens: int = MAX_TOKENS
    conditions: Conditions = USUAL

    def estimate(self) -> Estimate:
        """What the gates will take: on what is written already, and on one case for each order to come."""
        return self._gating(self.retry_errors).estimate + estimate_of_unwritten(len(self.first.orders), self.gates)

    def run(self, say: Callable[[str], None]) -> BackfillResult:
        """Order what is lacking, gate what is written, and again, at most ``rounds`` times.

        A case whose gates could not be read counts as lacking. Raises RemoteError where a key is
        rejected, InputError where the disk is full; what was done until then is kept.
        """
        folder = self.first.folder
        # What a stopped run left half done is finished first.
        stopped = self._gate(self.retry_errors)
        rounds = 0
        while stopped is None and rounds < self.rounds:
            short = account(folder).short(self.targets)
            if not short:
                break
            rounds += 1
            say(f"Round {rounds}: {counted(sum(short.values()), 'case')} short in {counted(len(short), 'cell')}")
            stopped = self._write(short) or self._gate(again=False)
        return BackfillResult(account(folder).short(self.targets), rounds, stopped)

    def lacking(self, short: Mapping[str, int]) -> dict[Cell, int]:
        """The number of orders that each cell is to have had after one more round."""
        had: Counter[str] = Counter()
        for history in self.first.folder.histories().values():
            # One that is still to be tried again is as good as a new one.
            had[cell(history.order.family, history.order.authority)] += history.finished
        return {target: had[target.id] + short[target.id] for target in self.targets if target.id in short}

    def _write(self, short: Mapping[str, int]) -> Stop | None:
        first = self.first
        orders = plan_orders(first.folder, self.lacking(short), first.existing.cases)
        spent = spent_on_gates(first.folder)
        return WritingSession(first.folder, first.session.choice, first.existing, orders, spent, self.conditions).run()

    def _gate(self, again: bool) -> Stop | None:
        gating = self._gating(again)
        if not gating.tasks:
            return None
        with self.first.folder.writing():
            return gating.run()

    def _gating(self, again: bool) -> GateSession:
        folder = self.first.folder
        tasks = gate_tasks(folder.lines(), ALL_GATES, folder.gates, self.gates.model, retry_errors=again)
        spent = spent_on_writing(folder) + spent_on_gates(folder)
        return GateSession(folder.gates, tasks, self.gates, spent, self.gate_max_tokens, self.conditions)
