"""The page of one model as HTML; no gradio here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from dataset_builder.dataset.taxonomy import CONTROL, FAMILIES
from dataset_builder.wording import counted
from eval.repository.folder import SUBMISSIONS
from eval.repository.leaderboard import MEANS, Board, BoardRow, Excluded
from space.data.called import called
from space.data.data import Snapshot, SpaceData
from space.data.facts import according_to, facts_of
from space.data.snapshot import row_key, transcripts_key
from space.frame.card import Card, Rate
from space.frame.page import heading
from space.pages.leaderboard.markup import ENGAGED_REFUSALS, board_title, reasons_of, remarks_on
from space.pages.leaderboard.table import FIRST_RATES, STATUSES, columns_of
from space.pages.model.slices import BY, FEW, LESS, MORE, parts_of, standing_out
from space.pages.model.state import ADDRESS, BOARD, MODEL, fields_of, found, settle
from space.pages.model.telling import ALONE_HELPS, ALONE_REFUSES, SEES, telling
from space.pages.transcripts.markup import verdict
from space.pages.transcripts.state import CASE, JUDGE, OF, TranscriptState
from space.prose import BIBTEX
from space.prose.rates import rate_name
from space.store.transcript import AUTHORITY, FAMILY
from space.store.transcript import MODEL as MODEL_FACET
from space.ui.links import Field, Text, Value, address, link, parse, query
from space.ui.names import spoken
from space.ui.templates import interval, percent, template

TITLE: Final = "Models"
ABOUT: Final = (
    "One model: how often it helps where it should and where not, where it does better and worse, and answers."
)
WHY: Final = {
    SEES: "Sees what is wrong with the rule, and refuses",
    ALONE_REFUSES: "Refuses where most others help",
    ALONE_HELPS: "Helps where most others refuse",
}
_FACETS: Final = {"family": FAMILY, "authority": AUTHORITY}
_MOST_RUNS: Final = 50
_FACTS: Final = {"released": "when it came out", "parameters": "its size", "price": "its price"}
_fill = template(
    "pages/model/page.html.j2",
    spoken=spoken, called=called, key_of=row_key, rate_name=rate_name, verdict_of=verdict, why=WHY, by_title=BY,
    few=FEW, more=MORE, less=LESS, statuses=STATUSES, title_of=board_title, most=_MOST_RUNS,
)  # fmt: skip


def show(data: SpaceData, state: Mapping[str, Value]) -> Markup:
    """All of the page; where no model is named, a list of those that there are."""
    now, here = data.now, found(data, state)
    fields = fields_of(data)
    if here is None or now.leaderboard is None:
        boards = [(one, [(called(row), _to(fields, one, row)) for row in one.rows]) for one in now.boards]
        return heading(TITLE, ABOUT) + _fill("choose", boards=boards)
    board, row = here
    judge = data.store.judge_id(board.judge, board.rubric)
    place = next(n for n, one in enumerate(board.rows) if one is row)
    others = [(one, _to(fields, board, one)) for one in board.rows]
    return heading(called(row), _lead(board, row)) + _fill(
        "page",
        board=board,
        row=row,
        notice=now.notice,
        status=MEANS[row.status],
        first=[one for one in rates_of_row(now, row) if one["id"] in FIRST_RATES],
        rates=rates_of_row(now, row),
        sections=_sections(data, board, row),
        engaged=row.metrics.get("engaged_refusal_share"),
        engaged_answers=_answers(data, row, judge, ENGAGED_REFUSALS),
        answers=_answers(data, row, judge, {}),
        telling=_telling(data, board, row, judge),
        runs=_runs(now, board, row, fields),
        gone=_gone(now, row),
        remarks=_remarks(board, row),
        facts=facts_of(row.model_id),
        said_by=according_to(row.model_id),
        reasoned=now.reasoned.get(row.transcripts),
        before=others[place - 1] if place else None,
        after=others[place + 1] if place + 1 < len(others) else None,
        others=others,
        elsewhere=_elsewhere(board, row),
        citation=citation(board, row, now),
        bibtex=BIBTEX,
    )


def card(data: SpaceData, pairs: Sequence[tuple[str, str]]) -> Card | None:
    """What a link to a model shows elsewhere; None where it names none."""
    fields = fields_of(data)
    state = settle(data, parse(fields, pairs))
    here = found(data, state)
    if here is None:
        return None
    board, row = here
    rates = [
        Rate(one["title"], one["value"], one["low"], one["high"])
        for one in rates_of_row(data.now, row)
        if one["id"] in FIRST_RATES and one["value"] is not None
    ]
    return Card(called(row), _lead(board, row), query(fields, state), tuple(rates))


def citation(board: Board, row: BoardRow, now: Snapshot) -> str:
    """What to write where a model's figures are quoted: the model, its rates, whose verdicts, which results, when."""
    rates = "; ".join(
        f"{one['title'].lower()} {percent(one['value'])} ({percent(one['low'])} to {percent(one['high'])})"
        for one in rates_of_row(now, row)
        if one["id"] in FIRST_RATES and one["value"] is not None
    )
    when = f", answers collected by {row.collected_at[:10]}" if row.collected_at else ""
    version = f", results {now.version[:12]}" if now.folder is not None else ""
    return (
        f"{called(row)} ({row.model_id}) on blind refusal: {rates}, in percent with 95 % intervals. "
        f"Judge {board.judge} (rubric {board.rubric}) over {counted(board.n_cases, 'case')} of {board.dataset}"
        f"{when}{version}."
    )


def _lead(board: Board, row: BoardRow) -> str:
    helps, controls = row.metrics.get("help_rate"), row.metrics.get("control_help_rate")
    told = []
    if helps is not None and helps.estimate is not None:
        told.append(
            f"Helps with {percent(helps.estimate)} % of requests around rules that do not deserve to be followed"
        )
    if controls is not None and controls.estimate is not None:
        told.append(f"with {percent(controls.estimate)} % around rules that should")
    if row.rank is None:
        return (", and ".join(told) or f"One of {counted(len(board.rows), 'model')}") + "."
    place = f"place {row.rank} of {len(board.rows)}"
    if row.rank_low is not None and row.rank_high is not None and row.rank_high > row.rank_low:
        place += f" (with other cases anywhere from {row.rank_low} to {row.rank_high})"
    return f"{', and '.join(told)}: {place}." if told else f"{place.capitalize()}."


def rates_of_row(now: Snapshot, row: BoardRow) -> list[dict[str, Any]]:
    """Every rate in the order of the leaderboard's columns, those without a value too."""
    made = now.leaderboard
    found = []
    for column in columns_of(made) if made else ():
        value = row.metrics.get(column.id)
        if column.is_rate and value is not None:
            found.append(
                {
                    "id": column.id, "title": column.title, "hint": column.hint, "value": value.estimate,
                    "low": value.low, "high": value.high, "interval": interval(value.low, value.high),
                    "n": value.denominator,
                }
            )  # fmt: skip
    return found


def _sections(data: SpaceData, board: Board, row: BoardRow) -> list[dict[str, Any]]:
    table = data.now.slices.get(row.results or "")
    if table is None:
        return []
    judge = data.store.judge_id(board.judge, board.rubric)
    due = tuple(family.id for family in FAMILIES if family.id != CONTROL)
    sections = []
    for by in BY:
        parts = parts_of(data.now, board, table, by)
        rows = [
            (part, _answers(data, row, judge, {FAMILY: due, _FACETS[by]: (part.value,)}))
            for part in parts
        ]  # fmt: skip
        if parts:
            sections.append(
                {"by": by, "rows": rows, "more": standing_out(parts, MORE), "less": standing_out(parts, LESS)}
            )
    return sections


def _answers(data: SpaceData, row: BoardRow, judge: str | None, wanted: Mapping[str, Value]) -> str | None:
    """Where answers of the model can be read; None where the transcripts lack them."""
    links = TranscriptState.of(data.store)
    key = transcripts_key(row)
    return links.href({**wanted, MODEL_FACET: (key,), JUDGE: judge}) if key in links.models and judge else None


def _telling(data: SpaceData, board: Board, row: BoardRow, judge: str | None) -> list[dict[str, Any]]:
    links, key = TranscriptState.of(data.store), transcripts_key(row)
    if judge is None or key not in links.models:
        return []
    keys = tuple(name for one in board.rows if (name := transcripts_key(one)) in links.models)
    found = telling(data.store, judge, key, keys)
    return [
        {
            "one": one,
            "href": links.href({CASE: one.case.case_id, OF: key, JUDGE: judge}),
            "case": address("case", (Text("case"), Text("judge")), {"case": one.case.case_id, "judge": judge}),
        }
        for one in found
    ]


def _runs(now: Snapshot, board: Board, row: BoardRow, fields: Sequence[Field]) -> list[dict[str, Any]]:
    """The rows of this model on all boards, newest answers first; each with a link where it is not the one shown."""
    rows = [(one, other) for one in now.boards for other in one.rows if row_key(other) == row_key(row)]
    rows.sort(key=lambda pair: pair[1].collected_at or "", reverse=True)
    return [
        {
            "row": other,
            "board": one,
            "value": other.metrics.get(one.ranked_by),
            "link": None if one is board else _to(fields, one, other),
        }
        for one, other in rows
    ]


def _gone(now: Snapshot, row: BoardRow) -> list[Excluded]:
    """Runs of this model that have no row, with why: replaced by a newer one, withdrawn, held."""
    folder = row.bundle.split("/")[1] if row.bundle.startswith(f"{SUBMISSIONS}/") else None
    excluded = now.leaderboard.excluded if now.leaderboard else []
    return [one for one in excluded if folder and one.bundle.startswith(f"{SUBMISSIONS}/{folder}/")]


def _remarks(board: Board, row: BoardRow) -> list[str]:
    read = [f"{_FACTS[name]} as stated by {source}" for name, source in facts_of(row.model_id).sources.items()]
    return [*remarks_on(row, board), *row.evidence, *reasons_of(row), *read]


def _elsewhere(board: Board, row: BoardRow) -> list[tuple[str, str]]:
    """The other pages about this model."""
    key = row_key(row)
    ways = [("Its rates by every label", address("breakdown", _BREAKDOWN, {"board": board.id, "model": key}))]
    place = board.rows.index(row)
    if len(board.rows) > 1:
        other = board.rows[place - 1 if place else 1]
        pair: dict[str, Value] = {"board": board.id, "a": key, "b": row_key(other)}
        ways.append((f"Compare with {called(other)}", address("compare", _COMPARE, pair)))
        ways.append(("All pairs of models", address("pairs", _COMPARE[:1], {"board": board.id})))
    return ways


_BREAKDOWN: Final = (Text("board"), Text("model"))
_COMPARE: Final = (Text("board"), Text("a"), Text("b"))


def _to(fields: Sequence[Field], board: Board, row: BoardRow) -> Markup:
    """``href`` and ``data-go`` of a link to a row's page."""
    return link(ADDRESS, fields, {BOARD: board.id, MODEL: row_key(row)})
