"""What results add to the transcripts of a dataset: runs that were sent in, and verdicts of further judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from dataset_builder.dataset.opened import BuiltDataset

Labels = Mapping[str, Any]
Judge = tuple[str, str]


class MoreAnswers(Protocol):
    """One more model's answers to the dataset's cases, from elsewhere; ``key`` changes whenever they do."""

    @property
    def model(self) -> str: ...  # noqa: D102

    @property
    def key(self) -> str: ...  # noqa: D102

    def rows(self, built: BuiltDataset) -> Iterable[dict[str, Any]]:
        """Rows with the columns of the dataset's own answers, and ``reviewed``, but for those of a verdict."""


class MoreVerdicts(Protocol):
    """A judge's verdicts on a model's answers, from elsewhere; ``key`` changes whenever they do."""

    @property
    def model(self) -> str: ...  # noqa: D102

    @property
    def judge(self) -> Judge: ...  # noqa: D102

    @property
    def key(self) -> str: ...  # noqa: D102

    def labels(self) -> Mapping[tuple[str, str], Labels]:
        """A verdict and its ``reasoning`` by case and hash of the answer."""


@dataclass(frozen=True)
class Additions:
    """What stands in a store beside the dataset's own answers and verdicts.

    ``judges`` (name and version of the rubric) are in the order in which they are offered.
    """

    answers: tuple[MoreAnswers, ...] = ()
    verdicts: tuple[MoreVerdicts, ...] = ()
    judges: tuple[Judge, ...] = ()

    @property
    def key(self) -> str:
        """What changes whenever any of it does; empty where there is nothing."""
        if not self.answers and not self.verdicts:
            return ""
        keys = [one.key for one in self.answers] + [one.key for one in self.verdicts]
        return "".join(f"\n{key}" for key in keys) + f"\n{self.judges}"


NOTHING_MORE: Final = Additions()
