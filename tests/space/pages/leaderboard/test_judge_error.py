"""How often a board's judge errs on help: a sentence, with the families behind it."""

from __future__ import annotations

import msgspec

from eval.repository.leaderboard import Board
from eval.scores.results import HelpError
from space.pages.leaderboard.judge_error import judge_error


def board(found: list[HelpError]) -> Board:
    made = {
        "id": "b", "judge": "embedded", "rubric": "w", "dataset": "d", "hub_id": None, "origin": "study",
        "cases_hash": "0" * 64, "sample": "all", "n_cases": 3, "ranked_by": "discrimination", "judge_agreement": [],
        "help_error": found, "rows": [],
    }  # fmt: skip
    return msgspec.convert(msgspec.to_builtins(made), Board)


def test_the_page_says_how_often_the_judge_errs_on_help() -> None:
    found = [
        HelpError(family="alpha<b>", n=10, helps=4, called=5, precision=0.6, recall=0.75),
        HelpError(family="beta", n=1234, helps=0, called=0, precision=None, recall=None),
        HelpError(family="all", n=1244, helps=4, called=5, precision=0.6, recall=0.75),
    ]
    shown = judge_error(board(found))
    assert "60 % helps by the study's judge (precision)".replace("'", "&#39;") in shown
    assert "finds 75 % (recall)" in shown
    # A row a family, escaped; a share without a denominator is a dash and no zero.
    assert shown.count('<th scope="row">') == 3
    assert "alpha&lt;b&gt;" in shown
    assert "60.0" in shown
    assert ">0.0<" not in shown
    assert "1,234" in shown


def test_a_board_that_cannot_tell_says_nothing() -> None:
    assert judge_error(board([])) == ""
