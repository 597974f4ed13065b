"""The results repository on the Hub: a copy of what is needed of it, and commits that tread on nobody's toes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from dataset_builder.errors import ConflictError, InputError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.naming import repo_meant, without_scheme
from dataset_builder.hub.records import Committed, is_repo_name

KIND: Final = "dataset"
# What a preview and the checks of a new submission read.
FOR_CHECKS: Final = (
    "leaderboard.json",
    "submissions/*/*/bundle.json",
    "reviews/*/*/review.json",
    "reviews/*/*/fingerprints.parquet",
    "notices/*",
)
# What the leaderboard is made of.
FOR_AGGREGATION: Final = (
    "submissions/*",
    "reviews/*/review.json",
    "reviews/*/verdicts.parquet",
    "notices/*",
    "leaderboard.*",
    "manifest.json",
    "README.md",
)
# Every repository has it: of a new one that holds nothing else, huggingface_hub would warn.
_EVERYWHERE: Final = ".gitattributes"
_TRIES: Final = 8
T = TypeVar("T")


def results_repo(spec: str) -> str | None:
    """The results repository that ``--results`` names; None where it is a folder (see ``repo_meant``).

    Raises InputError where a revision is named: what is written goes on top of the newest one.
    """
    meant = repo_meant(spec)
    if meant is not None and meant.revision is not None:
        raise InputError(f"--results {spec}: a results repository is named without a revision, as {meant.name}.")
    return meant.name if meant else None


class ResultsRepo:
    """A results repository, by its name or as a user names it. Raises InputError for what names none."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub, self.name = hub, without_scheme(name)
        if not is_repo_name(self.name):
            raise InputError(f"{name!r} is not the name of a repository on the Hub; expected NAMESPACE/NAME.")

    @property
    def url(self) -> str:
        """Its page on the Hub."""
        return f"{self.hub.endpoint}/datasets/{self.name}"

    def head(self) -> str:
        """The newest commit on main."""
        return self.hub.head(self.name, KIND)

    def copy(self, patterns: Sequence[str], revision: str = "main", dest: Path | None = None) -> tuple[Path, str]:
        """A folder with the files that match, and their commit; in huggingface_hub's cache without ``dest``."""
        return self.hub.download_snapshot(self.name, KIND, revision, (*patterns, _EVERYWHERE), dest)

    def commit(
        self,
        message: str,
        add: Mapping[str, bytes],
        *,
        parent: str,
        delete: Sequence[str] = (),
        create_pr: bool = False,
    ) -> Committed:
        """One commit on top of ``parent``. Raises ConflictError where main has moved on, unless it is a request."""
        return self.hub.commit(
            self.name, KIND, message=message, add=dict(add), delete=delete, parent=parent, create_pr=create_pr
        )

    def update(self, attempt: Callable[[str], T]) -> T:
        """Call ``attempt`` with the newest commit until what it does on top of it meets no other commit.

        It reads at that commit and commits with it as the parent. Raises the last ConflictError after 8 tries.
        """
        for number in range(_TRIES):
            try:
                return attempt(self.head())
            except ConflictError:
                if number == _TRIES - 1:
                    raise
                self.hub.patience.sleep(min(0.1 * 2**number, 5.0))
        raise AssertionError("unreachable")
