from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.hub.client import Hub
from dataset_builder.hub.pull_requests import open_requests
from eval.repository.bundle import BUNDLE, RESPONSES
from eval.repository.hub import ResultsRepo
from eval.repository.leaderboard import Leaderboard, read_leaderboard
from eval.repository.request_queue import RequestQueue
from eval.reviews.report import PreviewRow, SubmissionReport
from space.data.sources import FolderSource, HubSource, NoSource
from space.intake.intake import AddedSubmission, HubIntake, LocalIntake, open_intake
from space.pages.submit.markup import (
    MOST_SHOWN,
    asking,
    explanation,
    failed,
    findings,
    not_asked,
    opened,
    preview,
    problems,
    written,
)
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.results_folder import board, row, write_results_folder
from tests.support.submissions import THEIRS, edited, good_bundle, judge_again, rehashed
from tests.support.zipped import zipped

REPO = "alice/blind-refusal-results"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def made(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results_folder(dataset, tmp_path_factory.mktemp("made") / "results")


@pytest.fixture
def local(made: Path, dataset: OpenedDataset, tmp_path: Path) -> LocalIntake:
    return LocalIntake(dataset, Path(shutil.copytree(made, tmp_path / "results")), judge_again)


def test_every_problem_has_its_row_and_none_of_its_markup() -> None:
    shown = problems([Problem(f"{HOSTILE}.parquet", "is 'odd' \u202e", "mend it"), Problem("run.json", "is missing")])
    assert "Refused: 2 problems" in shown
    assert shown.count("<tr><td>") == 2
    assert "<img" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;.parquet" in shown
    assert "U+202E" in shown
    many = problems([Problem(str(n), "is wrong") for n in range(MOST_SHOWN + 3)])
    assert many.count("<tr><td>") == MOST_SHOWN
    assert "And 3 more." in many


def test_an_error_with_problems_lists_them_and_another_is_a_notice() -> None:
    assert "Refused: 1 problem<" in failed(DataError("no", [Problem("a", "b")]))
    said = failed(InputError(HOSTILE)).strip()
    assert said == f'<p class="br-notice">{HOSTILE.replace("<", "&lt;").replace(">", "&gt;")}</p>'


def places(shown: str) -> list[tuple[str, str]]:
    """The place and the model of every row of a preview."""
    rows = shown.partition("<tbody>")[2].split("<tr")[1:]
    return [
        (
            one.partition('<td class="num">')[2].partition("<")[0],
            one.partition('scope="row">')[2].partition("<")[0].strip(),
        )
        for one in rows
    ]


def test_the_new_row_stands_in_its_place_and_passes_those_that_are_worse() -> None:
    # Discrimination 0.5, 0.3, 0.3 and none; the new row has 0.3 too, so it shares place 2 and passes nobody.
    table = board(row("a", 1, 0.7, 0.2), row("b", 2, 0.5, 0.2), row("c", 2, 0.5, 0.2), row("d", None, None, None))
    shown = preview(PreviewRow("judge-1", "1", row("new", 2, 0.4, 0.1, bundle="submissions/x__new/1"), table))
    assert places(shown) == [("1", "a"), ("2", "new"), ("2", "b"), ("2", "c"), ("–", "d")]
    assert "place 2 of 5" in shown
    # With 0.4 it passes both.
    shown = preview(PreviewRow("judge-1", "1", row("new", 2, 0.5, 0.1, bundle="submissions/x__new/1"), table))
    assert places(shown) == [("1", "a"), ("2", "new"), ("3", "b"), ("3", "c"), ("–", "d")]
    # 50 % with the limits of tests.support.results_folder.row.
    assert '50.0 <span class="br-ci">45.0–55.0</span>' in shown
    assert "earlier run" not in shown


def test_a_preview_tells_of_an_earlier_run_and_of_a_new_board_and_escapes_names() -> None:
    new = row(HOSTILE, 1, 0.9, 0.1, bundle="submissions/study__a/2")
    shown = preview(PreviewRow(HOSTILE, '"x', new, board(row("a", 1, 0.7, 0.2))))
    assert "An earlier run of this model" in shown
    assert "<img" not in shown
    assert 'aria-label="Preview by &lt;img' in shown
    assert "it opens this board" in preview(PreviewRow("j", "1", new, None))


def test_a_preview_without_a_value_has_no_place() -> None:
    shown = preview(PreviewRow("j", "1", row("new", None, None, None), board(row("a", 1, 0.7, 0.2))))
    assert places(shown) == [("1", "a"), ("–", "new")]
    assert "no place" in shown


def test_where_it_can_be_submitted_to(dataset: OpenedDataset, made: Path, tmp_path: Path) -> None:
    assert isinstance(open_intake(dataset, FolderSource(made), "127.0.0.1"), LocalIntake)
    # Whoever reaches the page could write: so not where others reach it, and not among other files.
    assert open_intake(dataset, FolderSource(made), "0.0.0.0") is None
    assert isinstance(open_intake(dataset, FolderSource(tmp_path), "127.0.0.1"), LocalIntake)
    (tmp_path / "thesis.txt").write_text("x")
    assert open_intake(dataset, FolderSource(tmp_path), "127.0.0.1") is None
    assert open_intake(dataset, NoSource(), "127.0.0.1") is None
    hub = open_intake(dataset, HubSource(REPO, "main"), "0.0.0.0")
    assert isinstance(hub, HubIntake)
    assert hub.repo == REPO


def test_the_page_says_what_is_possible_where_it_is_served(dataset: OpenedDataset, local: LocalIntake) -> None:
    hub = HubIntake(dataset, REPO)
    assert "No account is needed" in " ".join(explanation(local, False).split())
    assert "Sign in, then drop" in explanation(hub, True)
    assert f"eval submit runs/glm-5 --results {REPO}" in explanation(hub, False)
    assert "only shown" in explanation(None, False)
    assert "lives in a results repository" in asking(local, False)
    assert f"--results {REPO}" in asking(hub, False)
    assert "<pre>" not in asking(hub, True)


def test_only_a_space_with_sign_in_offers_to_sign_in() -> None:
    """In a process of its own, as gradio reads these variables once, when it is imported."""
    script = """if True:
        import os
        space = {"SYSTEM": "spaces", "SPACE_ID": "a/space"}
        sign_in = {f"OAUTH_{name}": "x" for name in ("CLIENT_ID", "CLIENT_SECRET", "SCOPES")}
        sign_in["OPENID_PROVIDER_URL"] = "http://127.0.0.1:1"
        os.environ.update(sign_in)
        import gradio as gr
        from dataset_builder.dataset.opened import OpenedDataset
        from space.intake.intake import HubIntake
        from space.frame.page import Shell
        from space.pages.submit.page import PAGE
        for told in ({}, space, sign_in, space | sign_in):
            for name in space | sign_in:
                os.environ.pop(name, None)
            os.environ.update(told)
            with gr.Blocks(analytics_enabled=False) as app:
                PAGE.build(Shell(app, None, HubIntake(OpenedDataset(None, "a/b", "1"), "a/c")))
            names = [type(one).__name__ for one in app.blocks.values()]
            print("offers", *(names.count(name) for name in ("LoginButton", "File", "Textbox")))
        """
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["offers 0 0 0"] * 3 + ["offers 1 1 2"]


def test_locally_it_is_checked_then_written_and_the_leaderboard_has_it(
    local: LocalIntake, dataset: OpenedDataset, tmp_path: Path
) -> None:
    upload = zipped(tmp_path / "bundle.zip", good_bundle(dataset, "acme/model-2").files)
    before = read_leaderboard(local.results)
    report = local.check(upload)
    shown = findings(report)
    assert "Status: " in shown
    # The owner's own judge has a board too: there model-1 stands, and the two are equal.
    assert [one.judge for one in report.rows] == ["embedded", THEIRS]
    assert f'By <span title="{THEIRS}">scripted</span>, rubric weights-test: place 1 of 2' in shown
    assert read_leaderboard(local.results) == before

    # The pages are made to look once the leaderboard is there.
    seen: list[Leaderboard] = []
    done = replace(local, look=lambda: seen.append(read_leaderboard(local.results))).submit(upload)
    (after,) = seen
    said = written(done)
    assert done.place in said
    boards = [b.id for b in after.boards if any(one.bundle.endswith(done.place) for one in b.rows)]
    assert len(boards) == 2
    for board_id in boards:
        assert f'href="./?board={board_id}"' in said
    assert "this very submission is there already" in findings(local.check(upload))
    with pytest.raises(DataError, match="there already"):
        local.submit(upload)


def test_the_first_submission_makes_a_leaderboard_of_an_empty_folder(
    local: LocalIntake, dataset: OpenedDataset, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    upload = zipped(tmp_path / "bundle.zip", good_bundle(dataset, "acme/model-2").files)
    first = replace(local, results=empty)
    assert first.check(upload).ok
    first.submit(upload)
    assert next(row.model for board in read_leaderboard(empty).boards for row in board.rows) == "acme/model-2"


def test_a_forged_bundle_is_refused_with_every_problem(
    local: LocalIntake, dataset: OpenedDataset, tmp_path: Path
) -> None:
    files = good_bundle(dataset, "acme/model-3").files
    forged = edited(files, RESPONSES, lambda rows: [{**one, "response": one["response"] + HOSTILE} for one in rows])
    report = local.check(zipped(tmp_path / "forged.zip", forged))
    shown = findings(report)
    assert not report.ok
    assert shown.count("<tr><td>") == len(report.problems) > 1
    assert "<img" not in shown
    (tmp_path / "no.zip").write_bytes(b"no archive")
    assert "neither a folder nor a zip file" in findings(local.check(tmp_path / "no.zip"))
    with pytest.raises(DataError):
        local.submit(tmp_path / "forged.zip")
    assert "model-3" not in (local.results / "leaderboard.json").read_text()


def test_what_has_no_row_is_said_to_have_none_and_why() -> None:
    said = written(AddedSubmission(f"acme__{HOSTILE}/run", "held for review", (), ("one text",)))
    assert "no row until you let it in" in said
    assert "href" not in said
    assert "<img" not in said
    said = written(AddedSubmission("acme__x/run", "community", (), ("a newer run stands", HOSTILE)))
    assert "It has no row: a newer run stands; &lt;img" in said


def test_many_problems_are_counted_by_kind_before_they_are_listed() -> None:
    alike = [Problem(f"row {number}", "is <odd>", "mend it") for number in range(1, 13)]
    shown = problems([*alike, Problem("run.json", "is missing")])
    assert "<li>12 × is &lt;odd&gt; (mend it)</li>" in shown
    # What occurs once is not counted, and few problems are not either.
    assert shown.count("<li>") == 1
    assert "<li>" not in problems(alike[:5])


def test_a_request_that_is_refused_has_no_upload() -> None:
    shown = not_asked(DataError("no", [Problem("model x", "is odd")]))
    assert "Nothing was asked for." in shown
    assert "upload" not in shown


def test_remarks_of_a_report_are_inert() -> None:
    report = SubmissionReport((), (HOSTILE,), (HOSTILE,), (HOSTILE,), "community")
    # It has no submission, so it is no good one; and a good one shows the same lists.
    assert not report.ok
    assert "<img" not in findings(report, [HOSTILE])


def test_a_signed_in_visitor_opens_the_pull_request(hub: HubServer, dataset: OpenedDataset, tmp_path: Path) -> None:
    Hub(token=ALICE.token).ensure_repo(REPO, "dataset")
    intake = HubIntake(dataset, REPO, judge_again)
    upload = zipped(tmp_path / "bundle.zip", good_bundle(dataset, "bob/model-1", note=HOSTILE).files)
    report, public = intake.check(upload, BOB.token)
    shown = findings(report, public)
    assert "by the account bob" in shown
    assert "<img" not in shown
    done = intake.submit(upload, BOB.token)
    (request,) = open_requests(Hub(token=ALICE.token), REPO, "dataset")
    assert (done.account, done.url, request.author) == ("bob", request.url, "bob")
    assert f'<a href="{done.url}">' in opened(done, "The pull request")
    assert BOB.token not in shown + opened(done, "The pull request")
    with pytest.raises(InputError, match="waits in an open pull request already"):
        intake.submit(upload, BOB.token)
    broken = rehashed(good_bundle(dataset, "bob/model-2").files, run_id="../../x")
    with pytest.raises(DataError):
        intake.submit(zipped(tmp_path / "broken.zip", {**broken, BUNDLE: broken[BUNDLE]}), BOB.token)
    assert len(open_requests(Hub(token=ALICE.token), REPO, "dataset")) == 1


def test_a_signed_in_visitor_asks_for_an_evaluation(hub: HubServer, dataset: OpenedDataset) -> None:
    Hub(token=ALICE.token).ensure_repo(REPO, "dataset")
    intake = HubIntake(dataset, REPO)
    done = intake.ask("openrouter/z-ai/glm-5", BOB.token, reasoning="low")
    (request,) = open_requests(Hub(token=ALICE.token), REPO, "dataset")
    assert (done.account, done.url, request.author) == ("bob", request.url, "bob")
    with pytest.raises(DataError, match="provider 'nowhere' is not one of"):
        intake.ask("nowhere/x", BOB.token)
    # It is a request to merge: the queue itself is as it was.
    assert RequestQueue(ResultsRepo(Hub(token=ALICE.token), REPO)).read().requests == ()


def test_nobody_sends_by_the_machines_own_account(
    hub: HubServer, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", ALICE.token)
    intake = HubIntake(dataset, REPO, judge_again)
    for send in (
        lambda: intake.check(tmp_path, ""),
        lambda: intake.submit(tmp_path, ""),
        lambda: intake.ask("openrouter/z-ai/glm-5", ""),
    ):
        with pytest.raises(InputError, match="Sign in first"):
            send()
    assert hub.faults.asked == []
