"""When to ask no more: the budget is used up, costs are unknown, or the server is gone. A stop has a kind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from dataset_builder.dataset.taxonomy import CONTEXT_LIMIT, FAILURES, OK
from dataset_builder.errors import RemoteError
from dataset_builder.models.answer import ChatAnswer


class StopKind(StrEnum):
    """Why work stopped before everything was asked."""

    BUDGET = "budget"
    # A budget is set, and an answer came whose cost nobody tells.
    UNKNOWN_COST = "unknown cost"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why work stopped early, and what the user can do about it."""

    kind: StopKind
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.reason}. {self.remedy}" if self.remedy else self.reason


class StoppedEarlyError(RemoteError):
    """Work that stopped early, where that is an error; ``stop`` says why."""

    def __init__(self, stop: Stop, more: str = "") -> None:
        super().__init__(f"Stopped early: {stop}{more}")
        self.stop = stop


class Spent(NamedTuple):
    """What one item cost: US dollars, None if unknown; ``answered`` where the provider replied at all."""

    cost: float | None
    answered: bool


NOTHING: Final = Spent(None, answered=False)


def total_cost(costs: list[float | None]) -> float | None:
    """US dollars of several requests; None where there was none, or one whose cost is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


# After so many known costs, the largest of them is a better guess than the estimate.
_ENOUGH: Final = 10
# Cents are summed as floats.
_ROUNDING: Final = 1e-9


class Budget:
    """A limit in US dollars that requests ask before they start. Used from one event loop.

    A request may start while the money spent, the money reserved for requests under way and the money that
    it may cost itself stay within the limit. The reserve for a request is the upper end of the estimate,
    and after ten known costs the largest of them. So a run can exceed the limit by what single answers cost
    beyond that. Where the price is unknown, requests go one at a time until a first cost is known.

    ``limit`` None lets everything start; ``call_cost`` is the upper estimate for one request, None if unknown;
    ``set_aside`` is what others may still cost that have begun, as batches have.
    """

    def __init__(
        self, limit: float | None, *, spent: float = 0.0, call_cost: float | None = None, set_aside: float = 0.0
    ) -> None:
        self.limit = limit
        self.spent = spent
        self._set_aside = set_aside
        self.under_way = 0
        self._call_cost = call_cost
        self._largest = 0.0
        self._known = 0
        self._settled = asyncio.Condition()
        self._blind = False

    async def admit(self) -> Stop | None:
        """Wait until a request may start and reserve money for it, or say why none may start any more."""
        if self.limit is None:
            return None
        async with self._settled:
            while not self._blind:
                if self._fits(self.limit):
                    self.under_way += 1
                    return None
                if self.under_way == 0:
                    return Stop(StopKind.BUDGET, self._used(self.limit))
                await self._settled.wait()
        return Stop(
            StopKind.UNKNOWN_COST,
            "the provider does not tell what an answer costs, so --budget cannot be kept",
            "Give --price IN,OUT.",
        )

    async def settle(self, spent: Spent) -> None:
        """Count a finished request. An answer of unknown cost ends the work, as the limit cannot be kept then."""
        if self.limit is None:
            return
        async with self._settled:
            self.under_way -= 1
            if spent.cost is not None:
                self.spent += spent.cost
                # What costs nothing (the offline part of a cascade) says nothing of what the next may cost.
                self._known += spent.cost > 0
                self._largest = max(self._largest, spent.cost)
            elif spent.answered:
                self._blind = True
            self._settled.notify_all()

    def _fits(self, limit: float) -> bool:
        if self._call_cost is None and not self._known and self.under_way:
            return False
        # Nothing may start on nothing left, even where the first cost is still unknown.
        gone = self.spent + self._set_aside
        return gone < limit and gone + (self.under_way + 1) * self._expected() <= limit

    def _expected(self) -> float:
        return self._largest if self._known >= _ENOUGH else max(self._call_cost or 0.0, self._largest)

    def _used(self, limit: float) -> str:
        if self.spent >= limit - _ROUNDING:
            return f"the budget of ${limit:g} is used up (${self.spent:.4f} spent)"
        held = f", ${self._set_aside:.4f} set aside for batches" if self._set_aside else ""
        return (
            f"the budget of ${limit:g} leaves too little for another request "
            f"(${self.spent:.4f} spent{held}, and one may cost ${self._expected():.4f})"
        )


# Failures in a row after which a server counts as gone: before its first answer, and after it.
_NEVER_ANSWERED, _ANSWERED_BEFORE = 5, 20
RETRY_ERRORS: Final = "Then run the same command with --retry-errors: what was answered is kept."
RUN_AGAIN: Final = "Then run the same command: what was answered is kept."


class Breaker:
    """Notices that a server has stopped answering, so that a thousand cases are not spent on finding out."""

    def __init__(self, remedy: str = RETRY_ERRORS) -> None:
        self._remedy = remedy
        self.answered = False
        self._row = 0
        self._last = ""
        # Whether the same command can bring more; a context that is too short stays so.
        self._mends = True
        # Whether the server refused the request, so that something has to be mended first.
        self._refused = False

    def note(self, answer: ChatAnswer) -> None:
        """Take the end of one request into account."""
        if answer.status in FAILURES:
            self._row += 1
            self._last = answer.error or "no reason given"
            self._mends = answer.status != CONTEXT_LIMIT
            self._refused = answer.http_status is not None and 400 <= answer.http_status < 500 and answer.attempts == 1
        else:
            self.answered = self.answered or answer.status == OK
            self._row = 0

    @property
    def stop(self) -> Stop | None:
        """Why to ask no more, or None."""
        if self._row < (_ANSWERED_BEFORE if self.answered else _NEVER_ANSWERED):
            return None
        last = self._last.rstrip(".")
        reason = f"the last {self._row} requests all failed, the last one with: {last}"
        remedy = f"Mend what it says. {self._remedy}" if self._refused else self._remedy
        return Stop(StopKind.SERVER, reason, remedy if self._mends else "")
