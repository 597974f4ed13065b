"""Evaluating a model from Python: the steps of ``blind-refusal eval run`` with a ``Result`` at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from blind_refusal.notebook import conditions, together
from blind_refusal.opening import open_named
from blind_refusal.result import Result
from blind_refusal.targets import OwnModel, choice_of
from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.errors import InputError
from dataset_builder.models.chat import Timeouts
from dataset_builder.models.in_process.named import AS_IT_IS, AUTO, DTYPES, InProcess
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import Price
from dataset_builder.work.session import allow
from dataset_builder.work.stopping import StoppedEarlyError
from eval.judges.interface import JudgeOptions
from eval.judging.registry import DEFAULT_JUDGE, check_judge
from eval.judging.run import Judging
from eval.runs.folder import RunFolder, open_runs
from eval.runs.plan import RunOptions, collect_run, plan_run
from eval.runs.published import copy_published, is_published
from eval.runs.tally import why_all_failed
from eval.sets.collect import plan_epochs

# A budget must be more than nothing; a judge that costs nothing does not ask for it.
_NOTHING: Final = 1e-9
_FOLDER: Final = "blind-refusal-"


def evaluate(
    target: Any,
    dataset: str | os.PathLike[str] = "starter",
    *,
    model: str | None = None,
    name: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    judge: str | None = DEFAULT_JUDGE,
    sample: int | None = None,
    seed: int = 0,
    temperature: float | Literal["default"] | None = None,
    max_tokens: int | None = None,
    epochs: int = 1,
    concurrency: int | None = None,
    base_url: str | None = None,
    api_key_env: str | None = None,
    completion: bool = False,
    batch_size: int | None = None,
    dtype: str = AUTO,
    device: str | None = None,
    price: tuple[float, float] | None = None,
    budget: float | None = None,
    yes: bool = False,
    judge_base_url: str | None = None,
    judge_api_key_env: str | None = None,
    judge_price: tuple[float, float] | None = None,
    timeout: float | None = None,
    retry_errors: bool = False,
    progress: bool = True,
) -> Result:
    """Ask a model every case of a dataset, judge its answers, and return its scores with all that they are made of.

    ``target`` is one of:

    - a function of the request (a string) that returns the answer, plain or ``async``; one whose first parameter is
      called ``messages`` gets a list of messages instead;
    - a text-generation pipeline of transformers;
    - a client with ``chat.completions.create``, such as OpenAI's, with ``model`` saying which model it is to ask;
    - a model's name as the command takes it: ``openrouter/…``, ``openai/…``, ``hf/…``, ``ollama/…``, ``vllm/…``,
      ``local/smollm2-135m``, ``published/SLUG``; with ``base_url`` as the server calls it. ``transformers:…`` and
      ``vllm:…`` with a folder or repository is run in this process, by its chat template or, with ``completion``, from
      the bare text, ``batch_size`` requests together, with that ``dtype`` and on that ``device``.

    ``dataset`` is ``starter`` (112 cases of our own), ``study`` (the study's 1,290, fetched and built on first
    use), a folder that ``blind-refusal dataset build`` made, or ``NAMESPACE/NAME[@REVISION]`` on the Hub. ``sample``
    takes so many of its cases, spread evenly over the cells, drawn with ``seed``.

    ``folder`` keeps the run and makes it resumable: called again, it asks nothing twice. Without one, a function's
    or pipeline's run goes to a temporary folder (``result.folder``), and that of a model that may cost money to
    ``runs/``. A function that has changed needs another folder.

    ``judge`` is as in ``eval judge --judge``, or None for none. ``temperature`` and ``max_tokens`` are the
    protocol's (0 and 8,000) where they are not given; ``"default"`` leaves the temperature to the server. For a
    function they only record what it does. ``epochs`` asks each case so many times, at a temperature above 0: rates
    are means over a case's answers, and ``Result.stability`` says how often these get one label.

    Money is never spent unasked: what may cost something begins with ``yes=True`` or within ``budget`` (US dollars)
    alone. ``price`` is US dollars for a million tokens (sent, got). ``concurrency`` is the number of requests at
    once: 16, but one for a plain function, which otherwise runs in several threads, and for a pipeline.

    Raises InputError for anything that cannot be done, before anything is asked; StoppedEarlyError where the budget
    is used up or the model stops answering; RemoteError where it rejects the key. What was answered is kept.
    """
    if judge is not None:
        check_judge(judge)
    opened = open_named(dataset)
    limits: dict[str, Any] = {"concurrency": concurrency, "budget": budget, "yes": yes, "price": price_of(price)}
    if base_url is not None or api_key_env is not None:
        if not isinstance(target, str):
            raise InputError("base_url= and api_key_env= belong to a model's name; a client has its own.")
        limits |= {"base_url": base_url, "key_env": api_key_env}
    process = InProcess(completion=completion, batch_size=batch_size, dtype=dtype, device=device)
    if process != AS_IT_IS:
        if not isinstance(target, str):
            raise InputError('completion=, batch_size=, dtype= and device= belong to a name such as "transformers:…".')
        if dtype not in DTYPES:
            raise InputError(f"dtype={dtype!r}: expected one of {', '.join(DTYPES)}.")
        limits["in_process"] = process
    choice = choice_of(target, model, name, **limits)
    options = RunOptions(
        choice=choice,
        dataset=opened.spec,
        out=_place(folder, choice),
        sample=sample,
        sample_seed=seed,
        max_tokens=max_tokens,
        temperature=_temperature(temperature, choice),
        retry_errors=retry_errors,
    )
    if epochs != 1:
        runs = _epochs(options, epochs, opened, progress=progress, timeout=timeout)
    elif is_published(choice.model):
        runs = [copy_published(options)]
    else:
        plan = plan_run(options, opened)
        allow(plan.estimate, choice, choice.model)
        under = conditions(progress=progress, timeouts=Timeouts.within(timeout) if timeout else Timeouts())
        _, stopped = collect_run(plan, under)
        runs = [plan.run]
        if stopped:
            raise StoppedEarlyError(stopped, _go_on(plan.run.path))
    if all(told := [why_all_failed(run) for run in runs]):
        raise InputError("\n".join(line for lines in told for line in lines))
    result = Result(runs, opened, None)
    if judge is None:
        return result
    at = ModelChoice(
        base_url=judge_base_url, key_env=judge_api_key_env, price=price_of(judge_price), prefix="judge-"
    ).limited_as(choice)
    if budget is not None:
        spent = sum(one.cost or 0.0 for run in runs for one in run.every_answer())
        at = replace(at, budget=max(budget - spent, _NOTHING))
    return judged(result, judge, at, progress=progress)


def _epochs(
    options: RunOptions, times: int, dataset: OpenedDataset, *, progress: bool, timeout: float | None
) -> list[RunFolder]:
    """Several answers to each case, collected as ``eval run --epochs`` does: a run each, in one folder."""
    choice = options.choice
    if not isinstance(times, int) or times < 1:
        raise InputError(f"epochs={times!r}: expected a whole number of 1 or more.")
    if is_published(choice.model):
        raise InputError(f"{choice.model}: the dataset holds one answer to each case. Leave epochs= out.")
    found = plan_epochs(options, times, dataset, timeout)
    if (estimate := found.estimate) is not None:
        allow(estimate, choice, choice.model)
    folders = [run.folder for run in found.runs]
    stopped = found.collect(shown=together(progress=progress))
    if stopped:
        raise StoppedEarlyError(stopped, _go_on(folders[0].path.parent))
    ended = [f"{run.name} stopped: {run.ended}" for run in found.runs if run.ended]
    if ended:
        raise InputError("\n".join([*ended, _go_on(folders[0].path.parent).strip()]))
    return folders


def _go_on(folder: Path) -> str:
    return f" The answers are in {folder}; give folder={str(folder)!r} to go on."


def load_run(
    folder: str | os.PathLike[str], *, judge: str | None = None, dataset: str | os.PathLike[str] | None = None
) -> Result:
    """The result of a run that ``evaluate`` or ``blind-refusal eval run`` made, or of all epochs in one folder.

    ``judge`` says whose verdicts where several judged it; ``dataset`` where its dataset is, if not where the run says.
    Raises InputError where there is no run, or its dataset is another one.
    """
    runs = open_runs(Path(folder))
    opened = locate_dataset(runs[0].record.source) if dataset is None else open_named(dataset)
    for run in runs:
        run.check_dataset(opened)
    return Result(runs, opened, judge)


def import_answers(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    model: str | None = None,
    dataset: str | os.PathLike[str] = "study",
    *,
    folder: str | os.PathLike[str] | None = None,
    judge: str | None = DEFAULT_JUDGE,
    temperature: float | None = None,
    max_tokens: int | None = None,
    system_prompt: str | None = None,
    partial: bool = False,
    progress: bool = True,
) -> Result:
    """The result of answers that another program collected: tables, samples of lm-evaluation-harness, batches, logs.

    ``files`` are what ``blind-refusal eval import`` takes, ``model`` who answered (a log of Inspect says so itself),
    ``dataset`` as in ``evaluate``. ``folder`` is that of the run, in ``runs/`` if it is not given. ``temperature``,
    ``max_tokens`` and ``system_prompt`` say how the answers were sampled, where no file does; ``partial`` leaves out
    rows whose case the dataset does not have. ``judge`` is a judge that costs nothing, or None; another one by
    ``Result.judged_by``. Raises InputError or DataError, which names every row, for what cannot come in.
    """
    from eval.interop.answers.runs import import_answers as imported

    opened = open_named(dataset)
    paths = [files] if isinstance(files, str | os.PathLike) else files
    run = imported(
        [Path(path) for path in paths],
        model,
        opened.spec,
        out=None if folder is None else Path(folder),
        temperature=temperature,
        max_tokens=max_tokens,
        system_prompt=system_prompt,
        partial=partial,
    )
    result = Result([run], opened, None)
    return result if judge is None else judged(result, judge, ModelChoice(), progress=progress)


def judged(result: Result, judge: str, choice: ModelChoice, *, progress: bool) -> Result:
    """The result by a judge, who first judges what it has not judged yet. Raises as ``evaluate`` does."""
    options = JudgeOptions(dataset=result.dataset, choice=choice)
    judging = Judging(result.epochs, judge, options, conditions(progress=progress))
    if judging.session.estimate is not None:
        allow(judging.session.estimate, judging.session.choice, judge)
    if stopped := judging.run():
        raise StoppedEarlyError(stopped, f" The verdicts are in {result.folder}.")
    return Result([RunFolder.open(run.path) for run in result.epochs], result.dataset, judging.judge.name)


def _place(folder: str | os.PathLike[str] | None, choice: ModelChoice) -> Path | None:
    if folder is not None:
        return Path(folder)
    if isinstance(choice, OwnModel) and choice.free:
        return Path(tempfile.mkdtemp(prefix=_FOLDER))
    return None


def _temperature(given: float | str | None, choice: ModelChoice) -> float | None:
    if given == "default":
        return None
    if given is None:
        return None if choice.samples_itself else 0.0
    if isinstance(given, str) or not 0 <= given <= 2:
        raise InputError(f'temperature={given!r}: expected a number from 0 to 2, or "default".')
    return float(given)


def price_of(given: tuple[float, float] | None) -> Price | None:
    """A price as the caller gave it: US dollars for a million tokens (sent, got). Raises InputError for others."""
    if given is None:
        return None
    try:
        sent, got = (float(amount) for amount in given)
    except (TypeError, ValueError):
        sent = got = -1.0
    if not (0 <= sent < 1e6 and 0 <= got < 1e6):
        raise InputError(
            f"price={given!r}: expected two amounts in US dollars for a million tokens, such as (2.5, 15)."
        )
    return Price(sent, got)
