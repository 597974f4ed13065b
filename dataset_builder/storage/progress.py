"""A progress bar for a download; silent where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dataset_builder.output import is_quiet


@contextmanager
def download_progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function of (bytes so far, bytes in all or None) that moves a bar on standard error."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=is_quiet() or not sys.stderr.isatty(),
    )
    with bar:
        task = None

        def move(done: int, total: int | None) -> None:
            nonlocal task
            if task is None:
                task = bar.add_task(title, total=total)
            bar.update(task, completed=done, total=total)

        yield move


# How far a run is: a bar where someone watches, a plain line now and then where a log does.


PLAIN_EVERY_S: Final = 10.0


class Pace:
    """Rate and remaining time of a number of like things; times in seconds."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = 0
        self._clock = clock
        self._began = clock()

    @property
    def rate(self) -> float:
        """Things a second since the beginning."""
        passed = self._clock() - self._began
        return self.done / passed if passed > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the end at this rate; None before the first one is done."""
        return (self.total - self.done) / self.rate if self.done and self.rate else None

    def line(self, detail: str) -> str:
        """One plain line, for example ``120/1,290 (9 %), 12.5/s, about 1 min 34 s left, $0.1200, 2 errors``."""
        share = 100 * self.done // self.total if self.total else 100
        left = self.remaining_s
        told = "" if left is None or self.done >= self.total else f", about {_spell(left)} left"
        return f"{self.done:,}/{self.total:,} ({share} %), {self.rate:.1f}/s{told}{', ' if detail else ''}{detail}"


def _spell(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def run_progress(title: str, total: int, *, console: Console | None = None) -> Iterator[Callable[[str], None]]:
    """Yield a function to be called for each thing that is done, with a few words such as cost and errors.

    A bar on standard error if that is a terminal; otherwise a line at the end and every ten seconds.
    """
    console = console or Console(stderr=True)
    pace = Pace(total)
    if is_quiet() or not total:
        yield lambda detail: None
        return
    if console.is_terminal:
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
        )
        with bar:
            task = bar.add_task(title, total=total, rate=0.0, detail="")

            def move(detail: str) -> None:
                pace.done += 1
                bar.update(task, completed=pace.done, rate=pace.rate, detail=detail)

            yield move
        return
    told = time.monotonic()
    last = ""

    def log(detail: str) -> None:
        nonlocal told, last
        pace.done += 1
        last = detail
        if time.monotonic() - told >= PLAIN_EVERY_S and pace.done < total:
            told = time.monotonic()
            _plain(console, f"{title}: {pace.line(detail)}")

    try:
        yield log
    finally:
        if total:
            _plain(console, f"{title}: {pace.line(last)}")


# Moves the line of a title on by one thing, with a few words.
Move = Callable[[str, str], None]


@contextmanager
def set_progress(totals: Mapping[str, int], *, console: Console | None = None) -> Iterator[Move]:
    """Yield a function that is called for each thing that is done, by title: a bar a title, and one for all.

    On standard error if that is a terminal; otherwise a line for all every ten seconds and one a title at its end.
    """
    console = console or Console(stderr=True)
    paces = {title: Pace(total) for title, total in totals.items()}
    whole = Pace(sum(totals.values()))
    if is_quiet():
        yield lambda title, detail: None
        return
    if console.is_terminal:
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
        )
        with bar:
            tasks = {title: bar.add_task(title, total=total, detail="") for title, total in totals.items()}
            every = bar.add_task("together", total=whole.total, detail="")

            def advance(title: str, detail: str) -> None:
                bar.update(tasks[title], advance=1, detail=detail)
                bar.update(every, advance=1)

            yield advance
        return
    told = time.monotonic()

    def log(title: str, detail: str) -> None:
        nonlocal told
        pace = paces[title]
        pace.done += 1
        whole.done += 1
        if pace.done == pace.total:
            _plain(console, f"{title}: {pace.line(detail)}")
        if time.monotonic() - told >= PLAIN_EVERY_S:
            told = time.monotonic()
            _plain(console, f"together: {whole.line('')}")

    yield log


def _plain(console: Console, line: str) -> None:
    console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
