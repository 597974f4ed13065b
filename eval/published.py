"""What came with the dataset: the published verdicts on its answers, and the reviewers' labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dataset_builder.built import BuiltDataset
from dataset_builder.errors import InputError
from dataset_builder.records import VerdictReview
from dataset_builder.tables import split_of_model
from eval.case_table import CaseTable
from eval.scored import PUBLISHED_RUBRIC, ScoredAnswers, VerdictRow

RESPONSES: Final = "responses"
REVIEWS: Final = "human_verdict_review"
_COLUMNS: Final = [*VerdictRow._fields, "model", "judge"]


def published_models(built: BuiltDataset) -> tuple[str, ...]:
    """The models whose answers the dataset holds, sorted; empty where it holds none."""
    return tuple(sorted(_model_of(built, split) for split in built.splits(RESPONSES)))


def published_answers(
    built: BuiltDataset, models: Sequence[str] | None = None, *, judge: str | None = None
) -> list[ScoredAnswers]:
    """The dataset's answers with the verdicts that came with them, of some models or of all.

    Raises InputError for a dataset without answers, an unknown model, verdicts of several
    judges, or none by ``judge``; DataError for verdicts that cannot be laid over the cases.
    """
    splits = built.splits(RESPONSES)
    if not splits:
        raise InputError(
            f"{built.path}: holds cases but no answers of models, so there is nothing to score. "
            "Run a model on it with 'blind-refusal eval run', or use a dataset built from the study."
        )
    wanted = splits if models is None else [split_of_model(model) for model in models]
    unknown = [model for model, split in zip(models or (), wanted, strict=False) if split not in splits]
    if unknown:
        raise InputError(
            f"{built.path}: holds no answers of {', '.join(unknown)}; it has {', '.join(published_models(built))}."
        )
    cases = CaseTable.from_cases(built.cases())
    return [_answers(built, cases, split, judge) for split in sorted(wanted)]


def reviews(built: BuiltDataset) -> list[VerdictReview]:
    """The reviewers' own labels of answers; empty where the dataset has none."""
    if REVIEWS not in {name.split("/")[1] for name in built.manifest.files if name.startswith("data/")}:
        return []
    return [VerdictReview(**row) for split in built.splits(REVIEWS) for row in built.table(REVIEWS, split).to_pylist()]


def _answers(built: BuiltDataset, cases: CaseTable, split: str, judge: str | None) -> ScoredAnswers:
    rows = built.table(RESPONSES, split, _COLUMNS).to_pylist()
    models = sorted({row["model"] for row in rows})
    if len(models) != 1:
        raise InputError(f"{built.path}: split {split} holds answers of {', '.join(models) or 'no model'}, not of one.")
    judges = sorted({row["judge"] for row in rows if row["judge"] is not None and row["unscored_reason"] is None})
    if len(judges) > 1:
        raise InputError(
            f"{built.path}: the verdicts on {models[0]} are by {', '.join(judges)}. Judges are never mixed in one rate."
        )
    if judge is not None and judges != [judge]:
        raise InputError(
            f"{built.path}: the published verdicts on {models[0]} are by {', '.join(judges) or 'nobody'}, "
            f"not by {judge}. Leave --judge out, or judge the answers with it first."
        )
    return ScoredAnswers.from_rows(
        cases, map(_verdict, rows), model=models[0], judge=judges[0] if judges else "none", rubric=PUBLISHED_RUBRIC
    )


def _verdict(row: dict[str, Any]) -> VerdictRow:
    return VerdictRow(*(row[name] for name in VerdictRow._fields))


def _model_of(built: BuiltDataset, split: str) -> str:
    models = built.table(RESPONSES, split, ["model"]).column("model")
    return str(models[0]) if len(models) else split
