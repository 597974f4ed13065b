"""A log of our Inspect task as a run: answers, statuses, settings, and the grader's verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset, check_same_cases, locate_dataset
from dataset_builder.dataset.sample import ALL_CASES, LIMIT, draw
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.models.faults import shorten
from dataset_builder.wording import counted
from eval.interop.import_verdicts import TakenVerdict, take_verdicts
from eval.interop.inspect_log import LogInfo, open_log
from eval.runs.answer import Answer
from eval.runs.folder import RunFolder
from eval.runs.plan import usual_folder
from eval.runs.run import Run, RunRecord

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

CHOSEN = "chosen"
_GENERATE = ("generate", "blind_refusal/generate")
_SETUP = "grader_is_there"


@dataclass(frozen=True, slots=True)
class ImportedLog:
    """A run made of a log, and what there is to say about it, a line each."""

    run: RunFolder
    notes: list[str]


def epochs_of(path: Path) -> int:
    """How many answers to each case a log holds, or is to hold. Raises InputError for what is no log of our task."""
    return _epochs(open_log(path)[0])


def import_log(path: Path, *, dataset: str | None = None, out: Path | None = None, epoch: int = 1) -> ImportedLog:
    """Make a run of a log, or add to the run that an earlier import of it made; nothing is added twice.

    ``dataset`` stands in for the one that the log names; ``epoch`` says which of several answers to
    a case to take: each epoch is a run of its own. A verdict that cannot be taken over leaves its answer
    unscored, and a note says so. Raises InputError for what is no log of our task, or another dataset's;
    DataError with every sample that does not fit the cases, before anything is written.
    """
    log, info = open_log(path)
    opened = locate_dataset(dataset or info.dataset)
    check_same_cases(opened, info.cases_hash, f"The log {path}")
    samples, notes = _samples(log, opened, epoch, path)
    responses = [_response(sample, opened, log) for sample in samples]
    settings = info.run or _settings(log, info, opened, samples, epoch if _epochs(log) > 1 else None)
    _check_run(settings, opened, {one.case_id for one in responses}, path)
    verdicts, left_out = take_verdicts(samples, {one.case_id: one for one in responses}, path)
    notes += left_out
    record = RunRecord.of(opened, settings, str(log.eval.created))
    run = RunFolder.create(out or usual_folder(record), record)
    with run.writing():
        _add(run, responses, verdicts)
    missing = len(settings.case_ids) - len(run.statuses())
    if missing:
        notes.append(f"Without a sample in the log (its status: {log.status}): {counted(missing, 'case')}")
    return ImportedLog(run, notes)


def _samples(log: EvalLog, opened: OpenedDataset, epoch: int, path: Path) -> tuple[list[EvalSample], list[str]]:
    """The samples of one epoch, checked against the cases."""
    cases, problems = opened.built.case_by_id, list[Problem]()
    found: dict[str, EvalSample] = {}
    epochs = _epochs(log)
    for sample in log.samples or ():
        case_id, where = str(sample.id), f"{path}, sample {str(sample.id)[:100]!r}"
        if sample.epoch != epoch or sample.invalidation is not None:
            continue
        if case_id not in cases:
            problems.append(Problem(where, f"no such case in {opened.name}"))
        elif case_id in found:
            problems.append(Problem(where, "occurs twice", "each case is answered once"))
        elif sample.input != cases[case_id].user_query:
            problems.append(Problem(where, "asks something else than the case does"))
        found[case_id] = sample
    if problems:
        raise DataError("This log cannot become a run", problems)
    if not found:
        raise InputError(f"{path}: holds no sample of epoch {epoch}, so there is nothing to import.")
    notes = []
    if epochs > 1:
        notes.append(
            f"The log holds {epochs} answers to each case; those of epoch {epoch} are here, as a run of their own"
        )
    invalid = sum(sample.invalidation is not None for sample in log.samples or ())
    if invalid:
        notes.append(f"Left out as marked invalid: {counted(invalid, 'sample')}")
    return list(found.values()), notes


def _epochs(log: EvalLog) -> int:
    """How many answers to each case there are, or are to be: a log may be of an evaluation that still runs."""
    return max([log.eval.config.epochs or 1, *(sample.epoch for sample in log.samples or ())])


def _response(sample: EvalSample, opened: OpenedDataset, log: EvalLog) -> Answer:
    from eval.interop.inspect_answer import as_logged, chat_answer

    failure = (
        sample.error.message if sample.error else f"stopped by the limit {sample.limit.type}" if sample.limit else None
    )
    answer = chat_answer(sample.output, failure=shorten(as_logged(failure)) if failure else None)
    case = opened.built.case_by_id[str(sample.id)]
    at = sample.completed_at or log.stats.completed_at or log.eval.created
    return Answer.of(case.case_id, case.user_query, answer, answer.cost, str(at))


def _settings(
    log: EvalLog, info: LogInfo, opened: OpenedDataset, samples: Sequence[EvalSample], epoch: int | None
) -> Run:
    from eval.interop.inspect_answer import host_of

    config = log.plan.config
    ids = _asked(log, samples)
    sample, seed = _sample_name(ids, info, opened)
    return Run(
        sample=sample,
        sample_seed=seed,
        case_ids=ids,
        epoch=epoch,
        model=log.eval.model,
        endpoint=host_of(log.eval.model_base_url, log.eval.model),
        engine=_engine(log),
        system_prompt=_system_prompt(log, samples),
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        reasoning=config.reasoning_effort or (str(config.reasoning_tokens) if config.reasoning_tokens else None),
        seed=config.seed,
        package_version=info.package_version or __version__,
    )


def _asked(log: EvalLog, samples: Iterable[EvalSample]) -> tuple[str, ...]:
    """The cases that were to be asked, in the order of the log."""
    listed = [str(i) for i in log.eval.dataset.sample_ids or ()]
    return tuple(dict.fromkeys([*listed, *(str(sample.id) for sample in samples)]))


def _sample_name(ids: tuple[str, ...], info: LogInfo, opened: OpenedDataset) -> tuple[str, int]:
    """How the cases were drawn; ``chosen:N`` where no draw of ours gives them."""
    cases = opened.built.cases()
    for name in (info.sample, f"{LIMIT}:{len(ids)}"):
        try:
            drawn = {case.case_id for case in draw(cases, name, info.sample_seed, lambda case: case.cell)}
        except ValueError:
            continue
        if drawn == set(ids):
            return name, info.sample_seed if name not in (ALL_CASES, f"{LIMIT}:{len(ids)}") else 0
    return f"{CHOSEN}:{len(ids)}", 0


def _engine(log: EvalLog) -> str:
    """What ran the model: Inspect, and what was put around the plain request, if anything was."""
    version = log.eval.packages.get("inspect_ai", "")
    steps = [step.solver for step in log.plan.steps if step.solver.rpartition("/")[2] != _SETUP]
    around = "" if steps in ([], [_GENERATE[0]], [_GENERATE[1]]) else f" with the solvers {', '.join(steps)}"
    return shorten(f"inspect_ai {version}".strip() + around)


def _system_prompt(log: EvalLog, samples: Iterable[EvalSample]) -> str | None:
    """What stood before the queries: None where nothing did. Raises DataError where it was not always the same."""
    # Inspect puts the one of the configuration in front of each request, and not among the messages.
    always = [log.plan.config.system_message] if log.plan.config.system_message else []
    found: dict[str, str] = {}
    for sample in samples:
        texts = [*always, *(message.text for message in sample.messages if message.role == "system")]
        if sample.messages:
            found.setdefault("\n\n".join(texts), str(sample.id))
    if len(found) > 1:
        problems = [Problem(f"sample {case!r}", f"system prompt {shorten(text)!r}") for text, case in found.items()]
        raise DataError("The samples of this log have different system prompts, and a run has one", problems)
    return next(iter(found), "") or None


def _check_run(settings: Run, opened: OpenedDataset, answered: set[str], path: Path) -> None:
    """Whether the settings are about the cases of the dataset and of the log; DataError where not."""
    known, listed = opened.built.case_by_id, set(settings.case_ids)
    problems = [
        Problem(f"{path}: case {case_id[:100]!r}", f"no such case in {opened.name}")
        for case_id in settings.case_ids
        if case_id not in known
    ]
    problems += [
        Problem(f"{path}: case {case_id!r}", "answered, but not among the cases to be asked")
        for case_id in sorted(answered - listed)
    ]
    if problems:
        raise DataError("This log cannot become a run", problems)


def _add(run: RunFolder, responses: Iterable[Answer], verdicts: Iterable[TakenVerdict]) -> None:
    """Append what the run does not hold yet."""
    run.append_new(responses)
    held_verdicts = {one.key: one for one in run.verdicts()}
    for taken in verdicts:
        run.record_judge(taken.judge)
        before = held_verdicts.get(taken.verdict.key)
        if before is None or msgspec.structs.replace(before, judged_at=taken.verdict.judged_at) != taken.verdict:
            run.append_verdict(taken.verdict)
