"""The seven questions that programs and agents may ask, each answered with ``data`` and ``meta``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any, Final

from dataset_builder.errors import InputError
from space.api import asked
from space.api.asked import checked, refuse_unknown, request_of
from space.api.tables import Pairs, Table, Tables, case_row, rates_of, transcript_row
from space.data.called import called_in
from space.data.snapshot import transcripts_key
from space.pages.breakdown.table import rows_of, table_of
from space.pages.compare.page import CompareState
from space.pages.leaderboard.state import BOARD, board_field
from space.pages.transcripts.state import JUDGE, OF, TranscriptState
from space.store.transcript import NO, YES
from space.ui.links import parse

Answer = dict[str, Any]
# What a model is told apart by where all of it is asked for.
_SLICES: Final = ("family", "authority")
_RATES: Final = ("help_rate", "control_help_rate", "engagement_rate")


class Tools:
    """What can be asked of what is served. Every answer is ``{"data": …, "meta": …}``.

    Raises InputError, with what is wrong and what was expected, for whatever is not there or not allowed.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables, self._data = tables, tables.data

    @property
    def all(self) -> tuple[Callable[..., Answer], ...]:
        """The functions, in the order in which they are offered."""
        return (
            self.leaderboard, self.model, self.compare, self.breakdown, self.transcripts, self.cases, self.verdict,
        )  # fmt: skip

    def leaderboard(
        self,
        board: asked.Board = "",
        search: asked.NameWords = "",
        family: asked.ModelFamilies = None,
        weights: asked.Weights = None,
        status: asked.Status = None,
        size: asked.Size = None,
        released: asked.Released = None,
        price: asked.Price = None,
        reasoning: asked.Reasoning = None,
        sort: asked.Sort = "rank",
        descending: asked.Descending = False,
        limit: asked.Limit = asked.MOST_ROWS,
        start: asked.Start = 0,
    ) -> Answer:
        """The ranking: a row a model with its place and rates (shares from 0 to 1, with 95 % intervals).

        The rows' id is what other endpoints call a model. meta.boards lists the boards: one a judge and set of cases.
        """
        pairs = [(BOARD, board), ("q", search), ("sort", sort), ("down", "1" if descending else "")]
        pairs += _many(family=family, weights=weights, status=status)
        pairs += _many(size=size, released=released, price=price, reasoning=reasoning)
        found = _page(self._tables.of("leaderboard", pairs, start=start, limit=limit))
        found["meta"]["boards"] = [
            {"id": one.id, "judge": one.judge, "rubric": one.rubric, "dataset": one.dataset, "n_cases": one.n_cases}
            for one in self._data.now.boards
        ]
        return found

    def model(self, model: asked.Model, board: asked.Board = "") -> Answer:
        """One model: its row on a board, and its rates by family and authority of the rule, with intervals."""
        fields = [board_field(self._data.now)]
        refuse_unknown(fields, [(BOARD, board)])
        now, here = self._tables.board(parse(fields, [(BOARD, board)]))
        rows = rows_of(here)
        if model not in rows:
            raise InputError(f"model: {model!a} is not on the board {here.id}, which has {', '.join(rows)}")
        whole = self._tables.of("leaderboard", [(BOARD, here.id)]).rows
        row = next(one for one in whole if one["id"] == model)
        table = table_of(now, rows[model])
        slices = [
            {"by": by, **{name: value for name, value in one.items() if name != "model"}}
            for by in _SLICES
            for metric in _RATES
            for one in (rates_of({model: table}, by, metric, without_dual_use=False) if table is not None else ())
            if one["n"]
        ]
        one_row = rows[model]
        notes = [*filter(None, [one_row.judge_note]), *one_row.departures, *one_row.evidence, *one_row.status_reasons]
        return {"data": {"row": row, "slices": slices, "notes": notes}, "meta": self._tables.about(here)}

    def compare(
        self,
        a: asked.Model,
        b: asked.Model,
        board: asked.Board = "",
        limit: asked.Limit = 20,
        start: asked.Start = 0,
    ) -> Answer:
        """Two models on the cases that both are scored on: paired differences (a minus b), and cases where they part.

        p_holm and p_bh are corrected over all differences. limit and start page through the cases.
        """
        pairs = [("a", a), ("b", b), (BOARD, board)]
        self._known_models(pairs)
        differences = self._tables.of("compare", pairs)
        cases = self._tables.of("parted", pairs, start=start, limit=limit)
        found = _page(cases)
        return {"data": {"differences": list(differences.rows), "cases": found["data"]}, "meta": found["meta"]}

    def breakdown(
        self,
        model: asked.Models = None,
        by: asked.Slice = "family",
        metric: asked.Metric = "help_rate",
        board: asked.Board = "",
        without_dual_use: asked.WithoutDualUse = False,
        limit: asked.Limit = asked.MOST_ROWS,
        start: asked.Start = 0,
    ) -> Answer:
        """One rate by a label of the cases: a row a model and label, with its 95 % interval and how many answers."""
        pairs = [("by", by), ("metric", metric), (BOARD, board), ("plain", "1" if without_dual_use else "")]
        return _page(self._tables.of("breakdown", [*pairs, *_many(model=model)], start=start, limit=limit))

    def transcripts(
        self,
        search: asked.Words = "",
        model: asked.Models = None,
        response_type: asked.ResponseTypes = None,
        engages: asked.Engages = None,
        harm: asked.Harm = None,
        family: asked.Families = None,
        subtype: asked.Subtypes = None,
        authority: asked.Authorities = None,
        unscored: asked.Unscored = None,
        reviewed: asked.Reviewed = False,
        judge: asked.Judge = "",
        whole: asked.Whole = False,
        limit: asked.Limit = 20,
        start: asked.Start = 0,
    ) -> Answer:
        """Answers with their verdicts, found by words and filters, all of which have to hold."""
        pairs = [("q", search), (JUDGE, judge), ("reviewed", YES if reviewed else "")]
        flags = (("engages", engages), ("harm", harm))
        pairs += [(name, YES if value else NO) for name, value in flags if value is not None]
        pairs += _many(model=[self._answering(one) for one in model or ()], type=response_type, family=family)
        pairs += _many(subtype=subtype, authority=authority, unscored=unscored)
        return _page(self._tables.of("transcripts", pairs, start=start, limit=limit, whole=whole))

    def cases(
        self,
        family: asked.Families = None,
        subtype: asked.Subtypes = None,
        authority: asked.Authorities = None,
        limit: asked.Limit = 20,
        start: asked.Start = 0,
    ) -> Answer:
        """The dataset's cases: the rule, what defeats it, the request that models are asked, and every label."""
        pairs = _many(family=family, subtype=subtype, authority=authority)
        return _page(self._tables.of("cases", pairs, start=start, limit=limit))

    def verdict(self, case: asked.Case, model: asked.Model, judge: asked.Judge = "") -> Answer:
        """One answer whole, with the judge's verdict and reasoning, every other judge's verdict and people's labels."""
        store, model = self._data.store, self._answering(model)
        fields = [one for one in TranscriptState.of(store).fields if one.name in (OF, JUDGE)]
        pairs = [(OF, model), (JUDGE, judge)]
        refuse_unknown(fields, pairs)
        state = parse(fields, pairs)
        there = store.case(case)
        if there is None:
            raise InputError(f"case: there is no {case!a} here; /cases lists the cases")
        found = store.transcript(case, model, str(state[JUDGE] or ""))
        if found is None:
            raise InputError(f"{model} has no answer to the case {case} here; /transcripts lists the answers")
        names = ("response_type", "engages", "harm")
        row = transcript_row(found, there, called_in(store).get(model, model))
        others = [{"judge": one.judge, **{name: getattr(one, name) for name in names}} for one in found.others]
        people = [{"reviewer": one.reviewer, **{name: getattr(one, name) for name in names}} for one in found.labels]
        data = {"answer": row, "case": case_row(there), "other_judges": others, "people": people}
        return {"data": data, "meta": self._tables.about(judge=found.judge)}

    def _answering(self, model: str) -> str:
        """What a model of a board is called among the transcripts, where a run that was sent in carries its own id."""
        if model in self._data.store.models:
            return model
        rows = (row for board in self._data.now.boards for key, row in rows_of(board).items() if key == model)
        return next((transcripts_key(row) for row in rows), model)

    def _known_models(self, pairs: Pairs) -> None:
        refuse_unknown(CompareState(self._data.now).fields, pairs)


def guarded(function: Callable[..., Answer], wrong: Callable[[str], Exception]) -> Callable[..., Answer]:
    """The same function, checking its arguments first; what is the caller's mistake is raised as ``wrong`` makes it."""
    request, order = request_of(function), signature(function)

    @wraps(function)
    def asked_for(*args: Any, **named: Any) -> Answer:
        try:
            return function(**checked(request, {**dict(zip(order.parameters, args, strict=False)), **named}))
        except InputError as error:
            raise wrong(str(error)) from None

    return asked_for


def _page(table: Table) -> Answer:
    rows = list(table.rows)
    return {"data": rows, "meta": {**table.meta, "returned": len(rows), "total": table.total, "next": table.next()}}


def _many(**given: Sequence[str] | None) -> list[tuple[str, str]]:
    return [(name, value) for name, values in given.items() for value in values or ()]
