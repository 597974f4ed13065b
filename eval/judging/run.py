"""Judging a run: every answer that this judge has not judged yet, each verdict kept as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.sample import draw_labelled
from dataset_builder.dataset.taxonomy import JUDGE_OUT_OF_TOKENS
from dataset_builder.errors import BlindRefusalError
from dataset_builder.models.batches.places import queue_of
from dataset_builder.models.batches.queues import BatchQueue
from dataset_builder.wording import counted
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import VERDICT_TOKENS
from dataset_builder.work.loop import run_to_end
from dataset_builder.work.session import USUAL, Conditions, Session
from dataset_builder.work.stopping import Spent, Stop
from eval.judges.interface import Judge, JudgeOptions, JudgeTask, PaidJudge, QueuedJudge
from eval.judging.batches import VerdictQuestions
from eval.judging.registry import model_of, resolve_judge
from eval.runs.answer import Answer
from eval.runs.batches import BatchWork, check_batch_budget, in_batches, refuse_open_batches, set_aside, wait_for
from eval.runs.folder import RunFolder
from eval.runs.run import JudgeRecord
from eval.runs.tally import Verdicts
from eval.runs.verdict import Verdict

# No reply at all, or no tokens left for one: worth another try. Whatever the judge did reply is its verdict.
_REPEATABLE: Final = frozenset({"judge_failure", JUDGE_OUT_OF_TOKENS})


@dataclass(frozen=True, slots=True)
class Pending:
    """The answers of a run that a judge has still to judge, by case.

    ``judged`` counts those that it has judged already, ``unanswered`` the cases with no answer to judge.
    """

    run: RunFolder
    case_ids: tuple[str, ...]
    judged: int
    unanswered: int


def answered_cases(run: RunFolder, dataset: OpenedDataset) -> list[Case]:
    """The cases of a run that have an answer to judge, sorted by id.

    Raises InputError where the dataset holds other cases than the run's.
    """
    run.check_dataset(dataset)
    known = run.cases(dataset)
    return [known[case_id] for case_id, answer in sorted(run.answers.items()) if answer.ok]


def pending_answers(
    run: RunFolder,
    dataset: OpenedDataset,
    judge: Judge,
    *,
    sample: int | None = None,
    controls: int | None = None,
    seed: int = 0,
    again: bool = False,
    retry_errors: bool = False,
    apart: Collection[str] = (),
) -> Pending:
    """What is to be judged of a run, or of a sample of its answers (``draw_labelled``).

    ``again`` counts no verdict as given, ``retry_errors`` none where the judge gave no reply; the cases in ``apart``
    are left out. Raises InputError as ``answered_cases`` and ``draw_labelled`` do.
    """
    answered = answered_cases(run, dataset)
    chosen = answered if sample is None else draw_labelled(answered, sample, controls, seed)
    verdicts = {v.case_id: v for v in run.verdicts(judge.name, judge.rubric)}
    # People may correct their labels; their name and rubric do not tell.
    again = again or bool(getattr(judge, "may_change", False))
    settled = {
        case_id
        for case_id, verdict in verdicts.items()
        if not (again or (retry_errors and verdict.unscored_reason in _REPEATABLE))
    }
    chosen = [case for case in chosen if case.case_id not in apart]
    waiting = tuple(case.case_id for case in chosen if case.case_id not in settled)
    return Pending(run, waiting, len(chosen) - len(waiting), len(run.settings.case_ids) - len(answered))


def tasks_of(run: RunFolder, dataset: OpenedDataset, case_ids: Sequence[str]) -> Iterator[JudgeTask]:
    """The answers to some cases with those cases, in the order of the run."""
    wanted = frozenset(case_ids)
    cases = run.cases(dataset)
    return (JudgeTask(cases[case_id], answer) for case_id, answer in run.answers.items() if case_id in wanted)


async def judge_run(
    run: RunFolder,
    tasks: Iterator[JudgeTask],
    judge: Judge,
    session: Session,
    seen: Callable[[Verdict], str] = lambda verdict: "",
) -> Stop | None:
    """Judge the tasks and append each verdict to the run, which is open for writing.

    A verdict that the run holds already, word for word but for its time, is not written twice. ``seen`` gives
    the words of the progress display. Returns why it stopped early, or None. Raises as the judge does; what
    was judged is kept.
    """
    run.record_judge(JudgeRecord(judge=judge.name, rubric=judge.rubric, settings=judge.settings))
    held = {v.case_id: v for v in run.verdicts(judge.name, judge.rubric)}
    batches = iter(lambda: list(islice(tasks, judge.batch_size)), [])

    async def decide(batch: list[JudgeTask]) -> Spent:
        verdicts = await judge.judge(batch)
        for task, verdict in zip(batch, verdicts, strict=True):
            _check(judge, task.response, verdict)
            if not _same(verdict, held.get(verdict.case_id)):
                run.append_verdict(verdict)
            session.advance(seen(verdict))
        return spent_on(verdicts)

    try:
        return await session.work_through(batches, decide)
    finally:
        await judge.aclose()


def spent_on(verdicts: Sequence[Verdict]) -> Spent:
    """What some verdicts cost together, as far as known."""
    known = [v.cost for v in verdicts if v.cost is not None]
    return Spent(sum(known) if known else None, answered=any(v.scored for v in verdicts))


def judging_session(
    judge: Judge,
    tasks: Iterable[JudgeTask],
    total: int,
    choice: ModelChoice,
    spent: float = 0.0,
    conditions: Conditions = USUAL,
) -> Session:
    """A sitting of a judge over ``total`` tasks; with an estimate where the judge asks a model.

    Raises InputError where a budget cannot be kept.
    """
    estimate = None
    choice = choice.of(model_of(judge.name))
    if isinstance(judge, PaidJudge):
        estimate = choice.estimate(map(judge.request_chars, tasks), judge.settings["max_tokens"], VERDICT_TOKENS)
    return Session(judge.name, total, choice, estimate, spent, conditions)


def language_note(judge: Judge, languages: Mapping[str, int]) -> str:
    """A line for the user where a judge is given requests in languages that it was never measured on; else empty.

    ``languages`` counts the answers to be judged by the language of their requests. A judge says which languages it
    knows by ``languages``; people, and verdicts that are there already, say nothing.
    """
    known: Sequence[str] | None = getattr(judge, "languages", None)
    if known is None:
        return ""
    foreign = {name: n for name, n in sorted(languages.items()) if name not in known}
    if not foreign:
        return ""
    listed = ", ".join(f"{name} {n:,}" for name, n in foreign.items())
    return (
        f"Note: {counted(sum(foreign.values()), 'answer')} to requests in languages that the judge {judge.name} was "
        f"not measured on ({listed}; it knows {', '.join(known)}). How far its labels of these can be trusted is not "
        "known, and it may leave them unscored: look at them apart with --by language, and have people label some "
        "(--judge human:FILE)."
    )


class Judging:
    """What a judge has still to judge of some runs of one dataset: what it will take, and the work itself.

    ``spec`` is the judge as the user named it. The answers are chosen as ``pending_answers`` does. Raises
    InputError as that and ``resolve_judge`` do, and where a budget cannot be kept.
    """

    def __init__(
        self,
        runs: Sequence[RunFolder],
        spec: str,
        options: JudgeOptions,
        conditions: Conditions = USUAL,
        **which: Any,
    ) -> None:
        self._spec, self._options = spec, options
        self.judge = judge = self._judge_of(runs[0])
        self._key = judge.name, judge.rubric
        self._runs, self._which, self._conditions = runs, which, conditions
        for run in runs:
            if not self.by_batch:
                refuse_open_batches(run, self._key)
        self.in_batch = sum(len(in_batches(run, self._key)) for run in runs)
        self.pending = [
            pending_answers(run, options.dataset, judge, apart=in_batches(run, self._key), **which) for run in runs
        ]
        self.given = Verdicts()
        known = options.dataset.built.case_by_id
        languages = Counter(
            pending.run.settings.language or known[case_id].language
            for pending in self.pending
            for case_id in pending.case_ids
        )
        if note := language_note(judge, languages):
            click.echo(note, err=True)
        tasks = (task for pending in self.pending for task in self._tasks(pending))
        total = sum(len(pending.case_ids) for pending in self.pending)
        spent = sum(v.cost or 0.0 for run in runs for v in run.verdicts(judge.name, judge.rubric))
        self.session = judging_session(judge, tasks, total, options.choice, spent, conditions)
        if self.by_batch:
            held = sum(set_aside(run, self._key) for run in runs)
            check_batch_budget(options.choice.budget, self.session.estimate, spent + held)

    def run(self) -> Stop | None:
        """Judge what is pending; returns why it stopped early, or None. Raises as the judge does."""
        return self.session.run(self._work)

    @property
    def by_batch(self) -> bool:
        """Whether the judge's model is asked through a batch queue."""
        return self._options.choice.batch

    def ordinary(self) -> Judging:
        """What batches failed at, to be judged in the ordinary way; what was given counts on."""
        options = replace(self._options, choice=replace(self._options.choice, batch=False))
        which = {**self._which, "again": False, "retry_errors": True}
        again = Judging(self._runs, self._spec, options, self._conditions, **which)
        again.given = self.given.without(_REPEATABLE)
        return again

    def run_batches(self, tell: Callable[[str], None], poll: float, *, cancel: bool = False) -> None:
        """Judge what is pending through the provider's batch queue, and wait until all batches have ended.

        ``tell`` is given a line for each change; ``poll`` seconds are between two looks. With ``cancel`` nothing is
        handed in, and what is open is asked to end. Raises as ``BatchWork`` does.
        """
        choice = self.session.choice
        with ExitStack() as opened:
            queue = opened.enter_context(queue_of(choice.endpoint, choice.secret_headers))
            works: list[BatchWork] = []
            for number, pending in enumerate(self.pending):
                judge = self._judge_of(pending.run) if number else self.judge
                opened.callback(run_to_end, judge.aclose)
                opened.enter_context(pending.run.writing())
                work = self._work_of(pending, judge, queue, self._named(pending.run, tell), asks=not cancel)
                if cancel:
                    work.cancel()
                else:
                    work.begin()
                works.append(work)
            wait_for([work.look for work in works], poll)

    def _named(self, run: RunFolder, tell: Callable[[str], None]) -> Callable[[str], None]:
        """``tell`` with the run's name before each line, where there are several."""
        if len(self.pending) == 1:
            return tell
        path = run.path if run.settings.epoch is None else Path(run.path.parent.name) / run.path.name
        return lambda line: tell(f"{path.name if run.settings.epoch is None else path}: {line}")

    def _work_of(
        self, pending: Pending, judge: Judge, queue: BatchQueue, tell: Callable[[str], None], *, asks: bool
    ) -> BatchWork:
        run, known = pending.run, pending.run.cases(self._options.dataset)
        assert isinstance(judge, QueuedJudge)  # noqa: S101 - as every judge that asks a model
        run.record_judge(JudgeRecord(judge=judge.name, rubric=judge.rubric, settings=judge.settings))
        held = {v.case_id: v for v in run.verdicts(judge.name, judge.rubric)}
        answers = run.answers

        def keep(verdict: Verdict) -> None:
            if not _same(verdict, held.get(verdict.case_id)):
                run.append_verdict(verdict)
            self._seen(verdict)

        waiting: list[str] = []
        if asks and pending.case_ids:
            tasks = list(self._tasks(pending))
            decided, rest = run_to_end(lambda: judge.decided(tasks))
            for verdict in decided:
                keep(verdict)
            waiting = [task.case.case_id for task in rest]
        matter = VerdictQuestions(
            run, judge, waiting, lambda case_id: JudgeTask(known[case_id], answers[case_id]), keep, asks=asks
        )
        siblings = [one.run for one in self.pending if one.run is not run]
        return BatchWork(run, queue, self.session.choice, matter, tell, siblings)

    async def _work(self) -> Stop | None:
        for number, pending in enumerate(self.pending):
            judge = self._judge_of(pending.run) if number else self.judge
            with pending.run.writing():
                stopped = await judge_run(pending.run, self._tasks(pending), judge, self.session, self._seen)
            if stopped:
                return stopped
        return None

    def _seen(self, verdict: Verdict) -> str:
        self.given.add(verdict)
        return self.given.detail() if self.session.estimate else ""

    def _judge_of(self, run: RunFolder) -> Judge:
        of_run = replace(self._options, model=run.settings.model, run=run.path, answers=run.answers)
        return resolve_judge(self._spec, of_run)

    def _tasks(self, pending: Pending) -> Iterator[JudgeTask]:
        return tasks_of(pending.run, self._options.dataset, pending.case_ids)


def _check(judge: Judge, response: Answer, verdict: Verdict) -> None:
    expected = (response.case_id, response.response_hash, judge.name, judge.rubric)
    whole = all((label is not None) == verdict.scored for label in verdict.labels)
    if tuple(verdict.key) != expected or not whole:
        raise BlindRefusalError(f"The judge {judge.name} gave a verdict that is not its own or not whole: {verdict!r}")


def _same(verdict: Verdict, held: Verdict | None) -> bool:
    if held is None or held.key != verdict.key:
        return False
    fields = (f for f in verdict.__struct_fields__ if f not in ("judged_at", "cost"))
    return all(getattr(verdict, f) == getattr(held, f) for f in fields)
