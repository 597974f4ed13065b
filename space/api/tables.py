"""What the pages show as tables of plain values: rows, the columns that they have, and what they are of.

Each takes the parameters of its page's address, so that a view and its data have the same filters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import msgspec
import pandas as pd

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import AUTHORITY_TYPES, DIMENSIONS, FAMILIES, SUBTYPES, ids
from dataset_builder.errors import InputError
from eval.repository.leaderboard import Board
from eval.scores.comparison import Comparison
from space.api import single
from space.api.asked import refuse_unknown
from space.data.called import called_in
from space.data.data import SliceTable, Snapshot, SpaceData
from space.data.verdicts import book_of
from space.pages.arms.show import fields_of as arms_fields
from space.pages.breakdown.page import BreakdownState
from space.pages.breakdown.table import BY, breakdown_frame, rows_of, table_of
from space.pages.case.show import fields_of as case_fields
from space.pages.compare.page import CompareState
from space.pages.compare.table import is_shown
from space.pages.judges.show import fields_of as judges_fields
from space.pages.leaderboard.state import BoardState, board_of, wanted_of
from space.pages.leaderboard.table import board_frame, choose
from space.pages.model.state import fields_of as model_fields
from space.pages.pairs.show import fields_of as pairs_fields
from space.pages.transcripts.state import JUDGE, TranscriptState, search_of
from space.store.store import WALKED
from space.store.transcript import Transcript
from space.ui.links import Field, Many, Value, parse

Row = dict[str, Any]
Pairs = Sequence[tuple[str, str]]
LIMIT, START = "limit", "start"
# Of an answer where it is not wanted whole.
BEGINNING: Final = 500
_CASE_FIELDS: Final = (
    "case_id", "origin", "defeat_family", "defeat_subtype", "authority_type", "authority_group", "defeated", "policy",
    "defeat_condition", "structural_facts", "user_query", "dual_use", "dual_use_category",
    *(dimension.id for dimension in DIMENSIONS), "language",
)  # fmt: skip
_TRANSCRIPT: Final[dict[str, type]] = {
    "case_id": str, "model": str, "model_name": str, "judge": str, "response_type": str, "engages_with_defeat": bool,
    "independent_harm": bool, "unscored_reason": str, "defeat_family": str, "defeat_subtype": str,
    "authority_type": str, "dual_use": bool, "policy": str, "user_query": str, "response": str, "reasoning": str,
    "response_length": int, "hit_token_cap": bool, "collected_at": str,
}  # fmt: skip
_DIFFERENCE: Final[dict[str, type]] = {
    "by": str, "value": str, "metric": str, "n": int, "a": float, "b": float, "difference": float,
    "standard_error": float, "low": float, "high": float, "clusters": int, "method": str, "p_value": float,
    "p_holm": float, "p_bh": float, "reason": str,
}  # fmt: skip
_PARTED: Final[dict[str, type]] = {"case_id": str, "helps": str, "defeat_family": str, "defeat_subtype": str,
                                   "authority_type": str, "policy": str, "user_query": str}  # fmt: skip
_RATE: Final[dict[str, type]] = {
    "model": str, "label": str, "metric": str, "share": float, "low": float, "high": float, "n": int,
    "detectable": float,
}  # fmt: skip
# People's labels stand as `who: what the answer does`.
_ANSWER: Final[dict[str, type]] = {**_TRANSCRIPT, "people": list}
_JUDGED: Final[dict[str, type]] = {**_TRANSCRIPT, "a": str, "b": str}
_CASES: Final[tuple[Field, ...]] = (
    Many("family", ids(FAMILIES)),
    Many("subtype", ids(SUBTYPES)),
    Many("authority", ids(AUTHORITY_TYPES)),
)


@dataclass(frozen=True)
class Table:
    """Rows and their columns; ``meta`` says what they are of. ``next`` is where the following page starts.

    ``next`` is called once the rows have been read.
    """

    columns: Mapping[str, type]
    rows: Iterable[Row]
    meta: Mapping[str, Any]
    total: int | None = None
    next: Callable[[], int | None] = field(default=lambda: None)


class Tables:
    """The tables of what is served; safe to use from many threads. Raise InputError for what is not there."""

    def __init__(self, data: SpaceData) -> None:
        self.data = data
        self._made: dict[str, tuple[Callable[[], Sequence[Field]], Callable[..., Table]]] = {
            "leaderboard": (lambda: BoardState(data.now).fields, self._leaderboard),
            "breakdown": (lambda: BreakdownState(data.now).fields, self._breakdown),
            "compare": (lambda: CompareState(data.now).fields, self._compare),
            "differences": (lambda: CompareState(data.now).fields, self._differences),
            "parted": (lambda: CompareState(data.now).fields, self._parted),
            "transcripts": (lambda: TranscriptState.of(data.store).fields, self._transcripts),
            "cases": (lambda: _CASES, self._cases),
            "model": (lambda: model_fields(data), self._found(single.of_model, single.MODEL)),
            "case": (lambda: case_fields(data), self._case),
            "judges": (lambda: judges_fields(data), self._found(single.of_judges, single.CONFUSION)),
            "judged": (lambda: judges_fields(data), self._judged),
            "pairs": (lambda: pairs_fields(data), self._found(single.of_pairs, single.PAIR)),
            "arms": (lambda: arms_fields(data), self._found(single.of_arms, single.MOVE)),
            "stability": (lambda: arms_fields(data), self._found(single.of_stability, single.STABLE)),
        }

    @property
    def names(self) -> tuple[str, ...]:
        """What the tables are called."""
        return tuple(self._made)

    def of(self, name: str, pairs: Pairs, *, start: int = 0, limit: int | None = None, whole: bool = True) -> Table:
        """A table by its page's parameters: all of its rows, or a page of them."""
        fields, make = self._made[name][0](), self._made[name][1]
        known = {one.name for one in fields}
        if strange := [key for key, _ in pairs if key not in known and not key.startswith("__")]:
            raise InputError(f"{strange[0][:80]!a}: no such parameter; expected {', '.join(sorted(known))}")
        refuse_unknown(fields, pairs)
        return make(parse(fields, pairs), start, limit, whole)

    def about(self, board: Board | None = None, **more: Any) -> dict[str, Any]:
        """What rows are of: the board and its judge, the dataset, and the version of each."""
        data, found = self.data, {}
        if board is not None:
            found = {"board": board.id, "judge": board.judge, "rubric": board.rubric, "n_cases": board.n_cases}
        return {
            **found,
            "dataset": data.dataset_hub_id or data.dataset_name,
            "cases_hash": None if data.built is None else data.built.cases_hash,
            "results": data.now.version,
            **more,
        }

    def board(self, state: Mapping[str, Value]) -> tuple[Snapshot, Board]:
        """The board of a state with the version of the results that it is of."""
        now = self.data.now
        found = board_of(now, state)
        if found is None or now.leaderboard is None:
            raise InputError("There are no results here yet, so there is no board. /cases has the dataset's cases.")
        return now, found

    def compared(self, state: Mapping[str, Value]) -> tuple[Board, Comparison]:
        """Two models of a board, compared."""
        from eval.scores.comparison import compare

        now, board = self.board(state)
        rows = rows_of(board)
        for name in ("a", "b"):
            if state[name] not in rows:
                expected = f"the board {board.id} has {', '.join(rows)}"
                raise InputError(f"{name}: {'missing' if state[name] is None else 'not on this board'}; {expected}")
        if state["a"] == state["b"]:
            raise InputError("a and b are one and the same model; name two")
        book = book_of(self.data)
        return board, compare(*(book.of(now, board, rows[str(state[name])]) for name in ("a", "b")))

    def _leaderboard(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        now, board = self.board(state)
        frame = choose(board_frame(board, now.reasoned), wanted_of(state)).drop(columns=["search", "family_or_other"])
        frame = frame.rename(columns={"key": "id"})
        return _listed(_types(frame), plain_rows(frame), self.about(board), start, limit)

    def _breakdown(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        now, board = self.board(state)
        rows = rows_of(board)
        given = state["model"]
        keys = given if isinstance(given, tuple) and given else tuple(rows)
        if missing := [key for key in keys if key not in rows]:
            raise InputError(f"model: {missing[0]} is not on the board {board.id}, which has {', '.join(rows)}")
        tables = {key: table for key in keys if (table := table_of(now, rows[key])) is not None}
        by, metric = str(state["by"]), str(state["metric"])
        plain = bool(state["plain"]) and not by.startswith("dual_use")
        found = rates_of(tables, by, metric, without_dual_use=plain)
        meta = self.about(board, by=by, by_title=BY.get(by, by), without_dual_use=plain)
        return _listed(_RATE, found, meta, start, limit)

    def _compare(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        from eval.results.more_tables import as_plain

        board, found = self.compared(state)
        plain = as_plain(found)
        rows = [{name: row[name] for name in _DIFFERENCE} for row in plain["differences"]]
        return _listed(_DIFFERENCE, rows, self.about(board, **self._pair(found)), start, limit)

    def _differences(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        """Those of the rate that the page shows."""
        from eval.results.more_tables import as_plain

        board, found = self.compared(state)
        shown = [is_shown(each, str(state["metric"])) for each in found.differences]
        plain = [row for row, here in zip(as_plain(found)["differences"], shown, strict=True) if here]
        rows = [{name: row[name] for name in _DIFFERENCE} for row in plain]
        return _listed(_DIFFERENCE, rows, self.about(board, **self._pair(found)), start, limit)

    def _parted(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        board, found = self.compared(state)
        only = state["only"]
        sides = [(case_id, "a") for case_id in found.only_a_helps] if only != "b" else []
        sides += [(case_id, "b") for case_id in found.only_b_helps] if only != "a" else []
        some = sorted(sides)
        cases = self.data.store.cases_of(case_id for case_id, _ in some)
        rows = [
            {name: side if name == "helps" else getattr(cases[case_id], name) for name in _PARTED}
            for case_id, side in some
            if case_id in cases
        ]
        return _listed(_PARTED, rows, self.about(board, **self._pair(found)), start, limit)

    def _found(self, make: Callable[[SpaceData, single.State], single.Found], columns: Mapping[str, type]) -> Any:
        """A table of ``space.api.single``."""

        def table(state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
            rows, meta, board = make(self.data, state)
            return _listed(columns, rows, self.about(board, **meta), start, limit)

        return table

    def _case(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        """Every model's answer to a case, whole, with what people said of it."""
        store = self.data.store
        answers, case, people, judge = single.of_case(self.data, state)
        rows = (
            {
                **transcript_row(whole, case, called_in(store)[each.model]),
                "people": [f"{label.reviewer}: {label.response_type}" for label in people.get(each.model, ())],
            }
            for each in answers[start : None if limit is None else start + limit]
            if (whole := store.transcript(case.case_id, each.model, judge)) is not None
        )
        end = len(answers) if limit is None else start + limit
        meta = self.about(case=case.case_id, judge=judge)
        return Table(_ANSWER, rows, meta, len(answers), lambda: end if end < len(answers) else None)

    def _judged(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        """The answers on which two judges part, or one cell of their table, with what both say."""
        store = self.data.store
        found, meta = single.parted_answers(self.data, state)
        end = len(found) if limit is None else start + limit

        def rows() -> Iterator[Row]:
            for at in range(start, min(end, len(found)), WALKED):
                some = found[at : min(at + WALKED, end)]
                cases = store.cases_of(each.case_id for each, _ in some)
                for each, (a, b) in some:
                    row = transcript_row(each, cases[each.case_id], called_in(store)[each.model])
                    yield {**row, "a": a, "b": b}

        return Table(_JUDGED, rows(), self.about(**meta), len(found), lambda: end if end < len(found) else None)

    @staticmethod
    def _pair(found: Comparison) -> dict[str, Any]:
        return {"a": found.a, "b": found.b, "n_shared": found.n_shared, "n_unshared": found.n_unshared}

    def _transcripts(self, state: Mapping[str, Value], start: int, limit: int | None, whole: bool) -> Table:
        store = self.data.store
        search, names = search_of(state), called_in(store)
        total, capped = store.count(search)
        seen = [start, 0]
        size = WALKED if limit is None else min(limit + 1, WALKED)
        more = islice(store.walk(search, after=start, whole=whole, size=size), None if limit is None else limit + 1)

        def rows() -> Iterator[Row]:
            for chunk in _chunks(more):
                cases = store.cases_of(one.case_id for one in chunk)
                for one in chunk:
                    if seen[1] == limit:
                        seen[1] += 1
                        return
                    seen[:] = [one.no, seen[1] + 1]
                    yield transcript_row(one, cases[one.case_id], names[one.model], whole)

        judge = state[JUDGE]
        return Table(
            _TRANSCRIPT,
            rows(),
            self.about(judge=judge, total_is_at_least=capped),
            total,
            lambda: seen[0] if limit is not None and seen[1] > limit else None,
        )

    def _cases(self, state: Mapping[str, Value], start: int, limit: int | None, _: bool) -> Table:
        store = self.data.store
        wanted = {"family": "defeat_family", "subtype": "defeat_subtype", "authority": "authority_type"}
        kept = {
            column: values for name, column in wanted.items() if isinstance(values := state[name], tuple) and values
        }
        found = [
            case_row(case)
            for case in store.cases(limit=store.case_count)
            if all(getattr(case, column) in values for column, values in kept.items())
        ]
        columns = {name: _case_type(name) for name in _CASE_FIELDS}
        return _listed(columns, found, self.about(), start, limit)


def transcript_row(one: Transcript, case: Case, name: str, whole: bool = True) -> Row:
    """An answer with its verdict and what it answers."""
    said = one.response
    if said is not None and not whole:
        said = said[:BEGINNING]
    return {
        "case_id": one.case_id,
        "model": one.model,
        "model_name": name,
        "judge": one.judge,
        "response_type": one.response_type,
        "engages_with_defeat": one.engages,
        "independent_harm": one.harm,
        "unscored_reason": one.unscored_reason,
        "defeat_family": case.defeat_family,
        "defeat_subtype": case.defeat_subtype,
        "authority_type": case.authority_type,
        "dual_use": case.dual_use,
        "policy": case.policy,
        "user_query": case.user_query,
        "response": said,
        "reasoning": one.reasoning,
        "response_length": one.length,
        "hit_token_cap": one.hit_token_cap,
        "collected_at": one.collected_at,
    }


def case_row(case: Case) -> Row:
    """A case without the spellings of its source."""
    return {name: getattr(case, name) for name in _CASE_FIELDS}


def rates_of(tables: Mapping[str, SliceTable], by: str, metric: str, *, without_dual_use: bool) -> list[Row]:
    """A rate by a label of the cases, a row a model and label."""
    frame = breakdown_frame(tables, by, metric, without_dual_use=without_dual_use)
    return [
        {"model": key, "label": label, "metric": metric, **row}
        for key in tables
        for label, row in zip(frame.index, plain_rows(pd.DataFrame(frame[key])), strict=True)
    ]


def plain_rows(frame: pd.DataFrame) -> list[Row]:
    """A frame's rows as plain values, without a value as None."""
    found: list[Row] = json.loads(frame.to_json(orient="records", double_precision=15, default_handler=str))
    return found


def _listed(
    columns: Mapping[str, type], rows: Sequence[Row], meta: Mapping[str, Any], start: int, limit: int | None
) -> Table:
    end = len(rows) if limit is None else start + limit
    return Table(columns, rows[start:end], meta, len(rows), lambda: end if end < len(rows) else None)


def _types(frame: pd.DataFrame) -> dict[str, type]:
    def one(column: pd.Series[Any]) -> type:
        if pd.api.types.is_integer_dtype(column):
            return int
        return float if pd.api.types.is_numeric_dtype(column) or column.isna().all() else str

    return {str(name): one(frame[name]) for name in frame.columns}


def _case_type(name: str) -> type:
    if name == "structural_facts":
        return list
    fields = {one.name: one.type for one in msgspec.structs.fields(Case)}
    return bool if "bool" in str(fields[name]) else str


def _chunks(rows: Iterator[Transcript], size: int = 200) -> Iterator[list[Transcript]]:
    while chunk := list(islice(rows, size)):
        yield chunk
