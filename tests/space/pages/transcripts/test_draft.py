"""A form that a browser kept: only that of the open answer, and only what the form takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eval.judges.human.readers import LONGEST_NOTE
from space.intake.readers import Said
from space.pages.transcripts.draft import LONGEST, read_draft
from space.ui.links import Value

STATE: dict[str, Value] = {"case": "control:school:1", "of": "alpha-1"}
DRAFT: dict[str, Any] = {**STATE, "kind": "deflects", "engages": True, "harm": False, "note": "It <b>talks</b>."}


def test_what_was_filled_in_comes_back() -> None:
    assert read_draft(json.dumps(DRAFT), STATE) == Said("deflects", engages=True, harm=False, note="It <b>talks</b>.")


def test_what_the_form_would_not_take_is_left_out() -> None:
    odd: dict[str, Any] = {"kind": "<script>", "engages": "yes", "harm": 1, "note": "x" * (LONGEST_NOTE + 1)}
    left = Said("", engages=False, harm=False, note="x" * LONGEST_NOTE)
    assert read_draft(json.dumps({**DRAFT, **odd}), STATE) == left
    odd = {"kind": ["deflects"], "note": {}}
    assert read_draft(json.dumps({**DRAFT, **odd}), STATE) == Said("", engages=True, harm=False)
    # Every character of the longest note may take twelve: it is kept all the same.
    longest = read_draft(json.dumps({**DRAFT, "note": "\U0001f600" * LONGEST_NOTE}), STATE)
    assert longest is not None
    assert longest.note == "\U0001f600" * LONGEST_NOTE


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        7,
        "{",
        "[]",
        "null",
        "[" * 5_000,
        json.dumps({**DRAFT, "of": "beta-2"}),
        json.dumps({**DRAFT, "case": "control:school:2"}),
        json.dumps({**DRAFT, "more": "x" * LONGEST}),
    ],
)
def test_what_is_of_another_answer_or_no_form_is_left(text: object) -> None:
    assert read_draft(text, STATE) is None


@pytest.mark.parametrize("state", [{"case": "", "of": None}, {"case": "control:school:1", "of": None}])
def test_where_no_answer_is_open_nothing_is_put_back(state: dict[str, Value]) -> None:
    assert read_draft(json.dumps({**DRAFT, **state}), state) is None
