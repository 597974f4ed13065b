"""From what a user asks for to a run that is ready to begin: cases, settings, folder, estimate."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.sample import draw, parse_sample
from dataset_builder.errors import InputError
from dataset_builder.models.chat import ChatClient, Retries, Timeouts
from dataset_builder.models.local import LOCAL_MAX_TOKENS, engine_of, is_local_model, serve_local_model
from dataset_builder.models.providers import Endpoint, resolve_endpoint
from dataset_builder.net.secret import ApiKey
from dataset_builder.work.cost import FREE, Budget, Estimate, Price, estimate, parse_price, price_of
from eval.runs.collect import Query, collect, now, outstanding
from eval.runs.folder import RunFolder
from eval.runs.response import RunResponse
from eval.runs.settings import PROTOCOL_MAX_TOKENS, RunSettings
from eval.runs.tally import Tally

RUNS: Final = Path("runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line says."""

    model: str
    dataset: str
    base_url: str | None = None
    key_env: str | None = None
    out: Path | None = None
    limit: int | None = None
    sample: str | None = None
    sample_seed: int = 0
    concurrency: int = 16
    max_tokens: int | None = None
    temperature: float | None = 0.0
    reasoning: str | None = None
    seed: int | None = None
    providers: tuple[str, ...] = ()
    excluded_providers: tuple[str, ...] = ()
    # Ask for event streams, for a server that takes no other calls.
    stream: bool = False
    price: str | None = None
    retry_errors: bool = False


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run that is ready to begin."""

    run: RunFolder
    dataset: OpenedDataset
    # None for a model that we serve ourselves.
    endpoint: Endpoint | None
    # Those that have no answer yet.
    queries: tuple[Query, ...]
    price: Price | None
    estimate: Estimate
    concurrency: int
    stream: bool = False

    @contextmanager
    def reached(self) -> Iterator[Endpoint]:
        """Where the model is, for as long as the block lasts."""
        if self.endpoint is not None:
            yield self.endpoint
            return
        settings = self.run.settings
        with serve_local_model(settings.model, settings.max_tokens) as endpoint:
            yield endpoint

    def lines(self) -> list[str]:
        """What is about to happen, in words."""
        settings = self.run.settings
        done = len(settings.case_ids) - len(self.queries)
        told = [
            f"Model: {settings.model} at {settings.endpoint}",
            f"Dataset: {self.dataset.name}, {len(settings.case_ids):,} cases"
            + (f" ({done:,} of them are in the run already)" if done else ""),
            f"Run: {self.run.path}",
            *(f"Departs from the study's protocol: {departure}" for departure in self.run.record.departures),
        ]
        if self.endpoint is not None and self.endpoint.sends_key_in_clear:
            told.append("Careful: the key is sent to that address unencrypted (http, not https)")
        return [*told, *(self.estimate.lines() if self.queries else ["Nothing is left to ask."])]


def plan_run(wishes: Wishes) -> RunPlan:
    """Open the dataset, draw the cases, find the model, make or open the run's folder.

    Raises InputError for anything in the wishes that cannot be done, before anything is asked of a
    model; DataError where the folder holds a run with other settings.
    """
    sample = parse_sample(wishes.sample, wishes.limit)
    given_price = parse_price(wishes.price) if wishes.price is not None else None
    endpoint = None if is_local_model(wishes.model) else _reachable(wishes)
    dataset = locate_dataset(wishes.dataset)
    cases = draw(dataset.built.cases(), sample, wishes.sample_seed, lambda case: case.cell)
    if not cases:
        raise InputError(f"{dataset.name}: holds no cases, so there is nothing to ask.")
    settings = _settings(wishes, dataset, cases, sample, endpoint)
    run = RunFolder.create(wishes.out or usual_folder(settings), settings, now())
    queries = tuple(outstanding(run, (Query(c.case_id, c.user_query) for c in cases), retry_errors=wishes.retry_errors))
    price = given_price or (price_of(endpoint) if endpoint else FREE)
    return RunPlan(
        run=run,
        dataset=dataset,
        endpoint=endpoint,
        queries=queries,
        price=price,
        estimate=estimate(
            (len(q.text) for q in queries), settings.max_tokens, price, price_is_given=given_price is not None
        ),
        # It answers one at a time.
        concurrency=wishes.concurrency if endpoint else 1,
        stream=wishes.stream,
    )


def _reachable(wishes: Wishes) -> Endpoint:
    endpoint = resolve_endpoint(wishes.model, wishes.base_url, wishes.key_env)
    if endpoint.key_env is not None:
        # Better now than after the confirmation.
        ApiKey(endpoint.key_env)
    if (wishes.providers or wishes.excluded_providers) and not endpoint.provider.routes:
        raise InputError(
            f"--provider and --exclude-provider choose among those that a router asks, and {endpoint.host} is none. "
            "Leave them out, or name the model with openrouter/ in front."
        )
    return endpoint


def _settings(
    wishes: Wishes, dataset: OpenedDataset, cases: list[Case], sample: str, endpoint: Endpoint | None
) -> RunSettings:
    local = endpoint is None
    return RunSettings(
        dataset=dataset.name,
        revision=dataset.revision,
        content_hash=dataset.built.cases_hash,
        sample=sample,
        sample_seed=wishes.sample_seed,
        case_ids=tuple(case.case_id for case in cases),
        model=wishes.model,
        endpoint=endpoint.host if endpoint else "this process",
        engine=engine_of(wishes.model) if local else None,
        temperature=wishes.temperature,
        max_tokens=wishes.max_tokens or (LOCAL_MAX_TOKENS if local else PROTOCOL_MAX_TOKENS),
        reasoning=wishes.reasoning,
        seed=wishes.seed,
        providers=wishes.providers,
        excluded_providers=wishes.excluded_providers,
        package_version=__version__,
    )


def usual_folder(settings: RunSettings) -> Path:
    """A folder named after the model and the settings, so that the same command finds its run again."""
    name = re.sub(r"[^a-z0-9.]+", "-", settings.model.lower()).strip("-.")[:60] or "model"
    deciding = msgspec.structs.replace(settings, dataset="", revision=None)
    return RUNS / f"{name}-{hashlib.sha256(msgspec.json.encode(deciding)).hexdigest()[:8]}"


# One sitting of a run, from the first request to the account of what came.


_TIMEOUTS = Timeouts()
_RETRIES = Retries()


def collect_run(
    plan: RunPlan,
    *,
    budget_usd: float | None = None,
    timeouts: Timeouts = _TIMEOUTS,
    retries: Retries = _RETRIES,
    progress: Callable[[str, int], AbstractContextManager[Callable[[str], None]]],
) -> tuple[Tally, str | None]:
    """Ask what is outstanding and keep every answer.

    Returns what this sitting came to, and why it stopped early, or None. Raises as ``collect`` does.
    """
    paid = Tally()
    for response in plan.run.every_response():
        paid.add(response)
    sitting = Tally()
    if not plan.queries:
        return sitting, None
    with (
        plan.run.writing(),
        plan.reached() as endpoint,
        progress(plan.run.settings.model, len(plan.queries)) as move,
    ):

        def seen(response: RunResponse) -> None:
            sitting.add(response)
            move(_detail(paid.cost + sitting.cost, sitting))

        stopped = asyncio.run(_collect(plan, endpoint, budget_usd, paid.cost, timeouts, retries, seen))
    return sitting, stopped


async def _collect(
    plan: RunPlan,
    endpoint: Endpoint,
    budget_usd: float | None,
    paid: float,
    timeouts: Timeouts,
    retries: Retries,
    seen: Callable[[RunResponse], None],
) -> str | None:
    budget = Budget(budget_usd, spent=paid, call_cost=plan.estimate.call_cost)
    async with ChatClient(
        endpoint, concurrency=plan.concurrency, timeouts=timeouts, retries=retries, stream=plan.stream
    ) as client:
        return await collect(
            plan.run,
            plan.queries,
            client,
            concurrency=plan.concurrency,
            budget=budget,
            price=plan.price,
            seen=seen,
        )


def _detail(cost: float, sitting: Tally) -> str:
    money = f"${cost:.4f}" if sitting.priced else "cost not known"
    return f"{money}, {sitting.failed} without an answer"
