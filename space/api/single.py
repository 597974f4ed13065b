"""The tables behind the pages that are read only: one model, one case, two judges, all pairs, the arms of a set."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any, Final

from dataset_builder.dataset.records import Case
from dataset_builder.errors import InputError
from eval.repository.leaderboard import Board
from eval.scores.slices import OVERALL
from eval.sets.document import SetDocument
from space.data.data import SpaceData
from space.data.snapshot import row_key
from space.pages.arms import show as arms
from space.pages.case import show as case_page
from space.pages.compare.table import SIGNIFICANT
from space.pages.judges import show as judges
from space.pages.judges.parting import Parting, parting, sources_of
from space.pages.leaderboard.state import board_of
from space.pages.model import state as model_page
from space.pages.model.show import rates_of_row
from space.pages.model.slices import BY, HELP, parts_of
from space.pages.pairs import show as pairs
from space.pages.transcripts.state import CASE, JUDGE
from space.store.transcript import HumanLabel, Transcript
from space.ui.links import Value

Row = dict[str, Any]
Found = tuple[list[Row], dict[str, Any], Board | None]
State = Mapping[str, Value]

MODEL: Final[dict[str, type]] = {
    "by": str, "value": str, "title": str, "metric": str, "share": float, "low": float, "high": float, "n": int,
    "all_models": float, "stands_out": str,
}  # fmt: skip
PAIR: Final[dict[str, type]] = {
    "a": str, "b": str, "metric": str, "n": int, "estimate_a": float, "estimate_b": float, "difference": float,
    "low": float, "high": float, "p_value": float, "p_holm": float, "differs": bool,
}  # fmt: skip
CONFUSION: Final[dict[str, type]] = {"a": str, "b": str, "n": int, "share_of_a": float}
MOVE: Final[dict[str, type]] = {
    "model": str, "arm": str, "metric": str, "n": int, "before": float, "after": float, "difference": float,
    "low": float, "high": float, "p": float,
}  # fmt: skip
STABLE: Final[dict[str, type]] = {
    "arm": str, "model": str, "epochs": int, "of": int, "same": float, "low": float, "high": float,
}  # fmt: skip


def of_model(data: SpaceData, state: State) -> Found:
    """Every rate of a model, then its help by family and by authority beside that of all models."""
    now = data.now
    here = model_page.found(data, model_page.settle(data, state))
    if here is None:
        raise InputError("model: missing, or not on this board; the leaderboard's rows have the ids")
    board, row = here
    rows = [
        {
            "by": OVERALL, "value": OVERALL, "title": one["title"], "metric": one["id"], "share": one["value"],
            "low": one["low"], "high": one["high"], "n": one["n"], "all_models": None, "stands_out": None,
        }
        for one in rates_of_row(now, row)
    ]  # fmt: skip
    table = now.slices.get(row.results or "")
    if table is None:
        return rows, {"model": row_key(row), "model_id": row.model_id}, board
    for by in BY:
        rows += [
            {
                "by": by, "value": part.value, "title": part.title, "metric": HELP, "share": part.cell.estimate,
                "low": _plain(part.cell.low), "high": _plain(part.cell.high), "n": part.cell.n,
                "all_models": _plain(part.others.estimate), "stands_out": part.stands,
            }
            for part in parts_of(now, board, table, by)
        ]  # fmt: skip
    return rows, {"model": row_key(row), "model_id": row.model_id}, board


def of_case(data: SpaceData, state: State) -> tuple[list[Transcript], Case, dict[str, tuple[HumanLabel, ...]], str]:
    """All answers to a case as they stand in lists, the case, what people said by model, and whose verdicts."""
    settled = case_page.settle(data, state)
    case_id, judge = settled[CASE], str(settled[JUDGE])
    case = data.store.case(case_id) if isinstance(case_id, str) else None
    if case is None:
        raise InputError("case: missing; data/cases has every case_id")
    return list(data.store.answers(case.case_id, judge)), case, data.store.human_labels(case.case_id), judge


def of_judges(data: SpaceData, state: State) -> Found:
    """How often two judges gave which labels to the same answers."""
    found, meta = _parting(data, state)
    rows = []
    for place, first in enumerate(found.labels):
        total = int(found.found.table[place].sum())
        for beside, second in enumerate(found.labels):
            n = int(found.found.table[place, beside])
            rows.append({"a": first, "b": second, "n": n, "share_of_a": n / total if total else None})
    return rows, meta, None


def parted_answers(data: SpaceData, state: State) -> tuple[list[tuple[Transcript, tuple[str, str]]], dict[str, Any]]:
    """The answers that the page on judges lists, on all of its pages, each with what both say."""
    found, meta = _parting(data, state)
    settled = judges.settle(data, state)
    first, second = (str(settled[name]) if settled[name] else None for name in (judges.SAYS, judges.OTHER_SAYS))
    judge = next((one for one in (meta["judge_a"], meta["judge_b"]) if one in data.store.judge_ids), None)
    numbers = found.where(first, second)
    step = 500
    answers = [
        one for at in range(0, len(numbers), step) for one in data.store.numbered(numbers[at : at + step], judge)
    ]
    return [(one, found.pairs[one.no]) for one in answers], meta


def of_pairs(data: SpaceData, state: State) -> Found:
    """The difference between every two models of a board in one rate, with p-values corrected over all pairs."""
    now, board = data.now, board_of(data.now, state)
    if board is None or len(board.rows) < 2:
        raise InputError("a comparison takes two models, and there are fewer here")
    metric = str(state[pairs.METRIC])
    rows = [
        {
            "a": one.a, "b": one.b, "metric": metric, "n": one.n, "estimate_a": _plain(one.estimate_a),
            "estimate_b": _plain(one.estimate_b), "difference": _plain(one.difference), "low": _plain(one.low),
            "high": _plain(one.high), "p_value": _plain(one.p_value), "p_holm": _plain(one.p_holm),
            "differs": bool(one.p_holm < SIGNIFICANT),
        }
        for one in pairs.pairs_of(data, now, board, metric).values()
    ]  # fmt: skip
    return rows, {"metric": metric}, board


def of_arms(data: SpaceData, state: State) -> Found:
    """How far each model of a set moves in one rate."""
    found = _set(data, state)
    metric = str(state[arms.METRIC])
    rows = [{name: getattr(one, name) for name in MOVE} for one in found.moves if one.metric == metric]
    return rows, _about_set(found), None


def of_stability(data: SpaceData, state: State) -> Found:
    """How many cases of a set get the same label whenever they are asked, by arm and model."""
    found = _set(data, state)
    rows = [
        {"arm": arm, "model": model.model, **{n: getattr(model.stability, n) for n in ("epochs", *list(STABLE)[3:])}}
        for arm, model in arms.stable_of(found)
    ]
    return rows, _about_set(found), None


def _parting(data: SpaceData, state: State) -> tuple[Parting, dict[str, Any]]:
    settled, sources = judges.settle(data, state), sources_of(data.store)
    a, b = (sources.get(str(settled[name])) for name in (judges.FIRST, judges.SECOND))
    if a is None or b is None:
        raise InputError("two who judged the same answers are needed, and there are fewer here")
    field, model = str(settled[judges.WHAT]), settled[judges.MODEL]
    found = parting(data.store, a, b, field, model if isinstance(model, str) else None)
    agreed = {name: _plain(getattr(found.found, name)) for name in ("observed", "kappa", "kappa_low", "kappa_high")}
    return found, {"judge_a": a.id, "judge_b": b.id, "what": field, "model": model, "n": found.found.n, **agreed}


def _set(data: SpaceData, state: State) -> SetDocument:
    found = arms.set_of(data, state)
    if found is None:
        raise InputError("there is no set of runs here; 'blind-refusal eval set --results' puts one there")
    return found


def _about_set(found: SetDocument) -> dict[str, Any]:
    return {"set": found.name, "judge": found.judge, "rubric": found.rubric, "set_cases_hash": found.cases_hash}


def _plain(value: float | None) -> float | None:
    return None if value is None or isnan(value) else float(value)
