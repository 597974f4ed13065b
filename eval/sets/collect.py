"""Collecting a set: one estimate, one budget, all models at once within the limits of their servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from pathlib import Path

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.models.batches.places import queue_of
from dataset_builder.models.chat import Timeouts
from dataset_builder.models.in_process.loading import keeping
from dataset_builder.models.local import QUERY_TOKENS
from dataset_builder.storage.progress import Move, set_progress
from dataset_builder.wording import counted
from dataset_builder.work.cost import FREE, Estimate
from dataset_builder.work.loop import run_to_end
from dataset_builder.work.session import Conditions, Limits, Session
from dataset_builder.work.stopping import Budget, Stop, StopKind
from eval.runs.batches import POLL_S, BatchWork, Questions, check_batch_budget, set_aside, wait_for
from eval.runs.collect import asking
from eval.runs.folder import RunFolder
from eval.runs.plan import RunOptions, RunPlan, Sitting, plan_run
from eval.runs.published import copy_published, is_published
from eval.runs.tally import statuses_line, why_all_failed
from eval.sets.file import PLAIN, Planned
from eval.sets.translations import check_translated

# How the progress of several runs is shown: from how much there is to do of each, by name, to what moves them on.
Shown = Callable[[Mapping[str, int]], AbstractContextManager[Move]]


@dataclass(slots=True)
class SetRun:
    """One run of a set: its folder, its plan where something may be asked, and why it ended early, if it did."""

    planned: Planned
    folder: RunFolder
    plan: RunPlan | None = None
    ended: str | None = None
    sitting: Sitting | None = None

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.planned.name

    @property
    def by_batch(self) -> bool:
        """Whether its model is asked through a batch queue."""
        return self.plan is not None and self.plan.choice.batch

    def lines(self) -> list[str]:
        """How it stands, in words."""
        statuses = self.folder.statuses()
        times = {status: list(statuses.values()).count(status) for status in set(statuses.values())}
        told = [f"{self.name}: {statuses_line(times, len(self.folder.settings.case_ids))}"]
        if self.ended:
            told.append(f"  Stopped: {self.ended}")
        return told + [f"  {line.strip()}" for line in why_all_failed(self.folder)[1:]]


@dataclass(slots=True)
class RunSet:
    """The runs of a set on one dataset, ready to begin."""

    dataset: OpenedDataset
    runs: list[SetRun]
    budget: float | None = None
    timeout: float | None = None
    spent: float = field(default=0.0)
    # Those whose costs count against the same budget.
    before: tuple[SetRun, ...] = ()

    @property
    def waiting(self) -> list[SetRun]:
        """Those that have something left to ask."""
        return [run for run in self.runs if run.plan is not None and run.plan.queries]

    @property
    def by_batch(self) -> bool:
        """Whether any of them is asked through a batch queue."""
        return any(run.by_batch for run in self.runs)

    @property
    def queued(self) -> list[SetRun]:
        """Those of which something has to be handed in, or is in a batch."""
        return [run for run in self.runs if run.by_batch and run.plan and (run.plan.queries or run.plan.in_batch)]

    @property
    def estimate(self) -> Estimate | None:
        """What all of it will take together; None where nothing is left to ask."""
        estimates = [run.plan.estimate for run in self.waiting if run.plan]
        return reduce(add, estimates) if estimates else None

    def joined(self, other: RunSet) -> RunSet:
        """Both together, for what is said of them."""
        return replace(self, runs=[*self.runs, *other.runs])

    def lines(self) -> Iterator[str]:
        """What is about to happen, in words."""
        yield f"Dataset: {self.dataset.spec}; {counted(len(self.runs), 'run')}"
        departures = [run.folder.record.departures for run in self.runs]
        common = [one for one in departures[0] if all(one in others for others in departures)]
        if common:
            yield f"Departs from the study's protocol: {'; '.join(common)}"
        for run in self.runs:
            settings, left = run.folder.settings, len(run.plan.queries) if run.plan else 0
            cost = run.plan.estimate.cost if run.plan else (0.0, 0.0)
            money = (
                "cost not known" if cost is None else "free" if not cost[1] else f"${cost[0]:,.2f} to ${cost[1]:,.2f}"
            )
            more = "".join(f"; {one}" for one in run.folder.record.departures if one not in common)
            way = ""
            if run.by_batch and run.plan:
                there = f", {run.plan.in_batch:,} there already" if run.plan.in_batch else ""
                way = f" by batch{there}"
            yield f"  {run.name}: {left:,} of {counted(len(settings.case_ids), 'case')} to ask{way}, {money}{more}"
        plans = [run.plan for run in self.waiting if run.plan]
        yield from dict.fromkeys(plan.one_sided for plan in plans if plan.one_sided)
        yield from dict.fromkeys(warning for plan in plans for warning in plan.choice.warnings())
        if (total := self.estimate) is not None:
            low, high = total.completion_tokens
            yield f"Calls: {total.calls:,}. Tokens: about {total.prompt_tokens:,} to send, {low:,} to {high:,} to get."
            if total.cost is None:
                yield "Cost: not known for all of them; give `price: [IN, OUT]` where it is missing."
            elif total.cost[1] == 0:
                yield "Cost: nothing."
            else:
                yield f"Cost: ${total.cost[0]:,.2f} to ${total.cost[1]:,.2f} together."

    def check_batches(self) -> None:
        """Raise InputError where what is to be handed in may cost more than is left of the budget."""
        new = [run.plan.estimate for run in self.queued if run.plan and run.plan.queries]
        check_batch_budget(self.budget, reduce(add, new) if new else None, self._spent() + self._set_aside())

    def collect(
        self,
        tell: Callable[[str], None] = lambda line: None,
        poll: float = POLL_S,
        *,
        cancel: bool = False,
        shown: Shown = set_progress,
    ) -> Stop | None:
        """Ask what is left of all runs; returns the budget's stop where that ended it, or None.

        Batches are handed in first, and waited for at the end, ``poll`` seconds between two looks; ``tell`` is given
        a line for each change, and ``shown`` is the progress display. With ``cancel`` nothing is asked, and what is in
        a batch is asked to end. A run that fails says so in its ``ended`` and stops no other. Raises whatever is no
        fault of a server, and as ``check_batches`` does.
        """
        if not cancel:
            self.check_batches()
        with ExitStack() as opened:
            looks = [look for run in self.queued if (look := self._handed_in(run, opened, tell, cancel=cancel))]
            direct = [] if cancel else [run for run in self.waiting if not run.by_batch]
            stop = None
            if direct:
                self.spent = self._spent()
                with shown({run.name: len(run.plan.queries) for run in direct if run.plan}) as move:
                    stop = run_to_end(lambda: self._collect(direct, move))
            wait_for(looks, poll)
        return stop

    def after_batches(self) -> RunSet:
        """The same set, to ask in the ordinary way what its batches failed at, and nothing else."""
        runs = []
        for run in self.runs:
            if not run.by_batch:
                runs.append(replace(run, plan=None))
                continue
            options = run.planned.options
            ordinary = replace(options, choice=replace(options.choice, batch=False), retry_errors=True)
            plan = plan_run(ordinary, self.dataset)
            runs.append(replace(run, plan=plan, folder=plan.run))
        return replace(self, runs=runs)

    def _handed_in(
        self, run: SetRun, opened: ExitStack, tell: Callable[[str], None], *, cancel: bool
    ) -> Callable[[], bool] | None:
        """Hand in what is left of a run; returns what looks at its batches, None where that failed."""
        plan = run.plan
        assert plan is not None  # noqa: S101 - what is queued has one

        def guarded(do: Callable[[], bool]) -> bool:
            try:
                return do()
            except InputError as error:
                run.ended = str(error)
                return True

        def begin() -> bool:
            queue = opened.enter_context(queue_of(plan.choice.endpoint, plan.choice.secret_headers))
            opened.enter_context(plan.run.writing())
            texts = {query.case_id: query.text for query in plan.every_query()}
            questions = Questions(plan.run, plan.queries, texts, plan.choice, asks=not cancel)
            told = f"{run.name}: "
            siblings = [one.folder for one in self.runs if one is not run]
            work = BatchWork(plan.run, queue, plan.choice, questions, lambda line: tell(told + line), siblings)
            if cancel:
                work.cancel()
            else:
                work.begin()
            looks.append(work.look)
            return False

        looks: list[Callable[[], bool]] = []
        guarded(begin)
        return (lambda: guarded(looks[0])) if looks else None

    def _spent(self) -> float:
        return sum(answer.cost or 0.0 for run in (*self.before, *self.runs) for answer in run.folder.every_answer())

    def _set_aside(self) -> float:
        return sum(set_aside(run.folder) for run in (*self.before, *self.runs))

    async def _collect(self, waiting: Sequence[SetRun], move: Move) -> Stop | None:
        costs = [run.plan.estimate.call_cost for run in waiting if run.plan]
        dear = None if None in costs else max(cost for cost in costs if cost is not None)
        budget = Budget(self.budget, spent=self.spent, call_cost=dear, set_aside=self._set_aside())
        servers: dict[str, Limits] = {}
        one_local = asyncio.Lock()
        stops: list[Stop] = []

        async def one(run: SetRun) -> None:
            plan = run.plan
            assert plan is not None  # noqa: S101 - those that wait have one
            run.sitting = sitting = Sitting(plan)
            conditions = Conditions(timeouts=Timeouts.within(self.timeout) if self.timeout else Timeouts())
            try:
                session = Session(
                    run.name, len(plan.queries), plan.choice, plan.estimate, conditions=conditions, budget=budget
                )
                session.shows(lambda detail: move(run.name, detail))
                with ExitStack() as open_now:
                    open_now.enter_context(plan.run.writing())
                    if plan.choice.is_local:
                        # As many as one fill the machine.
                        await one_local.acquire()
                        open_now.callback(one_local.release)
                    serving = plan.choice.serving(plan.run.settings.token_limit, QUERY_TOKENS)
                    endpoint = open_now.enter_context(serving)
                    limits = servers.setdefault(endpoint.provider.base_url, Limits.of(plan.choice))
                    stop = await session.asking(
                        endpoint,
                        plan.queries,
                        asking(plan.run, session, sitting.seen),
                        max_tokens=plan.run.settings.token_limit,
                        limits=limits,
                    )
            except InputError as error:
                run.ended = str(error)
                return
            if stop is not None:
                run.ended = str(stop)
                stops.append(stop)

        # Those of one model that this process runs stand together, so that it is loaded once.
        ordered = sorted(waiting, key=lambda run: run.plan.choice.model if run.plan else "")
        async with keeping():
            done = await asyncio.gather(*(one(run) for run in ordered), return_exceptions=True)
        for fault in done:
            if isinstance(fault, BaseException):
                raise fault
        return next((stop for stop in stops if stop.kind is StopKind.BUDGET), None)


def plan_epochs(options: RunOptions, times: int, dataset: OpenedDataset, timeout: float | None) -> RunSet:
    """Several answers to each case of one run's options: a run folder for each epoch, collected together.

    Raises InputError as ``RunOptions.epochs``, ``plan_run`` and a budget without a price do.
    """
    runs = []
    for one in options.epochs(times):
        plan = plan_run(one, dataset)
        runs.append(SetRun(Planned(one.choice.model, PLAIN, one, 0), plan.run, plan))
    return RunSet(dataset, runs, options.choice.budget, timeout)


def plan_set(
    planned: Sequence[Planned], path: Path, dataset: OpenedDataset, budget: float | None, timeout: float | None
) -> RunSet:
    """Open or make the folder of each run, before anything is asked.

    Raises DataError with every run that cannot begin (its key is not set, its price is not known under a budget,
    its folder holds another run), at its line of the file.
    """
    runs: list[SetRun] = []
    problems: list[Problem] = []

    def begin(one: Planned) -> None:
        if is_published(one.options.choice.model):
            runs.append(SetRun(one, copy_published(one.options)))
        else:
            plan = plan_run(one.options, dataset)
            runs.append(SetRun(one, plan.run, plan))

    def check(one: Planned) -> None:
        choice = one.options.choice
        if not is_published(choice.model):
            choice.check()
            _ = choice.engine
            _check_budget(one, budget)
            check_translated(one.options, dataset)

    # No folder is made where any of them cannot begin.
    for step in (check, begin):
        for one in planned:
            try:
                step(one)
            except InputError as error:
                problems.append(Problem(f"{path}:{one.line}", f"{one.name}: {error}"))
        if problems:
            raise DataError("The set cannot begin", problems)
    return RunSet(dataset, runs, budget, timeout)


def _check_budget(one: Planned, budget: float | None) -> None:
    choice = one.options.choice
    if budget is None or choice.is_local or choice.known_price == FREE or choice.endpoint.provider.tells_cost:
        return
    if choice.known_price is None:
        raise InputError(f"--budget {budget:g} cannot be kept: its price is not known. Give it a `price: [IN, OUT]`.")
