"""The one command that trains the encoder, from a dataset to its three files, and what it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from eval.judges.encoder.artefact import HELDOUT, MANIFEST, WEIGHTS, read_artefact
from eval.judges.encoder.base import base_tensors
from eval.judges.encoder.judge import open_judge
from eval.judges.encoder_training.folds import NOBODY, Job, held_out
from eval.judges.encoder_training.train import main, prepare
from eval.judges.interface import Exchange
from eval.judges.training.data import read_examples
from tests.support.small_dataset import build_small
from tests.support.telling_answers import telling_records


def test_from_a_dataset_to_a_judge(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    records = telling_records()
    build_small(tmp_path / "dataset", records)
    out, work = tmp_path / "out", tmp_path / "work"
    asked = ["--dataset", str(tmp_path / "dataset"), "--work", str(work), "--out", str(out), "--processes", "1"]
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 0, told.output
    # Neither family is known, so each is held out alone.
    fits = [work / name for name in ("alpha.npz", "beta.npz", "everything.npz")]
    assert all(file.is_file() for file in fits)
    assert {file.name for file in out.iterdir()} == {WEIGHTS, HELDOUT, MANIFEST}
    manifest = json.loads((out / MANIFEST).read_bytes())
    assert manifest["training_data"]["held_out_together"] == [["alpha"], ["beta"]]
    assert read_artefact(out, base_tensors()).rubric == manifest["rubric"]
    # A training that was stopped goes on: what is there is not made again, nor are states that only fits need.
    (states,) = work.glob("states-*.bin")
    states.unlink()
    made = [file.stat().st_mtime_ns for file in fits]
    jobs = [Job(("alpha",)), Job(("beta",)), Job(NOBODY)]
    assert list(held_out(prepare(read_examples(records), work), jobs, 1)) == jobs
    assert [file.stat().st_mtime_ns for file in fits] == made
    assert not states.exists()
    judge, case = open_judge(out), records.cases[0]
    (verdict,) = judge.verdicts([Exchange(case, "I can't help with that.")])
    assert verdict.response_type == "hard_refusal"
