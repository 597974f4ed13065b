"""Review by people: two of them in the browser, and a report that equals one worked out by hand."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.batch.lines import read_generated
from dataset_builder.cli import dataset
from dataset_builder.errors import InputError
from dataset_builder.review.cases import QUESTIONS, all_answers, review_items, review_of
from dataset_builder.review.report import report_lines, review_agreement
from dataset_builder.review.sheet import YES_NO, Item, Labels, Question, reviewer_names
from tests.support.case_writer import writes_and_passes
from tests.support.chat_server import ChatServer
from tests.support.review_server import reviewing

CASES = 4


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four cases that passed the gates."""
    out = tmp_path_factory.mktemp("batch") / "g"
    with ChatServer(writes_and_passes) as server:
        model = ("--model", "secret-writer", "--base-url", server.base_url, "--yes")
        gates = ("--gate-model", "m", "--gate-base-url", server.base_url)
        cells = ("--cell", "control:school", "--cell", "content_defeat:club", "--count", "2", "--existing", "starter")
        for stage in (("--only", "generate", *cells), ("--only", "gate")):
            done = CliRunner().invoke(dataset, ["backfill", str(out), *stage, *model, *gates])
            assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def folder(batch: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    return Path(shutil.copytree(batch, tmp_path / "g"))


@pytest.fixture(scope="module")
def browser(batch: Path) -> Iterator[Any]:
    """Chromium. The cases are made first, as Playwright's event loop leaves no room for another."""
    path = os.environ.get("BLIND_REFUSAL_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: install it, or set BLIND_REFUSAL_CHROMIUM to its path")
    pytest.importorskip("gradio")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def label(page: Any, *passed: str) -> None:
    """Answer yes, yes, yes, no, and whether it belongs as given; as fast as the keyboard goes, from item to item."""
    for verdict in passed:
        for key in (*"1112", verdict, "Enter"):
            page.keyboard.press(key)


@pytest.mark.browser
def test_two_reviewers_at_the_keyboard(folder: Path, browser: Any, tmp_path: Path) -> None:
    from axe_core_python.sync_playwright import Axe

    with reviewing("dataset", "review", str(folder), logs=tmp_path) as address:
        first, second = browser.new_page(), browser.new_page()
        for page, name in ((first, "reviewer_1"), (second, "reviewer_2")):
            page.set_default_timeout(60_000)
            page.goto(f"{address}/?reviewer={name}")
            page.get_by_text("1 of 4").wait_for()
            # Blind to the writer.
            assert "secret-writer" not in page.content()
        faults = Axe().run(first)["violations"]
        assert [(fault["id"], fault["help"]) for fault in faults if fault["impact"] in ("serious", "critical")] == []
        label(first, "1", "1")
        first.get_by_text("3 of 4").wait_for()
        # What is given is kept at once: the page may be closed and opened again.
        assert len(all_answers(GenerationFolder.open(folder))["reviewer_1"]) == 2
        first.goto(f"{address}/?reviewer=reviewer_1")
        first.get_by_text("3 of 4").wait_for()
        label(first, "2", "2")
        first.get_by_text("All labelled").wait_for()
        label(second, "1", "2", "2", "2")
        second.get_by_text("All labelled").wait_for()
        # Going back shows one's own answers.
        second.keyboard.press("ArrowLeft")
        second.locator("#item h2", has_text="4 of 4").wait_for()
        second.wait_for_function("document.querySelectorAll('.question input:checked').length === 5")
        # On a button that has the focus, Enter is the button's.
        second.locator("#back").focus()
        second.keyboard.press("Enter")
        second.locator("#item h2", has_text="3 of 4").wait_for()
        stranger = browser.new_page()
        stranger.set_default_timeout(60_000)
        stranger.goto(f"{address}/?reviewer=somebody")
        stranger.get_by_text("Who are you?").wait_for()
        stranger.locator("a", has_text="reviewer_2").focus()
        stranger.keyboard.press("Enter")
        stranger.get_by_text("All labelled").wait_for()
        for page in (first, second, stranger):
            page.close()
    done = CliRunner().invoke(dataset, ["review", str(folder), "--report"])
    assert done.exit_code == 0, done.output
    # passed: yes yes no no against yes no no no: po = 3/4; first says yes 2/4, second 1/4, so
    # pe = 1/2 * 1/4 + 1/2 * 3/4 = 1/2; kappa = (3/4 - 1/2) / (1 - 1/2) = 0.5.
    assert "kappa 0.500" in done.output.split("## passed")[1]
    assert "kappa is not defined" in done.output.split("## natural")[1]
    # Half of the reviewers reject the second case, all of them the last two: three are out.
    assert "3 removed by people" in done.output
    report = (folder / "report.md").read_text()
    assert report.count("| 2 of 2 reviewers reject it |") == 2
    assert report.count("| 1 of 2 reviewers reject it |") == 1
    cases = [item.id for item in review_items(GenerationFolder.open(folder), None, 0)]
    assert f"To discuss: `{cases[1]}`" in done.output
    records, _ = read_generated(folder)
    assert [c.case_id for c in records.cases] == cases[:1]
    assert len(records.case_reviews) == 8
    # However fast they were typed, the answers are each case's own.
    told = {(r.rule_defeated, r.rightly_classified, r.natural, r.confound) for r in records.case_reviews}
    assert told == {(True, True, True, False)}
    assert [r.passed for r in records.case_reviews if r.reviewer == "reviewer_2"].count(True) == 1
    assert (folder / "review.md").read_text().startswith("# What the reviewers said")


def test_agreement_by_hand() -> None:
    question = Question("q", "?", YES_NO)
    # Table yes/no: 3 1 / 1 5. po = 0.8, pe = 0.4 * 0.4 + 0.6 * 0.6 = 0.52, kappa = 0.28 / 0.48.
    one = {str(n): {"q": "yes" if n < 4 else "no"} for n in range(10)}
    two = {str(n): {"q": "yes" if n in (0, 1, 2, 9) else "no"} for n in range(11)}
    (found,) = review_agreement({"reviewer_1": one, "reviewer_2": two}, [question])
    assert found.table.tolist() == [[3, 1], [1, 5]]
    assert found.kappa.kappa == pytest.approx(0.28 / 0.48)
    assert found.low < 0.28 / 0.48 < found.high
    assert found.disagreements == ["3", "9"]
    told = list(report_lines([found], {"reviewer_1": one, "reviewer_2": two}))
    assert "| Yes | 3 | 1 |" in told
    nobody = review_agreement({"reviewer_1": one, "reviewer_2": {}}, [question])
    told = list(report_lines(nobody, {"reviewer_1": one, "reviewer_2": {}}))
    assert "Nothing that both have labelled." in told
    assert "Nobody has labelled anything yet." in list(report_lines([], {}))
    assert "- agreement takes two reviewers" in list(report_lines([], {"reviewer_1": one}))


def test_labels_are_kept_at_once_and_once(folder: Path) -> None:
    opened = GenerationFolder.open(folder)
    items = review_items(opened, None, 0)
    kept: list[tuple[str, str]] = []
    labels = Labels([], lambda reviewer, item, answers: kept.append((reviewer, item)))
    answers = {q.name: "yes" for q in QUESTIONS}
    labels.put("reviewer_1", items[1].id, answers)
    labels.put("reviewer_1", items[1].id, answers)
    assert kept == [("reviewer_1", items[1].id)]
    assert labels.done("reviewer_1", items) == 1
    assert labels.done("reviewer_2", items) == 0
    assert (labels.next_open("reviewer_1", items), labels.next_open("reviewer_1", items, 0)) == (0, 2)
    assert labels.next_open("reviewer_1", items, CASES - 1) == 0
    everything = Labels([("r", item.id, answers) for item in items], lambda *_: None)
    assert everything.next_open("r", items) == CASES
    with opened.writing():
        opened.reviews.append(review_of("reviewer_1", items[0].id, answers | {"passed": "no"}))
        opened.reviews.append(review_of("reviewer_1", items[0].id, answers))
    assert all_answers(opened)["reviewer_1"][items[0].id]["passed"] == "yes", "the last word counts"


def test_what_is_shown_says_nothing_of_the_writer_or_the_gates(folder: Path) -> None:
    opened = GenerationFolder.open(folder)
    items = review_items(opened, 2, 0)
    assert len(items) == 2
    assert len({item.id.split("_")[2] for item in items}) == 2, "spread over the cells"
    for item in items:
        assert {heading for heading, _ in item.shown} <= {
            *("Request", "Rule", "Ground", "Facts", "Family", "Subtype", "Authority")
        }
        assert "secret-writer" not in str(item.shown)


def test_nothing_to_review_is_said(folder: Path, tmp_path: Path) -> None:
    rows = (folder / "cases.jsonl").read_text().replace('"outcome":"kept"', '"outcome":"ungated"')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cases.jsonl").write_text(rows)
    done = CliRunner().invoke(dataset, ["review", str(tmp_path / "other")])
    assert isinstance(done.exception, InputError)
    assert "Gate them first" in str(done.exception)
    with pytest.raises(InputError):
        reviewer_names(0)
    assert Item("a", ()).shown == ()


def test_a_port_that_is_taken_is_said(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(dataset, ["review", str(folder), "--port", str(port)])
    assert isinstance(done.exception, InputError)
    assert f"127.0.0.1:{port}: cannot listen there" in str(done.exception)
    # Nobody is sent to a page that is not there.
    assert "?reviewer=" not in done.output
