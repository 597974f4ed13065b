"""A reader's label of an answer that comes as a pull request: what speaks against letting it in.

It is a stranger's file as any other: it has to be as the page writes it, about an answer that is there, by the account
that opened the request, and one of not too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

import msgspec

from dataset_builder.dataset.opened import RESPONSES, OpenedDataset
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.hub.pull_requests import Changes, PullRequest
from eval.judges.human.readers import (
    BACK,
    LABELS,
    LARGEST,
    MOST_OF_A_READER,
    MOST_OPEN,
    TITLE,
    as_written,
    label_bytes,
    label_path,
    request_title,
)
from eval.repository.bundle import VERDICTS
from eval.repository.folder import REVIEWS
from eval.repository.hub import KIND, ResultsRepo
from eval.repository.tables import read_rows
from eval.runs.verdict import EMPTY_HASH, Verdict

_AGAIN: Final = "label it on the page once more"
# Between a label and its pull request.
_LONGEST: Final = timedelta(hours=1)


class LabelDesk:
    """The labels that wait at one repository. What answers there are is looked up once, when the first one is read."""

    def __init__(self, repo: ResultsRepo, datasets: Sequence[OpenedDataset]) -> None:
        self._repo, self._datasets = repo, datasets
        self._answers: frozenset[tuple[str, str]] | None = None
        self._seen: Counter[str] = Counter()

    def is_one_too_many(self, request: PullRequest) -> bool:
        """Whether an account has more such requests open than are looked at in one go; counts this one."""
        if not request.title.startswith((TITLE, BACK)):
            return False
        self._seen[request.author] += 1
        return self._seen[request.author] > MOST_OPEN

    def left(self) -> Iterator[Problem]:
        """How many requests of each account were not looked at."""
        for author, n in self._seen.items():
            if n > MOST_OPEN:
                what = f"{n - MOST_OPEN:,} more labels wait, and {MOST_OPEN} of an account are looked at in one go"
                yield Problem(author, what, "merge or close those first")

    def check(self, request: PullRequest, changes: Changes, path: str) -> list[Problem]:
        """What speaks against the label at ``path``, which a request adds, replaces or deletes."""
        reader, author = PurePosixPath(path).parts[1], request.author
        if reader != author:
            return [Problem(path[:200], f"is a label of {reader[:96]}, but {author} opened it", "speak for yourself")]
        if path in changes.deleted:
            return [] if request.title.startswith(BACK) else [self._mistitled(path)]
        file = changes.added.get(path) or changes.changed[path]
        if file.size > LARGEST:
            return [Problem(path, f"{file.size:,} bytes; at most {LARGEST:,} are taken", _AGAIN)]
        data = self._repo.hub.read_file(self._repo.name, KIND, path, request.ref)
        try:
            label = msgspec.json.decode(data, type=Verdict)
            plain = as_written(author, label)
        except (msgspec.DecodeError, UnicodeError, RecursionError, InputError) as error:
            return [Problem(path, str(error)[:300], _AGAIN)]
        problems = []
        if data != label_bytes(plain):
            problems.append(Problem(path, "is not as the page writes a label", _AGAIN))
        if path != label_path(author, label.case_id, label.response_hash):
            problems.append(Problem(path, "is not where a label of that answer belongs", _AGAIN))
        if (label.case_id, label.response_hash) not in self._known():
            problems.append(Problem(path, "is of an answer that is not here", "label one that the pages show"))
        if abs(request.opened_at - _time(label.judged_at)) > _LONGEST:
            problems.append(Problem(path, "names another time than that of its pull request", _AGAIN))
        if request.title != request_title(label.case_id):
            problems.append(self._mistitled(path))
        if path in changes.added and self._standing(author) >= MOST_OF_A_READER:
            what = f"{author} has {MOST_OF_A_READER} labels here, and that is the most"
            problems.append(Problem(path, what, "take some back first"))
        return problems

    @staticmethod
    def _mistitled(path: str) -> Problem:
        return Problem(path, "came under another title than the page gives", _AGAIN)

    def _standing(self, reader: str) -> int:
        return sum(path.startswith(f"{LABELS}/{reader}/") for path in self._repo.hub.list_files(self._repo.name, KIND))

    def _known(self) -> frozenset[tuple[str, str]]:
        if self._answers is None:
            self._answers = frozenset(one for one in self._there() if one[1] != EMPTY_HASH)
        return self._answers

    def _there(self) -> Iterator[tuple[str, str]]:
        """Case and hash of each answer that came with the datasets, or in a submission that was let in."""
        names = ["case_id", "response_hash"]
        for dataset in self._datasets:
            built = dataset.built
            for split in built.splits(RESPONSES):
                table = built.table(RESPONSES, split, names)
                for case_id, text in zip(*(table.column(name).to_pylist() for name in names), strict=True):
                    if text is not None:
                        yield case_id, text
        copy, _ = self._repo.copy((f"{REVIEWS}/*/{VERDICTS}",))
        for path in sorted((copy / REVIEWS).glob(f"*/*/{VERDICTS}")):
            try:
                rows = read_rows(path, Verdict, path.name, names)
            except DataError:
                continue
            yield from zip(rows["case_id"], rows["response_hash"], strict=True)


def _time(text: str | None) -> datetime:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
