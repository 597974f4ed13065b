"""An encoder's files: what is packed comes back, and what is not ours is refused before anything is reckoned."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_builder.errors import DataError
from eval.judges.encoder import artefact
from eval.judges.encoder.artefact import MANIFEST, WEIGHTS, pack, read_artefact, rubric_of
from eval.judges.encoder.base import MINILM, Packed, base_tensors
from tests.support.encoders import WORDS_ALONE, head, write_encoder

MATRIX, VECTOR = "encoder.layer.5.output.dense.weight", "encoder.layer.5.output.LayerNorm.bias"


def test_what_is_packed_comes_back(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    matrix, vector = random.normal(size=(384, 1536)), random.normal(size=384)
    folder = write_encoder(tmp_path, {**head(), **WORDS_ALONE}, {MATRIX: matrix, VECTOR: vector})
    found = read_artefact(folder, base_tensors())
    held = found.tensors[MATRIX]
    assert isinstance(held, Packed)
    # The greatest of a row is 127 steps, so nothing is off by more than half of a 127th of it.
    assert (np.abs(held.floats() - matrix) <= np.abs(matrix).max(axis=1, keepdims=True) / 253).all()
    assert found.tensors[VECTOR] == pytest.approx(vector, abs=1e-3)
    assert found.tensors["encoder.layer.0.output.dense.weight"] is base_tensors()["encoder.layer.0.output.dense.weight"]
    data = (folder / WEIGHTS).read_bytes()
    assert found.rubric == rubric_of(data)
    assert data == pack({VECTOR: vector, MATRIX: matrix}, {**WORDS_ALONE, **head()})


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"head_weight": None}, "nothing for head_weight"),
        ({"head_bias": np.full(5, np.nan, np.float32)}, "finite floats of shape"),
        ({"combine_type": np.zeros(4)}, "combine_type of 5 finite floats"),
        ({"combine_all": np.zeros(3)}, "combine_all"),
        ({"combine_sure": np.zeros((2, 2))}, r"expected \(2, 3\) floats"),
        ({"combine_sure": np.full((2, 3), np.nan)}, "combine_sure"),
        ({"encoder.layer.6.output.dense.bias": np.zeros(384, np.float32)}, "no part of the model"),
        ({MATRIX: np.zeros((384, 1536), np.int8)}, f"nothing for {MATRIX}.scale"),
        ({MATRIX: np.zeros((2, 2), np.int8), f"{MATRIX}.scale": np.ones(384, np.float32)}, "expected int8"),
        ({VECTOR: np.zeros(384, np.int64)}, "expected finite floats"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], why: str) -> None:
    held = {name: array for name, array in {**head(), **WORDS_ALONE, **arrays}.items() if array is not None}
    folder = write_encoder(tmp_path, held)
    with pytest.raises(DataError, match=why):
        read_artefact(folder, base_tensors())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 2}, "is of form 2"),
        ({"base": {"package": "other", "sha256": "0"}}, "begins from 'other'"),
        ({"windows": {"request_first": 24, "request_last": 40, "answer": 189, "run": 0}}, "cannot be cut"),
        ({"windows": {"request_first": 24, "request_last": 40, "answer": 9000, "run": 27}}, "cannot be cut"),
        ({"windows": {"answer": 189}}, "missing required field"),
        ({"least_firm": "much"}, "least_firm"),
        ({"weights": {"sha256": "0" * 64, "bytes": 1}}, "has the hash"),
    ],
)
def test_a_manifest_that_does_not_fit(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    folder = write_encoder(tmp_path, {**head(), **WORDS_ALONE}, **changes)
    with pytest.raises(DataError, match=why):
        read_artefact(folder, base_tensors())


def test_bytes_that_are_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_encoder(tmp_path, {**head(), **WORDS_ALONE})

    def put(data: bytes) -> None:
        told = json.loads((folder / MANIFEST).read_text())
        told["weights"]["sha256"] = artefact.hashlib.sha256(data).hexdigest()
        (folder / MANIFEST).write_text(json.dumps(told))
        (folder / WEIGHTS).write_bytes(data)

    put(b"PK nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_artefact(folder, base_tensors())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        part = io.BytesIO()
        np.lib.format.write_array(part, np.array([{"a": 1}], object), allow_pickle=True)
        archive.writestr("head_bias.npy", part.getvalue())
    put(file.getvalue())
    with pytest.raises(DataError, match="cannot be read: Object arrays"):
        read_artefact(folder, base_tensors())
    # A few bytes that unpack to more than the largest encoder.
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("head_bias.npy", bytes(65 * 1024 * 1024))
    put(file.getvalue())
    with pytest.raises(DataError, match="when unpacked"):
        read_artefact(folder, base_tensors())
    (folder / MANIFEST).write_bytes(b"[" * 100_000)
    with pytest.raises(DataError, match="cannot be read"):
        read_artefact(folder, base_tensors())
    (folder / MANIFEST).write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(DataError, match="is larger than"):
        read_artefact(folder, base_tensors())
    (folder / WEIGHTS).unlink()
    with pytest.raises(DataError, match="No such file"):
        read_artefact(folder, base_tensors())


def test_tensors_are_those_of_minilm() -> None:
    assert base_tensors()[MATRIX].shape == (MINILM.width, MINILM.inner)
