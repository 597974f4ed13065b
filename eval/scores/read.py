"""What came with the dataset: the published verdicts on its answers, and the reviewers' labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dataset_builder.dataset.opened import RESPONSES, BuiltDataset, OpenedDataset, published_models
from dataset_builder.dataset.tables import split_of_model
from dataset_builder.dataset.taxonomy import OK
from dataset_builder.errors import InputError
from eval.judges.embedded import held_out as heldout_judge
from eval.judges.embedded.held_out import HeldOutVerdicts, family_of
from eval.judges.encoder import held_out as encoder_heldout
from eval.runs.folder import RunFolder
from eval.runs.published import VERDICT_COLUMNS, published_verdict
from eval.runs.verdict import PUBLISHED, Verdict
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.labels import AnswerKey, Labels, LabelSource
from eval.stats.metrics import RESPONSE_CODES


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


def _answers(built: BuiltDataset, cases: CaseTable, split: str, judge: str | None) -> ScoredAnswers:
    rows = built.table(RESPONSES, split, [*VERDICT_COLUMNS, "model", "status"]).to_pylist()
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
    name = judges[0] if judges else "none"
    return _scored(cases, models[0], rows, (published_verdict(row, name) for row in rows), (name, PUBLISHED))


def _scored(
    cases: CaseTable, model: str, rows: Sequence[Mapping[str, Any]], verdicts: Iterable[Verdict], who: tuple[str, str]
) -> ScoredAnswers:
    return ScoredAnswers.from_verdicts(
        cases,
        verdicts,
        model=model,
        judge=who[0],
        rubric=who[1],
        hashes={row["case_id"]: row["response_hash"] for row in rows},
        failed={row["case_id"]: row["unscored_reason"] for row in rows if row["status"] != OK},
    )


# The published answers as the judge ``heldout`` sees them: each model by weights that saw none of its family.


def heldout_answers(
    built: BuiltDataset, models: Sequence[str] | None = None, judge: str = heldout_judge.NAME
) -> list[ScoredAnswers]:
    """The dataset's answers of some models or of all, with the held-out verdicts; one without any is unscored.

    ``judge`` is ``heldout`` or ``encoder-heldout``. Raises InputError for an unknown model, where none of the answers
    is one of the study's, and where this installation comes without that judge.
    """
    try:
        verdicts, rubric = (encoder_heldout if judge == encoder_heldout.NAME else heldout_judge).shipped()
    except FileNotFoundError:
        raise InputError(f"--judge {judge}: this version of blind-refusal comes without that judge.") from None
    known = published_models(built)
    unknown = sorted(set(models or ()) - set(known))
    if unknown:
        raise InputError(f"{built.path}: holds no answers of {', '.join(unknown)}; it has {', '.join(known)}.")
    cases = CaseTable.from_cases(built.cases())
    wanted = known if models is None else sorted(models)
    found = [_heldout(built, cases, model, (verdicts, rubric), judge) for model in wanted]
    if not any(one.scored.any() for one in found):
        raise InputError(
            f"{built.path}: holds none of the study's answers, and the judge {judge} knows no others. "
            "Use a dataset built from the study."
        )
    return found


def label_source(answers: Iterable[ScoredAnswers]) -> LabelSource:
    """The labels of several models' answers by one judge, as a source to compare with others."""
    names = list(RESPONSE_CODES)
    labels: dict[AnswerKey, Labels] = {}
    judge = rubric = ""
    for one in answers:
        judge, rubric = one.judge, one.rubric
        for row in np.flatnonzero(one.scored):
            said = names[one.response_type[row]], bool(one.engages[row]), bool(one.harm[row])
            labels[AnswerKey(one.model, one.cases.ids[row])] = Labels(*said)
    return LabelSource(judge, labels, rubric)


def _heldout(
    built: BuiltDataset, cases: CaseTable, model: str, known: tuple[HeldOutVerdicts, str], name: str
) -> ScoredAnswers:
    columns = ["case_id", "response_hash", "status", "unscored_reason"]
    rows = built.table(RESPONSES, split_of_model(model), columns).to_pylist()
    judge = heldout_judge.HeldOutJudge(*known, family_of(model), name)
    verdicts = [judge.verdict_on(row["case_id"], row["response_hash"]) for row in rows if row["response_hash"]]
    return _scored(cases, model, rows, verdicts, (judge.name, judge.rubric))


# A run's verdicts as scored answers.


def run_answers(run: RunFolder, dataset: OpenedDataset, *, judge: str | None = None) -> ScoredAnswers:
    """The verdicts of one judge on a run, over the cases that the run was to ask.

    Raises InputError where the dataset holds other cases than the run's, where a case of
    the run is not in it, or as ``ScoredAnswers.from_verdicts`` does.
    """
    run.check_dataset(dataset)
    return lay_over_run(run, dataset, run.verdicts(), judge=judge)


def lay_over_run(
    run: RunFolder, dataset: OpenedDataset, verdicts: Iterable[Verdict], *, judge: str | None = None
) -> ScoredAnswers:
    """Verdicts from anywhere, those of them that are on a run's answers, over the cases that it was to ask."""
    known, answers = dataset.built.case_by_id, run.answers
    return ScoredAnswers.from_verdicts(
        CaseTable.from_cases(known[case_id] for case_id in run.settings.case_ids),
        verdicts,
        model=run.settings.model,
        judge=judge,
        hashes={case_id: answer.response_hash for case_id, answer in answers.items()},
        failed={case_id: answer.status for case_id, answer in answers.items() if not answer.ok},
    )
