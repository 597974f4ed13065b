"""Judging an Arrow table: rows in, the same rows with labels out, and nothing else changed anywhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import pyarrow as pa

from dataset_builder.errors import InputError, RemoteError
from dataset_builder.wording import counted
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.session import Conditions, allow
from dataset_builder.work.stopping import Spent, Stop
from eval.judges.interface import Exchange, Judge, JudgeOptions, JudgeTask, OfflineJudge
from eval.judging.registry import DEFAULT_JUDGE, check_judge, resolve_judge
from eval.judging.run import judging_session, spent_on
from eval.runs.verdict import LABELS, NOT_JUDGED, Verdict
from eval.tables.columns import Columns
from eval.tables.files import values_of
from eval.tables.rows import UNREADABLE, Row, read_row

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset

# Judges that read an exchange and nothing else. Those left out know only the answers of a dataset or a run.
JUDGES: Final = ("embedded", "encoder", "model", "cascade")
# What is added, in this order. Probabilities are null where the judge gives none; ``confidence`` is that of the label.
ADDED: Final = pa.schema(
    [
        ("response_type", pa.string()),
        ("engages_with_defeat", pa.bool_()),
        ("independent_harm", pa.bool_()),
        ("p_helps", pa.float32()),
        ("p_deflects", pa.float32()),
        ("p_hard_refusal", pa.float32()),
        ("p_engages_with_defeat", pa.float32()),
        ("p_independent_harm", pa.float32()),
        ("confidence", pa.float32()),
        ("reasoning", pa.string()),
        ("unscored_reason", pa.string()),
        ("judge", pa.string()),
        ("rubric", pa.string()),
        ("cost", pa.float64()),
    ]
)
_PROBABILITIES: Final = 5


def judged_schema(schema: pa.Schema, prefix: str = "") -> pa.Schema:
    """The columns of a table with the labels behind them."""
    for added in ADDED:
        schema = schema.append(added.with_name(prefix + added.name))
    return schema.remove_metadata()


class Judged(NamedTuple):
    """The verdict on a row, None where there was nothing to judge; five probabilities where the judge gives them."""

    verdict: Verdict | None
    chances: tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """How tables are judged: plain values, so that it can be sent to another process.

    ``columns`` are names by role, for those that are not to be guessed (``Columns``); ``prefix`` stands before the
    names of the added columns; ``choice`` says where a model judge asks; without ``explain`` the embedded judge names
    no words, which takes less time.
    """

    judge: str = DEFAULT_JUDGE
    columns: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    explain: bool = True
    choice: ModelChoice = field(default_factory=ModelChoice)
    max_tokens: int | None = None


def judge_table(table: pa.Table, settings: TableSettings) -> pa.Table:
    """The table with the columns of ADDED behind its own, a row each, in order.

    A row that cannot be judged has ``unscored_reason`` and no labels. Money is
    spent where the ``choice`` says ``yes`` or has a budget. A model judge that stops early (the budget, a server that
    fails) leaves the rest ``not_judged``, with a warning. Raises InputError for columns that are missing or
    taken, for a judge that needs more than a table, and where money may be spent and nobody has allowed it; RemoteError
    where no request can succeed.
    """
    columns = columns_of(table.schema, settings)
    rows = read_rows(table, columns)
    tasks = [row.task for row in rows if row.task is not None]
    held = table_judge(settings)
    if isinstance(held, OfflineJudge):
        judged = judge_offline(held, tasks, explain=settings.explain)
    else:
        judged = _judge_by_model(held, tasks, settings.choice)
    labels = labels_of(rows, judged, held)
    for name in ADDED.names:
        table = table.append_column(settings.prefix + name, labels[name])
    return table


def table_judge(settings: TableSettings) -> Judge:
    """The judge of those settings. Raises InputError for one that knows only the answers of a dataset or a run."""
    kind, _ = check_judge(settings.judge)
    if kind not in JUDGES:
        raise InputError(
            f"--judge {settings.judge}: judges the answers of a dataset or a run, and no table. "
            f"Expected one of {', '.join(JUDGES)}."
        )
    # None of these judges looks at a dataset.
    nothing = cast("OpenedDataset", None)
    options = JudgeOptions(dataset=nothing, choice=settings.choice, max_tokens=settings.max_tokens)
    return resolve_judge(settings.judge, options)


def columns_of(schema: pa.Schema, settings: TableSettings) -> Columns:
    """The columns that are read. Raises InputError for names that stand twice, and where an added one is there."""
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise InputError(f"two columns are called {', '.join(map(repr, twice))}. Rename one of them.")
    taken = [settings.prefix + name for name in ADDED.names if settings.prefix + name in schema.names]
    if taken:
        raise InputError(
            f"the columns {', '.join(taken)} are there already, and labels would go there. "
            "Give --prefix, such as --prefix judge_."
        )
    return Columns.of(schema.names, settings.columns)


def read_rows(table: pa.Table, columns: Columns) -> list[Row]:
    """What a judge is shown of each row."""
    used = table.select(list(columns.used().values()))
    return [Row(None, UNREADABLE) if values is None else read_row(values, columns) for values in values_of(used)]


def judge_offline(judge: OfflineJudge, tasks: Sequence[JudgeTask], *, explain: bool) -> list[Judged]:
    """What a judge that asks nobody says of each task."""
    verdicts, chances = judge.read(
        [Exchange(task.case, task.response.response or "") for task in tasks], explain=explain
    )
    rows = zip(*chances.response_type.T, chances.engages_with_defeat, chances.independent_harm, strict=True)
    return [Judged(verdict, tuple(map(float, row))) for verdict, row in zip(verdicts, rows, strict=True)]


def _judge_by_model(judge: Judge, tasks: Sequence[JudgeTask], choice: ModelChoice) -> list[Judged]:
    """What a judge that asks a model says of each task; nothing of those that it did not come to."""
    given: dict[int, Verdict] = {}
    session = judging_session(judge, tasks, len(tasks), choice, conditions=Conditions(progress=_silent))
    estimate = session.estimate
    if tasks and estimate is not None:
        allow(estimate, choice, judge.name)

    async def ask(item: tuple[int, JudgeTask]) -> Spent:
        at, task = item
        verdicts = await judge.judge([task])
        given[at] = verdicts[0]
        return spent_on(verdicts)

    async def work() -> Stop | None:
        try:
            return await session.work_through(enumerate(tasks), ask)
        finally:
            await judge.aclose()

    why: object = None
    try:
        why = session.run(work)
    except RemoteError as error:
        if not given:
            raise
        why = error
    if why is not None:
        warnings.warn(f"{counted(len(tasks) - len(given), 'row')} not judged: {why}", stacklevel=3)
    return [Judged(given.get(at), None) for at in range(len(tasks))]


@contextmanager
def _silent(title: str, total: int) -> Iterator[Callable[[str], None]]:
    yield lambda detail: None


def labels_of(rows: Sequence[Row], judged: Sequence[Judged], judge: Judge) -> pa.Table:
    """The labels of some rows as a table of ADDED; ``judged`` are those of the rows that have a task, in order."""
    given = iter(judged)
    columns: list[list[Any]] = [[] for _ in ADDED]
    for row in rows:
        verdict, chances = next(given) if row.task is not None else Judged(None, None)
        # Of what is unscored they mean nothing.
        scored = verdict is not None and verdict.scored
        values = (
            *(verdict.labels if verdict else (None,) * len(LABELS)),
            *(chances if chances and scored else (None,) * _PROBABILITIES),
            verdict.confidence if verdict else None,
            verdict.reasoning if verdict else None,
            verdict.unscored_reason if verdict else row.reason or NOT_JUDGED,
            judge.name,
            judge.rubric,
            verdict.cost if verdict else 0.0,
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return pa.table(columns, schema=ADDED)
