"""The bundles of answers that came with a dataset: the study's models enter the leaderboard as any other does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import asdict

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.sample import ALL_CASES
from dataset_builder.dataset.taxonomy import OK
from dataset_builder.wording import counted
from eval.repository.bundle import MadeBundle
from eval.repository.identity import published_model
from eval.results.answer_set import AnswerSet
from eval.results.build import build_results
from eval.runs.answer import Answer
from eval.runs.published import published_answer, published_rows, published_verdict
from eval.runs.run import Run
from eval.runs.verdict import PUBLISHED, Verdict
from eval.scores.answers import ScoredAnswers
from eval.scores.read import published_answers
from eval.scores.results import ModelInfo, Results
from eval.scores.scores import compute_scores
from eval.submissions.make import make_bundle
from eval.submissions.submission import Submission, columns_of

_PACKED_AT_ONCE: Final = 4
# So many models' bundles are made together, and so many such lots are kept: a lot is needed again only while those that
# follow it are read ahead.
_A_LOT: Final = 9
_LOTS_KEPT: Final = 2


class _Packed(NamedTuple):
    """A bundle, and what it holds until somebody has taken it."""

    made: MadeBundle
    holds: Submission | None


class PublishedBundles(Mapping[str, MadeBundle]):
    """A bundle for each model whose answers came with a dataset, by place, with the published verdicts.

    A lot of them is made when one of it is asked for, and the last lots are kept, so that memory does not grow with the
    models. ``progress`` hears what is done, which takes a while. Raises InputError for a dataset without answers.
    """

    def __init__(self, dataset: OpenedDataset, progress: Callable[[str], None]) -> None:
        progress(f"reading the answers that came with {dataset.name}")
        found = AnswerSet(dataset, published_answers(dataset.built))
        self._dataset, self._progress = dataset, progress
        self._answers = sorted(found.answers, key=lambda one: one.model)
        self._provenance, self._corrected = found.provenance(), found.corrected()
        self._judge_agreement = found.judge_agreement()
        models = (self._provenance[one.model].model for one in self._answers)
        self._numbers = {_place(model): number for number, model in enumerate(models)}
        self._lots: dict[int, dict[str, _Packed]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __getitem__(self, place: str) -> MadeBundle:
        return self._packed(place).made

    def is_own(self, made: MadeBundle) -> bool:
        """Whether a bundle was made here, and not long ago."""
        return (there := self._lot_of(made.place).get(made.place)) is not None and there.made is made

    def take(self, made: MadeBundle) -> Submission | None:
        """What a bundle of one's own holds, which need not be read then; None where it was taken, and for another."""
        with self._lock:
            if not self.is_own(made):
                return None
            lot = self._lot_of(made.place)
            holds = lot[made.place].holds
            lot[made.place] = _Packed(made, None)
            return holds

    def _lot_of(self, place: str) -> dict[str, _Packed]:
        """The lot of a place, as far as it is there."""
        return self._lots.get(self._numbers.get(place, -1) // _A_LOT, {})

    def _packed(self, place: str) -> _Packed:
        with self._lock:
            lot = self._numbers[place] // _A_LOT
            if lot not in self._lots:
                while len(self._lots) >= _LOTS_KEPT:
                    del self._lots[next(iter(self._lots))]
                self._lots[lot] = self._make(self._answers[lot * _A_LOT : (lot + 1) * _A_LOT])
            return self._lots[lot][place]

    def _make(self, answers: Sequence[ScoredAnswers]) -> dict[str, _Packed]:
        self._progress(f"scoring {counted(len(answers), 'model')}")
        # Without ranks nothing that is said of a model hangs on the others.
        results = build_results(
            compute_scores(answers, ranked=False),
            self._provenance,
            corrected=self._corrected,
            judge_agreement=self._judge_agreement,
        )
        made: dict[str, _Packed] = {}
        # Most of it is compression, which needs no lock of Python's.
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _PACKED_AT_ONCE)) as pool:
            packed = [pool.submit(_bundle, self._dataset, result) for result in results]
            for result, one in zip(results, packed, strict=True):
                self._progress(f"packing {result.provenance.model.name}")
                made[_place(result.provenance.model)] = one.result()
        return made


def _place(model: ModelInfo) -> str:
    return f"{published_model(model.name, model.id).slug}/{PUBLISHED}"


def bundles_of_dataset(dataset: OpenedDataset, progress: Callable[[str], None] = lambda _: None) -> PublishedBundles:
    """The bundles of a dataset's own answers, kept for the next call on the same dataset.

    Raises InputError for a dataset without answers.
    """
    return _made(_Key(dataset, progress))


class _Key:
    """A dataset as a key: equal manifests hold equal answers, whatever the folder."""

    def __init__(self, dataset: OpenedDataset, progress: Callable[[str], None]) -> None:
        self.dataset, self.progress = dataset, progress
        self._identity = (dataset.name, dataset.revision, dataset.built.manifest.to_json())

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._identity == other._identity


@lru_cache(maxsize=1)
def _made(key: _Key) -> PublishedBundles:
    return PublishedBundles(key.dataset, key.progress)


def _bundle(dataset: OpenedDataset, results: Results) -> _Packed:
    origin = results.provenance
    judge = origin.judge
    rows = published_rows(dataset.built, origin.model.name)
    queries = {case.case_id: case.user_query for case in dataset.built.cases()}
    run = Run(
        sample=ALL_CASES,
        case_ids=tuple(row.case_id for row in rows),
        model=origin.model.id,
        temperature=origin.sampling.temperature,
        max_tokens=origin.sampling.max_tokens,
    )
    answers = sorted((published_answer(row, queries[row.case_id]) for row in rows), key=lambda one: one.case_id)
    judged = (published_verdict(asdict(row), judge.judge) for row in rows if row.status == OK)
    verdicts = sorted(judged, key=lambda one: one.key)
    made = make_bundle(
        kind=PUBLISHED,
        model=published_model(origin.model.name, origin.model.id),
        dataset=dataset,
        run=run,
        answers=answers,
        verdicts=verdicts,
        judges=[judge],
        results=results,
        run_id=PUBLISHED,
    )
    labels = columns_of(Verdict, verdicts) if verdicts else None
    return _Packed(made, Submission.of(made.files, made.bundle, run, columns_of(Answer, answers), labels))
