"""The published answers as the judge ``heldout`` sees them: each model by weights that saw none of its family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from dataset_builder.built import BuiltDataset
from dataset_builder.errors import InputError
from dataset_builder.tables import split_of_model
from eval.case_table import CaseTable
from eval.judges import heldout_judge
from eval.judges.heldout_verdicts import HeldOutVerdicts, family_of
from eval.label_source import AnswerKey, Labels, LabelSource
from eval.metrics import RESPONSE_CODES
from eval.published import RESPONSES, published_models
from eval.scored import NOT_JUDGED, ScoredAnswers, VerdictRow


def heldout_answers(built: BuiltDataset, models: Sequence[str] | None = None) -> list[ScoredAnswers]:
    """The dataset's answers of some models or of all, with the held-out verdicts; one without any is unscored.

    Raises InputError for an unknown model, and where none of the answers is one of the study's.
    """
    verdicts, rubric = heldout_judge.shipped()
    known = published_models(built)
    unknown = sorted(set(models or ()) - set(known))
    if unknown:
        raise InputError(f"{built.path}: holds no answers of {', '.join(unknown)}; it has {', '.join(known)}.")
    cases = CaseTable.from_cases(built.cases())
    found = [
        ScoredAnswers.from_rows(
            cases, _rows(built, model, verdicts), model=model, judge=heldout_judge.NAME, rubric=rubric
        )
        for model in (known if models is None else sorted(models))
    ]
    if not any(one.scored.any() for one in found):
        raise InputError(
            f"{built.path}: holds none of the study's answers, and the judge {heldout_judge.NAME} knows no others. "
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


def _rows(built: BuiltDataset, model: str, verdicts: HeldOutVerdicts) -> Iterable[VerdictRow]:
    columns = ["case_id", "response_hash", "status", "unscored_reason"]
    for row in built.table(RESPONSES, split_of_model(model), columns).to_pylist():
        said = row["response_hash"] and verdicts.of(family_of(model), row["case_id"], row["response_hash"])
        if said:
            yield VerdictRow(row["case_id"], *said[:3], None)
        else:
            # What has no answer keeps its own reason.
            reason = NOT_JUDGED if row["response_hash"] else row["unscored_reason"]
            yield VerdictRow(row["case_id"], None, None, None, reason)
