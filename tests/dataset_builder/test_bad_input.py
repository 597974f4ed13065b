"""A thousand ways to spoil one file: each is harmless, or an error that names a file; never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_builder.build.build import build_dataset
from dataset_builder.cli import dataset
from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.records import Records
from dataset_builder.dataset.validate import check_records
from dataset_builder.errors import DataError, Problem
from dataset_builder.sources.study import read_study
from tests.support import mini_study

FILES = mini_study.files()
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True),
    st.sampled_from(["", " ", "\ud800", "\x00", "\u202e", "no", "yes", "control", "x" * 100_000, "é" * 50]),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.just([[]]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a JSON document but the document itself."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, child in children for p in ((*path, key), *places(child, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """A file of the small archive with one thing wrong in it, and its path."""
    name = draw(st.sampled_from(sorted(FILES)))
    if draw(st.integers(0, 9)) == 0:
        data = bytearray(json.dumps(FILES[name]).encode())
        place = draw(st.integers(0, len(data) - 1))
        cut = draw(st.booleans())
        data = data[:place] if cut else data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
        return name, bytes(data)
    content = json.loads(json.dumps(FILES[name]))
    ways = places(content)
    if not ways:
        return name, draw(VALUES)
    *way, last = draw(st.sampled_from(ways))
    parent = content
    for key in way:
        parent = parent[key]
    act = draw(st.sampled_from(["replace", "drop", "repeat"]))
    if act == "drop":
        del parent[last]
    elif act == "repeat" and isinstance(parent, list):
        parent.append(parent[last])
    else:
        parent[last] = draw(VALUES)
    return name, content


@given(spoilt())
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_spoilt_file_is_harmless_or_named(tmp_path: Path, change: tuple[str, Any]) -> None:
    name, content = change
    archive = mini_study.write_archive(tmp_path / "a.tar.gz", FILES | {name: content})
    problems, records = outcome(archive)
    assert all(p.where.startswith(("data/", "logs/")) for p in problems), problems
    # What reads must also hold together; building it is the concern of test_build.
    assert (records is None) == bool(problems)
    assert records is None or check_records(records) == []


def outcome(archive: Path) -> tuple[tuple[Problem, ...], Records | None]:
    """The problems of an archive, or its records; any other error goes through and fails the test."""
    try:
        return (), read_study(archive)[0]
    except DataError as error:
        return error.problems, None


@pytest.mark.parametrize(
    "value",
    [float("nan"), None, 7, [], {}, "\ud800", ["\ud800"]],
    ids=["nan", "null", "number", "list", "dict", "lone", "nested"],
)
def test_the_command_says_where_and_exits_with_2(tmp_path: Path, value: Any) -> None:
    content = mini_study.files()
    content["data/1_generated/control_workplace.json"]["cases"][1]["id"] = value
    archive = mini_study.write_archive(tmp_path / "a.tar.gz", content)
    out = tmp_path / "out" / "dataset"
    done = CliRunner().invoke(dataset, ["build", "--source", str(archive), "--out", str(out)])
    assert isinstance(done.exception, DataError)
    assert done.exception.exit_code == 2
    assert "data/1_generated/control_workplace.json" in str(done.exception)
    assert not out.parent.exists()


def test_a_huge_number_of_problems_is_summed_up(tmp_path: Path) -> None:
    content = mini_study.files()
    file = content["data/1_generated/control_workplace.json"]
    file["cases"] *= 40
    with pytest.raises(DataError) as caught:
        read_study(mini_study.write_archive(tmp_path / "a.tar.gz", content))
    assert len(caught.value.problems) > 100
    assert "and " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 22


def test_no_answers_at_all_is_still_a_dataset(tmp_path: Path) -> None:
    """Cases without responses, gates or reviews: what a new source starts with."""
    only = {name: value for name, value in FILES.items() if name.startswith(("data/1_", "data/2_"))}
    records, content_hash = read_study(mini_study.write_archive(tmp_path / "a.tar.gz", only))
    manifest = build_dataset(records, [Source(kind="study", content_hash=content_hash)], tmp_path / "out")
    assert "data/responses" not in " ".join(manifest.files)
