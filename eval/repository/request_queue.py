"""The queue of requests in a results repository: every change is a commit on top of what it was decided on.

The parent guard of a commit is the compare-and-set: of two workers who claim one request, the second
meets a ConflictError, looks again and finds it taken.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from dataset_builder.errors import BlindRefusalError, DataError, InputError, Problem
from dataset_builder.hub.people import CommitInfo, Origin, commits_of, last_changes, origins_of
from dataset_builder.hub.pull_requests import PullRequest, open_requests
from dataset_builder.hub.records import Committed
from eval.repository.bundle import to_json
from eval.repository.folder import REQUESTS, decode
from eval.repository.hub import KIND, ResultsRepo
from eval.repository.requests import (
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    TITLE,
    EvalRequest,
    Policy,
    SameModel,
    check_request,
    check_same_model,
    id_in_title,
    is_request_id,
    is_stale,
    is_timely,
    make_request,
    title_of,
)

POLICY: Final = "policy.json"
_PATTERNS: Final = (f"{REQUESTS}/*.json", POLICY)


class ClaimLostError(BlindRefusalError):
    """Another worker has taken this request over, as this one was not heard of."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue at one commit; ``unreadable`` are the files in it that are no requests."""

    head: str
    requests: tuple[EvalRequest, ...]
    policy: Policy
    unreadable: tuple[str, ...] = ()


def utc_now() -> datetime:
    """The time now."""
    return datetime.now(UTC)


def request_path(request_id: str) -> str:
    """Where a request stands in the repository."""
    return f"{REQUESTS}/{request_id}.json"


def piece_path(request_id: str, number: int) -> str:
    """Where a piece of its run stands."""
    return f"{REQUESTS}/{request_id}/responses-{number:04}.jsonl"


class RequestQueue:
    """The queue of one repository, with this account's rights."""

    def __init__(self, repo: ResultsRepo, clock: Callable[[], datetime] = utc_now) -> None:
        self.repo = repo
        self._clock = clock

    def now(self) -> str:
        """The time as records hold it."""
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def read(self, head: str | None = None) -> Queue:
        """All requests, oldest first. Raises DataError where ``policy.json`` is broken."""
        head = head or self.repo.head()
        copy, _ = self.repo.copy(_PATTERNS, head)
        found, unreadable = [], []
        for path in sorted((copy / REQUESTS).glob("*.json")) if (copy / REQUESTS).is_dir() else []:
            try:
                one = decode(path, EvalRequest)
            except DataError:
                unreadable.append(path.name)
                continue
            if one.id == path.stem:
                found.append(one)
            else:
                unreadable.append(path.name)
        policy = decode(copy / POLICY, Policy) if (copy / POLICY).is_file() else Policy()
        return Queue(head, tuple(sorted(found, key=lambda one: one.id)), policy, tuple(unreadable))

    def ask(self, asked: EvalRequest, *, as_request: bool = False) -> Committed:
        """Put a request into the queue, or (``as_request``) open a pull request that does.

        Raises DataError with every reason why it is not taken.
        """

        def attempt(head: str) -> Committed:
            queue = self.read(head)
            problems = check_request(asked, queue.requests, queue.policy, self._clock(), self._origins(queue))
            # What no list tells of waits in its pull request for a maintainer; who commits directly is one.
            problems += check_same_model(asked, queue.policy, unsure=True)
            if problems:
                raise DataError("The evaluation cannot be asked for", problems)
            return self.repo.commit(
                title_of(asked),
                {request_path(asked.id): to_json(asked)},
                parent=head,
                create_pr=as_request,
            )

        return self.repo.update(attempt)

    def _origins(self, queue: Queue) -> dict[str, Origin]:
        """Who asked for each request and when, by the Hub: the commit that brought it, and its pull request.

        A request committed by who keeps the repository is whose it says. One that came under another title counts
        from its file's newest commit, which can only be later.
        """
        hub, name = self.repo.hub, self.repo.name
        if not queue.requests:
            return {}
        brought: dict[str, CommitInfo] = {}
        for commit in commits_of(hub, name, KIND):
            if request_id := id_in_title(commit.title):
                # From the newest to the oldest: the first commit stays.
                brought[request_id] = commit
        known = origins_of(hub, name, KIND, brought.values())
        found = {}
        for one in queue.requests:
            if one.id in brought:
                origin = known[brought[one.id].commit_id]
                found[one.id] = origin if origin.pull_request else Origin(one.by, origin.at)
        if rest := [one for one in queue.requests if one.id not in found]:
            changed = last_changes(hub, name, KIND, [request_path(one.id) for one in rest])
            for one in rest:
                if request_path(one.id) in changed:
                    found[one.id] = Origin(one.by, changed[request_path(one.id)][1])
        return found

    def confirm_model(self, asked: EvalRequest) -> None:
        """Write down in ``policy.json`` that a request's model and repository are the same, by a maintainer's word."""
        pair = SameModel(model=asked.model, repo=asked.repo or "")

        def attempt(head: str) -> None:
            policy = self.read(head).policy
            if asked.repo and pair not in policy.same_models:
                changed = msgspec.structs.replace(policy, same_models=[*policy.same_models, pair])
                self.repo.commit(f"Confirm {asked.model}", {POLICY: to_json(changed)}, parent=head)

        self.repo.update(attempt)

    def check_new(self, path: str, data: bytes, request: PullRequest, *, same_model: bool = False) -> list[Problem]:
        """Whether a file that a pull request adds to the queue is a plain request of its author's own.

        With ``same_model`` a maintainer confirms that its model and the repository it names are the same.
        """
        author = request.author
        try:
            asked = msgspec.json.decode(data, type=EvalRequest)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return [Problem(path, str(error)[:300], "ask with 'blind-refusal eval request'")]
        queue = self.read()
        problems = check_request(asked, queue.requests, queue.policy, self._clock(), self._origins(queue))
        problems += [] if same_model else check_same_model(asked, queue.policy)
        plain = make_request(
            asked.model,
            asked.cases_hash,
            asked.by,
            asked.asked_at,
            repo=asked.repo,
            reasoning=asked.reasoning,
            note=asked.note,
        )
        if asked != plain or path != request_path(asked.id):
            problems.append(Problem(path, "is not as `eval request` writes it", "ask again with that command"))
        if asked.by != author:
            problems.append(Problem(path, f"says that {asked.by} asks, but {author} opened it", "ask for yourself"))
        if not is_timely(asked, request.opened_at):
            opened = request.opened_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            what = f"says that it was asked at {asked.asked_at}, but was opened at {opened}"
            problems.append(Problem(path, what, "ask again, with a clock that is right"))
        if request.title != title_of(asked):
            problems.append(
                Problem(path, "came under another title than `eval request` gives", "ask with that command")
            )
        if any(one.id == asked.id for one in queue.requests):
            problems.append(Problem(path, "is there already"))
        if same_model and not problems:
            self.confirm_model(asked)
        return problems

    def waiting(self) -> list[PullRequest]:
        """Requests that wait as open pull requests, which no worker sees before they are merged."""
        return [one for one in open_requests(self.repo.hub, self.repo.name, KIND) if one.title.startswith(TITLE)]

    def claim(self, worker: str, wanted: Callable[[EvalRequest, Policy], bool]) -> EvalRequest | None:
        """Take the oldest request that waits, or whose worker has gone silent; None where there is none.

        ``wanted`` says which this worker can run.
        """

        def attempt(head: str) -> EvalRequest | None:
            queue = self.read(head)
            for one in queue.requests:
                if (one.state == PENDING or is_stale(one, queue.policy, self._clock())) and wanted(one, queue.policy):
                    taken = msgspec.structs.replace(
                        one,
                        state=RUNNING,
                        worker=worker,
                        claim=uuid.uuid4().hex,
                        heartbeat_at=self.now(),
                        claims=one.claims + 1,
                    )
                    self.repo.commit(f"Claim {one.id}", {request_path(one.id): to_json(taken)}, parent=head)
                    return taken
            return None

        return self.repo.update(attempt)

    def beat(self, mine: EvalRequest, *, pieces: Sequence[bytes] = (), **changes: Any) -> EvalRequest:
        """Say that this claim is alive, with new pieces of its run. Raises ClaimLostError where it is no more."""
        numbers = range(mine.pieces, mine.pieces + len(pieces))
        add = {piece_path(mine.id, number): data for number, data in zip(numbers, pieces, strict=True)}
        changes |= {"heartbeat_at": self.now(), "pieces": mine.pieces + len(pieces)}
        return self._change(mine, f"Work on {mine.id}", add, **changes)

    def release(self, mine: EvalRequest, why: str) -> EvalRequest:
        """Put it back for the next worker, with what there is of its run."""
        return self._change(mine, f"Release {mine.id}", {}, state=PENDING, worker=None, claim=None, error=why[:2000])

    def fail(self, mine: EvalRequest, why: str) -> EvalRequest:
        """End it without a result; it can be asked for again."""
        clean = "".join(c if c.isprintable() or c == "\n" else " " for c in why)[:2000]
        return self._change(
            mine, f"Give up {mine.id}", {}, drop=True, state=FAILED, error=clean, finished_at=self.now(), claim=None
        )

    def finish(self, mine: EvalRequest, place: str, files: Mapping[str, bytes]) -> EvalRequest:
        """End it with a submission and its review, in one commit; the pieces of the run go."""
        return self._change(
            mine,
            f"Evaluate {mine.model}",
            files,
            drop=True,
            state=DONE,
            submission=place,
            error=None,
            finished_at=self.now(),
            claim=None,
        )

    def pieces(self, mine: EvalRequest) -> list[bytes]:
        """The run so far, as earlier workers kept it."""
        return [
            self.repo.hub.read_file(self.repo.name, KIND, piece_path(mine.id, number)) for number in range(mine.pieces)
        ]

    def _change(
        self, mine: EvalRequest, message: str, add: Mapping[str, bytes], *, drop: bool = False, **changes: Any
    ) -> EvalRequest:
        if not is_request_id(mine.id):
            raise InputError(f"{mine.id!r} is no request's id.")

        def attempt(head: str) -> EvalRequest:
            there = next((one for one in self.read(head).requests if one.id == mine.id), None)
            if there is None or there.claim != mine.claim or there.state != RUNNING:
                raise ClaimLostError(f"request {mine.id} is no longer this worker's")
            changed = msgspec.structs.replace(there, **changes)
            gone = [piece_path(mine.id, number) for number in range(there.pieces)] if drop else []
            if drop:
                changed = msgspec.structs.replace(changed, pieces=0)
            self.repo.commit(message, {**add, request_path(mine.id): to_json(changed)}, parent=head, delete=gone)
            return changed

        return self.repo.update(attempt)
