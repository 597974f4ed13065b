"""What can go wrong, as one tree.

BlindRefusalError            exit code 1: a fault of this software
└── InputError               exit code 2: something given to it was wrong or out of reach
    ├── SourceError          a source of cases could not be fetched, opened or read
    ├── DataError            records, a built folder, a run or a bundle has problems; all are listed
    └── RemoteError          a server refused, failed or could not be reached
        ├── NotFoundError    what was asked for is not there, or not for us to see
        └── ConflictError    it is not in the state that we expected: someone else changed it first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dataset_builder.wording import counted


class BlindRefusalError(Exception):
    """The root of this project's errors; its text is fit to be shown to a user."""

    exit_code = 1


class InputError(BlindRefusalError):
    """The user's mistake, or bad input: says what, where, what was expected, what to do."""

    exit_code = 2


class SourceError(InputError):
    """A source of cases could not be fetched, opened or read."""


class RemoteError(InputError):
    """A server refused, failed or could not be reached."""


class NotFoundError(RemoteError):
    """What was asked for is not there, or not for us to see."""


class ConflictError(RemoteError):
    """It is not in the state that we expected: someone else changed it first."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: where it stands, what it is, what to do about it."""

    where: str
    what: str
    hint: str = ""

    # What is shown of each part: a value from a file may have any length.
    SHOWN: ClassVar[int] = 1000

    def __str__(self) -> str:
        where, what, hint = map(self._shown, (self.where, self.what, self.hint))
        return f"{where}: {what}" + (f" ({hint})" if hint else "")

    def _shown(self, text: str) -> str:
        """The text on one line that a terminal can show, whatever a file put into it, and not too long."""
        if len(text) > self.SHOWN:
            text = f"{text[: self.SHOWN // 2]} … {text[-self.SHOWN // 2 :]}"
        return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class DataError(InputError):
    """One or more problems in some data; ``problems`` holds every one of them.

    The text shows the first twenty, so that a thousand do not bury the summary.
    """

    SHOWN = 20

    def __init__(self, summary: str, problems: Sequence[Problem]) -> None:
        self.summary = summary
        self.problems = tuple(problems)
        lines = [f"{summary}: {counted(len(self.problems), 'problem')}"]
        lines += [f"  {problem}" for problem in self.problems[: self.SHOWN]]
        if len(self.problems) > self.SHOWN:
            lines.append(f"  and {len(self.problems) - self.SHOWN} more")
        super().__init__("\n".join(lines))
