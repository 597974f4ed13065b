"""A set of the results folder as a page: paired differences between arms, and stability; no gradio here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from eval.sets.document import ModelUnderArm, MoveOfSet, SetDocument
from eval.stats.intervals import LEVEL
from eval.stats.metrics import METRIC_BY_ID
from space.data.called import asked_as
from space.data.data import SpaceData
from space.frame.page import heading
from space.prose.rates import rate_hint, rate_name
from space.ui.links import Choice, Field, Value, link
from space.ui.templates import template

ADDRESS: Final = "arms"
TITLE: Final = "How far models move"
ABOUT: Final = "The same cases under another framing, and asked again: how far each model moves."
SET, METRIC = "set", "metric"
METRICS: Final = ("discrimination", "help_rate", "control_help_rate")
_fill = template("pages/arms/page.html.j2", asked_as=asked_as)


def fields_of(data: SpaceData) -> tuple[Field, ...]:
    """Which set, and which rate."""
    return Choice(SET, tuple(one.name for one in data.now.sets)), Choice(METRIC, METRICS, METRICS[0])


def settle(data: SpaceData, state: Mapping[str, Value]) -> dict[str, Value]:
    """The state with a set."""
    found = set_of(data, state)
    return {**state, SET: found.name if found else None}


def show(data: SpaceData, state: Mapping[str, Value]) -> Markup:
    """All of the page."""
    title, found = heading(TITLE, ABOUT), set_of(data, state)
    if found is None:
        return title + _fill("nothing")
    metric = str(state[METRIC])
    fields = fields_of(data)
    moves = [one for one in found.moves if one.metric == metric]
    told = [one for one in moves if one.difference is not None and one.p is not None]
    return title + _fill(
        "page",
        found=found,
        rate=rate_name(metric),
        hint=rate_hint(METRIC_BY_ID[metric]),
        rows=[_row(one, found) for one in moves],
        beyond=sum(one.p < 1 - LEVEL for one in told if one.p is not None),
        n=len(told),
        stable=stable_of(found),
        metrics=[(rate_name(one), _to(fields, state, METRIC, one, metric)) for one in METRICS],
        sets=[(one.name, _to(fields, state, SET, one.name, found.name)) for one in data.now.sets],
    )


def set_of(data: SpaceData, state: Mapping[str, Value]) -> SetDocument | None:
    """The set of a state: the one named, else the first."""
    sets = data.now.sets
    return next((one for one in sets if one.name == state.get(SET)), sets[0] if sets else None)


def _row(one: MoveOfSet, found: SetDocument) -> dict[str, Any]:
    """A model's move, with what its picture needs: percent of the width from -100 to 100 points."""
    there = one.difference is not None and one.low is not None and one.high is not None
    ends = [50 + 50 * min(1.0, max(-1.0, end or 0.0)) for end in (one.low, one.difference, one.high)]
    return {
        "move": one,
        "first": found.arms[0].name,
        "sure": one.p is not None and one.p < 1 - LEVEL,
        "picture": ends if there else None,
    }


def stable_of(found: SetDocument) -> list[tuple[str, ModelUnderArm]]:
    """Each arm's models that were asked several times, by arm."""
    return [(arm.name, model) for arm in found.arms for model in arm.models if model.stability is not None]


def _to(fields: tuple[Field, ...], state: Mapping[str, Value], name: str, value: str, shown: str) -> Markup | None:
    return None if value == shown else link(ADDRESS, fields, {**state, name: value})
