"""The bundles of answers that came with a dataset: the study's models enter the leaderboard as any other does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from dataset_builder.dataset.opened import RESPONSES, OpenedDataset
from dataset_builder.dataset.sample import ALL_CASES
from dataset_builder.dataset.tables import split_of_model
from eval.repository.bundle import BundleAnswer, BundleJudge, BundleRun, MadeBundle
from eval.repository.identity import published_model
from eval.results.answer_set import AnswerSet
from eval.results.build import build_results
from eval.runs.verdict import PUBLISHED_RUBRIC, Verdict, hash_text
from eval.scores.read import published_answers
from eval.scores.results import Results
from eval.scores.scores import compute_scores
from eval.submissions.make import case_hashes, make_bundle

RUN_ID: Final = "published"
_EMPTY: Final = hash_text("")
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")


def bundles_of_dataset(dataset: OpenedDataset) -> Mapping[str, MadeBundle]:
    """A bundle for each model whose answers came with the dataset, by place, with the published verdicts.

    Kept for the next call on the same dataset. Raises InputError for a dataset without answers.
    """
    return _made(_Key(dataset))


def published_verdict(row: dict[str, Any], judge: str) -> Verdict:
    """The published verdict in a row of the dataset's answers, as a Verdict."""
    return Verdict(
        case_id=row["case_id"],
        response_hash=row["response_hash"] or _EMPTY,
        judge=judge,
        rubric=PUBLISHED_RUBRIC,
        response_type=row["response_type"],
        engages_with_defeat=row["engages_with_defeat"],
        independent_harm=row["independent_harm"],
        unscored_reason=row["unscored_reason"],
        reasoning=row["verdict_reasoning"],
    )


class _Key:
    """A dataset as a key: equal manifests hold equal answers, whatever the folder."""

    def __init__(self, dataset: OpenedDataset) -> None:
        self.dataset = dataset
        self._identity = (dataset.name, dataset.revision, dataset.built.manifest.to_json())

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._identity == other._identity


@lru_cache(maxsize=1)
def _made(key: _Key) -> Mapping[str, MadeBundle]:
    dataset = key.dataset
    found = AnswerSet(dataset, published_answers(dataset.built))
    scores = compute_scores(found.answers)
    results = build_results(
        scores, found.provenance(), corrected=found.corrected(), judge_agreement=found.judge_agreement()
    )
    asked = case_hashes(dataset.built.cases())
    made = [_bundle(dataset, one, asked) for one in results]
    return {one.place: one for one in made}


def _bundle(dataset: OpenedDataset, results: Results, asked: dict[str, str]) -> MadeBundle:
    origin = results.provenance
    judge = origin.judge
    rows = dataset.built.table(RESPONSES, split_of_model(origin.model.name)).to_pylist()
    answers = [
        BundleAnswer(
            case_id=row["case_id"],
            query_hash=asked[row["case_id"]],
            status=row["status"],
            response=row["response"],
            response_hash=row["response_hash"] or _EMPTY,
            reasoning=None,
            finish_reason=None,
            served_model=None,
            cost=None,
            latency_s=None,
            attempts=None,
            error=None,
            collected_at=row["collected_at"],
            **{name: row[name] for name in _TOKENS},
        )
        for row in rows
    ]
    return make_bundle(
        kind="published",
        model=published_model(origin.model.name, origin.model.id),
        dataset=dataset,
        run=BundleRun(
            sample=ALL_CASES,
            case_ids=[row["case_id"] for row in rows],
            model=origin.model.id,
            temperature=origin.sampling.temperature,
            max_tokens=origin.sampling.max_tokens,
        ),
        answers=answers,
        verdicts=[published_verdict(row, judge.judge) for row in rows if row["status"] == "ok"],
        judges=[BundleJudge(judge=judge.judge, rubric=judge.rubric)],
        results=results,
        run_id=RUN_ID,
    )
