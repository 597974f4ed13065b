"""Links whose board, model or slice is not there: what is said of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from space.frame.page import gone
from space.ui.links import Choice, Many, Text, nearest, not_on_offer
from tests.support.hostile import strings

FIELDS = (
    Choice("board", ("gpt-5.4-1290", "embedded-weights-abc-112"), "gpt-5.4-1290"),
    Many("model", ("glm-5", "glm-5-turbo", "grok-4")),
    Choice("by", ("family", "authority"), "family"),
    Text("q"),
)


def opened(*pairs: tuple[str, str]) -> Any:
    return SimpleNamespace(query_params=SimpleNamespace(multi_items=lambda: list(pairs)))


def test_an_address_that_names_what_is_there_is_not_remarked_on() -> None:
    assert gone("", FIELDS, opened(("board", "gpt-5.4-1290"), ("model", "glm-5"), ("q", "anything"), ("x", "y"))) == ""
    # An empty value asks for nothing.
    assert gone("", FIELDS, opened(("board", ""))) == ""


def test_a_board_that_is_gone_is_named_with_a_link_to_the_nearest() -> None:
    told = gone("", FIELDS, opened(("board", "embedded-weights-OLD"), ("q", "grok")))
    assert "the leaderboard “embedded-weights-OLD”, which is not here" in told
    assert '<a href="./?board=embedded-weights-abc-112&amp;q=grok">embedded-weights-abc-112</a>' in told


def test_the_nearest_is_added_to_the_models_that_are_there() -> None:
    told = gone("breakdown", FIELDS, opened(("model", "grok-4"), ("model", "glm-5-turb")))
    assert 'href="breakdown?model=glm-5-turbo&amp;model=grok-4"' in told


def test_what_is_like_nothing_is_left_out_aloud() -> None:
    told = gone("breakdown", FIELDS, opened(("model", "zzzzzzzz")))
    assert "the model “zzzzzzzz”" in told
    assert "You see the page without it." in told
    assert "<a " not in told


def test_where_the_nearest_is_what_is_shown_there_is_nothing_to_click() -> None:
    told = gone("", FIELDS, opened(("board", "gpt-5.4-1200")))
    assert "You see gpt-5.4-1290 instead." in told
    assert "<a " not in told


def test_each_is_said_once_and_not_without_end() -> None:
    pairs = [("model", "x"), ("model", "x"), ("by", "cell")]
    assert [(field.name, value) for field, value in not_on_offer(FIELDS, pairs)] == [("model", "x"), ("by", "cell")]
    assert gone("", FIELDS, opened(*(("model", f"m{n}") for n in range(100)))).count("<p>") == 5


@pytest.mark.parametrize("text", strings())
def test_a_hostile_link_is_inert(text: str) -> None:
    told = gone("", FIELDS, opened(("board", text), ("model", text)))
    assert "<script" not in told.lower()
    assert "<img" not in told.lower()


def test_a_very_long_name_is_like_none() -> None:
    assert nearest("x" * 1_000_000, ("family",)) is None
