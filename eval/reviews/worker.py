"""The worker: takes requests from the queue one after the other, runs them, and submits what comes.

It can be killed at any moment. On the same machine the next one goes on in the same folder; on another
it gets the run's pieces from the repository, so that only what was answered since the last piece is asked again.
"""

from __future__ import annotations

import os
import platform
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.taxonomy import OK, PROVIDER_ERROR
from dataset_builder.errors import BlindRefusalError, InputError, RemoteError
from dataset_builder.models.local import engine_of
from dataset_builder.models.providers import CUSTOM
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.session import USUAL, Conditions
from dataset_builder.work.stopping import Stop, StopKind
from eval.repository.folder import REVIEWS, SUBMISSIONS
from eval.repository.hub import FOR_CHECKS
from eval.repository.identity import plain_line
from eval.repository.owners import Maintainer
from eval.repository.request_queue import ClaimLostError, RequestQueue
from eval.repository.requests import EvalRequest, Policy, check_model, check_same_model
from eval.reviews.maintainer import aggregate_repo
from eval.reviews.report import report_on_files
from eval.reviews.verdicts import Rejudge, maintainers_verdicts
from eval.runs.answer import REPEATABLE, Answer
from eval.runs.folder import RunFolder
from eval.runs.plan import RunOptions, RunPlan, collect_run, plan_run
from eval.submissions.make import bundle_of_run

# The thread that says a claim is alive.
HEARTBEAT: Final = "heartbeat"
# How often a request is tried whose server, or the Hub, fails.
_MOST_CLAIMS: Final = 3
_LINES: Final = msgspec.json.Decoder(Answer)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    request: EvalRequest
    spent: float


@dataclass
class Worker:
    """A worker with its own folder, datasets and limits.

    ``choice`` holds its budget for all it does and its concurrency; address, key and price in it are for models
    of the provider ``custom``, which only the worker's owner can name an address for. ``piece_size`` answers are
    kept in the repository at a time, with a heartbeat.
    """

    queue: RequestQueue
    datasets: Sequence[OpenedDataset]
    work: Path
    choice: ModelChoice = field(default_factory=ModelChoice)
    name: str = ""
    piece_size: int = 100
    conditions: Conditions = USUAL
    rejudge: Rejudge = maintainers_verdicts
    say: Callable[[str], None] = lambda _: None
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.name = self.name or f"{platform.node() or 'worker'}-{os.getpid()}"

    @property
    def has_money(self) -> bool:
        """Whether anything is left of the budget."""
        return self.choice.budget is None or self.spent < self.choice.budget

    def work_through(self, *, once: bool = False) -> Iterator[Outcome]:
        """Do what is in the queue, one request at a time, until it is empty or the budget is used up."""
        while self.has_money:
            mine = self.queue.claim(self.name, self._can_run)
            if mine is None:
                return
            before = self.spent
            done = self._serve(mine)
            yield Outcome(done, self.spent - before)
            if once or done.state == "pending":
                return

    def _can_run(self, asked: EvalRequest, policy: Policy) -> bool:
        """Whether this worker has the dataset, and the key or engine that the model needs."""
        if not any(one.built.cases_hash == asked.cases_hash for one in self.datasets):
            return False
        provider = asked.model.partition("/")[0]
        if provider == CUSTOM and self.choice.base_url is None:
            return False
        choice = self._choice_for(asked, policy)
        try:
            if choice.is_local:
                engine_of(choice.model)
            elif provider == CUSTOM:
                choice.check()
            else:
                # A price that is not known is for the check of the model to refuse.
                replace(choice, budget=None).check()
        except InputError as error:
            # A provider that the policy does not name is for the check of the model to refuse.
            if provider in policy.providers:
                self.say(f"{asked.id} is left for another worker: {error}")
                return False
        return True

    def _choice_for(self, asked: EvalRequest, policy: Policy) -> ModelChoice:
        """The model of a request, with what one request may cost at most as its budget."""
        provider, _, name = asked.model.partition("/")
        limited = ModelChoice(
            model=asked.model,
            concurrency=self.choice.concurrency,
            budget=policy.most_usd_per_request,
            tells_cost=provider in policy.cost_told_by,
        )
        if provider != CUSTOM:
            return limited
        mine = self.choice
        return replace(limited, model=name, base_url=mine.base_url, key_env=mine.key_env, price=mine.price)

    def _serve(self, mine: EvalRequest) -> EvalRequest:
        policy = self.queue.read().policy
        self.say(f"{mine.id}: {mine.model}, asked for by {mine.by}")
        try:
            if problems := [*check_model(mine, policy), *check_same_model(mine, policy)]:
                return self.queue.fail(mine, "; ".join(map(str, problems)))
            plan, kept = self._plan(mine, policy)
            before = _cost(plan.run)
            heartbeat = _Heartbeat(self.queue, mine, plan.run, kept, self.piece_size, policy.heartbeat_s)
            try:
                stopped = self._collect(plan, heartbeat, policy)
            finally:
                self.spent += max(0.0, _cost(plan.run) - before)
            heartbeat.beat()
            if stopped is not None and stopped.kind is StopKind.BUDGET:
                if self._left(plan) < policy.most_usd_per_request:
                    return self.queue.release(heartbeat.mine, "the worker's budget is used up; the next worker goes on")
                why = f"it costs more than ${policy.most_usd_per_request:g}, the most that a request may"
                return self.queue.fail(heartbeat.mine, why)
            if stopped is not None:
                return self.queue.fail(heartbeat.mine, stopped.reason)
            return self._submit(heartbeat.mine, plan)
        except ClaimLostError as error:
            self.say(str(error))
            return mine
        except RemoteError as error:
            # The model's server or the Hub: another try may do, but not for ever, or it would block the queue.
            if mine.claims >= _MOST_CLAIMS:
                return self.queue.fail(self._mine(mine), str(error))
            self._let_go(mine, str(error))
            raise
        except (KeyboardInterrupt, SystemExit):
            self._let_go(mine, "the worker was stopped; the next worker goes on")
            raise
        except BlindRefusalError as error:
            return self.queue.fail(self._mine(mine), str(error))

    def _plan(self, mine: EvalRequest, policy: Policy) -> tuple[RunPlan, set[str]]:
        """The run of a request (begun here before, put together from its pieces, or new), and what the pieces hold."""
        dataset = next(one for one in self.datasets if one.built.cases_hash == mine.cases_hash)
        folder = self.work / mine.id
        options = RunOptions(
            choice=self._choice_for(mine, policy),
            dataset=dataset.spec,
            out=folder,
            reasoning=mine.reasoning,
            retry_errors=True,
        )
        plan = plan_run(options)
        here = plan.run.statuses()
        held = [one for piece in self.queue.pieces(mine) for one in _LINES.decode_lines(piece)]
        if missing := [one for one in held if here.get(one.case_id, PROVIDER_ERROR) in REPEATABLE]:
            with plan.run.writing():
                for response in missing:
                    plan.run.append_answer(response)
            plan = plan_run(options)
        return plan, {one.case_id for one in held}

    def _collect(self, plan: RunPlan, heartbeat: _Heartbeat, policy: Policy) -> Stop | None:
        choice = replace(plan.choice, budget=min(self._left(plan), policy.most_usd_per_request))
        with heartbeat.beating():
            _, stopped = collect_run(
                replace(plan, choice=choice), replace(self.conditions, progress=heartbeat.progress)
            )
        return stopped

    def _left(self, plan: RunPlan) -> float:
        """What a run may cost by our own budget: what earlier workers paid for it does not count against that."""
        return float("inf") if self.choice.budget is None else _cost(plan.run) + self.choice.budget - self.spent

    def _submit(self, mine: EvalRequest, plan: RunPlan) -> EvalRequest:
        made = bundle_of_run(plan.run, plan.dataset, model_repo=mine.repo, note=mine.note)
        copy, _ = self.queue.repo.copy(FOR_CHECKS)
        # Of the account that keeps the repository: its own run of a model that was asked for replaces others.
        by = Maintainer(self.queue.repo.hub.whoami(), self.queue.repo)
        # Who collected it is said here and nowhere else: a submission cannot say it.
        report = report_on_files(
            made.files,
            [plan.dataset],
            copy,
            seed=None,
            rejudge=self.rejudge,
            submitter=by,
            collected_by=plain_line(self.name),
        )
        if not report.ok or report.reviewed is None:
            return self.queue.fail(mine, "; ".join(map(str, report.problems[:5])))
        files = {f"{SUBMISSIONS}/{made.place}/{name}": data for name, data in made.files.items()}
        files |= {f"{REVIEWS}/{made.place}/{name}": data for name, data in report.reviewed.files.items()}
        done = self.queue.finish(mine, made.place, files)
        shutil.rmtree(plan.run.path, ignore_errors=True)
        aggregate_repo(self.queue.repo, self.datasets)
        return done

    def _mine(self, mine: EvalRequest) -> EvalRequest:
        """The claim as it stands now: heartbeats have changed its counts, not its mark."""
        return next((one for one in self.queue.read().requests if one.id == mine.id), mine)

    def _let_go(self, mine: EvalRequest, why: str) -> None:
        try:
            self.queue.release(self._mine(mine), why)
        except BlindRefusalError as error:
            self.say(f"could not release {mine.id}: {error}")


class _Heartbeat:
    """Says now and then that the claim is alive, and takes the new answers along.

    Beats come from a thread of its own, as an answer can take longer than the pause between two; a claim
    that was lost ends the collecting at the next answer.
    """

    def __init__(
        self, queue: RequestQueue, mine: EvalRequest, run: RunFolder, kept: set[str], piece_size: int, pause: float
    ) -> None:
        self.mine = mine
        self._queue, self._run, self._piece_size, self._pause = queue, run, piece_size, pause
        self._kept = set(kept)
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._ending = threading.Event()
        self._lost: BlindRefusalError | None = None
        self._since = 0

    def beat(self) -> None:
        """Beat now, with all answers that are not in a piece yet. Raises ClaimLostError."""
        with self._lock:
            new = [
                one
                for one in self._run.answers.values()
                if one.status not in REPEATABLE and one.case_id not in self._kept
            ]
            piece = b"".join(msgspec.json.encode(one) + b"\n" for one in new)
            statuses = self._run.statuses()
            self.mine = self._queue.beat(
                self.mine,
                pieces=[piece] if new else [],
                answered=sum(status == OK for status in statuses.values()),
                cases=len(self._run.settings.case_ids),
                spent=_cost(self._run),
            )
            self._kept |= {one.case_id for one in new}

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat at every pause and after every so many answers, until the end of the block."""
        thread = threading.Thread(target=self._work, name=HEARTBEAT, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            self._due.set()
            thread.join()
        if self._lost is not None:
            raise self._lost

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[str], None]]:
        """The collector's account of itself: counts answers, and stops it where the claim is lost."""

        def move(detail: str) -> None:
            self._since += 1
            if self._since >= self._piece_size:
                self._since = 0
                self._due.set()
            if self._lost is not None:
                raise self._lost

        yield move

    def _work(self) -> None:
        while not self._ending.is_set():
            self._due.wait(self._pause)
            self._due.clear()
            if self._ending.is_set():
                return
            try:
                self.beat()
            except ClaimLostError as error:
                self._lost = error
                return
            except BlindRefusalError:
                # A Hub that cannot be reached now may be at the next beat; the run goes on meanwhile.
                continue


def _cost(run: RunFolder) -> float:
    return sum(one.cost or 0.0 for one in run.every_answer())
