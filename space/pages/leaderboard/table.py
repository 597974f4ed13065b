"""A leaderboard as a data frame: the columns, and what is searched, filtered and sorted of it. No gradio here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import pandas as pd

from dataset_builder.dataset.taxonomy import UNSCORED_REASONS, ids
from eval.repository.leaderboard import CHECKED, COMMUNITY, VERIFIED, Board, BoardRow, Leaderboard
from eval.scores.results import MetricValue
from space.data.called import called
from space.data.facts import UNKNOWN as NOT_RECORDED
from space.data.facts import according_to, facts_of
from space.data.snapshot import row_key, transcripts_key
from space.prose.rates import rate_hint, rate_name

OPEN, CLOSED, UNKNOWN = "open", "closed", "unknown"
WEIGHTS: Final = {OPEN: "Open weights", CLOSED: "Closed weights", UNKNOWN: "Not known"}
STATUSES: Final = {VERIFIED: "Verified", CHECKED: "Checked", COMMUNITY: "Community"}
NO_FAMILY: Final = "other"
# What models can be filtered by beside family, weights and status, with the names of the groups.
GROUPS: Final[dict[str, dict[str, str]]] = {
    "size": {
        "small": "Up to 10 billion parameters", "middle": "10 to 100 billion", "large": "Over 100 billion",
        NOT_RECORDED: "Size not recorded",
    },
    "released": {},
    "price": {
        "cheap": "Up to $1 for a million tokens written", "middle": "$1 to $10", "dear": "Over $10",
        NOT_RECORDED: "Price not recorded",
    },
    "reasoning": {"yes": "Reasons first", "no": "Answers at once", NOT_RECORDED: "Not recorded"},
}  # fmt: skip
# Which recorded fact stands in a column, and which a filter goes by.
FACT_OF_COLUMN: Final = {"day": "released", "parameters": "parameters", "output_price": "price"}
_FACT_OF_GROUP: Final = {"released": "released", "size": "parameters", "price": "price"}
GROUP_TITLES: Final = {"size": "Size", "released": "Came out", "price": "Price", "reasoning": "Reasoning"}
ROGAN_GLADEN, PPI = "rogan_gladen", "ppi++"
# Rates whose corrected value is that of another, taken from one.
COMPLEMENTS: Final = {"help_rate": "blind_refusal_rate"}
_EMPTY: Final = [
    "key",
    "rank",
    "rank_low",
    "rank_high",
    "name",
    "model",
    "family",
    "weights",
    "status",
    "judge",
    "search",
]


class Column(NamedTuple):
    """A column of the leaderboard: its id, heading, and a sentence on what it holds."""

    id: str
    title: str
    hint: str
    is_rate: bool = False
    better: int = 0
    # What its values are called, where not by themselves.
    names: Mapping[str, str] = {}

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.is_rate or self.id in ("rank", "scored", "parameters", "output_price")


MODEL: Final = Column(
    "model", "Model", "The model; its id, and what it was asked as, are in its title and on its page."
)
# What a leaderboard shows first, each as a bar on one scale.
FIRST_RATES: Final = ("discrimination", "help_rate", "control_help_rate")
_PLAIN: Final = (
    Column("rank", "Place", "Place by discrimination, with the 95 % interval of that place."),
    Column("scored", "Scored / unscored", "Answers with a verdict, and those without one, by reason in the download."),
    Column("agreement", "Judge's kappa", "How well the judge agrees with each reviewer on what an answer does."),
    Column(
        "status",
        "Status",
        "Verified: a second judge of another kind, people, or the maintainers' own run bears it out. "
        "Checked: the rates follow from these answers by this judge. Community: with something to know.",
        names=STATUSES,
    ),
    Column("date", "Date", "When the last answer was collected."),
    Column("judge", "Judge", "Who gave the verdicts."),
    Column("family", "Family", "The family of models that it belongs to."),
    Column("weights", "Weights", "Whether the model's weights can be had.", names=WEIGHTS),
    Column("day", "Came out", "When the model came out, as far as it is recorded."),
    Column("parameters", "Parameters", "Billions of parameters, as far as they are recorded."),
    Column("output_price", "Price", "List price of a million tokens written, in US dollars, as far as it is recorded."),
    Column(
        "reasoning", "Reasoning", "Whether tokens were spent on reasoning before most answers.",
        names=GROUPS["reasoning"],
    ),
)  # fmt: skip


def columns_of(made: Leaderboard) -> tuple[Column, ...]:
    """Every column that a leaderboard can show, but for the model's: rank, the rates, and what is known of the run."""
    order = list(dict.fromkeys([*FIRST_RATES, *made.headline, *(metric.id for metric in made.metrics)]))
    info = {metric.id: metric for metric in made.metrics}
    rates = [Column(i, rate_name(info[i]), rate_hint(info[i]), True, info[i].better) for i in order if i in info]
    lacking = _lacking(made)
    return (_PLAIN[0], *rates, *(column for column in _PLAIN[1:] if column.id not in lacking))


def _lacking(made: Leaderboard) -> set[str]:
    """The columns about models for which nothing is recorded of any."""
    rows = [row for board in made.boards for row in board.rows]
    facts = [facts_of(row.model_id) for row in rows]
    known = {
        "day": any(one.released for one in facts),
        "parameters": any(one.parameters for one in facts),
        "output_price": any(one.output_price for one in facts),
        "reasoning": any(row.transcripts for row in rows),
    }
    return {name for name, is_there in known.items() if not is_there}


def default_columns(made: Leaderboard) -> tuple[str, ...]:
    """What is shown unless the reader chooses otherwise: the place, and the rates that it comes from."""
    known = {metric.id for metric in made.metrics}
    return ("rank", *(name for name in FIRST_RATES if name in known))


@dataclass(frozen=True)
class Wanted:
    """What is shown of a board: rows that fit all of these, sorted by a column."""

    text: str = ""
    families: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = "rank"
    descending: bool = False


def board_frame(board: Board, reasoned: Mapping[str, bool] = {}) -> pd.DataFrame:
    """One row a model, indexed by its key; rates are shares with ``…_low`` and ``…_high`` of their 95 % intervals.

    ``…_corrected`` with its limits is the rate corrected for the judge's errors, NaN where it was not measured.
    ``reasoned`` is as in ``Snapshot``.
    """
    rows = [_flat(board, row, reasoned) for row in board.rows]
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(name for row in rows for name in row)) or _EMPTY)
    # Whole numbers stay whole where one of them is missing.
    ranks = ["rank", "rank_low", "rank_high"]
    frame[ranks] = frame[ranks].astype("Int64")
    return frame.set_index("key", drop=False)


def choose(frame: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """The rows that fit, in order; rows without a value stand last, and equals by their names."""
    keep = pd.Series(True, index=frame.index)
    words = wanted.text.casefold().split()
    for word in words:
        keep &= frame["search"].map(lambda text, word=word: word in text).astype(bool)
    for column, values in (
        ("family_or_other", wanted.families),
        ("weights", wanted.weights),
        ("status", wanted.statuses),
        *wanted.groups.items(),
    ):
        if values:
            keep &= frame[column].isin(values)
    found = frame[keep]
    column = "name" if wanted.sort == "model" else wanted.sort if wanted.sort in found.columns else "rank"
    by_name = found.sort_values("name", key=lambda names: names.str.casefold(), kind="stable")
    key = (lambda values: values.str.casefold()) if column in ("name", "family", "judge") else None
    return by_name.sort_values(column, ascending=not wanted.descending, na_position="last", kind="stable", key=key)


def groups_of(boards: Sequence[Board], reasoned: Mapping[str, bool]) -> dict[str, dict[str, str]]:
    """What models of some boards can be filtered by, with the groups that there are and their names.

    Nothing is offered of which nothing is recorded.
    """
    found: dict[str, dict[str, None]] = {name: {} for name in GROUPS}
    for board in boards:
        for row in board.rows:
            for name, group in _groups(row, reasoned).items():
                found[name].setdefault(group)
    made = {}
    for name, groups in found.items():
        if any(group != NOT_RECORDED for group in groups):
            names = GROUPS[name] or {group: _half(group) for group in sorted(groups)}
            made[name] = {group: title for group, title in names.items() if group in groups}
    return made


def said_by_others(boards: Sequence[Board], group: str) -> tuple[str, ...]:
    """Who states what a filter goes by of some model, beside those who make the models."""
    rows = [row for board in boards for row in board.rows]
    found = (according_to(row.model_id).get(_FACT_OF_GROUP.get(group, "")) for row in rows)
    return tuple(sorted({one for one in found if one}))


def _half(group: str) -> str:
    """A half of a year in words."""
    year, _, half = group.partition("-")
    return f"{year}, {'first' if half == '1' else 'second'} half" if half else "Not recorded"


def _groups(row: BoardRow, reasoned: Mapping[str, bool]) -> dict[str, str]:
    facts = facts_of(row.model_id)
    told = reasoned.get(row.transcripts)
    reasoning = NOT_RECORDED if told is None else "yes" if told else "no"
    return {"size": facts.size, "released": facts.year, "price": facts.price, "reasoning": reasoning}


def families_of(board: Board) -> tuple[str, ...]:
    """The families of a board's models, sorted, the unknown one last."""
    found = sorted({row.family for row in board.rows if row.family}, key=str.casefold)
    return (*found, NO_FAMILY) if any(not row.family for row in board.rows) else tuple(found)


def _flat(board: Board, row: BoardRow, reasoned: Mapping[str, bool]) -> dict[str, Any]:
    sides, facts = (row.defeated, row.control), facts_of(row.model_id)
    flat: dict[str, Any] = {
        "key": row_key(row),
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "name": called(row),
        "model": row.model,
        "model_id": row.model_id,
        "family": row.family or "",
        "family_or_other": row.family or NO_FAMILY,
        "weights": row.weights or UNKNOWN,
        "status": row.status,
        **_groups(row, reasoned),
        "day": facts.released.isoformat() if facts.released else None,
        "parameters": facts.parameters,
        "output_price": facts.output_price,
        "judge": board.judge,
        "rubric": board.rubric,
        "date": (row.collected_at or "")[:10],
        "transcripts": transcripts_key(row),
        "scored": sum(side.scored for side in sides),
        "unscored": sum(sum(side.unscored.values()) for side in sides),
    }
    for reason in ids(UNSCORED_REASONS):
        flat[f"unscored_{reason}"] = sum(side.unscored.get(reason, 0) for side in sides)
    for name, value in row.metrics.items():
        flat |= {name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high}
    # Where both methods were used, the columns hold the first.
    methods = {one.method for one in row.corrected}
    method = ROGAN_GLADEN if ROGAN_GLADEN in methods else PPI
    for one in row.corrected:
        if one.method == method and flat.get(f"{one.metric}_corrected") is None:
            flat |= _corrected(one.metric, one.estimate, one.low, one.high, one.against)
            if one.metric in COMPLEMENTS:
                ends = [None if end is None else 1 - end for end in (one.estimate, one.high, one.low)]
                flat |= _corrected(COMPLEMENTS[one.metric], ends[0], ends[1], ends[2], one.against)
    text = f"{called(row)} {row.model} {row.model_id} {row.family or ''} {row.organization}"
    return flat | {"search": text.casefold()}


def pooled_share(rows: Sequence[BoardRow], metric: str) -> float | None:
    """A rate over the answers of all rows together; None without any."""
    known: list[MetricValue] = [row.metrics[metric] for row in rows if metric in row.metrics]
    known = [value for value in known if value.estimate is not None]
    total = sum(value.denominator for value in known)
    return sum((value.estimate or 0.0) * value.denominator for value in known) / total if total else None


def _corrected(
    name: str, estimate: float | None, low: float | None, high: float | None, against: str
) -> dict[str, Any]:
    start = f"{name}_corrected"
    return {start: estimate, f"{start}_low": low, f"{start}_high": high, f"{start}_against": against}
