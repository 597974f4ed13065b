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

from dataset_builder.dataset.taxonomy import DEFEATED_FAMILIES, DEFLECTS, HARD_REFUSAL, UNSCORED_REASONS, ids
from eval.boards.rows import rank_remarks
from eval.repository.leaderboard import VERIFIED, Board, BoardRow
from eval.runs.verdict import PUBLISHED
from eval.stats.metrics import METRIC_BY_ID
from space.data.snapshot import row_key, transcripts_key
from space.pages.leaderboard.table import MODEL, Column, pooled_share
from space.pages.transcripts.state import CASE, JUDGE, OF, TranscriptState, search_of
from space.store.store import Store
from space.store.transcript import ENGAGES, FAMILY, TYPE, YES
from space.store.transcript import MODEL as MODEL_FACET
from space.ui.links import Value
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
_fill = template("pages/leaderboard/page.html.j2")


def answer(board: Board | None, store: Store, breakdown: str = "breakdown") -> Markup:
    """What a board comes to in words, and the way to an answer that sees the problem and refuses.

    ``breakdown`` is the address of the page that says where each model fails.
    """
    if board is None or not board.rows:
        return _fill("nothing_yet")
    best = board.rows[0].metrics.get(board.ranked_by) if len(board.rows) > 1 else None
    example, answered = _examples(board, store)
    return _fill(
        "answer",
        rows=board.rows,
        refused=pooled_share(board.rows, "blind_refusal_rate"),
        engaged=pooled_share(board.rows, "engaged_refusal_share"),
        helped=pooled_share(board.rows, "control_help_rate"),
        best=best if best is not None and best.estimate is not None else None,
        title=METRIC_BY_ID[board.ranked_by].title.lower() if board.ranked_by in METRIC_BY_ID else board.ranked_by,
        example=example,
        answered=answered,
        breakdown=breakdown,
    )


def _examples(board: Board, store: Store) -> tuple[str | None, str | None]:
    """Addresses of an answer that engages and refuses, and of all answers; None where there are none to read."""
    models = tuple(key for row in board.rows if (key := transcripts_key(row)) in store.models)
    if not models:
        return None, None
    judge, links = store.judge_id(board.judge, board.rubric), TranscriptState.of(store)
    chosen = ENGAGED_REFUSALS if len(models) == len(store.models) else {**ENGAGED_REFUSALS, MODEL_FACET: models}
    # Without this judge's verdicts there is nothing that it calls a refusal.
    found = () if judge is None else store.find(search_of({**chosen, JUDGE: judge})).rows
    opened: dict[str, Value] = {CASE: found[0].case_id, OF: found[0].model, JUDGE: judge} if found else {}
    return links.href({**chosen, **opened}) if found else None, links.href({JUDGE: judge})


def above(shown: int, whole: int, board: Board) -> Markup:
    """The line above the table: how many models of how many, on which cases, by whose verdicts."""
    return _fill("above", shown=shown, whole=whole, board=board)


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
    breakdown: Callable[[str], str],
) -> Markup:
    """The rows of a frame; ``attributes`` gives the tag attributes of a link to a state with some changes.

    ``judge`` is the board's judge as the transcripts name it, None where they lack its verdicts.
    """

    def link(column: Column) -> Markup | None:
        if column.id == "agreement":
            return None
        # A first click puts the best first: high, or low where less is better; a second turns it round.
        first = (column.is_rate and column.better >= 0) or column.id in ("scored", "date")
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
            "corrected": better if is_corrected else None,
            "corrected_interval": interval(better_low, better_high) if is_corrected else None,
            "answers": answers(row) if name == _ENGAGED else None,
        }

    rows: list[dict[str, Any]] = [{str(name): one for name, one in row.items()} for row in frame.to_dict("records")]
    for row in rows:
        row["cells"] = [(column, rate(column.id, row) if column.is_rate else None) for column in columns]
        row["reasons"] = "; ".join(f"{row[key]} {title}" for key, title in _UNSCORED.items() if row[key])

    return _fill(
        "board_table",
        heads=[(column, link(column)) for column in (MODEL, *columns)],
        rows=rows,
        board=board,
        sort=sort,
        descending=descending,
        corrected=corrected,
        has_corrected=any(row.corrected for row in board.rows),
        breakdown=breakdown,
    )


def board_notes(board: Board, keys: Sequence[str]) -> Markup:
    """What is to be known of some rows: who handed a run in, who served it, how it departs from the protocol, why a
    status, the submitter's judges; and that rows of a folder have no owners.
    """
    notes = []
    for row in board.rows:
        told = rank_remarks(row, board.ranked_by)
        told += [f"departs from the protocol: {one}" for one in row.departures]
        told += [f"handed in by {row.submitter}"] if row.submitter else []
        told += _routes(row)
        told += row.evidence
        told += row.status_reasons if row.status != VERIFIED or row.judge != board.judge else []
        told += [
            f"the submitter's own judge, {one.judge}, gives the same labels for {percent(one.agreement)} % of {one.n:,}"
            for one in row.submitted
            if one.agreement is not None
        ]
        if told and row_key(row) in keys:
            notes.append((row.model, told))
    unowned = any(row.submitter is None and row.kind != PUBLISHED for row in board.rows)
    return _fill("board_notes", notes=notes, unowned=unowned) if notes or unowned else Markup()


def _routes(row: BoardRow) -> list[str]:
    """Who served a row's answers, by share, and what came by each where there are several."""
    if not row.routes:
        return []
    listed = ", ".join(f"{one.route} {percent(one.share)} %" for one in row.routes)
    told = [f"served by {listed}, as the servers told whoever collected the answers"]
    for one in row.routes:
        if one.metrics:
            rates = ", ".join(
                f"{METRIC_BY_ID[name].title} {percent(value.estimate)} % [{percent(value.low)}, {percent(value.high)}]"
                for name, value in one.metrics.items()
                if value.estimate is not None
            )
            told.append(f"by {one.route}: {rates or 'no rates'} on {one.answers:,} answers")
    return told


def notice(text: str | None) -> Markup:
    """Why newer results are not shown; nothing where there is no reason to say so."""
    return _fill("notice", text=text) if text else Markup()


def around_the_plot(bibtex: str) -> tuple[Markup, Markup]:
    """The buttons that save and cite, and the heading of the plot."""
    return _fill("saving", bibtex=bibtex), _fill("plot_heading")


def board_title(board: Board) -> str:
    """A board in one line: judge, rubric and cases, as a choice in a list."""
    cases = f"{board.n_cases:,} cases" + ("" if board.sample == "all" else f" ({board.sample})")
    return f"{board.judge}: {cases} of {board.dataset}, rubric {board.rubric}"
