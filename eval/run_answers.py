"""A run's verdicts as scored answers."""

from __future__ import annotations

from dataset_builder.errors import InputError
from eval.case_table import CaseTable
from eval.dataset import OpenedDataset, check_same_cases
from eval.run_folder import RunFolder
from eval.scored import ScoredAnswers


def run_answers(run: RunFolder, dataset: OpenedDataset, *, judge: str | None = None) -> ScoredAnswers:
    """The verdicts of one judge on a run, over the cases that the run was to ask.

    Raises InputError where the dataset holds other cases than the run's, where a case of
    the run is not in it, or as ``ScoredAnswers.from_verdicts`` does.
    """
    check_same_cases(dataset, run.settings.content_hash, f"The run {run.path}")
    known = dataset.built.case_by_id
    missing = [case_id for case_id in run.settings.case_ids if case_id not in known]
    if missing:
        raise InputError(f"{run.path}: asked cases that {dataset.name} does not hold, such as {missing[0]}.")
    failed = {response.case_id: response.status for response in run.responses() if not response.ok}
    return ScoredAnswers.from_verdicts(
        CaseTable.from_cases(known[case_id] for case_id in run.settings.case_ids),
        run.verdicts(judge),
        model=run.settings.model,
        judge=judge,
        failed=failed,
    )
