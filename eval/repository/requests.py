"""A request to evaluate a model, as it stands in the queue of a results repository."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, field

from dataset_builder.errors import InputError, Problem, RemoteError
from dataset_builder.hub.people import Origin
from dataset_builder.models.local import is_local_model
from dataset_builder.models.providers import CUSTOM, repo_by_provider, resolve_endpoint
from dataset_builder.wording import counted
from dataset_builder.work.cost import price_of
from eval.repository.identity import run_model
from eval.runs.fields import Count, Hash, Line, Note, Part

SCHEMA_VERSION: Final = "1.0.0"
PENDING, RUNNING, DONE, FAILED = "pending", "running", "done", "failed"
State = Literal["pending", "running", "done", "failed"]
REASONING_LEVELS: Final = ("none", "minimal", "low", "medium", "high")
ID_PATTERN: Final = r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{10}$(?!\n)"
_ID: Final = re.compile(ID_PATTERN)
TITLE: Final = "Ask for "
_BROUGHT: Final = re.compile(TITLE + r".+ \(([0-9]{8}T[0-9]{6}Z-[0-9a-f]{10})\)(?: \(#[0-9]+\))?$")
Money = Annotated[float, Meta(ge=0)]


class EvalRequest(Part, frozen=True, kw_only=True):
    """What ``requests/<id>.json`` holds."""

    schema_version: Annotated[str, Meta(pattern=r"^1\.[0-9]{1,4}\.[0-9]{1,4}$(?!\n)")] = SCHEMA_VERSION
    id: Annotated[str, Meta(pattern=ID_PATTERN)]
    # With its provider first, as for `eval run`.
    model: Line
    # The model's repository on the Hub, where it has one.
    repo: Line | None = None
    cases_hash: Hash
    reasoning: Line | None = None
    by: Line
    asked_at: Line
    note: Note | None = None
    state: State = "pending"
    # Who works on it: a name, and a mark that only that claim knows.
    worker: Line | None = None
    claim: Line | None = None
    heartbeat_at: Line | None = None
    claims: Count = 0
    answered: Count = 0
    cases: Count = 0
    spent: Money = 0.0
    # Pieces of the run so far, under requests/<id>/.
    pieces: Count = 0
    submission: Line | None = None
    error: Note | None = None
    finished_at: Line | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits or is worked on."""
        return self.state in (PENDING, RUNNING)


class Price(Part, frozen=True, kw_only=True):
    """US dollars for a million tokens."""

    input: Money
    output: Money


class SameModel(Part, frozen=True, kw_only=True):
    """A model by its provider's name, and the repository on the Hub that a maintainer says is the same."""

    model: Line
    repo: Line


class Policy(Part, frozen=True, kw_only=True):
    """What may be asked for: ``policy.json`` at the root of the results repository, or these defaults."""

    providers: list[Line] = field(default_factory=lambda: ["openrouter", "openai", "hf"])
    open_per_user: Count = 2
    per_user_and_day: Count = 3
    per_day: Count = 20
    # Models that cost more are refused; the study's dearest is 5 and 25.
    most_per_million: Price = field(default_factory=lambda: Price(input=10.0, output=50.0))
    # Providers that tell the cost of each answer, so that a model of unknown price can be limited.
    cost_told_by: list[Line] = field(default_factory=lambda: ["openrouter"])
    # What no provider's own list tells.
    same_models: list[SameModel] = field(default_factory=list)
    most_usd_per_request: Money = 60.0
    heartbeat_s: Count = 300
    stale_s: Count = 1800


def make_request(
    model: str,
    cases_hash: str,
    by: str,
    at: str,
    *,
    repo: str | None = None,
    reasoning: str | None = None,
    note: str | None = None,
) -> EvalRequest:
    """A new request; its id is its time and a hash of what is asked for.

    Raises InputError for text that a request cannot hold.
    """
    stamp = _time(at).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    asked = msgspec.json.encode([model, repo, cases_hash, reasoning, by, at])
    made = EvalRequest(
        id=f"{stamp}-{hashlib.sha256(asked).hexdigest()[:10]}",
        model=model,
        repo=repo,
        cases_hash=cases_hash,
        reasoning=reasoning,
        by=by,
        asked_at=at,
        note=note,
    )
    try:
        return msgspec.json.decode(msgspec.json.encode(made), type=EvalRequest)
    except msgspec.ValidationError as error:
        raise InputError(f"The request cannot be made: {error}. Mend or shorten it.") from None


def is_request_id(text: str) -> bool:
    """Whether this may be a request's id, and so a part of a path."""
    return bool(_ID.search(text))


def check_request(
    asked: EvalRequest,
    known: Iterable[EvalRequest],
    policy: Policy,
    at: datetime,
    origins: Mapping[str, Origin] | None = None,
) -> list[Problem]:
    """Why a request is not taken, every reason at once; empty where it is.

    ``origins`` tells by their ids who asked for the known ones and when, as the Hub knows it; what a request says
    of itself counts only where the Hub does not know.
    """
    problems = check_model(asked, policy)
    others = [one for one in known if one.id != asked.id]
    told = origins or {}
    by = {one.id: told[one.id].by if one.id in told else one.by for one in others}
    mine = [one for one in others if by[one.id] == asked.by]
    day = [
        one for one in others if at - (told[one.id].at if one.id in told else _time(one.asked_at)) < timedelta(days=1)
    ]
    same = [one for one in others if one.is_open and _wanted(one) == _wanted(asked)]
    where = f"request for {asked.model}"
    if same:
        problems.append(Problem(where, f"is asked for already, by {by[same[0].id]}", f"see requests/{same[0].id}.json"))
    if (n := sum(one.is_open for one in mine)) >= policy.open_per_user:
        problems.append(
            Problem(where, f"{asked.by} has {counted(n, 'open request')}; at most {policy.open_per_user}", "wait")
        )
    if (n := sum(by[one.id] == asked.by for one in day)) >= policy.per_user_and_day:
        hint = "ask tomorrow"
        problems.append(
            Problem(where, f"{asked.by} asked {n} times in 24 hours; at most {policy.per_user_and_day}", hint)
        )
    if len(day) >= policy.per_day:
        problems.append(
            Problem(where, f"{counted(len(day), 'request')} in 24 hours; at most {policy.per_day}", "ask tomorrow")
        )
    return problems


def check_same_model(asked: EvalRequest, policy: Policy, *, unsure: bool = False) -> list[Problem]:
    """Whether the repository that a request names is the model's own, by its provider's list or a maintainer's word.

    With ``unsure`` what neither tells of passes, for a maintainer to look at.
    """
    if asked.repo is None or any((one.model, one.repo) == (asked.model, asked.repo) for one in policy.same_models):
        return []
    where = f"repository {asked.repo}"
    why = f"{asked.model.partition('/')[0]} does not say which repository {asked.model} is"
    try:
        told = repo_by_provider(asked.model)
    except RemoteError as error:
        told, why = None, str(error)
    if told is not None:
        if told.lower() == asked.repo.lower():
            return []
        return [Problem(where, f"is another model than {asked.model}, which is {told}", "name that one, or none")]
    hint = "leave it out, or a maintainer confirms it: 'blind-refusal board check … --pr N --same-model'"
    return [] if unsure else [Problem(where, why, hint)]


def title_of(asked: EvalRequest) -> str:
    """The title of the commit that brings a request, by which it is found in the repository's history."""
    return f"{TITLE}{asked.model} ({asked.id})"


def id_in_title(title: str) -> str | None:
    """The id of the request that a commit of that title brought; the Hub adds the pull request's number."""
    match = _BROUGHT.match(title)
    return match[1] if match else None


def is_timely(asked: EvalRequest, opened_at: datetime) -> bool:
    """Whether a request says of its time what the Hub says of its pull request, within an hour."""
    return abs(opened_at - _time(asked.asked_at)) <= timedelta(hours=1)


def check_model(asked: EvalRequest, policy: Policy) -> list[Problem]:
    """Whether the model is one that may be asked for: its provider, its price, its name."""
    where = f"model {asked.model}"
    provider = asked.model.partition("/")[0]
    if provider not in policy.providers:
        known = ", ".join(policy.providers)
        return [
            Problem(where, f"provider {provider!r} is not one of {known}", "name the model with its provider first")
        ]
    problems = []
    if asked.reasoning is not None and asked.reasoning not in REASONING_LEVELS:
        problems.append(Problem(where, f"reasoning {asked.reasoning!r} is not one of {', '.join(REASONING_LEVELS)}"))
    if run_model(asked.model, asked.repo).slug.startswith("study__"):
        problems.append(Problem(where, "has a name that is kept for the study's own models"))
    if is_local_model(asked.model) or provider == CUSTOM:
        return problems
    try:
        price = price_of(resolve_endpoint(asked.model))
    except InputError as error:
        return [*problems, Problem(where, str(error))]
    most = policy.most_per_million
    if price is None and provider not in policy.cost_told_by:
        problems.append(Problem(where, "its price is not known here", "ask for it through a provider that tells costs"))
    elif price is not None and (price.input > most.input or price.output > most.output):
        what = (
            f"costs ${price.input:g} and ${price.output:g} for a million tokens; "
            f"at most ${most.input:g} and ${most.output:g}"
        )
        problems.append(Problem(where, what, "run it yourself and submit the run"))
    return problems


def is_stale(asked: EvalRequest, policy: Policy, at: datetime) -> bool:
    """Whether the worker of a running request has not been heard of for too long."""
    if asked.state != RUNNING:
        return False
    return at - _time(asked.heartbeat_at or asked.asked_at) > timedelta(seconds=policy.stale_s)


def _wanted(asked: EvalRequest) -> tuple[str, str, str | None]:
    return asked.model, asked.cases_hash, asked.reasoning


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
