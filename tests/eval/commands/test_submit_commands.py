"""Submitting, reviewing, aggregating and withdrawing from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from dataset_builder.hub.pull_requests import open_requests
from eval.repository.leaderboard import read_leaderboard
from eval.submissions.submission import read_submission
from space.cli import command as program
from tests.support.attacking import model_judge, offline_labels
from tests.support.chat_server import ChatServer
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.results_hub import REPO, client
from tests.support.submissions import good_bundle


def command(*arguments: Any) -> Result:
    return CliRunner().invoke(program, [str(a) for a in arguments])


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_from_the_command_line(
    results: HubServer, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = good_bundle(dataset, "bob/model-1")
    folder = write(tmp_path / "bundle", made.files)
    monkeypatch.setenv("HF_TOKEN", BOB.token)
    monkeypatch.setenv("ALICE", ALICE.token)
    there = ("--results", REPO, "--dataset", dataset.name)
    dry = command("eval", "submit", folder, *there, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "dry run: nothing was sent" in dry.output
    assert open_requests(client(), REPO, "dataset") == []
    asked = command("eval", "submit", folder, *there)
    assert asked.exit_code == 1
    assert "Send it?" in asked.output
    done = command("eval", "submit", folder, *there, "--yes")
    assert done.exit_code == 0, done.output
    assert f"pull request: {results.endpoint}/datasets/{REPO}/discussions/1" in done.output
    told = command("board", "check", "--results", REPO, "--dataset", dataset.name, "--merge", "--token-env", "ALICE")
    assert told.exit_code == 0, told.output
    assert "merged" in told.output
    made_board = command("board", "aggregate", "--results", REPO, "--dataset", dataset.name, "--token-env", "ALICE")
    assert f"{REPO}: rebuilt" in made_board.output
    gone = command("eval", "withdraw", made.place, "--results", REPO, "--reason", "The wrong weights.")
    assert gone.exit_code == 0, gone.output
    withdrawal = ("board", "check", "--results", f"hf://datasets/{REPO}", "--dataset", dataset.name, "--merge")
    let_in = command(*withdrawal, "--token-env", "ALICE").output
    assert f"pull request 2 by bob: a withdrawal of {made.place}: The wrong weights." in let_in
    assert "  merged: " in let_in
    assert "Next: blind-refusal board aggregate --results " in let_in
    left = command("board", "aggregate", "--results", REPO, "--dataset", dataset.name, "--token-env", "ALICE").output
    assert "withdrawn by bob" in left
    assert f"submissions/{made.place}/bundle.json" in results.repo(REPO).files
    assert ALICE.token not in (told.output + made_board.output + left)
    spoilt = write(tmp_path / "spoilt", {**made.files, "run.json": b"{}"})
    refused = command("eval", "submit", spoilt, *there)
    assert isinstance(refused.exception, DataError)
    assert command("eval", "submit", folder).exit_code == 2


def test_a_results_folder_is_withdrawn_from_locally(dataset: OpenedDataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "bundle", good_bundle(dataset, "bob/model-1").files)
    results = tmp_path / "results"
    assert command("eval", "submit", folder, "--results", results, "--dataset", dataset.name).exit_code == 0
    place = next(p.parent.relative_to(results / "submissions") for p in results.glob("submissions/*/*/bundle.json"))
    done = command("eval", "withdraw", place, "--results", results, "--reason", "A mistake.", "--by", "bob")
    assert done.exit_code == 0, done.output
    assert "withdrawn by bob" in command("board", "aggregate", "--results", results, "--dataset", dataset.name).output
    assert command("eval", "withdraw", "no__one/x", "--results", results, "--reason", "x").exit_code == 1


def test_a_review_says_what_is_not_there_and_when_there_is_nothing_to_do(
    dataset: OpenedDataset, tmp_path: Path
) -> None:
    folder = write(tmp_path / "bundle", good_bundle(dataset, "bob/model-1").files)
    results = tmp_path / "results"
    assert command("eval", "submit", folder, "--results", results, "--dataset", dataset.name).exit_code == 0
    there = ("board", "check", "--results", results, "--dataset", dataset.name)
    assert command(*there).output == "nothing to check\n"
    wrong = command(*there, "--accept", "bob__model-1/2026", "--reason", "x")
    assert isinstance(wrong.exception, InputError)
    assert "no such submission" in str(wrong.exception)
    assert "the nearest is bob__model-1/2026-11-20-" in str(wrong.exception)
    gone = command("board", "check", "--results", tmp_path / "nowhere", "--dataset", dataset.name)
    assert isinstance(gone.exception, InputError)
    assert "no such folder" in str(gone.exception)


def test_a_hub_with_nothing_to_review_says_so(results: HubServer, dataset: OpenedDataset) -> None:
    assert command("board", "check", "--results", REPO, "--dataset", dataset.name).output == "nothing to check\n"


def test_a_model_judge_of_the_maintainers_makes_a_board_of_its_own(dataset: OpenedDataset, tmp_path: Path) -> None:
    made = good_bundle(dataset, "bob/model-1", judged_by=())
    folder = write(tmp_path / "bundle", made.files)
    results = tmp_path / "results"
    command("eval", "submit", folder, "--results", results, "--dataset", dataset.name)
    said = offline_labels(dataset, dict(read_submission(made.files).texts()))
    with ChatServer(model_judge(said)) as server:
        there = (
            "board",
            "check",
            "--results",
            results,
            "--dataset",
            dataset.name,
            "--again",
            "--judge",
            "model:strict",
        )
        there += ("--judge-base-url", server.base_url)
        asked = command(*there)
        assert "Cost: not known" in asked.output
        assert "--yes" in str(asked.exception)
        assert server.requests == []
        done = command(*there, "--yes")
        assert done.exit_code == 0, done.output
        assert len(server.requests) == 72
    command("board", "aggregate", "--results", results, "--dataset", dataset.name)
    boards = {board.judge: board for board in read_leaderboard(results).boards}
    assert sorted(boards) == ["embedded", "model:strict"]
    (row,) = boards["model:strict"].rows
    # It says what the offline judge says, so each bears the other out.
    (offline,) = boards["embedded"].rows
    assert row.metrics["help_rate"].estimate == offline.metrics["help_rate"].estimate
    assert (row.status, offline.status) == ("verified", "verified")
    assert row.verdicts.startswith("reviews/")
    unknown = command("board", "check", "--results", results, "--dataset", dataset.name, "--judge", "oracle")
    assert isinstance(unknown.exception, InputError)


def test_a_dry_run_needs_no_place_to_send_to(dataset: OpenedDataset, tmp_path: Path) -> None:
    files = good_bundle(dataset, "bob/model-1").files
    folder = write(tmp_path / "bundle", files)
    done = command("eval", "submit", folder, "--dataset", dataset.name, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "model: bob/model-1" in done.output
    assert done.output.endswith("dry run: nothing was sent\n")
    beside = command(
        "eval", "submit", folder, "--dataset", dataset.name, "--dry-run", "--results", tmp_path / "results"
    )
    assert beside.exit_code == 0, beside.output
    assert not (tmp_path / "results").exists()
    nowhere = command("eval", "submit", folder, "--dataset", dataset.name)
    assert nowhere.exit_code == 2
    assert "--dry-run needs neither" in nowhere.output
    broken = write(tmp_path / "broken", files | {"responses.parquet": b"PAR1"})
    refused = command("eval", "submit", broken, "--dataset", dataset.name, "--dry-run")
    assert isinstance(refused.exception, DataError)
