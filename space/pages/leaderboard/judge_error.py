"""How often a board's judge errs on help, as its page shows it."""

from __future__ import annotations

from markupsafe import Markup

from eval.agreement.help_error import help_error_in_words
from eval.repository.leaderboard import Board
from space.ui.templates import template

_fill = template("pages/leaderboard/judge_error.html.j2")


def judge_error(board: Board) -> Markup:
    """A sentence with the families behind it; nothing where the dataset cannot tell."""
    told = help_error_in_words(board.help_error)
    return _fill("judge_error", told=told, found=board.help_error) if told else Markup()
