"""From what a user asks for to a run that is ready to begin: cases, settings, folder, estimate."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.sample import LIMIT, Chosen, chosen_cases, draw, sample_name
from dataset_builder.errors import InputError
from dataset_builder.models.batches.places import check_request
from dataset_builder.models.in_process.prompting import TEMPLATE_OPTIONS
from dataset_builder.models.local import LOCAL_MAX_TOKENS
from dataset_builder.models.replies.usage import Usage
from dataset_builder.models.request import ChatRequest
from dataset_builder.wording import counted
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import Estimate
from dataset_builder.work.session import USUAL, Conditions, Session
from dataset_builder.work.stopping import Stop
from eval.runs.answer import Answer
from eval.runs.batches import in_batches, refuse_open_batches
from eval.runs.collect import Query, collect, now, outstanding
from eval.runs.folder import RunFolder, epoch_folder, hash_translations
from eval.runs.run import PROTOCOL_MAX_TOKENS, THIS_PROCESS, Run, RunRecord
from eval.runs.tally import Tally

RUNS: Final = Path("runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the user asks for: which model, about which cases, with which parameters."""

    choice: ModelChoice
    dataset: str
    out: Path | None = None
    limit: int | None = None
    sample: int | None = None
    sample_seed: int = 0
    max_tokens: int | None = None
    temperature: float | None = 0.0
    reasoning: str | None = None
    seed: int | None = None
    system_prompt: str | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    extra_body: str | None = None
    chosen: Chosen | None = None
    retry_errors: bool = False
    epoch: int | None = None
    pressure: str | None = None
    # Into which language the requests are translated, and the translations by case.
    language: str | None = None
    translated: Mapping[str, str] | None = None

    def epochs(self, times: int) -> list[RunOptions]:
        """The same for each of several answers to a case; a seed is another one each time.

        Raises InputError for temperature 0, at which each answer is to be the same.
        """
        if self.temperature == 0 and times > 1 and not self.choice.samples_itself:
            raise InputError(
                f"{times} epochs at temperature 0: the same answer each time, as far as the server is exact. "
                "Give a temperature above 0, such as --temperature 0.7."
            )
        seeds = [None if self.seed is None else self.seed + n for n in range(times)]
        return [replace(self, epoch=n + 1, seed=seeds[n], out=self._folder_of(n + 1)) for n in range(times)]

    def _folder_of(self, epoch: int) -> Path | None:
        return None if self.out is None else epoch_folder(self.out, epoch)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run that is ready to begin; ``queries`` are those without an answer, but for ``in_batch`` handed in before."""

    run: RunFolder
    dataset: OpenedDataset
    choice: ModelChoice
    queries: tuple[Query, ...]
    estimate: Estimate
    in_batch: int = 0

    def every_query(self) -> Iterator[Query]:
        """The queries of all cases of the run, answered or not."""
        cases = self.run.cases(self.dataset)
        return (Query(case_id, cases[case_id].user_query) for case_id in self.run.settings.case_ids)

    @property
    def one_sided(self) -> str | None:
        """A warning where the first N cases were asked for and are all of one kind; None otherwise."""
        settings, known = self.run.settings, self.dataset.built.case_by_id
        kinds = {known[case_id].defeated for case_id in settings.case_ids}
        if not settings.sample.startswith(f"{LIMIT}:") or settings.chosen is not None or len(kinds) > 1:
            return None
        n = len(settings.case_ids)
        if n == 1:
            # Somebody tries whether anything comes at all.
            return None
        kind = "deserve help" if kinds.pop() else "do not deserve help"
        return (
            f"The first {counted(n, 'case')} all {kind}, so there will be no discrimination. "
            f"Give --sample {n} in place of --limit to spread them over all kinds."
        )

    def lines(self) -> list[str]:
        """What is about to happen, in words."""
        settings = self.run.settings
        done = len(settings.case_ids) - len(self.queries) - self.in_batch
        where = f"{'in' if settings.endpoint == THIS_PROCESS else 'at'} {settings.endpoint}"
        told = [
            f"Model: {settings.model} {where}",
            f"Dataset: {self.dataset.spec}, {counted(len(settings.case_ids), 'case')}"
            + (f" ({done:,} of them are in the run already)" if done else ""),
            f"Run: {self.run.path}"
            + (f", which takes in {counted(self.run.grown, 'new case')} of the dataset" if self.run.grown else ""),
            *(f"Departs from the study's protocol: {departure}" for departure in self.run.record.departures),
        ]
        if self.in_batch:
            told.append(f"In a batch already: {counted(self.in_batch, 'case')}")
        if not self.queries:
            return told if self.in_batch else [*told, "Nothing is left to ask."]
        one_sided = (self.one_sided,) if self.one_sided else ()
        return [*told, *one_sided, *self.choice.warnings(), *self.estimate.lines()]


def plan_run(options: RunOptions, dataset: OpenedDataset | None = None) -> RunPlan:
    """Open the dataset, unless it is given, draw the cases, find the model, make or open the run's folder.

    Raises InputError for anything that cannot be done, before anything is asked of a model; DataError where
    the folder holds a run with other settings.
    """
    sample = sample_name(options.sample, options.limit)
    # Better now than after the confirmation.
    options.choice.check()
    options.choice.check_route()
    _check_api(options)
    dataset = dataset or locate_dataset(options.dataset)
    cases = chosen_cases(dataset.built.cases(), options.chosen, dataset.name)
    cases = draw(cases, sample, options.sample_seed, lambda case: case.cell)
    if not cases:
        raise InputError(f"{dataset.name}: holds no cases, so there is nothing to ask.")
    record = RunRecord.of(dataset, _settings(options, cases, sample), now())
    run = RunFolder.create(options.out or usual_folder(record), record)
    if run.grown:
        # A case that was asked already must be the case that it was.
        run.check_dataset(dataset)
    if not options.choice.batch:
        refuse_open_batches(run)
    if options.translated is not None:
        run.keep_translations({case.case_id: options.translated[case.case_id] for case in cases})
    known = run.cases(dataset)
    asked = (Query(case.case_id, known[case.case_id].user_query) for case in cases)
    handed_in = in_batches(run)
    missing = outstanding(run, asked, retry_errors=options.retry_errors)
    queries = tuple(query for query in missing if query.case_id not in handed_in)
    estimate = options.choice.estimate((len(query.text) for query in queries), run.settings.token_limit)
    return RunPlan(run, dataset, options.choice, queries, estimate, len(handed_in))


def _check_api(options: RunOptions) -> None:
    """Raise InputError for an option that the server's API does not have."""
    used = [
        name for name, given in (("--seed", options.seed is not None), ("--stream", options.choice.stream)) if given
    ]
    if options.choice.named is not None:
        _check_in_process(options)
        return
    if used and not options.choice.is_local and options.choice.endpoint.speaks_anthropic:
        raise InputError(f"{' and '.join(used)}: not with {options.choice.model}; Anthropic's API is asked without.")
    if options.choice.batch and not options.choice.is_local:
        more = json.loads(options.extra_body) if options.extra_body else {}
        check_request(options.choice.endpoint, ChatRequest.of_user("", reasoning=options.reasoning, extra=more))


def _check_in_process(options: RunOptions) -> None:
    """Raise InputError for what only a server could heed."""
    choice = options.choice
    extra = set(json.loads(options.extra_body)) - {TEMPLATE_OPTIONS} if options.extra_body else set()
    servers = {
        "--reasoning": options.reasoning,
        f"--extra-body with {', '.join(sorted(extra))}": extra,
        "--header": choice.headers,
        "--api-key-env": choice.key_env,
        "--rpm": choice.rpm,
        "--tpm": choice.tpm,
        "--stream": choice.stream,
    }
    if used := [option for option, value in servers.items() if value]:
        raise InputError(
            f"{' and '.join(used)}: not with {choice.called}, which this process runs. Leave it out; what its chat "
            f"template takes is given as --extra-body '{{\"{TEMPLATE_OPTIONS}\": …}}'."
        )


def _settings(options: RunOptions, cases: list[Case], sample: str) -> Run:
    choice = options.choice
    # A function of the caller's does not tell.
    untold = choice.named is not None and choice.samples_itself
    served = choice.is_local and choice.named is None
    usual = None if choice.samples_itself else LOCAL_MAX_TOKENS if served else PROTOCOL_MAX_TOKENS
    return Run(
        sample=sample,
        sample_seed=options.sample_seed,
        case_ids=tuple(case.case_id for case in cases),
        model=choice.called,
        endpoint=choice.place,
        engine=choice.engine,
        # The protocol's is claimed of no function that does not tell.
        temperature=None if untold and options.temperature == 0 else options.temperature,
        max_tokens=options.max_tokens or usual,
        reasoning=options.reasoning,
        seed=options.seed,
        system_prompt=options.system_prompt,
        top_p=options.top_p,
        stop=options.stop,
        extra_body=options.extra_body,
        chosen=options.chosen.name if options.chosen else None,
        providers=choice.providers,
        excluded_providers=choice.excluded_providers,
        epoch=options.epoch,
        pressure=options.pressure,
        language=options.language,
        translations=None
        if options.translated is None
        else hash_translations({case.case_id: options.translated[case.case_id] for case in cases}),
        package_version=__version__,
    )


def usual_folder(record: RunRecord) -> Path:
    """A folder named after the model and the settings, so that the same command finds its run again.

    All epochs of a run are in one folder.
    """
    name = re.sub(r"[^a-z0-9.]+", "-", record.settings.model.lower()).strip("-.")[:60] or "model"
    settings, epoch = record.settings, record.settings.epoch
    if epoch is not None:
        # Each epoch has a seed of its own.
        seed = None if settings.seed is None else settings.seed - epoch + 1
        settings, name = msgspec.structs.replace(settings, epoch=None, seed=seed), f"{name}-epochs"
    # What a dataset is called decides nothing.
    deciding = record.dataset.cases_hash, settings
    folder = RUNS / f"{name}-{hashlib.sha256(msgspec.json.encode(deciding)).hexdigest()[:8]}"
    return folder if epoch is None else epoch_folder(folder, epoch)


# One sitting of a run, from the first request to the account of what came.


class Sitting:
    """What came of a run's plan in this sitting (``tally``) and what was paid for before."""

    def __init__(self, plan: RunPlan) -> None:
        self.tally, paid = Tally(), Tally()
        for response in plan.run.every_answer():
            paid.add(response)
        self.paid_before = paid.cost

    @property
    def cost(self) -> float:
        """US dollars, this sitting and those before."""
        return self.paid_before + self.tally.cost

    def seen(self, response: Answer, lost_tries: int, lost: Usage) -> str:
        """Count an answer; returns a few words for the progress display."""
        self.tally.add(response, lost_tries, lost)
        money = f"${self.cost:.4f}" if self.tally.priced else "cost not known"
        return f"{money}, {self.tally.failed} without an answer"


def collect_run(plan: RunPlan, conditions: Conditions = USUAL) -> tuple[Tally, Stop | None]:
    """Ask what is outstanding and keep every answer.

    Returns what this sitting came to, and why it stopped early, or None. Raises as ``collect`` does.
    """
    sitting = Sitting(plan)
    if not plan.queries:
        return sitting.tally, None
    title = plan.run.settings.model
    session = Session(title, len(plan.queries), plan.choice, plan.estimate, sitting.paid_before, conditions)
    with plan.run.writing():
        return sitting.tally, collect(plan.run, plan.queries, session, sitting.seen)
