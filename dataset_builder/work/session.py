"""One sitting of paid work: say what it takes, ask, then work through items a few at a time.

Everything that asks a model many things goes this way: collecting, judging, measuring, writing cases and
gating. Each result is kept as it comes, so that a sitting may be stopped or killed at any moment and the
next one goes on from there.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

import click

from dataset_builder.errors import InputError
from dataset_builder.models.chat import Retries, Timeouts
from dataset_builder.models.concurrency import Concurrency, Pace
from dataset_builder.models.local import QUERY_TOKENS
from dataset_builder.models.providers import Endpoint
from dataset_builder.output import is_quiet
from dataset_builder.storage.progress import run_progress
from dataset_builder.work.asking import Asker
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import Estimate
from dataset_builder.work.loop import run_to_end
from dataset_builder.work.stopping import NOTHING, RETRY_ERRORS, Budget, Spent, Stop, StoppedEarlyError

T = TypeVar("T")
Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a sitting runs under beside what the user chose: how it shows progress, how long it waits."""

    progress: Progress = run_progress
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: Retries = field(default_factory=Retries)


USUAL: Final = Conditions()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server is asked at once and a minute."""

    concurrency: Concurrency
    pace: Pace

    @classmethod
    def of(cls, choice: ModelChoice) -> Self:
        """Those that the user chose for a model."""
        return cls(Concurrency(choice.at_once), Pace(choice.rpm, choice.tpm))


@dataclass
class Session:
    """One sitting with one budget.

    ``title`` and ``total`` are for the progress display. ``estimate`` is None for work that costs nothing;
    ``spent`` are the US dollars of earlier sittings that count against the budget. Raises InputError where
    a budget is given that cannot be kept, or a key is not set.
    """

    title: str
    total: int
    choice: ModelChoice
    estimate: Estimate | None
    spent: float = 0.0
    conditions: Conditions = USUAL
    remedy: str = RETRY_ERRORS
    # Of several sittings that share one.
    budget: Budget = field(default_factory=lambda: Budget(None))

    def __post_init__(self) -> None:
        paid = self.estimate is not None
        if self.total and paid:
            self.choice.check()
        if paid and self.choice.budget is not None and self.budget.limit is None:
            self.budget = Budget(
                self.choice.budget,
                spent=self.spent,
                call_cost=self.estimate.call_cost if self.estimate else None,
            )
        self._move: Callable[[str], None] = lambda detail: None

    def lines(self) -> list[str]:
        """What it will take, in words, with warnings; nothing for work that costs nothing."""
        if self.estimate is None or not self.total:
            return []
        return [*self.choice.warnings(), *self.estimate.lines()]

    def confirm(self, *, err: bool = False) -> None:
        """Say what it will take (on standard error with ``err``) and ask whether to begin, where it may cost money.

        Raises as the function ``confirm`` does.
        """
        for line in self.lines():
            click.echo(line, err=err)
        if self.estimate is not None and self.total:
            confirm(self.estimate, yes=self.choice.yes)

    def shows(self, move: Callable[[str], None]) -> None:
        """Have a progress display move with each item, where that is not this sitting's own."""
        self._move = move

    def advance(self, detail: str) -> None:
        """Move the progress display on by one item; ``detail`` is a few words such as the cost so far."""
        self._move(detail)

    def ask_model(
        self,
        items: Iterable[T],
        ask: Callable[[Asker, T], Awaitable[Spent]],
        *,
        max_tokens: int,
        temperature: float | None = None,
        query_tokens: int = QUERY_TOKENS,
    ) -> Stop | None:
        """Ask the chosen model about each item; ``ask`` keeps the result and returns what it cost.

        ``query_tokens`` are what a request may take, for a model that we serve. Returns why it stopped early,
        or None. Raises what ``ask`` raises: RemoteError where the key is rejected, InputError where the disk is
        full. What is done by then is kept.
        """

        with self.choice.serving(max_tokens, query_tokens) as endpoint:
            return self.run(lambda: self.asking(endpoint, items, ask, max_tokens=max_tokens, temperature=temperature))

    async def asking(
        self,
        endpoint: Endpoint,
        items: Iterable[T],
        ask: Callable[[Asker, T], Awaitable[Spent]],
        *,
        max_tokens: int,
        temperature: float | None = None,
        limits: Limits | None = None,
    ) -> Stop | None:
        """What ``ask_model`` does, in an event loop that runs; ``limits`` are those of a server that several share."""
        limits = limits or Limits.of(self.choice)
        under = self.conditions
        opened = self.choice.client(
            endpoint, under.timeouts, under.retries, concurrency=limits.concurrency, pace=limits.pace
        )
        async with opened as client:
            asker = Asker(
                client,
                max_tokens=max_tokens,
                temperature=temperature,
                price=self.choice.known_price,
                remedy=self.remedy,
            )
            return await self.work_through(items, lambda item: ask(asker, item), lambda: asker.stop)

    def run(self, work: Callable[[], Coroutine[Any, Any, Stop | None]]) -> Stop | None:
        """Do the work in an event loop, with the progress display."""
        with self.conditions.progress(self.title, self.total) as self._move:
            return run_to_end(work)

    async def work_through(
        self, items: Iterable[T], do: Callable[[T], Awaitable[Spent]], stop: Callable[[], Stop | None] = lambda: None
    ) -> Stop | None:
        """Do something with each item, some at once and within the budget; items are drawn as they are needed.

        ``stop`` is asked before each item. A stop ends the work, and so does an exception of ``do``; in both
        cases what is under way is finished first, as it is paid for. Returns the stop, None where all items
        were done; raises the first exception, but for a StoppedEarlyError, whose stop is returned.
        """
        remaining = iter(items)
        stopped: Stop | None = None
        failure: Exception | None = None

        async def worker() -> None:
            nonlocal stopped, failure
            while stopped is None and failure is None:
                # Drawn first: whoever is let in must come out again, or others wait for the place.
                try:
                    item = next(remaining)
                except StopIteration:
                    return
                refused = stop() or await self.budget.admit()
                if refused is not None:
                    stopped = stopped or refused
                    return
                spent = NOTHING
                try:
                    # Others may have stopped while this one waited for money.
                    if stopped is None and failure is None:
                        spent = await do(item)
                except StoppedEarlyError as error:
                    stopped = stopped or error.stop
                except Exception as error:
                    failure = failure or error
                finally:
                    await self.budget.settle(spent)

        await asyncio.gather(*(worker() for _ in range(self.choice.at_once)))
        if failure is not None:
            raise failure
        return stopped


def confirm(estimate: Estimate, *, yes: bool) -> None:
    """Ask whether to begin, unless ``yes`` or it costs nothing.

    Raises InputError where there is nobody to ask, click.Abort where the answer is no.
    """
    if yes or not estimate.may_cost:
        return
    may_ask(yes=yes)
    click.confirm("Begin?", abort=True)


def allow(estimate: Estimate, choice: ModelChoice, what: str) -> None:
    """Raise InputError where ``what`` may cost money, and a caller in Python has said neither yes nor how much."""
    if estimate.may_cost and not choice.yes and choice.budget is None:
        raise InputError(
            f"{what}: this may cost money. {'; '.join(estimate.lines())}. "
            "Give budget=… in US dollars, or yes=True to begin without a limit."
        )


def may_ask(*, yes: bool) -> None:
    """Raise InputError where money may be spent, nobody said ``yes`` and there is nobody to ask."""
    if not yes and (is_quiet() or not sys.stdin.isatty()):
        raise InputError("This may cost money, and there is nobody to ask. Give --yes to begin.")


@contextmanager
def stoppable(kept: str) -> Iterator[None]:
    """End the process with code 130 where the user stops it, and say what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"Stopped. {kept} is kept; the same command goes on from there.", err=True)
        sys.exit(130)
