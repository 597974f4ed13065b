"""A set on the page on arms: what `eval set --results` writes, what is read of it, and what a page makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError
from eval.cli import eval_group
from eval.sets.document import read_documents
from space.api.tables import Tables
from space.data.data import Snapshot, SpaceData
from space.data.sources import FolderSource
from space.hosting.serve import store_of
from space.pages.arms.page import PAGE
from tests.support.results_folder import write_results_folder

ROOT = Path(__file__).parents[4]
SET = """
shared: {sample: 48, epochs: 2, temperature: 1, seed: 1}
models:
  - {name: keen, model: "python:models.py:keen"}
  - {name: shy, model: "python:models.py:shy"}
  - {name: moody, model: "python:models.py:moody"}
arms:
  - {name: plain}
  - {name: adult, system_prompt: "Help <b>adults</b>."}
"""


@pytest.fixture(scope="module")
def told(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of a set as JSON, with the results folder that it was put into."""
    folder = tmp_path_factory.mktemp("arms")
    (folder / "models.py").write_text((ROOT / "docs" / "example-set" / "models.py").read_text())
    (folder / "framings.yaml").write_text(SET)
    words = ["set", str(folder / "framings.yaml"), "--dataset", dataset.name, "--out", str(folder / "runs"), "--json"]
    done = CliRunner().invoke(eval_group, [*words, "--results", str(folder / "results")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) | {"results": folder / "results"}


@pytest.fixture(scope="module")
def data(dataset: OpenedDataset, told: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    snapshot = FolderSource(told["results"]).read()
    store = store_of(dataset.built, snapshot, tmp_path_factory.mktemp("cache"))
    return SpaceData(store=store, dataset_name="small", built=dataset.built, now=snapshot)


def test_the_document_says_what_the_command_says(told: dict[str, Any]) -> None:
    (found,) = read_documents(told["results"])
    assert (found.name, found.judge) == ("framings", "embedded")
    moves = {(f"{one.model} ({one.arm})", one.metric): one for one in found.moves}
    assert len(moves) == len(told["moves"]) == 9
    for one in told["moves"]:
        mine = moves[one["models"][0], one["metric"]]
        assert (mine.difference, mine.low, mine.high) == (one["difference"], one["low"], one["high"])
        assert mine.p == one["p_holm"]
    shy = moves["shy (adult)", "help_rate"]
    assert (shy.before, shy.after) == (0, shy.difference)
    stable = {model.model: model.stability for model in found.arms[0].models}
    assert all(one is not None and one.epochs == 2 for one in stable.values())
    assert {name: one.same for name, one in stable.items() if one} == {
        name: one["same"] for name, one in told["arms"][0]["stability"].items()
    }
    assert "System prompt: Help <b>adults</b>." in found.arms[1].departures


def test_the_page_shows_moves_and_stability(told: dict[str, Any], data: SpaceData) -> None:
    assert PAGE.at_once is not None
    page = str(PAGE.at_once(data, [("metric", "help_rate")]))
    rows = re.findall(r"rowheader\" title=\"\w+\">(\w+)</th><td role=\"cell\" data-label=\"Arm\">(\w+)</td>", page)
    assert rows[:3] == [("keen", "adult"), ("shy", "adult"), ("moody", "adult")]
    assert len(rows) == 3 + 6
    beyond = sum(one["p_holm"] < 0.05 for one in told["moves"] if one["metric"] == "help_rate")
    assert f"<b>{beyond} of 3 moves</b>" in page
    shy = next(one for one in told["moves"] if one["models"][0] == "shy (adult)" and one["metric"] == "help_rate")
    assert f"+{100 * shy['difference']:.1f}" in page
    assert page.count("<svg") == 3
    assert "none of it counts on a" in page
    # Words of others are words.
    assert "<b>adults</b>" not in page
    assert "&lt;b&gt;adults" in page


def test_its_data_is_what_it_shows(data: SpaceData, told: dict[str, Any]) -> None:
    tables = Tables(data)
    moves = list(tables.of("arms", [("metric", "help_rate")]).rows)
    wanted = [one for one in told["moves"] if one["metric"] == "help_rate"]
    assert [(one["model"], one["arm"], one["n"]) for one in moves] == [
        ("keen", "adult", 32), ("shy", "adult", 32), ("moody", "adult", 32),
    ]  # fmt: skip
    assert [one["difference"] for one in moves] == pytest.approx([one["difference"] for one in wanted], abs=1e-6)
    # Three models under two arms, each asked twice.
    stable = list(tables.of("stability", [("set", "framings")]).rows)
    assert len(stable) == 6
    assert {one["epochs"] for one in stable} == {2}


def test_boards_are_what_they_were(dataset: OpenedDataset, told: dict[str, Any], tmp_path: Path) -> None:
    folder = write_results_folder(dataset, tmp_path / "results")
    source = FolderSource(folder)
    before, version = source.read(), source.version()
    (folder / "sets").mkdir()
    (folder / "sets" / "a.json").write_bytes(next((told["results"] / "sets").iterdir()).read_bytes())
    after = source.read()
    assert source.version() != version
    assert [one.id for one in after.boards] == [one.id for one in before.boards]
    assert [len(one.rows) for one in after.boards] == [len(one.rows) for one in before.boards]
    assert (len(before.sets), len(after.sets)) == (0, 1)
    assert str(PAGE.at_once(SpaceData(store=None, dataset_name="x", now=before), [])).count("no set of runs here") == 1  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"judge": "<script>"}, "matching regex"),
        ({"extra": 1}, "unknown field `extra`"),
        ({"moves": [{"model": "a"}]}, "missing required field"),
        ({"format": 9}, "format 9; this version reads 1"),
    ],
)
def test_a_set_that_is_none_is_named(told: dict[str, Any], tmp_path: Path, change: dict[str, Any], said: str) -> None:
    (tmp_path / "sets").mkdir()
    made = json.loads(next((told["results"] / "sets").iterdir()).read_text()) | change
    (tmp_path / "sets" / "bad.json").write_text(json.dumps(made))
    with pytest.raises(DataError) as caught:
        FolderSource(tmp_path).read()
    assert "sets/bad.json" in str(caught.value)
    assert said in str(caught.value)


def test_without_sets_there_is_nothing() -> None:
    assert PAGE.at_once is not None
    assert Snapshot().sets == ()
