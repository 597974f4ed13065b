"""The comparison of two models: paired differences, and the cases where they part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from markupsafe import Markup

from dataset_builder.errors import BlindRefusalError
from space.data.called import called
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import transcripts_key
from space.data.verdicts import VerdictBook, book_of
from space.figures.look import Look
from space.figures.plot_look import or_reason
from space.figures.plots import differences
from space.frame.page import Page, Shell, followed, gone, heading, html, link_bar, state_of
from space.frame.versions import version_told
from space.pages.breakdown.table import rows_of
from space.pages.leaderboard.markup import board_titles
from space.pages.leaderboard.state import BOARD, board_field, board_of
from space.pages.leaderboard.table import columns_of
from space.pages.transcripts.state import TranscriptState
from space.ui.links import Choice, Field, Value, Whole, link, parse, query
from space.ui.names import spoken
from space.ui.templates import template
from space.ui.window import READ_WINDOW, Clicks, nothing_new, shown_box, window_box

if TYPE_CHECKING:
    from eval.scores.comparison import Comparison

ADDRESS, FIRST, SECOND, METRIC, ONLY, AT = "compare", "a", "b", "metric", "only", "page"
_MOST: Final = 10_000
_BASE: Final = "help_rate"
_ABOUT: Final = "Two models on the same cases: how far apart they are, and where they part."
_fill = template("pages/compare/page.html.j2", spoken=spoken)


@dataclass(frozen=True)
class CompareState:
    """The fields of the page over one version of the results."""

    now: Snapshot

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parts of the state, in the order in which they stand in an address."""
        keys = tuple(dict.fromkeys(key for board in self.now.boards for key in rows_of(board)))
        metrics = tuple(c.id for c in columns_of(self.now.leaderboard) if c.is_rate) if self.now.leaderboard else ()
        return (
            board_field(self.now),
            Choice(FIRST, keys),
            Choice(SECOND, keys),
            Choice(METRIC, tuple(m for m in metrics if m != "discrimination"), _BASE if _BASE in metrics else None),
            Choice(ONLY, ("a", "b")),
            Whole(AT, 1, _MOST, 1),
        )

    def attributes(self, state: Mapping[str, Value], changes: Mapping[str, Value]) -> Markup:
        """``href`` and ``data-go`` of a link to a state with some changes, for an HTML tag."""
        return link(ADDRESS, self.fields, {**state, **changes})


def build(shell: Shell) -> None:
    """Make the page."""
    data, book = shell.data, book_of(shell.data)
    html(heading("Compare", _ABOUT))
    bar = html(classes="br-bar")
    lost = html()
    with gr.Row(elem_classes="br-filters"):
        judge = gr.Dropdown([], label="Judge", min_width=260, filterable=False)
        first = gr.Dropdown([], label="Model A", min_width=200)
        second = gr.Dropdown([], label="Model B", min_width=200)
        metric = gr.Dropdown([], label="Rate", min_width=200)
    about = html()
    plot = gr.Plot(show_label=False, label="Paired differences", elem_id="differences")
    table = html()
    html(_fill("cases_heading"))
    only = gr.Radio([("Either helps", ""), ("Only A helps", "a"), ("Only B helps", "b")], value="", label="Show")
    cases = html(follow=True)
    shown, clicks = shown_box(), Clicks()
    window = window_box()
    controls: list[Any] = [judge, first, second, metric, only]
    names = [BOARD, FIRST, SECOND, METRIC, ONLY]
    parts = [about, plot, table, cases, bar, shown]

    def everything(now: Snapshot, state: Mapping[str, Value], look: str) -> list[Any]:
        return [*_controls(now, state), *_show(data, book, now, state, Look.of(look))]

    def load(request: gr.Request, look: str) -> list[Any]:
        now = data.now
        fields = CompareState(now).fields
        state = _with_pair(now, state_of(fields, request))
        keys = tuple(rows_of(board_of(now, state)))
        here = [Choice(field.name, keys) if field.name in (FIRST, SECOND) else field for field in fields]
        return [*everything(now, state, look), gone(ADDRESS, here, request, state) + version_told(data, request)]

    def follow(look: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        now = data.now
        fields = CompareState(now).fields
        state = _with_pair(now, followed(fields, event))
        clicks.note(request, query(fields, state))
        return everything(now, state, look)

    def change(request: gr.Request, *values: Any) -> list[Any]:
        # One event for all controls: of two at once the slower would win. A list that is drawn anew
        # closes under the reader's hand, so models are changed only with the board.
        *chosen, before, look = values
        now = data.now
        fields = CompareState(now).fields
        old = parse(fields, str(before or ""))
        pairs = [(name, str(value)) for name, value in zip(names, chosen, strict=True) if value]
        state = _with_pair(now, parse(fields, pairs))
        if clicks.undone_by(request, before) or query(fields, state) == query(fields, {**old, AT: None}):
            return nothing_new(2 + len(parts))
        on_offer = nothing_new(2) if old[BOARD] == state[BOARD] else _controls(now, state)[1:3]
        return [*on_offer, *_show(data, book, now, state, Look.of(look))]

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    shell.app.load(load, [window], [*controls, *parts, lost], js=READ_WINDOW, **quiet)
    cases.click(follow, [window], [*controls, *parts], js=READ_WINDOW, **quiet)
    gr.on(
        [control.input for control in controls],
        change,
        [*controls, shown, window],
        [first, second, *parts],
        js=READ_WINDOW,
        trigger_mode="always_last",
        **quiet,
    )


def _with_pair(now: Snapshot, state: Mapping[str, Value]) -> dict[str, Value]:
    """The state with two models of its board: those that it names, else the best and the last."""
    keys = list(rows_of(board_of(now, state)))
    first = state[FIRST] if state[FIRST] in keys else next((k for k in keys if k != state[SECOND]), None)
    second = state[SECOND] if state[SECOND] in keys else next((k for k in reversed(keys) if k != first), None)
    return {**state, FIRST: first, SECOND: second}


def _compare(book: VerdictBook, now: Snapshot, state: Mapping[str, Value]) -> Comparison:
    from dataset_builder.errors import InputError
    from eval.scores.comparison import compare

    board = board_of(now, state)
    rows = rows_of(board)
    if board is None or state[FIRST] not in rows or state[SECOND] not in rows:
        raise InputError("two models are needed, and this board does not have them")
    if state[FIRST] == state[SECOND]:
        raise InputError("these are one and the same model; choose another one to compare it with")
    a, b = (book.of(now, board, rows[str(state[name])]) for name in (FIRST, SECOND))
    return compare(a, b)


def _show(data: SpaceData, book: VerdictBook, now: Snapshot, state: Mapping[str, Value], look: Look) -> list[Any]:
    """The sentence above, the figure, the table, the list of cases, the link bar, the state as a query."""
    from space.pages.compare.table import PAGE, difference_frame, difference_table, differences_of, parted, parted_list

    links, board = CompareState(now), board_of(now, state)
    as_query, bar = query(links.fields, state), link_bar(ADDRESS, links.fields, state)
    try:
        found = _compare(book, now, state)
    except BlindRefusalError as error:
        why = str(error).splitlines()[0]
        return [_fill("nothing", why=why), gr.update(visible=False), "", "", bar, as_query]
    rows = rows_of(board)
    pair = [rows[str(state[name])] for name in (FIRST, SECOND)]
    names = (called(pair[0]), called(pair[1]))
    frame = difference_frame(found, str(state[METRIC]))
    only, page = state[ONLY], state[AT]
    some = parted(found, only if isinstance(only, str) else None)
    pages = max(1, -(-len(some) // PAGE))
    at = min(page, pages) if isinstance(page, int) else 1
    shown = some[(at - 1) * PAGE : at * PAGE]
    keys = (transcripts_key(pair[0]), transcripts_key(pair[1]))
    store = data.store
    cases = store.cases_of(one.case_id for one in shown)
    judge = None if board is None else store.judge_id(board.judge, board.rubric)
    listed = parted_list(shown, cases, names, keys, TranscriptState.of(store), judge)
    about = _fill("about", found=found, first=names[0], second=names[1], board=board, sets=bool(now.sets))
    asked = page if isinstance(page, int) and page > pages else None
    pager = _pager(links, state, at, pages, len(some), asked)
    figure = or_reason(look, differences, differences_of(frame), *names)
    return [
        about,
        gr.update(value=figure, visible=True),
        difference_table(frame, *names),
        pager + listed + (pager if pages > 1 else Markup()),
        bar,
        as_query,
    ]


def _pager(
    links: CompareState, state: Mapping[str, Value], at: int, pages: int, total: int, asked: int | None
) -> Markup:
    """The ways to the other pages of the list, and how long it is; ``asked`` is a page that it has not."""
    places = (
        ("First", 1, at > 1),
        ("Previous", at - 1, at > 1),
        ("Next", at + 1, at < pages),
        ("Last", pages, at < pages),
    )
    ways = [(name, links.attributes(state, {AT: page}) if there else None) for name, page, there in places]
    return _fill("pager", total=total, at=at, pages=pages, ways=ways, asked=asked)


def _controls(now: Snapshot, state: Mapping[str, Value]) -> list[Any]:
    board, made = board_of(now, state), now.leaderboard
    models = [(called(row), key) for key, row in rows_of(board).items()]
    rates = (
        [(column.title, column.id) for column in columns_of(made) if column.is_rate and column.id != "discrimination"]
        if made
        else []
    )
    return [
        gr.update(choices=board_titles(now.boards), value=board.id if board else None),
        gr.update(choices=models, value=state[FIRST]),
        gr.update(choices=models, value=state[SECOND]),
        gr.update(choices=rates, value=state[METRIC]),
        state[ONLY] or "",
    ]


PAGE = Page(ADDRESS, "Compare", build, _ABOUT)
