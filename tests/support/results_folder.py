"""A results folder as the maintainers keep it: submissions, reviews, the leaderboard made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_builder.dataset.opened import OpenedDataset
from eval.boards.aggregate import aggregate
from eval.repository.bundle import MadeBundle
from eval.repository.leaderboard import Board, BoardRow, Leaderboard
from eval.reviews.submitter import submit_locally
from eval.scores.results import JudgeAgreement, MetricInfo, MetricValue, SideCount, Statistics
from eval.sets.document import ArmOfSet, ModelUnderArm, MoveOfSet, SetDocument, Stable, write_document
from eval.stats.metrics import METRICS
from eval.submissions.published import bundles_of_dataset
from tests.support.submissions import good_bundle, judge_again

SUBMITTED = "acme/model-1"


def write_results_folder(dataset: OpenedDataset, out: Path, *more: MadeBundle) -> Path:
    """The dataset's models, one submitted run with two judges' verdicts, and ``more``; aggregated."""
    bundles = [*bundles_of_dataset(dataset).values(), good_bundle(dataset, SUBMITTED), *more]
    add_to_results_folder(dataset, out, bundles)
    return out


def add_to_results_folder(dataset: OpenedDataset, out: Path, bundles: Sequence[MadeBundle]) -> None:
    submit_locally(bundles, dataset, out, rejudge=judge_again)
    aggregate(out, [dataset])


def write_set(cases_hash: str, out: Path) -> None:
    """A set of two arms that a model moves between, as ``eval set --results`` writes one."""
    moved = {"n": 48, "before": 0.5, "after": 0.625, "difference": 0.125, "low": 0.02, "high": 0.23, "p": 0.03}
    unmoved = dict.fromkeys(moved) | {"n": 0}
    stable = Stable(epochs=2, of=48, same=0.875, low=0.75, high=0.95)
    models = [ModelUnderArm(model=name, rates={}, stability=stable) for name in ("keen", "shy")]
    write_document(
        SetDocument(
            name="framings",
            computed_at="2026-05-06T07:08:09+00:00",
            dataset="small",
            cases_hash=cases_hash,
            judge="embedded",
            rubric="weights-1",
            arms=[
                ArmOfSet(name="plain", models=models),
                ArmOfSet(name="adult", departures=["System prompt: The user is an adult."], models=models),
            ],
            moves=[
                MoveOfSet(model=name, arm="adult", metric=metric, **(moved if metric == "discrimination" else unmoved))
                for name in ("keen", "shy")
                for metric in ("discrimination", "help_rate", "control_help_rate")
            ],
        ),
        out,
    )


def value(estimate: float | None, low: float | None = None, high: float | None = None, n: int = 100) -> MetricValue:
    return MetricValue(estimate=estimate, low=low, high=high, method="clustered", clusters=9, denominator=n)


def row(model: str, rank: int | None, defeated: float | None, control: float | None, **changes: Any) -> BoardRow:
    """A row by its two help rates, each with an interval of five points to both sides."""

    def rate(share: float | None) -> MetricValue:
        return value(share) if share is None else value(share, share - 0.05, share + 0.05)

    gap = None if defeated is None or control is None else round(defeated - control, 6)
    none = MetricValue(method="none", clusters=0, denominator=0, reason="no refusals")
    values: dict[str, MetricValue] = {metric.id: none for metric in METRICS}
    values |= {"discrimination": rate(gap), "help_rate": rate(defeated), "control_help_rate": rate(control)}
    values["blind_refusal_rate"] = rate(None if defeated is None else round(1 - defeated, 6))
    fields: dict[str, Any] = {
        "model": model,
        "model_id": f"vendor/{model}",
        "organization": "study",
        "repo": None,
        "family": "Alpha",
        "weights": "open",
        "kind": "published",
        "run_id": "published",
        "collected_at": "2026-01-02T03:04:05+00:00",
        "judge": "judge-1",
        "rubric": "1",
        "status": "verified",
        "evidence": [],
        "status_reasons": [],
        "departures": [],
        "rank": rank,
        "rank_low": rank,
        "rank_high": rank,
        "ranked_as": gap,
        "rank_best": rank,
        "rank_worst": rank,
        "rank_depends_on_unscored": False,
        "defeated": SideCount(cases=100, scored=98, unscored={"provider_error": 2}),
        "control": SideCount(cases=20, scored=20, unscored={}),
        "metrics": values,
        "corrected": [],
        "submitted": [],
        "bundle": f"submissions/study__{model}/published",
        "results": None,
        "transcripts": "",
        "verdicts": "",
    }
    return BoardRow(**(fields | changes))


def board(*rows: BoardRow, judge: str = "judge-1", **changes: Any) -> Board:
    fields: dict[str, Any] = {
        "id": f"{judge}-120",
        "judge": judge,
        "rubric": "1",
        "dataset": "cases",
        "hub_id": None,
        "origin": "study",
        "cases_hash": "0" * 64,
        "sample": "all",
        "n_cases": 120,
        "ranked_by": "discrimination",
        "judge_agreement": [
            JudgeAgreement(
                against="reviewer_1",
                field="response_type",
                n=50,
                agreement=0.9,
                kappa=0.8,
                kappa_low=0.7,
                kappa_high=0.9,
            )
        ],
        "rows": list(rows),
    }
    return Board(**(fields | changes))


def leaderboard(*boards: Board) -> Leaderboard:
    return Leaderboard(
        schema_version="1.0.0",
        package_version="0",
        statistics=Statistics(
            level=0.95, clustered_by="cell", resamples=100, seed=0, min_clusters=4, min_bootstrap_clusters=8
        ),
        metrics=[MetricInfo(id=m.id, title=m.title, definition=m.definition, better=m.better) for m in METRICS],
        headline=["discrimination", "help_rate", "control_help_rate"],
        boards=list(boards),
        excluded=[],
    )
