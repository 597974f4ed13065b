"""What a set came to as a file for the pages: ``sets/NAME.json`` of a results folder, apart from all boards.

It holds rates, paired differences and stability as `eval set` computed them, and no answers: whoever keeps the folder
stands for it. Everything in it is checked when it is read, as such a folder may come from anywhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import field

from dataset_builder.errors import DataError, Problem
from dataset_builder.storage.files import now, write_file
from eval.results.row import LeaderboardRow
from eval.runs.fields import Count, Hash, Line, Note, Part
from eval.scores.comparison import PairedDifference
from eval.scores.epochs import Stability
from eval.scores.results import number
from eval.sets.collect import RunSet
from eval.sets.file import PLAIN
from eval.sets.summary import MOVES, SetResult

FOLDER: Final = "sets"
FORMAT: Final = 1
# A Space should not be filled by one folder.
MOST_SETS, MOST_BYTES = 50, 2 * 2**20
Share = Annotated[float, msgspec.Meta(ge=-1, le=1)]
_Few = msgspec.Meta(max_length=200)


class Rate(Part, frozen=True, kw_only=True):
    """A rate with its interval; ends are null where there is none."""

    estimate: Share | None
    low: Share | None
    high: Share | None
    of: Count


class Stable(Part, frozen=True, kw_only=True):
    """How many of ``of`` cases get the same label in all their answers."""

    epochs: Annotated[int, msgspec.Meta(ge=2, le=1000)]
    of: Count
    same: Share | None
    low: Share | None
    high: Share | None


class ModelUnderArm(Part, frozen=True, kw_only=True):
    """One model under one arm; ``rates`` are by metric."""

    model: Line
    rates: Annotated[dict[Line, Rate], _Few]
    stability: Stable | None = None


class ArmOfSet(Part, frozen=True, kw_only=True):
    """One arm: what it asks otherwise than the study did, and its models."""

    name: Line
    departures: Annotated[list[Note], _Few] = field(default_factory=list)
    models: Annotated[list[ModelUnderArm], _Few]


class MoveOfSet(Part, frozen=True, kw_only=True):
    """A model's paired difference between an arm and the first one, in one rate; null where there is none."""

    model: Line
    arm: Line
    metric: Line
    n: Count
    before: Share | None
    after: Share | None
    difference: Share | None
    low: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None
    high: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None
    p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None


class SetDocument(Part, frozen=True, kw_only=True):
    """A set by one judge. ``p`` of its moves is corrected over all of them by Holm's method."""

    format: int = FORMAT
    name: Line
    computed_at: Line
    dataset: Line
    cases_hash: Hash
    judge: Line
    rubric: Line
    arms: Annotated[list[ArmOfSet], msgspec.Meta(min_length=1, max_length=50)]
    moves: Annotated[list[MoveOfSet], msgspec.Meta(max_length=30_000)] = field(default_factory=list)


def document_of(found: RunSet, result: SetResult, name: str) -> SetDocument:
    """The document of a set's result."""
    places = {f"{row.model} ({arm.arm})": (row.model, arm.arm) for arm in result.arms for row in arm.rows}
    first = found.runs[0].folder.record.dataset
    return SetDocument(
        name=name,
        computed_at=now(),
        dataset=first.name,
        cases_hash=first.cases_hash,
        judge=result.judge,
        rubric=result.arms[0].rows[0].rubric,
        arms=[
            ArmOfSet(
                name=arm.arm,
                departures=_departures(found, arm.arm),
                models=[_model(row, arm.stable.get(row.model)) for row in arm.rows],
            )
            for arm in result.arms
        ],
        moves=[_move(one, *places[one.a]) for one in result.moves],
    )


def _departures(found: RunSet, arm: str) -> list[str]:
    """What the runs of an arm have in common; what is said of one epoch or one model is left to its run."""
    of_arm = [run.folder.record.departures for run in found.runs if run.planned.arm == arm]
    common = [one for one in of_arm[0] if all(one in others for others in of_arm)]
    prompts = {run.folder.settings.system_prompt for run in found.runs if run.planned.arm == arm}
    told = next(iter(prompts)) if len(prompts) == 1 else None
    return common + ([f"System prompt: {told}"[:2000]] if told else [])


def _model(row: LeaderboardRow, stable: Stability | None) -> ModelUnderArm:
    rates = {}
    for metric in MOVES:
        value = row.metrics[metric.id]
        rates[metric.id] = Rate(estimate=value.estimate, low=value.low, high=value.high, of=value.denominator)
    told = None
    if stable is not None:
        same, low, high = (number(one) for one in (stable.same, stable.low, stable.high))
        told = Stable(epochs=stable.epochs, of=stable.n, same=same, low=low, high=high)
    return ModelUnderArm(model=row.model, rates=rates, stability=told)


def _move(one: PairedDifference, model: str, arm: str) -> MoveOfSet:
    values = (one.estimate_b, one.estimate_a, one.difference, one.low, one.high, one.p_holm)
    before, after, difference, low, high, p = (number(value) if one.reason is None else None for value in values)
    return MoveOfSet(
        model=model, arm=arm, metric=one.metric.id, n=one.n, before=before, after=after, difference=difference,
        low=low, high=high, p=p,
    )  # fmt: skip


def write_document(document: SetDocument, results: Path) -> Path:
    """Put it into a results folder, in the place of an older one of that name; returns the file."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", document.name.lower()).strip("-.") or PLAIN
    file = results / FOLDER / f"{slug}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    return file


def documents_in(results: Path) -> list[Path]:
    """The files of sets in a results folder, sorted by name; those that are too many are left out."""
    return sorted(file for file in (results / FOLDER).glob("*.json") if file.is_file())[:MOST_SETS]


def read_documents(results: Path) -> tuple[SetDocument, ...]:
    """All sets of a results folder. Raises DataError with every file that cannot be read."""
    found, problems = [], []
    for file in documents_in(results):
        where = f"{FOLDER}/{file.name}"
        if file.stat().st_size > MOST_BYTES:
            problems.append(Problem(where, f"{file.stat().st_size:,} bytes; at most {MOST_BYTES:,} are read"))
            continue
        try:
            one = msgspec.json.decode(file.read_bytes(), type=SetDocument)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(Problem(where, str(error)[:300], "make it again with `eval set --results`"))
            continue
        if one.format != FORMAT:
            problems.append(Problem(where, f"format {one.format}; this version reads {FORMAT}"))
        else:
            found.append(one)
    if problems:
        raise DataError(f"{results}: not all sets can be read", problems)
    return tuple(found)
