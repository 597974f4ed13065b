"""The leaderboard as HTML: the answer that a board gives in a sentence, its table, and notes on its rows.

The table is of our own rather than ``gr.Dataframe``: the order is part of the address, intervals stand beside
their rates in lighter type, headings are links that a keyboard reaches, and the model's column stays
in place when the rest scrolls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from dataset_builder.dataset.taxonomy import DEFEATED_FAMILIES, DEFLECTS, HARD_REFUSAL, HELPS, UNSCORED_REASONS, ids
from dataset_builder.wording import counted
from eval.boards.rows import rank_remarks
from eval.judging.developers import members_of
from eval.repository.leaderboard import VERIFIED, Board, BoardRow
from eval.runs.verdict import PUBLISHED
from space.data.called import called, called_in
from space.data.changes import CAME, CHANGED, MOVED, WENT, Change
from space.data.facts import according_to
from space.data.snapshot import row_key, transcripts_key
from space.figures.scatter import Point, scatter
from space.pages.leaderboard.example import LONGEST_REASON, Example, cut_text, examples
from space.pages.leaderboard.table import FACT_OF_COLUMN, FIRST_RATES, GROUPS, MODEL, Column, pooled_share
from space.pages.transcripts.markup import verdict
from space.pages.transcripts.state import CASE, JUDGE, OF, TranscriptState
from space.prose.rates import rate_name
from space.store.store import Store
from space.store.transcript import ENGAGES, FAMILY, TYPE, YES
from space.store.transcript import MODEL as MODEL_FACET
from space.ui.links import Value
from space.ui.names import spoken
from space.ui.templates import interval, is_missing, percent, template

# What the dataset's answers show that recognise a defeat and refuse.
ENGAGED_REFUSALS: Final[dict[str, Value]] = {
    TYPE: (DEFLECTS, HARD_REFUSAL),
    ENGAGES: (YES,),
    FAMILY: DEFEATED_FAMILIES,
}
_ENGAGED: Final = "engaged_refusal_share"
_ENDS: Final = ("", "_low", "_high", "_corrected", "_corrected_low", "_corrected_high")
_UNSCORED: Final = {f"unscored_{name}": name.replace("_", " ") for name in ids(UNSCORED_REASONS)}
_fill = template(
    "pages/leaderboard/page.html.j2",
    spoken=spoken,
    called=called,
    verdict_of=verdict,
    bars=FIRST_RATES,
    fact_of=FACT_OF_COLUMN,
    said_by=according_to,
)


def first_screen(
    board: Board | None,
    store: Store,
    points: Sequence[Point],
    nth: int = 0,
    to: Callable[[Mapping[str, Value]], Markup] = lambda changes: Markup(),
) -> Markup:
    """A case that makes the point, what it comes to over all answers, and the picture of all models.

    ``nth`` is which example, counted round; ``to`` gives the tag attributes of a link to a state with some changes.
    """
    if board is None or not board.rows:
        return _fill("nothing_yet")
    best = board.rows[0].metrics.get(board.ranked_by) if len(board.rows) > 1 else None
    judge = store.judge_id(board.judge, board.rubric)
    models = tuple(key for row in board.rows if (key := transcripts_key(row)) in store.models)
    found = () if judge is None else examples(store, judge, models)
    one = found[nth % len(found)] if found else None
    return _fill(
        "first_screen",
        rows=board.rows,
        refused=pooled_share(board.rows, "blind_refusal_rate"),
        engaged=pooled_share(board.rows, "engaged_refusal_share"),
        helped=pooled_share(board.rows, "control_help_rate"),
        best=best if best is not None and best.estimate is not None else None,
        title=rate_name(board.ranked_by).lower(),
        # Of a link to an example that there is not: which one stands there instead.
        instead=(nth + 1, nth % len(found) + 1, len(found)) if nth >= len(found) > 0 else None,
        example=None if one is None else _shown(one, store, judge, models, board),
        another=to({"example": (nth + 1) % len(found)}) if len(found) > 1 else None,
        answered=TranscriptState.of(store).href({JUDGE: judge}) if models else None,
        picture=scatter(points),
        zoom=to({"zoom": True}) if points else None,
    )


def _shown(one: Example, store: Store, judge: str | None, models: Sequence[str], board: Board) -> dict[str, Any]:
    """An example with what the judge said of it, how many models refused, and where it can be read whole."""
    answers = [a for a in store.answers(one.case.case_id, judge) if a.model in models and a.response_type is not None]
    whole = store.transcript(one.case.case_id, one.answer.model, judge)
    reasoning = None if whole is None else whole.reasoning
    return {
        "one": one,
        "model": called_in(store)[one.answer.model],
        "judge": spoken(board.judge),
        "reason": cut_text(reasoning, LONGEST_REASON) if reasoning else None,
        "refused": sum(a.response_type != HELPS for a in answers),
        "answers": len(answers),
        "href": TranscriptState.of(store).href({CASE: one.case.case_id, OF: one.answer.model, JUDGE: judge}),
    }


def above(
    shown: int,
    whole: int,
    board: Board,
    boards: Sequence[Board] = (),
    to: Callable[[Mapping[str, Value]], Markup] = lambda changes: Markup(),
    all_columns: tuple[str, ...] | None = None,
    cut: int | None = None,
) -> Markup:
    """The line above the table: how many models of how many, by whose verdicts, and the ways to other boards.

    ``cut`` is how many characters of a longer search are searched for; None where all are.
    ``to`` gives the tag attributes of a link to a state with some changes; ``all_columns`` are those that a link shows
    (none to go back to the first ones), None for no such link.
    """
    return _fill(
        "above",
        shown=shown,
        whole=whole,
        board=board,
        others=[(one, to({"board": one.id})) for one in boards if one.id != board.id],
        everything=to({"q": "", "family": (), "weights": (), "status": (), **dict.fromkeys(GROUPS, ())}),
        columns=None if all_columns is None else to({"columns": all_columns}),
        wider=bool(all_columns),
        cut=cut,
    )


def board_table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    board: Board,
    *,
    sort: str,
    descending: bool,
    corrected: bool,
    attributes: Callable[[Mapping[str, Value]], Markup],
    links: TranscriptState,
    judge: str | None,
    model_page: Callable[[str], str],
) -> Markup:
    """The rows of a frame; ``attributes`` gives the tag attributes of a link to a state with some changes.

    ``judge`` is the board's judge as the transcripts name it, None where they lack its verdicts.
    """

    def link(column: Column) -> Markup | None:
        if column.id == "agreement":
            return None
        # A first click puts the best first: high, or low where less is better; a second turns it round.
        first = (column.is_rate and column.better >= 0) or column.id in ("scored", "date", "day", "parameters")
        return attributes({"sort": column.id, "down": not descending if column.id == sort else first})

    def answers(row: Mapping[str, Any]) -> str | None:
        """Where the answers are that a row's engaged refusals count."""
        if row["transcripts"] not in links.models or judge is None:
            return None
        return links.href({**ENGAGED_REFUSALS, MODEL_FACET: (str(row["transcripts"]),), JUDGE: judge})

    def rate(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
        value, low, high, better, better_low, better_high = (row.get(f"{name}{end}") for end in _ENDS)
        is_corrected = corrected and not is_missing(better)
        return {
            "value": value,
            "interval": interval(low, high),
            "low": low,
            "high": high,
            "corrected": better if is_corrected else None,
            "corrected_interval": interval(better_low, better_high) if is_corrected else None,
            "answers": answers(row) if name == _ENGAGED else None,
        }

    # The place stands before the model, all else after it.
    first = 1 if columns and columns[0].id == "rank" else 0
    ordered = (*columns[:first], MODEL, *columns[first:])
    rows: list[dict[str, Any]] = [{str(name): one for name, one in row.items()} for row in frame.to_dict("records")]
    for row in rows:
        row["cells"] = [(column, rate(column.id, row) if column.is_rate else None) for column in ordered]
        row["reasons"] = "; ".join(f"{row[key]} {title}" for key, title in _UNSCORED.items() if row[key])

    return _fill(
        "board_table",
        heads=[(column, link(column)) for column in ordered],
        rows=rows,
        board=board,
        sort=sort,
        descending=descending,
        corrected=corrected,
        has_corrected=any(row.corrected for row in board.rows),
        model_page=model_page,
    )


def board_notes(board: Board, keys: Sequence[str]) -> Markup:
    """How the figures are read, and what is to be known of some rows.

    That is who handed a run in, who served it, how it departs from the protocol, why a status, the submitter's judges;
    and that rows of a folder have no owners.
    """
    notes = []
    shown = [row for row in board.rows if row_key(row) in keys]
    for row in shown:
        told = remarks_on(row, board)
        told += [f"handed in by {row.submitter}"] if row.submitter else []
        told += _routes(row)
        told += row.evidence
        if row.status != VERIFIED or row.judge != board.judge:
            told += reasons_of(row)
        told += [
            f"the submitter's own judge, {spoken(one.judge)}, gives the same labels for {percent(one.agreement)} % "
            f"of {one.n:,}"
            for one in row.submitted
            if one.agreement is not None
        ]
        if told:
            notes.append((called(row), told))
    # What holds for all rows is said once.
    everybody = len(notes) == len(shown) > 1
    shared = [one for one in notes[0][1] if all(one in told for _, told in notes)] if everybody else []
    notes = [(name, [one for one in told if one not in shared]) for name, told in notes]
    unowned = any(row.submitter is None and row.kind != PUBLISHED for row in board.rows)
    routed = any(row.routes for row in shown)
    return _fill("board_notes", board=board, notes=notes, shared=shared, routed=routed, unowned=unowned)


def remarks_on(row: BoardRow, board: Board) -> list[str]:
    """What unscored answers do to a row's rank, who its judge is to it, and how its run departs from the protocol."""
    told = rank_remarks(row, board.ranked_by)
    for one in members_of(board.judge):
        told = [said.replace(one, spoken(one)) if said == row.judge_note else said for said in told]
    return told + [f"departs from the protocol: {one}" for one in row.departures]


def reasons_of(row: BoardRow) -> list[str]:
    """Why a row has its status, but for departures, which are told as such."""
    return [one for one in row.status_reasons if one not in row.departures]


def _routes(row: BoardRow) -> list[str]:
    """Who served a row's answers, by share, and what came by each where there are several."""
    if not row.routes:
        return []
    one_alone = len(row.routes) == 1 and row.routes[0].share == 1
    listed = [one.route if one_alone else f"{one.route} {percent(one.share)} %" for one in row.routes]
    told = [f"served by {', '.join(listed)}"]
    for one in row.routes:
        if one.metrics:
            rates = ", ".join(
                f"{rate_name(name).lower()} {percent(value.estimate)} % [{percent(value.low)}, {percent(value.high)}]"
                for name, value in one.metrics.items()
                if value.estimate is not None
            )
            told.append(f"by {one.route}: {rates or 'no rates'} on {counted(one.answers, 'answer')}")
    return told


def changes_told(found: Sequence[Change], to: Callable[[str], str]) -> Markup:
    """What changed since the version before; ``to`` says where a model's page is."""
    kinds = [(kind, [one for one in found if one.kind == kind]) for kind in (CAME, WENT, MOVED, CHANGED)]
    return _fill("changes", kinds=[(kind, some) for kind, some in kinds if some], to=to, went=WENT)


def over_time_told(drawing: Markup, lacking: Sequence[str], others: Mapping[str, str]) -> Markup:
    """The models by when they came out, with those of which no day is recorded.

    ``others`` is who states the day of a model, by its name, where that is not its maker.
    """
    return _fill("over_time", drawing=drawing, lacking=lacking, others=others)


def notice(text: str | None) -> Markup:
    """Why newer results are not shown; nothing where there is no reason to say so."""
    return _fill("notice", text=text) if text else Markup()


def citing(study: str, board: str, pinned: str) -> Markup:
    """How to cite the study and a board as it stands, with a button that copies both, and the link to that version."""
    return _fill("citing", study=study, board=board, pinned=pinned)


def board_title(board: Board) -> str:
    """A board in one line, as a choice in a list: ``GPT-5.4 · 1,290 cases``; ids and rubric stand below the table."""
    cases = f"{board.n_cases:,} {'case' if board.n_cases == 1 else 'cases'}"
    return f"{spoken(board.judge)} · {cases}" + ("" if board.sample == "all" else f" ({board.sample})")


def board_titles(boards: Sequence[Board]) -> list[tuple[str, str]]:
    """The boards as choices, each title with its id; where two read alike, the rubric or the dataset is added."""
    titles = [board_title(board) for board in boards]
    found: list[tuple[str, str]] = []
    for board, title in zip(boards, titles, strict=True):
        alike = [one for one, other in zip(boards, titles, strict=True) if other == title and one is not board]
        if any(one.rubric != board.rubric for one in alike):
            title += f", rubric {board.rubric}"
        if any(one.dataset != board.dataset for one in alike):
            title += f", {board.dataset}"
        found.append((title, board.id))
    return found
