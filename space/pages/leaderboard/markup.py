"""The leaderboard as an HTML table.

Of our own rather than ``gr.Dataframe``: the order is part of the address, intervals stand beside
their rates in lighter type, headings are links that a keyboard reaches, and the model's column stays
in place when the rest scrolls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

import pandas as pd

from dataset_builder.dataset.taxonomy import DEFEATED_FAMILIES, DEFLECTS, HARD_REFUSAL
from eval.repository.leaderboard import VERIFIED, Board
from eval.scores.results import JudgeAgreement
from space.data.snapshot import row_key
from space.pages.leaderboard.table import MODEL, STATUSES, WEIGHTS, Column
from space.pages.transcripts.state import JUDGE, TranscriptState
from space.store.transcript import ENGAGES, FAMILY, TYPE, YES
from space.store.transcript import MODEL as MODEL_FACET
from space.ui.links import Value
from space.ui.safe_text import safe

# What the dataset's answers show that recognise a defeat and refuse.
ENGAGED_REFUSALS: Final[dict[str, Value]] = {
    TYPE: (DEFLECTS, HARD_REFUSAL),
    ENGAGES: (YES,),
    FAMILY: DEFEATED_FAMILIES,
}
_ENGAGED: Final = "engaged_refusal_share"
_PICKED: Final = ("family", "weights", "status", "date")
Attributes = Callable[[Mapping[str, Value]], str]


def percent(value: Any, decimals: int = 1) -> str:
    """A share as percent without the sign; an en dash without a value."""
    return "–" if value is None or pd.isna(value) else f"{100 * float(value):.{decimals}f}".replace("-", "−")


def interval(low: Any, high: Any) -> str:
    """Limits of an interval in lighter type, in the same unit as ``percent``."""
    if low is None or high is None or pd.isna(low) or pd.isna(high):
        return ""
    # Two minus signs and a dash cannot be told apart.
    dash = "–" if low >= 0 else " to "
    return f' <span class="br-ci">{percent(low)}{dash}{percent(high)}</span>'


def board_table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    board: Board,
    *,
    sort: str,
    descending: bool,
    corrected: bool,
    attributes: Attributes,
    links: TranscriptState,
    judge: str | None,
    breakdown: Callable[[str], str],
) -> str:
    """The rows of a frame; ``attributes`` gives the tag attributes of a link to a state with some changes.

    ``judge`` is the board's judge as the transcripts name it, None where they lack its verdicts.
    """
    heads = "".join(_head(column, sort, descending, attributes) for column in (MODEL, *columns))
    kappas = _kappas(board)
    rows = "".join(
        f'<tr><th scope="row"><a href="{escape(breakdown(str(row["key"])))}">{safe(str(row["model"]))}</a></th>'
        + "".join(_cell(column, row, corrected, kappas, links, judge) for column in columns)
        + "</tr>"
        for _, row in frame.iterrows()
    )
    return (
        '<div class="br-scroll" tabindex="0" role="region" aria-label="Leaderboard"><table class="br-table br-board">'
        f"<caption class='br-note'><span>{_caption(corrected, board)}</span></caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def agreement_line(found: Sequence[JudgeAgreement], field: str = "response_type") -> str:
    """How the judge agrees with each reviewer on one field, in words; limits only where they were measured."""
    parts = []
    for one in found:
        if one.field == field and one.kappa is not None and one.against.startswith("reviewer"):
            known = one.kappa_low is not None and one.kappa_high is not None
            limits = f"{one.kappa_low:.2f} to {one.kappa_high:.2f}, " if known else ""
            parts.append(f"{safe(one.against.replace('_', ' '))} {one.kappa:.2f} ({limits}{one.n:,} answers)")
    return "; ".join(parts)


def _caption(corrected: bool, board: Board) -> str:
    text = "Percent; for discrimination, percentage points. The lighter figures are 95 % intervals, clustered by cell."
    if corrected and not any(row.corrected for row in board.rows):
        text += " There are no corrected rates by this judge: its errors were not measured on answers of this board."
    elif corrected:
        text += " The second line of a rate is the one corrected for the judge's errors, where reviewers measured them."
    return text


def _head(column: Column, sort: str, descending: bool, attributes: Attributes) -> str:
    is_number = column.is_rate or column.id in ("rank", "scored")
    here = column.id == sort
    if column.id == "agreement":
        return f'<th scope="col" title="{escape(column.hint)}">{escape(column.title)}</th>'
    # A first click puts the best first: high, or low where less is better; a second turns it round.
    first = (column.is_rate and column.better >= 0) or column.id in ("scored", "date")
    down = not descending if here else first
    state = attributes({"sort": column.id, "down": down})
    order = f' aria-sort="{"descending" if descending else "ascending"}"' if here else ""
    arrow = (" ↓" if descending else " ↑") if here else ""
    return (
        f'<th scope="col"{" class=num" if is_number else ""}{order} title="{escape(column.hint)}">'
        f'<a {state}>{escape(column.title)}<span aria-hidden="true">{arrow}</span></a></th>'
    )


def _cell(
    column: Column, row: pd.Series, corrected: bool, kappas: str, links: TranscriptState, judge: str | None
) -> str:
    name = column.id
    if column.is_rate:
        return _rate(name, row, corrected, links, judge)
    if name == "rank":
        rank = "–" if pd.isna(row["rank"]) else str(row["rank"])
        low, high = row["rank_low"], row["rank_high"]
        ends = "" if pd.isna(low) or pd.isna(high) else f' <span class="br-ci">{low}–{high}</span>'
        return f'<td class="num br-rank">{rank}{ends}</td>'
    if name == "scored":
        left = int(row["unscored"])
        reasons = "; ".join(
            f"{int(row[key])} {key.removeprefix('unscored_').replace('_', ' ')}"
            for key in row.index
            if key.startswith("unscored_") and row[key]
        )
        return f'<td class="num" title="{escape(reasons)}">{int(row["scored"]):,} / {left:,}</td>'
    if name == "agreement":
        return f'<td class="br-nowrap">{kappas}</td>'
    value = str(row[name])
    shown = {"weights": WEIGHTS, "status": STATUSES}.get(name, {}).get(value, value) if name in _PICKED else value
    return f'<td class="br-nowrap">{safe(shown) or "–"}</td>'


def _rate(name: str, row: pd.Series, corrected: bool, links: TranscriptState, judge: str | None) -> str:
    value, low, high = row.get(name), row.get(f"{name}_low"), row.get(f"{name}_high")
    shown = percent(value)
    if name == _ENGAGED and row["transcripts"] in links.models and judge is not None:
        href = links.href({**ENGAGED_REFUSALS, MODEL_FACET: (str(row["transcripts"]),), JUDGE: judge})
        shown = f'<a href="{escape(href)}" title="Read these answers">{shown}</a>'
    second = ""
    if corrected:
        ends = [row.get(f"{name}_corrected{end}") for end in ("", "_low", "_high")]
        if ends[0] is not None and not pd.isna(ends[0]):
            second = f'<br><span class="br-corrected">{percent(ends[0])}</span>{interval(ends[1], ends[2])}'
    return f'<td class="num">{shown}{interval(low, high)}{second}</td>'


def _kappas(board: Board) -> str:
    found = [o for o in board.judge_agreement if o.field == "response_type" and o.kappa is not None]
    told = "; ".join(f"{one.against.replace('_', ' ')}: {one.kappa:.2f} on {one.n:,} answers" for one in found)
    shown = ", ".join(f"{one.kappa:.2f}" for one in found)
    return f'<span title="{escape(told)}">{shown}</span>' if found else '<span class="br-ci">not measured</span>'


def board_notes(board: Board, keys: Sequence[str]) -> str:
    """What is to be known of some rows: how a run departs from the protocol, why a status, the submitter's judges."""
    items = []
    for row in board.rows:
        told = [f"departs from the protocol: {one}" for one in row.departures]
        told += row.status_reasons if row.status != VERIFIED else []
        told += [
            f"the submitter's own judge, {one.judge}, gives the same labels for {percent(one.agreement)} % of {one.n:,}"
            for one in row.submitted
            if one.agreement is not None
        ]
        if told and row_key(row) in keys:
            items.append(f"<li><b>{safe(row.model)}</b>: {safe('; '.join(told))}.</li>")
    if not items:
        return ""
    return f"<details><summary>Notes on {len(items)} of these</summary><ul>{''.join(items)}</ul></details>"


def board_title(board: Board) -> str:
    """A board in one line: judge, rubric and cases, as a choice in a list."""
    cases = f"{board.n_cases:,} cases" + ("" if board.sample == "all" else f" ({board.sample})")
    return f"{board.judge}: {cases} of {board.dataset}, rubric {board.rubric}"
