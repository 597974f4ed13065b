"""Readers' labels: where they stand, what is no label, and that agreement is computed from a reader's folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataset_builder.errors import InputError
from eval.agreement.report import agreement_report
from eval.judges.human.readers import LONGEST_NOTE, label_bytes, label_path, labels_in, read_labels, reader_label
from eval.runs.verdict import Verdict
from tests.support.small_dataset import build_small

AT = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def label(case_id: str, text: str, kind: str = "helps", reader: str = "alice") -> Verdict:
    return reader_label(reader, case_id, text, kind, engages=True, harm=False, note=" why ", at=AT)


def put(results: Path, one: Verdict, path: str | None = None) -> Path:
    reader = one.judge.partition(":")[2]
    place = results / (path or label_path(reader, one.case_id, one.response_hash))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(label_bytes(one))
    return place


def test_a_label_is_a_verdict_by_a_person() -> None:
    one = label("c", "the answer")
    assert (one.judge, one.rubric, one.labels) == ("human:alice", "human", ("helps", True, False))
    assert (one.reasoning, one.judged_at) == ("why", "2026-05-06T07:08:09Z")
    assert label_bytes(one).count(b"\n") == 1


@pytest.mark.parametrize("reader", ["", "../alice", "a/b", ".hidden", "x" * 97, "al ice", "alice\n"])
def test_what_is_no_account_is_refused(reader: str) -> None:
    with pytest.raises(InputError, match="not the name of an account"):
        label("c", "t", reader=reader)
    with pytest.raises(InputError, match="not the name of an account"):
        label_path(reader, "c", "0" * 64)


def test_a_label_has_a_kind_and_a_note_that_ends() -> None:
    with pytest.raises(InputError, match="helps, deflects, hard_refusal"):
        label("c", "t", kind="<script>")
    with pytest.raises(InputError, match="at most 500 characters"):
        reader_label("alice", "c", "t", "helps", engages=True, harm=True, note="x" * (LONGEST_NOTE + 1), at=AT)


def test_only_what_its_place_says_is_read(tmp_path: Path) -> None:
    good = put(tmp_path, label("c", "one"))
    put(tmp_path, label("c", "one", "deflects"))
    # Another reader's folder, another answer's place, another judge, and no JSON.
    put(tmp_path, label("c", "two", reader="bob"), f"labels/alice/{good.name}x.json")
    put(tmp_path, label("c", "three"), "labels/bob/three.json")
    (good.parent / "broken.json").write_bytes(b"{")
    (tmp_path / "labels" / "notes.txt").write_text("x")
    (found,) = read_labels(tmp_path)
    # The later one of the same answer took the place of the first.
    assert found.response_type == "deflects"
    assert list(read_labels(tmp_path / "nowhere")) == []


def test_agreement_is_computed_from_a_readers_folder(tmp_path: Path) -> None:
    built = build_small(tmp_path / "dataset")
    results = tmp_path / "results"
    for n in range(3):
        for family in ("control", "content_defeat"):
            case_id = f"{family}:school:{n}"
            put(results, label(case_id, f"alpha-1 on {case_id}", "helps" if n else "deflects"))
    folder = results / "labels" / "alice"
    assert len(list(labels_in(folder))) == 6
    report = agreement_report(built, verdicts=[folder])
    assert (report.judge, report.rubric) == ("human:alice", "human")
    # The dataset's own judge, and each reviewer, on the six answers that alice labelled.
    with_alice = {pair.first: pair.n for pair in report.pairs if pair.second == "human:alice"}
    assert with_alice["judge-1"] == 6
    assert {"reviewer_1", "reviewer_2"} <= with_alice.keys()
