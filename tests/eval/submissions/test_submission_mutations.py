"""A good submission changed a thousand times: nothing crashes, and nothing that counts gets through changed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError
from eval.repository.bundle import BUNDLE, RESPONSES, RUN, VERDICTS
from eval.submissions import read_apart as table_reader
from eval.submissions.checks import check_submission
from eval.submissions.submission import Submission, read_submission
from tests.support.submissions import OURS, edited, good_bundle, rehashed

Files = dict[str, bytes]
# What a submitter may say as they like: nothing of it decides a number.
FREE = {
    RESPONSES: {
        "reasoning",
        "finish_reason",
        "native_finish_reason",
        "served_model",
        "provider",
        "system_fingerprint",
        "adapted",
        "tokens_estimated",
        "prompt_tokens",
        "completion_tokens",
        "reasoning_tokens",
        "cached_tokens",
        "cost",
        "latency_s",
        "attempts",
        "error",
        "collected_at",
    },
    VERDICTS: {"reasoning", "confidence", "decided_by", "raw_reply", "cost", "judged_at"},
}
LABELS = {"response_type", "engages_with_defeat", "independent_harm", "unscored_reason"}
ODD: list[Any] = [
    None,
    "",
    "x" * 3000,
    "<script>",
    "\0",
    "../../etc",
    "ok",
    "helps",
    "0" * 64,
    -1,
    0,
    2**62,
    float("nan"),
    float("-inf"),
    1e308,
    True,
    False,
    [],
    {},
    "2026-11-20T10:00:00+00:00",
]


@pytest.fixture(scope="module")
def good(dataset: OpenedDataset) -> Files:
    return good_bundle(dataset, judged_by=[OURS]).files


def accepted(files: Files, dataset: OpenedDataset) -> Submission | None:
    """The submission where nothing is wrong with it; whatever is wrong has to come out as a DataError or a problem."""
    try:
        submission = read_submission(files)
    except DataError as refused:
        problems = refused.problems
    else:
        problems = check_submission(submission, [dataset]).problems
        if not problems:
            return submission
    assert all(one.where and one.what for one in problems)
    assert problems
    return None


def counting(submission: Submission) -> dict[str, Any]:
    """All that decides a number, or says whose it is."""
    found: dict[str, Any] = {
        "run": submission.run,
        "model": submission.bundle.model,
        "cases_hash": submission.bundle.dataset.cases_hash,
    }
    for name, columns in ((RESPONSES, submission.answers), (VERDICTS, submission.verdicts or {})):
        found |= {f"{name} {column}": values for column, values in columns.items() if column not in FREE[name]}
    return found


def changed(now: dict[str, Any], before: dict[str, Any]) -> set[str]:
    """The members that differ. One label for another is for the audit to find: see test_submission_checks."""
    return {key.split()[-1] for key, value in now.items() if value != before[key]}


def spoil_bytes(rng: random.Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = rng.randrange(len(spoilt))
        match rng.randrange(4):
            case 0 | 1:
                spoilt[place] = rng.randrange(256)
            case 2:
                del spoilt[place : place + rng.randrange(1, 50)]
            case _:
                spoilt[place:place] = rng.randbytes(rng.randrange(1, 20))
    return bytes(spoilt)


def test_bytes_changed_with_the_hashes_told_anew(good: Files, dataset: OpenedDataset) -> None:
    """Five hundred damaged tables, some of which kill the process that reads them."""
    before = counting(read_submission(good))
    rng = random.Random(1)
    outcomes = set()
    for _ in range(500):
        name = rng.choice((RESPONSES, VERDICTS))
        data = spoil_bytes(rng, good[name])
        told = msgspec.json.decode(good[BUNDLE])
        told["files"][name] = facts_of(data)
        found = accepted({**good, name: data, BUNDLE: msgspec.json.encode(told)}, dataset)
        outcomes.add(found is None)
        assert found is None or changed(counting(found), before) <= LABELS
    # Both came up, or this test would say nothing.
    assert outcomes == {True, False}


def facts_of(data: bytes) -> dict[str, Any]:
    import hashlib

    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": None}


def test_bytes_changed_and_the_hashes_not(good: Files, dataset: OpenedDataset) -> None:
    before = counting(read_submission(good))
    rng = random.Random(2)
    for _ in range(200):
        name = rng.choice((BUNDLE, RUN, RESPONSES, VERDICTS))
        data = spoil_bytes(rng, good[name])
        found = accepted({**good, name: data}, dataset)
        if name != BUNDLE:
            assert found is None or data == good[name]
        elif found is not None:
            # A name may be another one as long as the folder says the same; all else stands.
            assert counting(found) | {"model": None} == before | {"model": None}


def test_values_changed_by_a_careful_forger(good: Files, dataset: OpenedDataset) -> None:
    """A cell at a time, hashes told anew: refused, or nothing that counts has changed."""
    before = counting(read_submission(good))
    rng = random.Random(3)
    for _ in range(150):
        name = rng.choice((RESPONSES, VERDICTS))

        def change(rows: list[dict[str, Any]]) -> None:
            row = rng.choice(rows)
            row[rng.choice(sorted(row))] = rng.choice(ODD)

        try:
            files = edited(good, name, change)
        except (TypeError, ValueError, OverflowError, KeyError):
            # Arrow does not even write such a value into such a column.
            continue
        found = accepted(files, dataset)
        if found is not None:
            assert changed(counting(found), before) <= LABELS


def test_members_changed_by_a_careful_forger(good: Files, dataset: OpenedDataset) -> None:
    before = counting(read_submission(good))
    rng = random.Random(4)
    for _ in range(150):
        name = rng.choice((BUNDLE, RUN))
        told = msgspec.json.decode(good[name])
        target = told
        while True:
            key = rng.choice(sorted(target))
            if isinstance(target[key], dict) and target[key] and rng.random() < 0.7:
                target = target[key]
                continue
            break
        value = rng.choice(ODD)
        if isinstance(value, float) and not -1e308 <= value <= 1e308:
            continue
        target[key] = value
        files = (
            {**good, BUNDLE: msgspec.json.encode(told)}
            if name == BUNDLE
            else rehashed({**good, RUN: msgspec.json.encode(told)})
        )
        found = accepted(files, dataset)
        if found is not None:
            now = counting(found)
            # Settings may be others: they are shown, and departures flagged.
            assert {k: v for k, v in now.items() if k not in ("run", "model")} == {
                k: v for k, v in before.items() if k not in ("run", "model")
            }
            assert now["run"].case_ids == before["run"].case_ids
            assert now["model"].slug == before["model"].slug


def test_the_reader_comes_back_after_a_death(good: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_submission(good)
    process = table_reader._CHILD._process
    assert process is not None
    # A death between two files is nobody's fault.
    process.kill()
    process.wait()
    assert read_submission(good).answers == first.answers
    # One over a file is that file's.
    table_reader.close()
    with monkeypatch.context() as patch:
        patch.setattr(table_reader, "_START", "import os; os._exit(9)")
        with pytest.raises(DataError, match="makes the reader of Parquet files fail"):
            read_submission(good)
    assert read_submission(good).answers == first.answers


def test_the_reader_has_no_secrets_and_writes_no_files(good: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_notForTheReader0000")
    table_reader.close()
    read_submission(good)
    process = table_reader._CHILD._process
    assert process is not None
    environment = Path(f"/proc/{process.pid}/environ")
    if not environment.exists():
        pytest.skip("needs /proc")
    assert b"hf_" not in environment.read_bytes()
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert any(line.split()[:4] == ["Max", "file", "size", "0"] for line in limits.splitlines())
