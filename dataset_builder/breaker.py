"""Noticing that a server is gone."""

from __future__ import annotations

from typing import Final

from dataset_builder.chat_answer import PROVIDER_ERROR, ChatAnswer
from dataset_builder.taxonomy import OK

# Failures in a row after which a server counts as gone: before it has ever answered, and after.
_STRANGER, _ACQUAINTANCE = 5, 20
RETRY_HINT: Final = "Then run the same command with --retry-errors: what was answered is kept."


class Breaker:
    """Notices that a server answers no more, so that a thousand cases are not spent on finding out.

    ``hint`` says what the user is to do then.
    """

    def __init__(self, hint: str = RETRY_HINT) -> None:
        self._hint = hint
        self.answered = False
        self._row = 0
        self._last = ""

    def note(self, answer: ChatAnswer) -> None:
        """Take the end of one request into account."""
        if answer.status == PROVIDER_ERROR:
            self._row += 1
            self._last = answer.error or "no reason given"
        else:
            self.answered = self.answered or answer.status == OK
            self._row = 0

    @property
    def reason(self) -> str | None:
        """Why to stop, or None."""
        if self._row < (_ACQUAINTANCE if self.answered else _STRANGER):
            return None
        return f"the last {self._row} requests all failed, the last one with: {self._last}. {self._hint}"
