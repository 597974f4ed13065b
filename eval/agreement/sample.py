"""One run's rates corrected by labels of a random sample of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from dataset_builder.work.loop import run_to_end
from eval.agreement.corrected import PPI, ROGAN_GLADEN, CorrectedRate
from eval.agreement.report import read_verdicts
from eval.judges.human.sheet import HumanJudge
from eval.judging.run import answered_cases, tasks_of
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict
from eval.scores.answers import ScoredAnswers
from eval.scores.read import lay_over_run
from eval.stats.agreement import confusion
from eval.stats.correction import (
    MIN_LABELLED,
    Corrected,
    difference,
    never_certain,
    not_enough,
    ppi_mean,
    rogan_gladen,
    share_covariance,
)
from eval.stats.intervals import Floats
from eval.stats.metrics import CONTROL_HELP_RATE, COUNTS, DISCRIMINATION, HELP_RATE, METRIC_BY_ID, Metric

# As they are typed, and as results name them.
METHODS: Final = {"ppi": PPI, "rogan-gladen": ROGAN_GLADEN}
# Fewer labels, and intervals cover less than they promise.
ADVISED_LABELS: Final = 100
ENGAGEMENT_RATE: Final = METRIC_BY_ID["engagement_rate"]
SHOWN: Final = (HELP_RATE, CONTROL_HELP_RATE, DISCRIMINATION, ENGAGEMENT_RATE)
_SCORED: Final = COUNTS.index("scored")


def sample_corrected(answers: ScoredAnswers, labels: ScoredAnswers, method: str) -> list[CorrectedRate]:
    """Help on both sides, discrimination and engagement; ``method`` is one of METHODS.

    ``labels`` are those of a sample drawn with equal chances on each side (``stratified`` draws so); each
    side is corrected by its own labels, as a judge may err otherwise on controls. Errors are clustered by
    cell, but for the labelled sample of Rogan-Gladen, where they are binomial. Raises InputError where
    the labels are the judge's own, or the two are over different cases.
    """
    if (answers.judge, answers.rubric) == (labels.judge, labels.rubric):
        raise InputError(f"The labels are {answers.judge}'s own: rates are corrected by another judge's, or people's.")
    if not answers.cases.same_cases(labels.cases):
        raise InputError("The labels are over other cases than the rates.")
    correct = _ppi if METHODS[method] == PPI else _rogan_gladen
    found = {m: correct(answers, labels, m) for m in (HELP_RATE, CONTROL_HELP_RATE, ENGAGEMENT_RATE)}
    found[DISCRIMINATION] = difference(found[HELP_RATE], found[CONTROL_HELP_RATE])
    return [_row(answers, labels, metric, METHODS[method], found[metric]) for metric in SHOWN]


def labelled_answers(answers: ScoredAnswers, labels: ScoredAnswers) -> int:
    """How many answers have both a verdict and a label."""
    return int((answers.scored & labels.scored).sum())


def _ppi(answers: ScoredAnswers, labels: ScoredAnswers, metric: Metric) -> Corrected:
    rows, judged = _side(answers, metric), _values(answers, metric)
    known = rows & labels.scored
    rest = rows & ~known
    cells = answers.cases.cell
    return ppi_mean(_values(labels, metric)[known], judged[known], judged[rest], cells=(cells[known], cells[rest]))


def _rogan_gladen(answers: ScoredAnswers, labels: ScoredAnswers, metric: Metric) -> Corrected:
    """Of two labels, yes and no: the first of each array is the rate."""
    rows = _side(answers, metric) & labels.scored
    if (n := int(rows.sum())) < MIN_LABELLED:
        return not_enough(n, 2)
    said, seen = (_values(one, metric)[rows] > 0 for one in (labels, answers))
    counts = _by_cell(answers, metric)
    found = rogan_gladen(confusion(said.tolist(), seen.tolist(), (True, False)), *share_covariance(counts))
    return never_certain(found, counts)


def _row(
    answers: ScoredAnswers, labels: ScoredAnswers, metric: Metric, method: str, corrected: Corrected
) -> CorrectedRate:
    # Rogan-Gladen gives the shares of yes and no.
    limits = (corrected.estimate, corrected.error, corrected.low, corrected.high)
    estimate, error, low, high = (float(np.atleast_1d(value)[0]) for value in limits)
    sample = labels.judge, corrected.n_labelled
    return CorrectedRate(metric, method, _raw(answers, metric), estimate, error, low, high, *sample, corrected.reason)


def _raw(answers: ScoredAnswers, metric: Metric) -> float:
    if metric is DISCRIMINATION:
        return _raw(answers, HELP_RATE) - _raw(answers, CONTROL_HELP_RATE)
    values = _values(answers, metric)[_side(answers, metric)]
    return float(values.mean()) if len(values) else float("nan")


def _side(answers: ScoredAnswers, metric: Metric) -> NDArray[np.bool_]:
    return np.asarray(answers.scored & (answers.cases.defeated == bool(metric.defeated)))


def _values(answers: ScoredAnswers, metric: Metric) -> Floats:
    """Whether each answer counts towards a metric whose denominator is all scored answers, 0 or 1."""
    assert metric.denominator[_SCORED] == sum(map(abs, metric.denominator)) == 1  # noqa: S101
    return np.asarray(answers.counts @ np.array(metric.numerator, np.float64))


def _by_cell(answers: ScoredAnswers, metric: Metric) -> Floats:
    """Counts of yes and no by cell, shape (cells, 2)."""
    rows = _side(answers, metric)
    counts = np.zeros((len(answers.cases.cells), 2))
    np.add.at(counts, (answers.cases.cell[rows], (_values(answers, metric)[rows] == 0).astype(np.int64)), 1)
    return counts


# The labels of a sample of a run's answers: by people with a sheet, or by a better judge.


class _Line(msgspec.Struct):
    """What tells a verdict from a row of a sheet."""

    judge: str
    rubric: str


def sample_labels(spec: str, run: RunFolder, dataset: OpenedDataset, *, partial: bool = False) -> ScoredAnswers:
    """Labels laid over the cases of a run; an answer without any is unscored.

    ``spec`` is a sheet that people filled in, a file of verdicts or another run's folder (by one
    judge each), or a judge that judged this run. With ``partial`` rows of a sheet that match no answer are left
    out. Raises InputError where it is none of them or
    labels none of the run's answers; DataError for rows that cannot be read.
    """
    path = Path(spec)
    if path.is_dir() or (path.is_file() and _holds_verdicts(path)):
        verdicts = list(read_verdicts(path))
    elif path.is_file():
        verdicts = _of_people(path, run, dataset, partial=partial)
    else:
        verdicts = run.verdicts(spec)
        if not verdicts:
            known = ", ".join(sorted({one.judge for one in run.verdicts()})) or "nobody"
            raise InputError(
                f"--labels {spec}: neither a file nor a judge of {run.path}, which {known} has judged. A sheet for "
                f"people: 'blind-refusal eval judge {run.path} --judge human:labels.csv --sample 100'."
            )
    # Of another run's verdicts, those on the same answers.
    asked = frozenset(run.settings.case_ids)
    usable = [one for one in verdicts if one.case_id in asked and one.scored]
    labels = lay_over_run(run, dataset, usable) if usable else None
    if labels is None or not labels.scored.any():
        raise InputError(f"--labels {spec}: labels none of the answers of {run.path}.")
    return labels


def _holds_verdicts(path: Path) -> bool:
    """Whether a file's first line is a verdict, and not a row of a sheet."""
    try:
        with path.open("rb") as file:
            msgspec.json.decode(file.readline(2**24), type=_Line)
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _of_people(path: Path, run: RunFolder, dataset: OpenedDataset, *, partial: bool) -> list[Verdict]:
    answered = [case.case_id for case in answered_cases(run, dataset)]
    judge = HumanJudge(path, dataset.built.case_by_id, run.answers, partial=partial)
    return run_to_end(lambda: judge.judge(list(tasks_of(run, dataset, answered))))
