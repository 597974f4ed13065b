"""The gates' classifiers: a first pass that decides nothing, and the weights they ship with."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from dataset_builder.cli import dataset
from dataset_builder.dataset.records import Records
from dataset_builder.gates.embedded import TRAINED, GateWeights, load_gates, manifest, pack, slots_of, unpack
from tests.support.case_writer import writes_and_passes
from tests.support.gated_batch import gate, outcomes, write


def test_the_first_pass_decides_nothing_and_orders_what_is_asked(tmp_path: Path) -> None:
    folder = write(tmp_path / "g", count=3)
    done = CliRunner().invoke(dataset, ["backfill", str(folder.path), "--only", "gate", "--gate-model", "embedded"])
    assert done.exit_code == 0, done.output
    assert outcomes(folder.path) == {"ungated": 6}
    scores = {r.case_id: r.probability for r in folder.gates if r.gate == "reasonable_judge"}
    assert len(scores) == 6
    assert all(r.stage == "first_pass" for r in folder.gates)
    _, asked = gate(folder.path, writes_and_passes, "--gate", "reasonable_judge", "--concurrency", "1")
    by_query = {line.user_query: line.case_id for line in folder.lines()}
    order = [next(i for q, i in by_query.items() if q in r.query) for r in asked]
    assert order == sorted(order, key=lambda i: -(scores[i] or 0))
    done = CliRunner().invoke(
        dataset,
        ["backfill", str(folder.path), "--only", "gate", "--gate-model", "embedded", "--gate", "operational_validity"],
    )
    assert "no classifier for the gate operational_validity" in str(done.exception)


def test_the_weights_are_those_of_the_manifest() -> None:
    weights = load_gates()
    assert set(weights) == set(TRAINED)
    held = manifest()["heldout"]["gates"]
    # Better than chance on cells that were held out, and no better than the manifest says.
    assert all(0.7 < held[gate]["auc"] < 0.95 for gate in TRAINED)


@pytest.mark.study
def test_the_shipped_gates_are_trained_on_the_study(study_records: Records) -> None:
    from dataset_builder.gates.train import read_examples

    name = TRAINED[1]
    assert read_examples(study_records, name).sha256 == manifest()["training_data"][name]["sha256"]


def test_features_are_words_pairs_and_labels(tmp_path: Path) -> None:
    line = write(tmp_path / "g", count=1).lines()[0]
    bare = msgspec.structs.replace(line, user_query="One two", policy="", defeat_condition=None, structural_facts=[])
    # Two words and one pair, family, authority, subtype and seven dimensions.
    assert slots_of(bare, line.defeat_family).size == 3 + 3 + 7
    more = msgspec.structs.replace(bare, policy="One")
    assert set(slots_of(bare, line.defeat_family)) < set(slots_of(more, line.defeat_family))


def test_the_trainer_names_a_source_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dataset_builder.gates.train", "--source", str(tmp_path / "no.tar.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "no such file or folder" in done.stderr


def test_platts_scaling_by_hand() -> None:
    from dataset_builder.gates.train import platt

    # At -1 one of four is a yes, at 1 three of four: the log odds there are -ln 3 and ln 3.
    logits = np.array([-1.0] * 4 + [1.0] * 4)
    slope, offset = platt(logits, np.array([True, False, False, False, True, True, True, False]))
    assert slope == pytest.approx(np.log(3), abs=1e-5)
    assert offset == pytest.approx(0, abs=1e-5)


@pytest.mark.study
def test_the_same_data_give_the_same_weights_byte_for_byte(study_records: Records) -> None:
    from dataset_builder.gates.train import fit, read_examples

    # A part is enough to show it, and quick; `python -m dataset_builder.gates.train` does the whole.
    some = msgspec.structs.replace(study_records, generated=study_records.generated[::6])
    name, files = TRAINED[1], []
    for _ in range(2):
        examples = read_examples(some, name)
        weights, bias = fit(examples, np.ones(examples.yes.size, np.bool_))
        assert np.count_nonzero(weights) > 1000
        files.append(pack({gate_id: GateWeights(weights, bias, 1.0, 0.0) for gate_id in TRAINED}))
    assert files[0] == files[1]
    kept = unpack(files[0], hashlib.sha256(files[0]).hexdigest())[name]
    assert np.array_equal(kept.weights, weights.astype(np.float16).astype(np.float32))
