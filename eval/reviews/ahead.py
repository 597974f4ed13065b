"""What can be done for several bundles at once before they are reviewed one by one: reading, judging, scoring.

Only answers that came with the dataset are judged and scored ahead, as they are made of the dataset itself: to judge
them costs nobody anything, and nothing of it can fail that their review would not tell.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError
from eval.repository.bundle import MadeBundle
from eval.repository.folder import SUBMISSIONS
from eval.results.build import build_results
from eval.reviews.verdicts import Rejudge, Rejudged
from eval.runs.run import JudgeRecord
from eval.runs.verdict import PUBLISHED
from eval.scores.results import Results
from eval.scores.scores import compute_scores
from eval.submissions.published import bundles_of_dataset
from eval.submissions.submission import Submission, read_submission

# More of them are scored a little faster together, and take more memory.
_TOGETHER: Final = 6
_READ_AHEAD: Final = 2


class Ahead(NamedTuple):
    """A bundle, with what it holds (None where there is no need or no way) and what was judged already."""

    made: MadeBundle
    read: Submission | None = None
    rejudged: list[Rejudged] | None = None


def done_ahead(
    bundles: Iterable[MadeBundle], dataset: OpenedDataset, results: Path, rejudge: Rejudge
) -> Iterator[Ahead]:
    """Each bundle, with what was done for it while the ones before it were reviewed."""
    reading = _read_ahead(bundles, dataset, results)
    while some := list(itertools.islice(reading, _TOGETHER)):
        yield from _judged(some, dataset, rejudge)


def _read_ahead(bundles: Iterable[MadeBundle], dataset: OpenedDataset, results: Path) -> Iterator[Ahead]:
    """Reading goes on in another process, and telling an answer's shingles outside of Python."""

    def read(made: MadeBundle) -> Ahead:
        if (results / SUBMISSIONS / made.place).is_dir():
            return Ahead(made)
        try:
            # What was made of the dataset a moment ago need not be read again.
            submission = _taken(made, dataset) or read_submission(made.files)
        except DataError:
            # The report on it says why.
            return Ahead(made)
        if submission.bundle.dataset.cases_hash == dataset.built.cases_hash:
            submission.marks(dataset)
        return Ahead(made, submission)

    with ThreadPoolExecutor(1) as reader:
        waiting: deque[Future[Ahead]] = deque()
        for made in bundles:
            waiting.append(reader.submit(read, made))
            if len(waiting) > _READ_AHEAD:
                yield waiting.popleft().result()
        for last in waiting:
            yield last.result()


def _judged(some: Sequence[Ahead], dataset: OpenedDataset, rejudge: Rejudge) -> list[Ahead]:
    """The same bundles; where several are of the dataset's own answers, these are judged, and scored together."""
    own = {one.made.place: one.read for one in some if one.read and _is_own(one.made, dataset)}
    if len(own) < 2:
        return list(some)
    rejudged = {place: rejudge(read, dataset) for place, read in own.items()}
    groups: dict[tuple[str, str, tuple[str, ...]], dict[str, Rejudged]] = {}
    for place, read in own.items():
        for found in rejudged[place]:
            if found.verdicts and not found.is_partial:
                groups.setdefault((found.judge, found.rubric, read.run.case_ids), {})[place] = found
    for of_judge in groups.values():
        results = _scored([(own[place], found) for place, found in of_judge.items()], dataset)
        for (place, found), result in zip(of_judge.items(), results, strict=True):
            rejudged[place] = [replace(one, results=result) if one is found else one for one in rejudged[place]]
    return [
        one._replace(rejudged=rejudged[one.made.place]) if one.read and own.get(one.made.place) is one.read else one
        for one in some
    ]


def _scored(judged: Sequence[tuple[Submission, Rejudged]], dataset: OpenedDataset) -> list[Results]:
    """The results of several submissions by one judge."""
    answers, provenance = [], {}
    for read, found in judged:
        info = JudgeRecord(judge=found.judge, rubric=found.rubric, settings=found.settings)
        answers.append(read.scored(dataset, found.verdicts, found.judge, found.rubric))
        provenance[answers[-1].model] = read.provenance(dataset, info)
    scores = compute_scores(answers, ranked=False)
    results = dict(zip(scores.models, build_results(scores, provenance), strict=True))
    return [results[one.model] for one in answers]


def _is_own(made: MadeBundle, dataset: OpenedDataset) -> bool:
    """Whether a bundle was made here of the answers that came with the dataset."""
    return (
        made.bundle.kind == PUBLISHED
        and bool(dataset.built.splits("responses"))
        and bundles_of_dataset(dataset).is_own(made)
    )


def _taken(made: MadeBundle, dataset: OpenedDataset) -> Submission | None:
    """What such a bundle holds, where nobody has taken it."""
    return bundles_of_dataset(dataset).take(made) if _is_own(made, dataset) else None
