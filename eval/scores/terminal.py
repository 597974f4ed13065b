"""How numbers and tables look in the terminal: whatever its width, no number is cut and what is hidden is named."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from eval.scores.results import MetricValue

# Where the output is no terminal, tables keep to this where they can and are wider where they must.
WIDTH: Final = 132
# Lines that go to a file or a program are not broken.
_UNBROKEN: Final = 100_000
# Between two columns, and after the last.
_GAP, _EDGE = 2, 1
# Names of models take so many lines at most, but in terminals of this width and more they stay whole.
_LINES, _WHOLE = 2, 80
# Who stands before a name: a provider, an organization, or both.
_ORGANIZATION: Final = re.compile(r"^[^\s()]*/")
# A column of words is folded to its longest word, within these.
_LEAST, _MOST = 8, 24


class Page(Console):
    """The console of the score commands; ``full`` shows what tables leave out, ``option`` says how to ask for it."""

    def __init__(self, *, full: bool, option: str) -> None:
        self.to_terminal = sys.stdout.isatty()
        super().__init__(width=None if self.to_terminal else _UNBROKEN, highlight=False, markup=False, emoji=False)
        self.full, self.option = full, option


def console(*, full: bool = False, option: str = "--full") -> Page:
    """A console for tables; ``option`` is what a reader adds, or runs, to see everything."""
    return Page(full=full, option=option)


class Value(NamedTuple):
    """A number with its interval, which goes beside it or, where that is too wide, under it."""

    shown: str
    limits: str = ""

    def __str__(self) -> str:
        return f"{self.shown} {self.limits}".rstrip()


Cell = str | Value


class Sentence:
    """Plain words, broken between them where a terminal is narrower, but never between a number and its ``%``."""

    def __init__(self, text: str) -> None:
        self._text = printable(text)

    def __rich_console__(self, page: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if options.max_width >= _UNBROKEN:
            yield Text(self._text)
            return
        # A space that textwrap does not break at, and that no reader is to copy.
        kept = self._text.replace(" %", "\xa0%")
        for line in textwrap.wrap(kept, options.max_width, break_on_hyphens=False):
            yield Text(line.replace("\xa0", " "))


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal; an en dash where there is none."""
    return "–" if value is None or isnan(value) else f"{100 * value:.1f}"


def interval(value: MetricValue) -> Value:
    """A metric with its interval."""
    return Value(percent(value.estimate), bounds(value.low, value.high)) if value.low is not None else Value("–")


def bounds(low: float | None, high: float | None) -> str:
    """An interval of shares in percent, between brackets."""
    return "" if low is None or high is None else f"[{percent(low)}, {percent(high)}]"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a ``FittedTable``: numbers at the right, or with ``words`` text that may be folded.

    A ``name`` is a model's, and shortened in a narrow terminal where it would take more than two lines. Where there is
    no room, the column with the highest ``rank`` is hidden first, and one of rank 0 never.
    A column that is ``full`` is shown on request alone.
    """

    title: str
    rank: int = 0
    words: bool = False
    name: bool = False
    full: bool = False


class _Form(NamedTuple):
    """How tightly a table is set: titles on one line or broken, intervals beside or under, words whole or folded."""

    broken: bool
    stacked: bool
    folded: bool


_FORMS: Final = (
    _Form(False, False, False),
    _Form(True, False, False),
    _Form(True, True, False),
    _Form(True, True, True),
)


class FittedTable:
    """A table that fits the terminal that it is printed in.

    Where room is short, titles are broken, then intervals go under their values, then words are folded, then
    columns are hidden by rank. What is hidden is named below the table. On a ``Page`` that is ``full``, and where
    even that is too wide, each row becomes a list. With ``split`` no column is hidden: those that are too many for
    one table go on in a further one, beside the columns of rank 0.
    """

    def __init__(self, title: str, columns: Sequence[Column], *, split: bool = False, more: str = "") -> None:
        self.title, self.columns, self.split = title, tuple(columns), split
        # What else the option for everything shows, and sentences for below the table.
        self.more = more
        self.notes: list[str] = []
        self.rows: list[tuple[Cell, ...]] = []

    def add_row(self, *cells: Cell) -> None:
        """Add a row, a cell for each column."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns")
        self.rows.append(
            tuple(Value(*map(printable, one)) if isinstance(one, Value) else printable(one) for one in cells)
        )

    def __rich_console__(self, page: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        full, option = getattr(page, "full", False), getattr(page, "option", "--full")
        endless = options.max_width >= _UNBROKEN
        room = WIDTH if endless else options.max_width
        yield Text(printable(self.title), style="bold")
        wanted = [at for at, column in enumerate(self.columns) if full or not column.full]
        dropped: list[str] = []
        if self.split:
            yield from self._split(wanted, room)
        else:
            # A program or a file gets a row a line, however long.
            forms = _FORMS[:2] if endless else _FORMS
            kept, form = self._fit(wanted, room, forms, may_drop=not full and not endless)
            if form is None and endless:
                kept, form = wanted, forms[-1]
            dropped = [self.columns[at].title for at in wanted if at not in kept]
            yield from self._list(kept) if form is None else [self._table(kept, form, room)]
            if form is not None and self._shortened(kept, form, room):
                yield Text("Names are shortened; a wider terminal shows them whole.")
        yield from (Text(printable(note)) for note in self.notes)
        if dropped:
            yield Text(f"No room for: {', '.join(dropped)}. A wider terminal or {option} shows them.")
        extra = [column.title for column in self.columns if column.full and not full]
        if self.more and not full:
            extra.append(self.more)
        if extra:
            yield Text(f"{option} adds: {', '.join(extra)}.")
        yield Text("")

    def _fit(
        self, wanted: Sequence[int], room: int, forms: Sequence[_Form] = _FORMS, *, may_drop: bool
    ) -> tuple[list[int], _Form | None]:
        """The columns that are kept and the first form in which they fit; no form where none does."""
        kept = list(wanted)
        while True:
            for form in forms:
                if self._width(self._widths(kept, form, room)) <= room:
                    return kept, form
            last = max(kept, key=lambda at: (self.columns[at].rank, at))
            if not may_drop or not self.columns[last].rank:
                return kept, None
            kept.remove(last)

    def _split(self, wanted: Sequence[int], room: int) -> Iterator[RenderableType]:
        """As many columns of a rank in each table as fit."""
        always = [at for at in wanted if not self.columns[at].rank]
        left = [at for at in wanted if self.columns[at].rank]
        while left:
            for n in range(len(left), 0, -1):
                chosen = [*always, *left[:n]]
                _, form = self._fit(chosen, room, may_drop=False)
                if form is not None:
                    yield self._table(chosen, form, room)
                    break
            else:
                yield from self._list([*always, *left])
                return
            left = left[n:]

    def _widths(self, kept: Sequence[int], form: _Form, room: int) -> list[int]:
        widths = [max(self._title_width(at, form), *self._cell_widths(at, form), 1) for at in kept]
        if form.folded:
            excess = self._width(widths) - room
            for place in sorted(range(len(kept)), key=lambda place: -widths[place]):
                if self.columns[kept[place]].words and excess > 0:
                    taken = min(excess, max(0, widths[place] - self._longest_word(kept[place])))
                    widths[place] -= taken
                    excess -= taken
        return widths

    def _title_width(self, at: int, form: _Form) -> int:
        title = self.columns[at].title
        return max(map(cell_len, title.split()), default=0) if form.broken else cell_len(title)

    def _cell_widths(self, at: int, form: _Form) -> Iterator[int]:
        yield 0
        for row in self.rows:
            yield from map(cell_len, row[at] if form.stacked and isinstance(row[at], Value) else (str(row[at]),))

    def _longest_word(self, at: int) -> int:
        """Cells across; a hyphen ends a word too."""
        words = (word for row in self.rows for word in re.findall(r"[^\s-]+-?", str(row[at])))
        return min(max(_LEAST, *map(cell_len, words), self._title_width(at, _FORMS[-1])), _MOST)

    @staticmethod
    def _width(widths: Sequence[int]) -> int:
        return sum(widths) + _GAP * (len(widths) - 1) + _EDGE

    def _table(self, kept: Sequence[int], form: _Form, room: int) -> Table:
        widths = self._widths(kept, form, room)
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for at, width in zip(kept, widths, strict=True):
            column = self.columns[at]
            title = Text(column.title)
            table.add_column(title, width=width, justify="left" if column.words else "right", overflow="fold")
        short = self._shortened(kept, form, room)
        for row in self.rows:
            cells = (short.get((at, str(row[at])), row[at]) for at in kept)
            table.add_row(*(self._cell(cell, width, form) for cell, width in zip(cells, widths, strict=True)))
        return table

    def _shortened(self, kept: Sequence[int], form: _Form, room: int) -> dict[tuple[int, str], str]:
        """What stands in place of names that are too long for a narrow terminal, by column and name."""
        if not form.folded or room >= _WHOLE:
            return {}
        widths = zip(kept, self._widths(kept, form, room), strict=True)
        return {
            (at, name): short
            for at, width in widths
            if self.columns[at].name
            for name, short in shortened([str(row[at]) for row in self.rows], width).items()
        }

    @staticmethod
    def _cell(cell: Cell, width: int, form: _Form) -> Text:
        if isinstance(cell, Value):
            return Text("\n".join(filter(None, cell)) if form.stacked else str(cell))
        folded = cell if cell_len(cell) <= width else "\n".join(textwrap.wrap(cell, width))
        return Text(folded)

    def _list(self, kept: Sequence[int]) -> Iterator[Text]:
        """A line a value, a blank line between rows."""
        titles = max(cell_len(self.columns[at].title) for at in kept)
        for row in self.rows:
            yield Text("")
            for at in kept:
                if value := str(row[at]):
                    yield Text(f"{self.columns[at].title:<{titles}}  {value}")


def shortened(names: Sequence[str], width: int) -> dict[str, str]:
    """What stands for names that take more than two lines of some width: no two names become one.

    First all go without their organization, where that tells them apart; then the middle of what is still too long.
    """
    if all(_fits(name, width) for name in names):
        return {}
    short = {name: _ORGANIZATION.sub("", name) for name in names}
    if len(set(short.values())) < len(short):
        short = {name: name for name in names}
    cut = {name: one if _fits(one, width) else _without_middle(one, width) for name, one in short.items()}
    if len(set(cut.values())) == len(cut):
        short = cut
    return {name: one for name, one in short.items() if one != name}


def _fits(name: str, width: int) -> bool:
    return len(textwrap.wrap(name, width)) <= _LINES


def _without_middle(name: str, width: int) -> str:
    """As much of a name's beginning and end as fits."""
    for kept in range(_LINES * width - 1, 1, -1):
        tail = kept // 2
        if _fits(short := f"{name[: kept - tail]}…{name[-tail:]}", width):
            return short
    return name


def printable(text: str) -> str:
    """A text on one line that a terminal can show: names come from files and servers."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def lines(texts: Iterable[str]) -> Iterator[Text]:
    """Sentences for a ``Page``, made safe to show."""
    return (Text(printable(text)) for text in texts)
