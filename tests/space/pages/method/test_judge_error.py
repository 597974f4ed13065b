"""How often a judge errs on help: a sentence, with the families behind it."""

from __future__ import annotations

from eval.scores.results import HelpError
from space.pages.method.judge_error import judge_error
from space.pages.method.page import agreement_table
from tests.support.results_folder import board, row


def test_the_page_says_how_often_the_judge_errs_on_help() -> None:
    found = [
        HelpError(family="alpha<b>", n=10, helps=4, called=5, precision=0.6, recall=0.75, kappa=0.5),
        HelpError(family="beta", n=1234, helps=0, called=0, precision=None, recall=None),
        HelpError(family="all", n=1244, helps=4, called=5, precision=0.6, recall=0.75),
    ]
    shown = judge_error(found)
    assert "60 % helps by the study's judge (precision)".replace("'", "&#39;") in shown
    assert "finds 75 % (recall)" in shown
    # A row a family, escaped; a share without a denominator is a dash and no zero.
    assert shown.count('<th scope="row">') == 3
    assert "alpha&lt;b&gt;" in shown
    assert "60.0" in shown
    assert ">0.0<" not in shown
    assert "1,234" in shown
    assert "0.500" in shown
    assert "The goal is 75 % of both in every family." in shown
    # The page of the method names the judge, once for each of its versions.
    page = agreement_table([board(row("a", 1, 0.5, 0.1), help_error=found), board(row("b", 1, 0.5, 0.1), id="twin")])
    assert page.count('How often <span title="judge-1">Judge 1</span> (1) errs on help') == 1


def test_a_board_that_cannot_tell_says_nothing() -> None:
    assert judge_error([]) == ""
