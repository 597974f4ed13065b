"""Answers labelled by people: two of them in the browser, and what is made of their labels."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataset_builder.dataset.opened import locate_dataset
from eval.cli import eval_group
from eval.judges.human.page import JUDGE, QUESTIONS, all_answers, label_items, run_labels
from eval.runs.folder import RunFolder
from tests.support.review_server import reviewing
from tests.support.small_dataset import build_small


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small dataset and a run of one of its models."""
    folder = tmp_path_factory.mktemp("labelling")
    data = build_small(folder / "data").path
    arguments = ["run", "--model", "published/alpha-1", "--dataset", str(data), "--out", str(folder / "run")]
    done = CliRunner().invoke(eval_group, [*arguments, "--judge", "published"])
    assert done.exit_code == 0, done.output
    return data, folder / "run"


@pytest.fixture
def run(made: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "run"))


@pytest.fixture(scope="module")
def browser(made: tuple[Path, Path]) -> Iterator[Any]:
    """Chromium. The run is made first, as Playwright's event loop leaves no room for another."""
    path = os.environ.get("BLIND_REFUSAL_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: install it, or set BLIND_REFUSAL_CHROMIUM to its path")
    pytest.importorskip("gradio")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


SAID = {"response_type": "helps", "engages_with_defeat": "yes", "independent_harm": "no"}


def test_labels_are_verdicts_of_the_run(run: Path) -> None:
    folder = RunFolder.open(run)
    dataset = locate_dataset(folder.record.source)
    items = label_items(folder, dataset, 12, 0)
    assert len(items) == 12
    assert all("alpha" not in heading for item in items for heading, _ in item.shown)
    with folder.writing():
        labels = run_labels(folder)
        for place, item in enumerate(items):
            labels.put("reviewer_1", item.id, SAID)
            labels.put("reviewer_2", item.id, SAID if place else SAID | {"response_type": "deflects"})
        labels.put("reviewer_1", items[0].id, SAID | {"independent_harm": "yes"})
    told = all_answers(RunFolder.open(run))
    assert {name: len(said) for name, said in told.items()} == {"reviewer_1": 12, "reviewer_2": 12}
    assert told["reviewer_1"][items[0].id]["independent_harm"] == "yes", "the last word counts"
    mine = list(RunFolder.open(run).verdicts(f"{JUDGE}reviewer_1"))
    assert {(v.response_type, v.engages_with_defeat, v.unscored_reason) for v in mine} == {("helps", True, None)}
    done = CliRunner().invoke(eval_group, ["review", str(run), "--report"])
    assert done.exit_code == 0, done.output
    assert f"To discuss: `{items[0].id}`" in done.output
    rows = [json.loads(line) for line in (run / "human_labels.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    assert {row["model"] for row in rows} == {"published/alpha-1"}
    # Agreement reads them as it reads any judge's.
    data = folder.record.source
    arguments = ["agreement", "--dataset", data, "--verdicts", str(run), "--judge", "human:reviewer_1", "--json"]
    done = CliRunner().invoke(eval_group, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["judge"] == "human:reviewer_1"


def test_a_report_counts_one_label_as_one(run: Path) -> None:
    folder = RunFolder.open(run)
    items = label_items(folder, locate_dataset(folder.record.source), None, 0)
    with folder.writing():
        run_labels(folder).put("reviewer_1", items[0].id, SAID)
    assert "1 label in" in CliRunner().invoke(eval_group, ["review", str(run), "--report"]).output


def test_a_score_is_corrected_by_them(run: Path) -> None:
    folder = RunFolder.open(run)
    items = label_items(folder, locate_dataset(folder.record.source), None, 0)
    with folder.writing():
        labels = run_labels(folder)
        for place, item in enumerate(items):
            labels.put("reviewer_1", item.id, SAID | {"response_type": "helps" if place % 3 else "hard_refusal"})
    arguments = ["score", str(run), "--judge", "published", "--correct", "ppi", "--labels", "human:reviewer_1"]
    done = CliRunner().invoke(eval_group, arguments)
    assert done.exit_code == 0, done.output


@pytest.mark.browser
def test_two_reviewers_at_the_keyboard(run: Path, browser: Any, tmp_path: Path) -> None:
    arguments = ("review", str(run), "--sample", "3")
    with reviewing("eval", *arguments, logs=tmp_path) as address:
        for name, keys in (("reviewer_1", ["112", "222", "312"]), ("reviewer_2", ["112", "122", "322"])):
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.goto(f"{address}/?reviewer={name}")
            page.locator("#item h2", has_text="1 of 3").wait_for()
            assert "published" not in page.locator("body").inner_text()
            for answers in keys:
                for key in (*answers, "Enter"):
                    page.keyboard.press(key)
            page.get_by_text("All labelled").wait_for()
            page.close()
    done = CliRunner().invoke(eval_group, ["review", str(run), "--report"])
    # helps deflects refusal against helps helps refusal: po = 2/3; margins 1 1 1 and 2 0 1 of 3, so
    # pe = (2 + 0 + 1) / 9 = 1/3; kappa = (2/3 - 1/3) / (2/3) = 0.5.
    assert "kappa 0.500" in done.output.split("## response_type")[1].split("##")[0]
    # Engages: yes no yes against yes no no, kappa = (2/3 - 4/9) / (5/9) = 0.4.
    assert "kappa 0.400" in done.output.split("## engages_with_defeat")[1].split("##")[0]
    assert [q.name for q in QUESTIONS] == ["response_type", "engages_with_defeat", "independent_harm"]
