"""One sitting of gates over some cases: what is to be asked, what it takes, and the work itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from dataset_builder.asker import Asker
from dataset_builder.budget import Budget
from dataset_builder.chat import ChatClient, Retries, Timeouts
from dataset_builder.estimate import Estimate, estimate
from dataset_builder.gates.gating import MAX_TOKENS, QUERY_TOKENS, TEMPERATURE, GateTask, judge_cases
from dataset_builder.gates.prompt import build_prompt
from dataset_builder.gates.records import GateRecord
from dataset_builder.model_choice import ModelChoice
from dataset_builder.record_file import RecordFile

Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


@dataclass
class GateSession:
    """What one command is about to ask; ``records`` is open to append while ``run`` runs."""

    records: RecordFile[GateRecord]
    tasks: list[GateTask]
    choice: ModelChoice
    budget: float | None
    spent: float = 0.0
    max_tokens: int = MAX_TOKENS

    @property
    def estimate(self) -> Estimate:
        """What the verdicts will take."""
        lengths = (
            sum(len(m.content) for m in build_prompt(task.gate, task.line, task.line.defeat_family).messages)
            for task in self.tasks
        )
        return estimate(
            lengths,
            self.max_tokens,
            self.choice.known_price,
            price_is_given=self.choice.price is not None,
            verdicts=True,
        )

    def run(
        self, progress: Progress, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> str | None:
        """Ask; returns why it stopped early, or None. Raises as ``judge_cases`` does."""
        expected = self.estimate
        concurrency = 1 if self.choice.is_local else self.choice.concurrency
        errors, cost = 0, 0.0

        with (
            self.choice.serving(self.max_tokens, QUERY_TOKENS) as endpoint,
            progress("gates", len(self.tasks)) as move,
        ):

            def seen(record: GateRecord) -> None:
                nonlocal errors, cost
                errors += record.error is not None
                cost += record.cost or 0.0
                move(f"${cost:.4f}{f', {errors} unreadable' if errors else ''}")

            async def work() -> str | None:
                async with ChatClient(
                    endpoint, concurrency=concurrency, timeouts=timeouts or Timeouts(), retries=retries or Retries()
                ) as client:
                    asker = Asker(
                        client,
                        temperature=TEMPERATURE,
                        max_tokens=self.max_tokens,
                        price=self.choice.known_price,
                    )
                    budget = Budget(self.budget, spent=self.spent, call_cost=expected.call_cost)
                    return await judge_cases(
                        self.records,
                        self.tasks,
                        asker,
                        self.choice.model,
                        concurrency=concurrency,
                        budget=budget,
                        seen=seen,
                    )

            return asyncio.run(work())
