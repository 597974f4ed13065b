"""The bundles of answers that came with a dataset: the study's models enter the leaderboard as any other does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final

from msgspec.structs import asdict

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.sample import ALL_CASES
from dataset_builder.dataset.taxonomy import OK
from dataset_builder.wording import counted
from eval.repository.bundle import MadeBundle
from eval.repository.identity import published_model
from eval.results.answer_set import AnswerSet
from eval.results.build import build_results
from eval.runs.published import published_answer, published_rows, published_verdict
from eval.runs.run import Run
from eval.runs.verdict import PUBLISHED
from eval.scores.read import published_answers
from eval.scores.results import Results
from eval.scores.scores import compute_scores
from eval.submissions.make import make_bundle

_PACKED_AT_ONCE: Final = 4


def bundles_of_dataset(
    dataset: OpenedDataset, progress: Callable[[str], None] = lambda _: None
) -> Mapping[str, MadeBundle]:
    """A bundle for each model whose answers came with the dataset, by place, with the published verdicts.

    Kept for the next call on the same dataset. ``progress`` hears what is done, which takes a while.
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
def _made(key: _Key) -> Mapping[str, MadeBundle]:
    dataset, progress = key.dataset, key.progress
    progress(f"reading the answers that came with {dataset.name}")
    found = AnswerSet(dataset, published_answers(dataset.built))
    progress(f"scoring {counted(len(found.answers), 'model')}")
    scores = compute_scores(found.answers, ranked=False)
    results = build_results(
        scores, found.provenance(), corrected=found.corrected(), judge_agreement=found.judge_agreement()
    )
    made: dict[str, MadeBundle] = {}
    # Most of it is compression, which needs no lock of Python's.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _PACKED_AT_ONCE)) as pool:
        packed = [pool.submit(_bundle, dataset, result) for result in results]
        for result, one in zip(results, packed, strict=True):
            progress(f"packing {result.provenance.model.name}")
            made[one.result().place] = one.result()
    return made


def _bundle(dataset: OpenedDataset, results: Results) -> MadeBundle:
    origin = results.provenance
    judge = origin.judge
    rows = published_rows(dataset.built, origin.model.name)
    queries = {case.case_id: case.user_query for case in dataset.built.cases()}
    return make_bundle(
        kind=PUBLISHED,
        model=published_model(origin.model.name, origin.model.id),
        dataset=dataset,
        run=Run(
            sample=ALL_CASES,
            case_ids=tuple(row.case_id for row in rows),
            model=origin.model.id,
            temperature=origin.sampling.temperature,
            max_tokens=origin.sampling.max_tokens,
        ),
        answers=[published_answer(row, queries[row.case_id]) for row in rows],
        verdicts=[published_verdict(asdict(row), judge.judge) for row in rows if row.status == OK],
        judges=[judge],
        results=results,
        run_id=PUBLISHED,
    )
