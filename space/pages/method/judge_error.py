"""How often a judge errs on help, as the pages show it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from eval.agreement.help_error import GOAL, help_error_in_words
from eval.repository.leaderboard import Board
from eval.scores.results import HelpError
from space.ui.templates import template

_fill = template("pages/method/judge_error.html.j2", goal=GOAL)


def judge_error(found: Sequence[HelpError], judge: Board | None = None) -> Markup:
    """A sentence with the families behind it; nothing where it was not measured.

    The ``judge`` of a board is named where the page is about several.
    """
    told = help_error_in_words(found)
    return _fill("judge_error", told=told, found=found, judge=judge) if told else Markup()


def help_table(found: Sequence[HelpError], caption: str) -> Markup:
    """The table alone: a row a family."""
    return _fill("help_table", found=found, caption=caption)
