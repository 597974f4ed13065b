"""Training: the same bytes each time, calibration, packing, and the figures of the model card."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dataset_builder.dataset.records import Records, VerdictReview
from dataset_builder.errors import BlindRefusalError, InputError
from eval.judges.embedded import weights
from eval.judges.embedded.case_features import ROWS
from eval.judges.embedded.features import BITS
from eval.judges.embedded.held_out import HELDOUT_FILE, family_of, unpack_heldout
from eval.judges.embedded.judge import EmbeddedJudge, manifest, rubric_of
from eval.judges.embedded.second_look import Gates
from eval.judges.embedded.topic import DIMENSIONS, MEASURES, Space
from eval.judges.interface import Exchange
from eval.judges.training import fit as training
from eval.judges.training.data import CLASSES, feature_matrices, read_examples
from eval.judges.training.figures import cascade, ranking, reliability, reviewers
from eval.judges.training.folds import FAMILY, FAMILY_AND_CELLS, fold_of, held_out
from eval.judges.training.train import Trained, main, train
from eval.runs.verdict import hash_text
from tests.support.small_dataset import build_small, small_records
from tests.support.telling_answers import SAID, telling_records


@pytest.fixture(scope="module")
def records() -> Records:
    return telling_records()


@pytest.fixture(scope="module")
def trained(records: Records) -> Trained:
    return train(records)


def test_the_same_data_give_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    # Through a built dataset and the command, with other objects: only the data may count.
    build_small(tmp_path / "dataset", telling_records())
    arguments = ["--dataset", str(tmp_path / "dataset"), "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(main, [*arguments, "--heldout", str(tmp_path / "held")])
    assert told.exit_code == 0, told.output
    files = sorted((tmp_path / "out").iterdir())
    assert [file.read_bytes() for file in files] == [trained.heldout, trained.manifest, trained.weights]
    # Held-out fits that are there already are used again, and change nothing.
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "held").iterdir()}
    assert sorted(before)[:2] == ["family-alpha.npz", "family-beta.npz"]
    # As it is called: the module run as a program.
    program = [sys.executable, "-m", "eval.judges.training.train"]
    subprocess.run([*program, *arguments, "--heldout", str(tmp_path / "held")], check=True, capture_output=True)
    assert {file.name: file.stat().st_mtime_ns for file in (tmp_path / "held").iterdir()} == before
    assert [file.read_bytes() for file in files] == [trained.heldout, trained.manifest, trained.weights]


def test_what_words_tell_is_learned(records: Records, trained: Trained) -> None:
    judge = EmbeddedJudge(weights.unpack(trained.weights), rubric_of(trained.weights))
    case = records.cases[0]
    verdicts = judge.verdicts([Exchange(case, text) for text in SAID.values()])
    assert [v.response_type for v in verdicts] == list(SAID)
    found = json.loads(trained.manifest)
    assert found["rubric"] == judge.rubric == verdicts[0].rubric
    # A model that the weights never saw says the same words, so its labels are found again.
    assert found["heldout"][FAMILY]["response_type"]["all"]["kappa"] == 1.0
    assert found["training_data"]["families"] == ["alpha", "beta"]


def test_what_the_held_out_fits_said_is_kept(records: Records, trained: Trained) -> None:
    """By case and answer, of the shipped form: here the words tell the label, so all of them are right."""
    verdicts = unpack_heldout(trained.heldout, json.loads(trained.manifest)["heldout_verdicts"]["sha256"])
    rows = [row for split in records.responses.values() for row in split if row.response_type is not None]
    assert len(verdicts) == len(rows)
    for row in rows:
        found = verdicts.of(family_of(row.model), row.case_id, str(row.response_hash))
        assert found is not None
        assert (found.response_type, found.engages_with_defeat) == (row.response_type, row.engages_with_defeat)
        assert 0.33 < found.confidence <= 1
    known = family_of(rows[0].model), rows[0].case_id, str(rows[0].response_hash)
    assert verdicts.of(*known) is not None
    for place, other in enumerate(("gamma", "another case", hash_text("another answer"))):
        assert verdicts.of(*known[:place], other, *known[place + 1 :]) is None
    with pytest.raises(BlindRefusalError, match="not those that the embedded judge's manifest names"):
        unpack_heldout(trained.heldout, "0" * 64)


def test_held_out_means_not_trained_on(records: Records) -> None:
    """Turning a family's labels round changes nothing about the logits held out for it."""
    turned = telling_records()
    swap = {"helps": "deflects", "deflects": "helps", "hard_refusal": "deflects"}
    turned.responses["beta-2"] = [
        msgspec.structs.replace(row, response_type=swap[row.response_type]) if row.response_type else row
        for row in turned.responses["beta-2"]
    ]
    both = [read_examples(r) for r in (records, turned)]
    logits = [held_out(feature_matrices(examples), examples, FAMILY).logits for examples in both]
    mine = both[0].family == "beta"
    assert np.array_equal(logits[0][mine], logits[1][mine])
    assert not np.array_equal(logits[0][~mine], logits[1][~mine])


def test_held_out_by_cells_leaves_out_the_cases_too(records: Records) -> None:
    turned = telling_records()
    examples = read_examples(records)
    held = {i for i, g in zip(examples.case_id, examples.cell_group, strict=True) if g == 0}
    for model, rows in turned.responses.items():
        turned.responses[model] = [
            msgspec.structs.replace(row, engages_with_defeat=not row.engages_with_defeat)
            if row.case_id in held and row.response_type
            else row
            for row in rows
        ]
    other = read_examples(turned)
    # Three folds of ten; the answers of the others have no logits.
    wanted = {fold_of("alpha", 0), fold_of("beta", 0), fold_of("beta", 1)}
    logits = [held_out(feature_matrices(e), e, FAMILY_AND_CELLS, wanted=wanted).logits for e in (examples, other)]
    first, second = examples.cell_group == 0, (examples.family == "beta") & (examples.cell_group == 1)
    assert np.array_equal(np.isnan(logits[0]).any(axis=1), ~(first | second))
    assert np.array_equal(logits[0][first], logits[1][first])
    assert not np.array_equal(logits[0][second], logits[1][second])


def test_without_verdicts_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    bare = Records(cases=small_records().cases)
    with pytest.raises(InputError, match="no answers with verdicts"):
        read_examples(bare)
    told = CliRunner().invoke(main, ["--dataset", str(tmp_path / "none")])
    assert told.exit_code == 2
    assert "Traceback" not in told.output


def test_temperature_finds_the_slope_that_made_the_labels() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, 20_000)
    yes = random.random(20_000) < weights.sigmoid(0.5 * logits)
    assert training.temperature(logits, yes) == pytest.approx(0.5, abs=0.02)


def random_weights(seed: int) -> weights.Weights:
    random = np.random.default_rng(seed)
    answer = random.normal(size=(1 << BITS, len(weights.COLUMNS))).astype(np.float32)
    case = random.normal(size=(ROWS, len(weights.CASE_COLUMNS))).astype(np.float32)
    rest = random.normal(size=(2, len(weights.COLUMNS)))
    words = np.unique(random.integers(1 << 32, size=50, dtype=np.uint32))
    vectors = random.normal(size=(len(words), DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    space = Space(words, np.full(len(words), 2.5, np.float32), vectors, vectors.mean(axis=0))
    gates = Gates(
        *random.normal(size=(2, len(MEASURES))), random.normal(size=(2, len(MEASURES))), random.normal(size=2)
    )
    return weights.Weights(answer, case, *rest, space, gates)


def test_packing_keeps_every_weight_within_a_step_of_its_root() -> None:
    before = random_weights(1)
    data = weights.pack(before)
    assert weights.pack(before) == data
    after = weights.unpack(data)
    assert np.array_equal(after.bias, before.bias)
    # Directions within a step of 1/127, and the second look as it was.
    assert (before.space.vectors * after.space.vectors).sum(axis=1).min() > 0.999
    assert np.array_equal(after.space.words, before.space.words)
    assert np.array_equal(after.space.middle, before.space.middle)
    assert all(np.array_equal(getattr(after.gates, n), getattr(before.gates, n)) for n in vars(before.gates))
    for was, is_now in ((before.answer, after.answer), (before.case, after.case)):
        top = np.abs(was).max(axis=0)
        # Half a step of 1/127 of the root, plus rounding.
        assert np.abs(np.sqrt(np.abs(was) / top) - np.sqrt(np.abs(is_now) / top)).max() <= 0.5 / 127 + 1e-5


def test_weights_that_are_not_the_manifests_are_refused() -> None:
    data = weights.pack(random_weights(2))
    with pytest.raises(BlindRefusalError, match="not those its manifest names"):
        weights.unpack(data, "0" * 64)


@given(arrays.arrays(np.float64, (7, 6), elements=st.floats(-500, 500)))
def test_probabilities_add_up(logits: Any) -> None:
    found = weights.type_probabilities(weights.sigmoid(logits))
    assert np.all((found >= 0) & (found <= 1))
    assert np.allclose(found.sum(axis=1), 1)


def test_calibration_error_by_hand() -> None:
    # Bin 0.2: said 0.25 twice, held once (0.5); bin 0.9: said 0.95 twice, held twice.
    # (2 x |0.25 - 0.5| + 2 x |0.95 - 1|) / 4 = (0.5 + 0.1) / 4 = 0.15
    found = reliability(np.array([0.25, 0.25, 0.95, 0.95]), np.array([True, False, True, True]))
    assert found["expected_calibration_error"] == 0.15
    assert [row["n"] for row in found["bins"]] == [2, 2]


def test_cascade_table_by_hand(records: Records) -> None:
    examples = read_examples(records)
    right = np.eye(len(CLASSES))[examples.response_type]
    # Family alpha is always sure and right; beta is sure of the wrong thing at 0.8, and of 0.2 of nothing else.
    wrong = np.roll(right, 1, axis=1) * 0.8 + right * 0.2
    rows = cascade(examples, np.where((examples.family == "alpha")[:, None], right, wrong))
    low, high = rows[0], rows[-1]
    assert (low["threshold"], low["kept"], low["agreement"], low["agreement_lowest"]) == (0.5, 1.0, 0.5, 0.0)
    # Above 0.8 only alpha is kept: half of the families' shares, and all of it right.
    assert (high["kept"], high["kept_lowest"], high["agreement"]) == (0.5, 0.0, 1.0)


def perfect(examples: Any) -> Any:
    yes, _ = training.targets(examples)
    return np.where(yes, 0.99, 0.01)


def test_a_perfect_judge_ranks_perfectly(records: Records) -> None:
    examples = read_examples(records)
    found = ranking(examples, perfect(examples))
    assert found["help_rate"]["spearman"] == pytest.approx(1)
    assert found["discrimination"]["mean_absolute_error"] == 0


def test_reviewers_are_compared_on_their_own_items(records: Records) -> None:
    examples = read_examples(records)
    found = reviewers(examples, perfect(examples), records.verdict_reviews)
    first = [review for review in records.verdict_reviews if review.reviewer == "reviewer_1"]
    assert sorted(found) == ["reviewer_1", "reviewer_2"]
    assert found["reviewer_1"]["response_type"]["n"] == len(first)
    # A judge that is the study's agrees with the reviewer as much as the study does.
    for fields in found.values():
        for row in fields.values():
            assert row["kappa"] == row["study_kappa"]
    stranger = VerdictReview(**{**msgspec.structs.asdict(first[0]), "model": "no-such-model"})
    again = reviewers(examples, perfect(examples), [*records.verdict_reviews, stranger])
    assert again == found


@pytest.mark.study
def test_the_manifest_is_of_this_data(study_records: Records) -> None:
    examples = read_examples(study_records)
    assert examples.sha256 == manifest()["training_data"]["sha256"]
    # And so are the held-out verdicts: they agree with the study's as often as the manifest says.
    known = manifest()["heldout_verdicts"]
    verdicts = unpack_heldout(HELDOUT_FILE.read_bytes(), known["sha256"])
    answers = zip(examples.family, examples.case_id, map(hash_text, examples.texts), strict=True)
    found = [verdicts.of(*answer) for answer in answers]
    held = manifest()["heldout"][FAMILY]
    for field, truth in (
        ("response_type", [CLASSES[label] for label in examples.response_type]),
        ("engages_with_defeat", examples.engages.tolist()),
        ("independent_harm", examples.harm.tolist()),
    ):
        right = np.mean([getattr(one, field) == said for one, said in zip(found, truth, strict=True)])
        assert round(float(right), 3) == held[field]["all"]["accuracy"]
