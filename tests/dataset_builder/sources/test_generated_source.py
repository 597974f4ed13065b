"""Generated cases in a folder: what builds, and what is said of what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dataset_builder.build.build import build_dataset
from dataset_builder.build.check import check_folder
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.taxonomy import ids
from dataset_builder.errors import DataError, SourceError
from dataset_builder.sources import read_source
from dataset_builder.sources.starter import read_starter


def line(**changes: Any) -> dict[str, Any]:
    """A line made from the first starter case, with another id."""
    from dataset_builder.dataset.taxonomy import DIMENSIONS

    case = msgspec.structs.asdict(read_starter().cases[0])
    names = "defeat_family defeat_subtype authority_type policy defeat_condition structural_facts user_query language"
    plain = {name: case[name] for name in names.split()}
    plain |= {"dual_use": False, "dual_use_category": None, "dimensions": {d: case[d] for d in ids(DIMENSIONS)}}
    return plain | {"case_id": "gen_1", "outcome": "kept", "generator": "vendor/writer"} | changes


def write(folder: Path, *lines: Any) -> str:
    folder.mkdir()
    (folder / "cases.jsonl").write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in lines))
    return f"generated:{folder}"


def test_kept_cases_build_and_removed_ones_are_accounted_for(tmp_path: Path) -> None:
    source = write(tmp_path / "g", line(), line(case_id="gen_2", outcome="reasonable_judge"), "")
    read = read_source(source)
    build_dataset(read.records, [read.source], tmp_path / "out")
    built = BuiltDataset.open(tmp_path / "out")
    assert [c.case_id for c in built.cases()] == ["gen_1"]
    assert built.cases()[0].origin == "generated"
    assert built.table("generated", "test").column("outcome").to_pylist() == ["kept", "reasonable_judge"]
    assert check_folder(tmp_path / "out") == []
    assert "Of 2 cases that were written, 1 remain" in (tmp_path / "out" / "README.md").read_text()


def test_every_wrong_line_is_listed(tmp_path: Path) -> None:
    source = write(
        tmp_path / "g", line(), "{", line(case_id=7), line(case_id="x", authority_type="king"), line(), line(novel=1)
    )
    with pytest.raises(DataError) as caught:
        read_source(source)
    assert [p.where for p in caught.value.problems] == [f"cases.jsonl line {n}" for n in (2, 3, 4, 5, 6)]


def test_wrong_labels_are_found_when_it_is_built(tmp_path: Path) -> None:
    read = read_source(write(tmp_path / "g", line(defeat_subtype="obsolete")))
    with pytest.raises(DataError, match="obsolete is a subtype of content_defeat, not of control"):
        build_dataset(read.records, [read.source], tmp_path / "out")


def test_no_file_and_nothing_kept(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds cases\.jsonl"):
        read_source(f"generated:{tmp_path}")
    with pytest.raises(SourceError, match="gate them first"):
        read_source(write(tmp_path / "g", line(outcome="gate_error")))
