"""Money: how much was spent, how much is under way, and whether one more request fits."""

from __future__ import annotations

import asyncio
from typing import Final

# So many known costs tell more about the next one than the estimate from before the run.
_ENOUGH: Final = 10


class Budget:
    """A limit in US dollars that requests ask before they start. Used from one event loop.

    A request is let in while what was spent, what those under way may cost and what it may cost itself
    stay within the limit. What one may cost is the dear case of the estimate, and after ten known costs
    the largest of them; so a run may go over by what single answers cost beyond that.

    ``limit`` None lets everything in; ``call_cost`` is the dear case for one request, None if unknown.
    """

    def __init__(self, limit: float | None, *, spent: float = 0.0, call_cost: float | None = None) -> None:
        self.limit = limit
        self.spent = spent
        self.under_way = 0
        self._call_cost = call_cost or 0.0
        self._largest = 0.0
        self._known = 0
        self._settled = asyncio.Condition()
        self._blind = False

    async def admit(self) -> str | None:
        """Wait until a request may start and count it as under way, or say why none may start any more."""
        if self.limit is None:
            return None
        async with self._settled:
            while True:
                if self._blind:
                    return (
                        "the provider does not tell what an answer costs, so --budget cannot be kept; "
                        "give --price IN,OUT"
                    )
                if self.spent + (self.under_way + 1) * self._expected() <= self.limit:
                    self.under_way += 1
                    return None
                if self.under_way == 0:
                    return f"the budget of ${self.limit:g} is used up (${self.spent:.4f} spent)"
                await self._settled.wait()

    async def settle(self, cost: float | None, *, answered: bool) -> None:
        """Count a finished request. An answer of unknown cost ends the run, as the limit is then blind."""
        if self.limit is None:
            return
        async with self._settled:
            self.under_way -= 1
            if cost is not None:
                self.spent += cost
                # What costs nothing (the offline part of a cascade) says nothing of what the next may cost.
                self._known += cost > 0
                self._largest = max(self._largest, cost)
            elif answered:
                self._blind = True
            self._settled.notify_all()

    def _expected(self) -> float:
        return self._largest if self._known >= _ENOUGH else max(self._call_cost, self._largest)
