"""Answers that were collected elsewhere as a run: each matched to its case, or named with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.sample import draw, sample_name
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.files import now
from dataset_builder.storage.sheets import Row
from dataset_builder.wording import counted
from eval.interop.answers import batches, harness, table
from eval.interop.answers.collected import Collected, Told
from eval.interop.answers.files import (
    ANTHROPIC,
    FORMS,
    HARNESS,
    INSPECT,
    OPENAI,
    TABLE,
    check_file,
    is_inspect_log,
    read_rows,
)
from eval.runs.answer import Answer
from eval.runs.folder import RunFolder, epoch_folder
from eval.runs.plan import usual_folder
from eval.runs.run import Run, RunRecord
from eval.runs.verdict import hash_text

DATASET: Final = "build/dataset"
_SHOWN: Final = 5
# What ran the model, as far as the file's form tells.
_ENGINES: Final = {
    TABLE: "an unnamed program (answers from a table)",
    HARNESS: "lm-evaluation-harness",
    OPENAI: "an OpenAI batch",
    ANTHROPIC: "an Anthropic batch",
}


def import_answers(
    files: str | Path | Sequence[str | Path],
    model: str | None = None,
    dataset: str | Path | None = None,
    *,
    out: str | Path | None = None,
    form: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    system_prompt: str | None = None,
    sample: int | None = None,
    limit: int | None = None,
    sample_seed: int = 0,
    epoch: int = 1,
    fewer: bool = False,
    partial: bool = False,
    tell: Callable[[str], object] = lambda note: None,
) -> RunFolder:
    """Make a run of answers that were collected elsewhere, or add to the run that an earlier import made.

    ``files`` is one file or several: tables (CSV, TSV, JSON lines, JSON, Parquet) with ``case_id`` and ``response``,
    samples of lm-evaluation-harness, output of an OpenAI or Anthropic batch, or one log of Inspect, which names its
    model and dataset itself; ``form`` is one of ``FORMS`` where the file does not tell. ``dataset`` is what was
    asked, "build/dataset" unless given; ``sample``, ``limit`` and ``sample_seed`` say which of its cases, as for
    ``eval run``. ``temperature``, ``max_tokens`` and ``system_prompt`` are how the answers were sampled, where no
    file says so. ``epoch`` chooses among several answers to a case; with ``fewer``, cases that have no such answer
    are left out. With ``partial``, rows whose case the dataset does not have are left out. ``tell`` is given what
    there is to know of the import, a line each.

    Raises InputError for what cannot be read, DataError with every row that does not fit, before anything is written.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(one) for one in files]
    if not paths:
        raise InputError("No file to import; expected at least one.")
    if form is not None and form not in FORMS:
        raise InputError(f"--format {form!r}: expected one of {', '.join(FORMS)}.")
    for path in paths:
        check_file(path)
    place = None if out is None else Path(out)
    if form == INSPECT or (form is None and any(map(is_inspect_log, paths))):
        return _import_log(paths, model, dataset, place, epoch, tell)
    if not model:
        raise InputError("--model: these files do not say which model answered. Give its name.")
    opened = locate_dataset(DATASET if dataset is None else dataset)
    drawn = sample_name(sample, limit)
    cases = {case.case_id: case for case in draw(opened.built.cases(), drawn, sample_seed, lambda case: case.cell)}
    read = _read(paths, form, model, epoch, fewer=fewer)
    found = _matched(read, cases, opened, partial=partial)
    told = _told(read.rows, Told(temperature, max_tokens, system_prompt))
    record = RunRecord.of(
        opened,
        Run(
            sample=drawn,
            sample_seed=sample_seed,
            case_ids=tuple(cases),
            epoch=epoch if read.answers_each > 1 else None,
            model=model,
            engine=_engine(read, found, cases),
            temperature=told.temperature,
            max_tokens=told.max_tokens,
            system_prompt=told.system_prompt,
        ),
        now(),
    )
    run = RunFolder.create(place or usual_folder(record), record)
    with run.writing():
        run.append_new(_answers(found, cases))
    for note in (*read.notes, *_notes(read, found)):
        tell(note)
    return run


@dataclass(slots=True)
class _Read:
    """What was read of the files, before anything is matched."""

    rows: list[Collected] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    # The most answers that any case has.
    answers_each: int = 1
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: int = 0


def _import_log(
    paths: list[Path],
    model: str | None,
    dataset: str | Path | None,
    out: Path | None,
    epoch: int,
    tell: Callable[[str], object],
) -> RunFolder:
    from eval.interop.import_log import import_log
    from eval.interop.inspect_log import open_log

    if len(paths) > 1:
        raise InputError(f"{paths[0]}: a log of Inspect is a run of its own. Import each log apart.")
    if model is not None and (named := open_log(paths[0])[0].eval.model) != model:
        raise InputError(f"{paths[0]}: a log of {named}, and not of --model {model}. Leave --model out.")
    found = import_log(paths[0], dataset=None if dataset is None else str(dataset), out=out, epoch=epoch)
    for note in found.notes:
        tell(note)
    return found.run


def import_epochs(
    files: str | Path | Iterable[str | Path],
    *,
    epoch: int | None = None,
    out: str | Path | None = None,
    form: str | None = None,
    tell: Callable[[str], object] = lambda note: None,
    **given: Any,
) -> list[RunFolder]:
    """``import_answers`` of every epoch that the files hold, or of ``epoch`` alone: a run each.

    Several epochs are folders in one, which ``eval score`` takes as a whole. Raises as ``import_answers``.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(one) for one in files]
    times = 1 if epoch is not None else _answers_each(paths, form)
    if times == 1:
        return [import_answers(paths, epoch=epoch or 1, out=out, form=form, tell=tell, **given)]
    runs = []
    notes: dict[str, None] = {}
    for number in range(1, times + 1):
        place = None if out is None else epoch_folder(Path(out), number)
        runs.append(
            import_answers(
                paths, epoch=number, fewer=True, out=place, form=form, tell=lambda note: notes.setdefault(note), **given
            )
        )
    for note in notes:
        tell(note)
    return runs


def _answers_each(paths: Sequence[Path], form: str | None) -> int:
    """The most answers to a case that the files hold; 1 where that cannot be told before they are read."""
    if not paths or not all(path.is_file() for path in paths) or (form is not None and form not in FORMS):
        return 1
    if form == INSPECT or (form is None and any(map(is_inspect_log, paths))):
        from eval.interop.import_log import epochs_of

        return epochs_of(paths[0])
    read = (read_rows(path, form) for path in paths)
    return max((harness.answers_each(rows) for told, rows in read if told == HARNESS), default=1)


def _read(paths: Iterable[Path], form: str | None, model: str, epoch: int, *, fewer: bool = False) -> _Read:
    """All rows of the files, each by the form of its file."""
    read, ignored = _Read(), set[str]()
    stops = Counter[str]()
    for path in paths:
        told, rows = read_rows(path, form)
        if told not in read.forms:
            read.forms.append(told)
        if told == TABLE:
            rows = _of_model(path, rows, model, read)
            ignored |= {name for row in rows for name in row.values} - table.KNOWN
        for row in rows:
            try:
                if told == HARNESS:
                    one, answers, ended = harness.collected(row, epoch)
                    read.answers_each = max(read.answers_each, answers)
                    stops.update(ended)
                else:
                    one = {TABLE: table.collected, OPENAI: batches.from_openai, ANTHROPIC: batches.from_anthropic}[
                        told
                    ](row)
            except harness.NoSuchAnswerError as error:
                if not fewer:
                    read.problems.append(Problem(row.where, str(error)))
                continue
            except InputError as error:
                read.problems.append(Problem(row.where, str(error)))
                continue
            read.rows.append(one)
    if ignored:
        shown = ", ".join(sorted(ignored)[:_SHOWN]) + (", …" if len(ignored) > _SHOWN else "")
        read.notes.append(f"Columns that mean nothing here were passed over: {shown}")
    if read.answers_each > 1:
        read.notes.append(
            f"There are up to {read.answers_each} answers to a case; those of epoch {epoch} are here, as a run of "
            "their own"
        )
    if stops:
        shown = ", ".join(repr(stop) for stop, _ in stops.most_common(_SHOWN))
        read.notes.append(f"Answers were ended where the model wrote {shown}: what came after is lost")
    return read


def _of_model(path: Path, rows: list[Row], model: str, read: _Read) -> list[Row]:
    """The rows of one model, where a table's column ``model`` names several. Raises InputError where it is none."""
    named = Counter(str(row.values["model"]) for row in rows if row.values.get("model"))
    if len(named) < 2:
        return rows
    if model not in named:
        shown = ", ".join(list(named)[:_SHOWN]) + (", …" if len(named) > _SHOWN else "")
        raise InputError(
            f"{path}: holds answers of {counted(len(named), 'model')} ({shown}), and none of {model}. "
            "Give --model one of them."
        )
    others = counted(len(rows) - named[model], "row")
    read.notes.append(f"{path}: {others} of other models than {model} left out")
    return [row for row in rows if str(row.values.get("model")) == model]


def _matched(read: _Read, cases: dict[str, Case], opened: OpenedDataset, *, partial: bool) -> dict[str, Collected]:
    """The answer to each case. Raises DataError with every row that fits none, or a case that another row answers."""
    found: dict[str, Collected] = {}
    problems, strange = list(read.problems), list[Problem]()
    for one in read.rows:
        case = cases.get(one.case_id)
        if case is None:
            known = one.case_id in opened.built.case_by_id
            what = "is not in the sample that was asked" if known else f"is none of {opened.name}"
            strange.append(Problem(one.where, f"case {one.case_id[:100]!r} {what}"))
        elif not _asks(one, case):
            what = f"answers another question than case {one.case_id} asks"
            problems.append(
                Problem(one.where, what, "name the dataset that was asked, with its revision, by --dataset")
            )
        elif one.case_id not in found:
            found[one.case_id] = one
        elif HARNESS not in read.forms or one.answer != found[one.case_id].answer:
            # The harness writes a sample again for each of its filters.
            what = f"case {one.case_id} is answered twice"
            problems.append(Problem(one.where, what, f"{found[one.case_id].where} has it too; keep one of them"))
    if strange and not partial:
        problems += [Problem(one.where, one.what, "mend it, or leave such rows out with --partial") for one in strange]
    if problems:
        raise DataError("These answers cannot become a run, and nothing was written", problems)
    if strange:
        read.notes.append(f"{counted(len(strange), 'row')} left out, as --partial says")
        read.notes += [str(problem) for problem in strange]
    if not any(one.answer for one in found.values()):
        raise InputError("None of the rows has an answer to a case of the dataset, so there is nothing to import.")
    return found


def _asks(one: Collected, case: Case) -> bool:
    """Whether a row answers what the case asks, as far as it tells; a chat template may stand around the query."""
    if one.query_hash is not None and one.query_hash != hash_text(case.user_query):
        return False
    return one.query is None or " ".join(case.user_query.split()) in " ".join(one.query.split())


def _engine(read: _Read, found: dict[str, Collected], cases: dict[str, Case]) -> str:
    """What ran the model, as far as the forms of the files tell, and whether it put something around the queries."""
    around = any(
        one.query is not None and one.query.split() != cases[case_id].user_query.split()
        for case_id, one in found.items()
    )
    return " and ".join(_ENGINES[one] for one in read.forms) + (" with a template around the query" if around else "")


def _told(rows: Sequence[Collected], given: Told) -> Told:
    """How all answers were sampled: as given, else as the rows say. Raises DataError where they disagree."""
    problems, values = [], []
    for name in Told.__slots__:
        said = {value: one.where for one in rows if (value := getattr(one.told, name)) is not None}
        wanted = getattr(given, name)
        if wanted is not None:
            said = {value: where for value, where in said.items() if value != wanted}
            problems += [
                Problem(where, f"{name} {_shown(value)}, and --{name.replace('_', '-')} says {wanted!r}")
                for value, where in said.items()
            ]
        elif len(said) > 1:
            problems += [
                Problem(where, f"{name} {_shown(value)}", "a run has one: import them apart")
                for value, where in said.items()
            ]
        values.append(wanted if wanted is not None else next(iter(said), None))
    if problems:
        raise DataError("These answers were not all sampled alike", problems)
    return Told(*values)


def _shown(value: object) -> str:
    return repr(value)[:100]


def _answers(found: dict[str, Collected], cases: dict[str, Case]) -> Iterable[Answer]:
    for case_id, one in found.items():
        if one.answer is not None:
            answer = Answer.of(case_id, cases[case_id].user_query, one.answer, one.answer.cost, one.at)
            # How long it took and how often it was asked is known to the file alone.
            yield msgspec.structs.replace(answer, latency_s=one.latency_s, attempts=one.attempts)


def _notes(read: _Read, found: dict[str, Collected]) -> list[str]:
    """What a person should know of the answers that came in."""
    notes = []
    without = sum(one.answer is None for one in found.values())
    if without:
        notes.append(f"{counted(without, 'row')} without an answer and without a reason: not collected")
    served = Counter(one.answer.served_model for one in found.values() if one.answer and one.answer.served_model)
    if len(served) > 1:
        shown = ", ".join(f"{name} ({times:,})" for name, times in served.most_common(_SHOWN))
        notes.append(f"Served by several models: {shown}")
    if all(one.answer is None or one.answer.finish_reason is None for one in found.values()):
        notes.append("No row says how its answer ended, so one that a limit cut off counts as whole")
    return notes
