"""What a run has come to so far: answers by status, tokens, money."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from dataset_builder.dataset.taxonomy import OK, RESPONSE_STATUSES
from eval.runs.response import RunResponse
from eval.runs.verdict import Verdict


@dataclass(slots=True)
class Tally:
    """Counts over finished requests, those of earlier sittings included where they were added."""

    statuses: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    # US dollars over the answers whose cost is known, and how many those are.
    cost: float = 0.0
    priced: int = 0
    attempts: int = 0

    @property
    def done(self) -> int:
        """Finished requests."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Finished requests that brought no answer."""
        return self.done - self.statuses[OK]

    @property
    def mean_cost(self) -> float:
        """US dollars of a request whose cost is known; NaN before there is one."""
        return self.cost / self.priced if self.priced else math.nan

    def add(self, response: RunResponse) -> None:
        """Count one finished request."""
        self.statuses[response.status] += 1
        self.attempts += response.attempts
        self.prompt_tokens += response.usage.prompt_tokens or 0
        self.completion_tokens += response.usage.completion_tokens or 0
        self.reasoning_tokens += response.usage.reasoning_tokens or 0
        if response.cost is not None:
            self.cost += response.cost
            self.priced += 1

    def cost_line(self) -> str:
        """What was paid, and for how many answers that is known."""
        if not self.priced:
            return "cost not known"
        told = (
            "" if self.priced == self.done else f" for {self.priced:,} of {self.done:,} answers; the rest is not known"
        )
        return f"${self.cost:,.4f}{told}"


@dataclass(slots=True)
class Verdicts:
    """Counts over the verdicts of one sitting."""

    count: int = 0
    unscored: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.count += 1
        self.cost += verdict.cost or 0.0
        if verdict.unscored_reason is not None:
            self.unscored[verdict.unscored_reason] += 1

    def detail(self) -> str:
        """A few words for a progress bar."""
        return f"${self.cost:.4f}, {self.unscored.total()} unscored"

    def line(self, *, paid: bool) -> str:
        """What was given, why some are unscored, and the judge's cost if it has one."""
        reasons = "".join(f", {n:,} of them {reason}" for reason, n in sorted(self.unscored.items()))
        return f"{self.count:,} verdicts{reasons}." + (f" Judge cost: ${self.cost:,.4f}." if paid else "")


def statuses_line(statuses: Mapping[str, int], expected: int) -> str:
    """One line that accounts for every case, for example ``24 cases: 22 ok, 1 truncated_answer, 1 not collected``."""
    parts = [f"{statuses[s]:,} {s}" for s in RESPONSE_STATUSES if statuses.get(s)]
    missing = expected - sum(statuses.values())
    if missing:
        parts.append(f"{missing:,} not collected")
    return f"{expected:,} cases: {', '.join(parts) or 'none'}"
