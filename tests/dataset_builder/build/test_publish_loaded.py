"""That ``load_dataset`` reads back what was published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.build.build import build_dataset
from dataset_builder.build.facts import splits_from
from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Records
from tests.support.built_folder import LAYOUT, write_build
from tests.support.hub_server import HubServer
from tests.support.publishing import REPO, send

LOADER = """
import json, sys
from datasets import get_dataset_config_names, get_dataset_split_names, load_dataset
repo, revision, each = sys.argv[1], sys.argv[2], sys.argv[3] == "each split"
told = {"configs": {}, "first": {}}
told["default"] = list(load_dataset(repo))
for config in get_dataset_config_names(repo):
    if each:
        names = get_dataset_split_names(repo, config)
        splits = {name: load_dataset(repo, config, split=name) for name in names}
    else:
        splits = load_dataset(repo, config)
    told["configs"][config] = {name: len(rows) for name, rows in splits.items()}
    told["first"][config] = next(iter(splits.values()))[0]
streamed = load_dataset(repo, "cases", split="test", streaming=True)
told["streamed"] = sum(1 for _ in streamed)
told["tagged"] = load_dataset(repo, "cases", split="test", revision=revision).num_rows
print(json.dumps(told, default=str))
"""


def load_all(hub: HubServer, home: Path, repo: str, revision: str, how: str) -> dict[str, Any]:
    """What `datasets`, in a process of its own with an empty cache, finds in a repo."""
    environment = {**os.environ, **hub.environment(str(home)), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    arguments = [sys.executable, "-W", "ignore", "-c", LOADER, repo, revision, how]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=240, cwd=home)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "empty-home"
    folder.mkdir()
    return folder


def test_load_dataset_reads_every_config_and_split(hub: HubServer, build: Path, home: Path) -> None:
    send(build, tag="v1.0.0")
    write_build(build, {**LAYOUT, "cases": {"test": 11}})
    send(build, private=False)
    told = load_all(hub, home, REPO, "v1.0.0", "each split")
    assert told["configs"] == {**LAYOUT, "cases": {"test": 11}}
    assert told["default"] == ["test"]
    assert told["streamed"] == 11
    assert told["tagged"] == 7
    assert told["first"]["cases"] == {"case_id": "case-0", "defeated": True, "facts": ["fact 0", "naïve “quotes”"]}


@pytest.mark.study
def test_the_study_is_published_and_loaded_whole(
    hub: HubServer, study_records: Records, tmp_path: Path, home: Path
) -> None:
    source = Source(kind="study", content_hash="0" * 64)
    manifest = build_dataset(study_records, [source], tmp_path / "study")
    done = send(tmp_path / "study", tag="v1.0.0")
    assert (len(done.added), done.checked) == (len(manifest.files) + 1, "cases")
    told = load_all(hub, home, REPO, "v1.0.0", "each config")
    built = BuiltDataset(tmp_path / "study", manifest)
    expected: dict[str, dict[str, int]] = {config: {} for config in told["configs"]}
    for one in splits_from(manifest.files):
        expected[one.config][one.split] = one.rows
    assert told["configs"] == expected
    assert told["streamed"] == told["tagged"] == len(study_records.cases)
    first = built.table("cases", "test").slice(0, 1).to_pylist()[0]
    assert told["first"]["cases"] == {name: first[name] for name in first if name not in manifest.constants["cases"]}
