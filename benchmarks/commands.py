"""Whole commands, cold, each beside a floor: ``python -m benchmarks.commands [DATASET] [--runs 3]``.

The floor of a command imports the same modules of other people and reads the same columns of the same
files, and does nothing else. What costs more than reading has another command as its floor: submitting the
study's models beside rebuilding their leaderboard, checking a build beside building it. Command and floor
run in turn, each in a process of its own, and the fastest run of each is taken. Without DATASET the study's
is built first, of the archive that BLIND_REFUSAL_STUDY names or that is fetched.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.measure import Cost, command_line, ends, run, study, told

_OURS: Final = ("dataset_builder", "eval", "space", "blind_refusal", "benchmarks", "__main__")
# Runs a command and writes down the modules that it has imported, in their order.
_DUMPED: Final = """
import json, sys
out = sys.argv.pop(1)
from space.cli import main
try:
    main()
except SystemExit:
    pass
with open(out, "w") as file:
    json.dump(list(sys.modules), file)
"""
TIMES_THE_FLOOR: Final = 2.0
TIMES_AGGREGATE: Final = 1.5
OF_THE_BUILD: Final = 0.5
CHECK_MB: Final = 300
SUBMITTED: Final = "eval submit of the study beside board aggregate"

_VERDICTS: Final = ("case_id", "response_hash", "response_type", "engages_with_defeat", "independent_harm")
_VERDICTS_OF: Final = (*_VERDICTS, "unscored_reason", "judge", "model", "status")


class Command(NamedTuple):
    """A command, and the columns that it reads of a dataset's files; all of them where none are named."""

    arguments: Sequence[object]
    reads: Mapping[str, Sequence[str] | None]


def commands(dataset: Path) -> dict[str, Command]:
    """What is timed beside a floor, by name."""
    answers = sorted((dataset / "data" / "responses").glob("*.parquet"))
    cases: dict[str, Sequence[str] | None] = {str(dataset / "data/cases/test.parquet"): None}
    all_answers = {str(path): _VERDICTS_OF for path in answers}
    reviews = {
        str(path): None for name in ("case", "verdict") for path in (dataset / "data").glob(f"human_{name}_review/*")
    }
    return {
        "eval score": Command(["eval", "score", dataset], {**cases, **all_answers}),
        "eval compare": Command(
            ["eval", "compare", "glm-5", "grok-4-fast", "--dataset", dataset],
            {
                **cases,
                **{path: columns for path, columns in all_answers.items() if _is_of(path, "glm_5", "grok_4_fast")},
            },
        ),
        "eval reproduce": Command(["eval", "reproduce", "--dataset", dataset], {**cases, **all_answers, **reviews}),
    }


def _is_of(path: str, *models: str) -> bool:
    # Where all models' answers stand in one file, that one is read.
    return Path(path).stem in (*models, "test")


def modules_of(arguments: Sequence[object], folder: Path) -> list[str]:
    """The modules of others that a command imports."""
    out = folder / "modules.json"
    run("-c", _DUMPED, str(out), *map(str, arguments), quiet=True)
    return [name for name in json.loads(out.read_text()) if name.partition(".")[0] not in _OURS]


def floor(told_in: Path) -> None:
    """Import modules and read columns, as a file says."""
    modules, reads = json.loads(told_in.read_text())
    for name in modules:
        # Some are made up by the module before them, and some refuse to be imported again.
        with suppress(Exception):
            importlib.import_module(name)
    import pyarrow.parquet as pq

    for path, columns in reads.items():
        there = set(pq.read_schema(path).names)
        pq.read_table(path, columns=None if columns is None else [name for name in columns if name in there])


def beside_floor(name: str, command: Command, folder: Path, runs: int) -> bool:
    """Time a command beside its floor; whether it reaches its goal."""
    file = folder / f"{name.replace(' ', '-')}.json"
    file.write_text(json.dumps([modules_of(command.arguments, folder), command.reads]))
    ours, low = [], []
    for _ in range(runs):
        ours.append(run(*command_line(*command.arguments), quiet=True))
        low.append(run("-m", "benchmarks.commands", "--floor", str(file)))
    return _told(f"{name} beside its floor", _least(ours), _least(low), TIMES_THE_FLOOR)


def _told(name: str, ours: Cost, beside: Cost, goal: float) -> bool:
    print(
        f"  {ours.seconds:.2f} s beside {beside.seconds:.2f} s, {ours.cpu:.2f} s of processors beside "
        f"{beside.cpu:.2f} s, {ours.peak_mib:.0f} MiB beside {beside.peak_mib:.0f} MiB"
    )
    return told(name, ours.seconds / beside.seconds, goal)


def _least(costs: Sequence[Cost]) -> Cost:
    return min(costs, key=lambda cost: cost.seconds)


def submitting(dataset: Path, folder: Path, runs: int) -> bool:
    """Submit every model of the dataset to a new folder, and aggregate the same."""
    submitted, aggregated = [], []
    for number in range(runs):
        results = folder / f"results-{number}"
        submit = command_line("eval", "submit", dataset, "--results", results)
        aggregate = command_line("board", "aggregate", "--results", results, "--dataset", dataset)
        submitted.append(run(*submit, quiet=True))
        aggregated.append(run(*aggregate, quiet=True))
    return _told(SUBMITTED, _least(submitted), _least(aggregated), TIMES_AGGREGATE)


def checking(dataset: Path, folder: Path, runs: int) -> bool:
    """Check a build, and make it."""
    checked, built = [], []
    for number in range(runs):
        out = folder / f"built-{number}"
        built.append(run(*command_line("dataset", "build", "--source", "study", "--out", out), quiet=True))
        checked.append(run(*command_line("dataset", "check", out), quiet=True))
    met = _told("dataset check beside dataset build", _least(checked), _least(built), OF_THE_BUILD)
    peak = min(cost.peak_mib for cost in checked) * 2**20 / 1e6
    return told(f"peak memory of dataset check beside {CHECK_MB} MB", peak / CHECK_MB, 1.0) and met


def main() -> int:
    """Print every figure; 1 where one is missed. Raises InputError or SourceError where there is no dataset."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands")
    parser.add_argument("dataset", nargs="?", help="a build of the study; left out, it is built")
    parser.add_argument("--runs", type=int, default=3, help="of each command and floor")
    chosen = parser.parse_args()
    with study(chosen.dataset) as dataset, TemporaryDirectory(prefix="blind-refusal-bench-") as place:
        folder = Path(place)
        met = [beside_floor(name, one, folder, chosen.runs) for name, one in commands(dataset).items()]
        met.append(checking(dataset, folder, chosen.runs))
        met.append(submitting(dataset, folder, min(2, chosen.runs)))
    return int(not all(met))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--floor"]:
        floor(Path(sys.argv[2]))
    else:
        ends(main)
