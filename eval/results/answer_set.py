"""What a user names on the command line, as scored answers: a run, a dataset, or one model of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset, published_models
from dataset_builder.errors import InputError
from eval.agreement.corrected import CorrectedRate, corrected_rates
from eval.agreement.known import agreement_rows, known_agreement
from eval.judging.registry import HELD_OUT_OF
from eval.results.beside import STUDY_PREFIX, models_beside, shared_judge
from eval.results.build import published_provenance, run_provenance
from eval.runs.folder import RunFolder, holds_run, open_runs
from eval.runs.other_forms import refuse_other_form
from eval.runs.published import PREFIX, is_published
from eval.runs.verdict import PUBLISHED
from eval.scores.answers import ScoredAnswers
from eval.scores.epochs import Stability, join_epochs, stability
from eval.scores.labels import SourceAgreement, compare_sources, reviewer_labels, study_labels, verdict_labels
from eval.scores.read import published_answers, run_answers
from eval.scores.results import JudgeAgreement, Provenance

if TYPE_CHECKING:
    from eval.agreement.ranking import BesideStudy, RankingAgreement


@dataclass(frozen=True, eq=False)
class AnswerSet:
    """Scored answers of one or more models with the dataset that they are of; ``run`` where they are a run's.

    Of several epochs ``run`` is the first one, and ``epochs`` are all.
    """

    dataset: OpenedDataset
    answers: list[ScoredAnswers]
    run: RunFolder | None = None
    epochs: tuple[RunFolder, ...] = ()
    # A run's corrected rates by model: see ``correct``.
    by_sample: dict[str, list[CorrectedRate]] = field(default_factory=dict)

    def correct(self, method: str, labels: str, *, partial: bool = False) -> int:
        """Correct a run's rates by labels of a sample (``sample_labels``); returns how many answers they are on.

        Raises InputError where this is no run, or as ``sample_labels`` and ``sample_corrected`` do.
        """
        from eval.agreement.sample import labelled_answers, sample_corrected, sample_labels

        if self.run is None:
            raise InputError("--labels: for a run. The published rates are corrected by the reviewers' labels.")
        if len(self.epochs) > 1:
            raise InputError(f"--correct: for one epoch, such as {self.epochs[0].path}; a label is of one answer.")
        (answers,) = self.answers
        found = sample_labels(labels, self.run, self.dataset, partial=partial)
        self.by_sample[answers.model] = sample_corrected(answers, found, method)
        return labelled_answers(answers, found)

    def provenance(self) -> dict[str, Provenance]:
        """What decided the numbers, by model."""
        if self.run is not None:
            return {one.model: run_provenance(self.dataset, self.epochs or (self.run,), one) for one in self.answers}
        return {one.model: published_provenance(self.dataset, one) for one in self.answers}

    def stable(self) -> dict[str, Stability]:
        """How stable the labels are by model, where each case was answered several times."""
        return {one.model: found for one in self.answers if (found := stability(one)) is not None}

    def judge_agreement(self) -> list[SourceAgreement]:
        """How the published judge agrees with the dataset's reviewers; empty for another judge or without reviews."""
        if not self.by_its_own_judge:
            return []
        humans = reviewer_labels(self.dataset.built)
        if not humans:
            return []
        # Of a large dataset the labels of all answers would take much memory.
        judge = study_labels(self.dataset.built, {key for human in humans.values() for key in human.labels})
        cases = self.dataset.built.case_by_id
        return [compare_sources(human, judge, cases) for human in humans.values()]

    def known_agreement(self) -> list[JudgeAgreement]:
        """What is known of the judge: computed for the published one, else as it was measured once and kept."""
        if self.by_its_own_judge:
            return [row for pair in self.judge_agreement() for row in agreement_rows(pair)]
        return known_agreement(self.answers[0].judge, self.answers[0].rubric)

    @property
    def by_its_own_judge(self) -> bool:
        """Whether these are the published verdicts of a dataset."""
        return self.run is None and all(one.rubric == PUBLISHED for one in self.answers)

    def rankings(self) -> list[RankingAgreement]:
        """The models of a dataset by another judge beside their order by the study's; empty for all else."""
        if self.run is not None or self.by_its_own_judge:
            return []
        from eval.agreement.ranking import ranking_agreement
        from eval.scores.read import label_source

        built = self.dataset.built
        return ranking_agreement(study_labels(built), label_source(self.answers), built.case_by_id)

    def beside_study(self) -> BesideStudy | None:
        """A run of published answers beside the study's verdicts on them; None for any other run, or those verdicts."""
        from eval.agreement.ranking import beside_study

        if self.run is None or not is_published(self.run.settings.model):
            return None
        (answers,) = self.answers
        if answers.rubric == PUBLISHED or not answers.scored.any():
            return None
        built = self.dataset.built
        ours = verdict_labels(built, self.run.verdicts(answers.judge, answers.rubric))
        return beside_study(self.run.settings.model.removeprefix(PREFIX), ours, built)

    def corrected(self, method: str | None = None) -> dict[str, list[CorrectedRate]]:
        """Rates corrected for the judge's errors by model: as ``correct`` made them, or by reviews if there are.

        ``method`` is ``ppi`` or ``rogan-gladen``; of reviews there are both where it is None.
        """
        if self.run is not None:
            return dict(self.by_sample)
        humans = reviewer_labels(self.dataset.built)
        # The reviewers' samples were drawn by the labels of the published judge, and correct that one alone.
        if not humans or not self.by_its_own_judge:
            return {}
        from eval.agreement.sample import METHODS

        judge = study_labels(self.dataset.built)
        return {
            one.model: [
                row
                for human in humans.values()
                for row in corrected_rates([one], judge, human)
                if method is None or row.method == METHODS[method]
            ]
            for one in self.answers
        }


def is_run(spec: str | Path) -> bool:
    """Whether this names the folder of a run, or of its epochs."""
    return holds_run(Path(spec))


def load_answers(
    spec: str,
    *,
    judge: str | None = None,
    dataset: str | None = None,
    models: Sequence[str] | None = None,
    runs: Sequence[RunFolder] = (),
) -> AnswerSet:
    """The answers of a run, or the published ones of a dataset (of ``models``, or of all).

    ``dataset`` stands in for the one that a run names; ``runs`` is the run, or its epochs, where they are open
    already. Raises InputError, DataError or RemoteError as the readers do.
    """
    if is_run(spec):
        runs = runs or open_runs(Path(spec))
        found = locate_dataset(dataset or runs[0].record.source)
        answers = join_epochs([run_answers(run, found, judge=judge) for run in runs])
        return AnswerSet(found, [answers], runs[0], tuple(runs))
    refuse_other_form(Path(spec))
    found = locate_dataset(spec)
    return AnswerSet(found, _published(found, models, judge))


def load_models(specs: Sequence[str], *, judge: str | None = None, dataset: str | None = None) -> list[ScoredAnswers]:
    """Several models' answers, by one judge: of a run's folder, or of a model that the dataset holds.

    A model of the dataset is named by its slug, with ``study:`` before it where it could be taken for a folder.
    ``dataset`` is that of the first run if it is not given. Beside a run, such models are seen by the judge of
    the run (``models_beside``); where the runs have several and ``judge`` names none, by the one that all share.
    Raises InputError where something cannot be found, or there is no such judge.
    """
    runs = {spec: open_runs(Path(spec)) for spec in specs if is_run(spec)}
    names = {spec: spec.removeprefix(STUDY_PREFIX) for spec in specs if spec not in runs}
    if not names:
        return [load_answers(spec, judge=judge, dataset=dataset, runs=runs[spec]).answers[0] for spec in specs]
    if dataset is None and not runs:
        named = ", ".join(names)
        raise InputError(f"{named}: not the folder of a run. To name a model of a dataset, give --dataset DIR|REPO.")
    spec_of_dataset = dataset or next(iter(runs.values()))[0].record.source
    found = locate_dataset(spec_of_dataset)
    known = published_models(found.built)
    for spec, name in names.items():
        if name not in known:
            listed = ", ".join(known) or "no models"
            raise InputError(f"{spec}: neither the folder of a run nor a model of {found.name}, which has: {listed}.")
    if not runs:
        published = {one.model: one for one in _published(found, sorted(set(names.values())), judge)}
        return [published[names[spec]] for spec in specs]
    judge = judge or shared_judge([run for epochs in runs.values() for run in epochs])
    mine = {
        spec: load_answers(spec, judge=judge, dataset=spec_of_dataset, runs=epochs).answers[0]
        for spec, epochs in runs.items()
    }
    beside = models_beside(found.built, next(iter(mine.values())), sorted(set(names.values())))
    others = {one.model: one for one in beside}
    return [mine[spec] if spec in mine else others[names[spec]] for spec in specs]


def told_apart(specs: Sequence[str], answers: Sequence[ScoredAnswers]) -> list[ScoredAnswers]:
    """The answers of what ``specs`` name; where several are of one model, each is called by what it was named by too.

    What is named twice stays as it is: that is nothing to tell apart.
    """
    times = Counter(one.model for one in answers)
    if len(set(specs)) < len(specs):
        return list(answers)
    return [
        replace(one, model=f"{one.model} ({spec})") if times[one.model] > 1 else one
        for spec, one in zip(specs, answers, strict=True)
    ]


def _published(dataset: OpenedDataset, models: Sequence[str] | None, judge: str | None) -> list[ScoredAnswers]:
    """By the judge whose verdicts came with the answers, or by the one that knows these answers without them."""
    if judge is not None and judge in HELD_OUT_OF.values():
        from eval.scores.read import heldout_answers

        return heldout_answers(dataset.built, models, judge)
    return published_answers(dataset.built, models, judge=judge)
