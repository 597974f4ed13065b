"""The engines label what one process does, drop no row, and go on after a kill. Needs the extra `scale`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_builder.errors import InputError
from eval.tables.judge import ADDED, TableSettings, judge_table, judged_schema

ANSWERS = ["I'm sorry, but I can't help with that.", "Put the rack behind the railing and dry it by night.", None, ""]
FILES, ROWS = 6, 40


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    folder = tmp_path / "answers"
    folder.mkdir()
    for number in range(FILES):
        ids = range(number * ROWS, (number + 1) * ROWS)
        table = pa.table(
            {
                "id": list(ids),
                "request": [f"How do I dry laundry on balcony {n}?" for n in ids],
                "response": pa.array([ANSWERS[n % len(ANSWERS)] for n in ids], pa.string()),
            }
        )
        pq.write_table(table, folder / f"{number}.parquet")
    return folder


def expected(answers: Path) -> list[dict[str, object]]:
    table = pa.concat_tables([pq.read_table(path) for path in sorted(answers.glob("*.parquet"))])
    return rows_of([judge_table(table, TableSettings(explain=False))])


def rows_of(tables: list[pa.Table]) -> list[dict[str, object]]:
    return sorted(pa.concat_tables(tables).to_pylist(), key=lambda row: row["id"])


def test_the_schema_has_the_labels_behind_the_columns() -> None:
    schema = judged_schema(pa.schema([("id", pa.int64())], metadata={"pandas": "x"}), "judge_")
    assert schema.names == ["id", *("judge_" + name for name in ADDED.names)]
    assert schema.metadata is None


def test_datatrove_labels_every_row_and_goes_on_after_a_kill(answers: Path, tmp_path: Path) -> None:
    pytest.importorskip("datatrove", reason="needs the extra `scale`")
    out, logs = tmp_path / "labels", tmp_path / "logs"
    program = (
        "import sys\n"
        "from datatrove.executor import LocalPipelineExecutor\n"
        "from eval.scale.trove import judging_steps\n"
        f"steps = judging_steps({str(answers)!r}, {str(out)!r}, explain=False)\n"
        f"LocalPipelineExecutor(steps, tasks={FILES}, workers=1, logging_dir={str(logs)!r}).run()\n"
    )
    # With all that it starts, which would go on without it.
    first = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL, start_new_session=True)
    done = logs / "completions"
    while first.poll() is None and not (done.is_dir() and any(done.iterdir())):
        # It needs the processor that looking without a pause would take.
        with contextlib.suppress(subprocess.TimeoutExpired):
            first.wait(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    ended = {path.name for path in done.iterdir()}
    assert ended
    subprocess.run([sys.executable, "-c", program], check=True, stderr=subprocess.DEVNULL)
    assert rows_of([pq.read_table(path) for path in out.glob("*.parquet")]) == expected(answers)


def test_datatrove_names_what_is_missing(answers: Path, tmp_path: Path) -> None:
    pytest.importorskip("datatrove", reason="needs the extra `scale`")
    from eval.scale.trove import judging_steps

    with pytest.raises(InputError, match="holds no Parquet files"):
        judging_steps(str(tmp_path / "logs"), str(tmp_path / "out"))
    with pytest.raises(InputError, match="no column 'nope' for the request"):
        judging_steps(str(answers), str(tmp_path / "out"), columns={"request": "nope"})


# Ray warns of what it does itself.
@pytest.mark.filterwarnings("ignore")
def test_ray_labels_every_row_and_goes_on_with_the_shards_that_are_missing(answers: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra `scale`")
    from eval.scale.ray_data import judge_files

    out = tmp_path / "labels"
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    try:
        assert judge_files(answers, out, files_a_shard=2, explain=False) == 3
        kept = (out / "shard-00000").stat().st_ino
        # As a killed program leaves it.
        for path in (out / "shard-00001").iterdir():
            path.unlink()
        (out / "shard-00001").rmdir()
        assert judge_files(answers, out, files_a_shard=2, explain=False) == 1
    finally:
        ray.shutdown()
    assert (out / "shard-00000").stat().st_ino == kept
    assert rows_of([pq.read_table(path) for path in out.rglob("*.parquet")]) == expected(answers)
