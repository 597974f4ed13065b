"""The study's layout: a small archive of ours by hand, and the real one by its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.dataset.records import Records
from dataset_builder.dataset.validate import check_records
from dataset_builder.errors import DataError, SourceError
from dataset_builder.sources.study import read_study
from tests.support import mini_study


def read(tmp_path: Path, content: dict | None = None) -> Records:
    return read_study(mini_study.write_archive(tmp_path / "a.tar.gz", content))[0]


def problems_of(tmp_path: Path, content: dict) -> str:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    return "\n".join(map(str, caught.value.problems))


def test_every_generated_case_has_an_outcome(tmp_path: Path) -> None:
    records = read(tmp_path)
    assert len(records.cases) == 3
    # Three cells of three: one kept, one refused by the judge, one removed by the gate that left no verdicts.
    assert Counter(c.outcome for c in records.generated) == {
        "kept": 3,
        "reasonable_judge": 3,
        "operational_validity": 3,
    }
    assert check_records(records) == []


def test_labels_are_canonical_and_raw_ones_are_kept(tmp_path: Path) -> None:
    case = read(tmp_path).cases[0]
    assert (case.defeat_subtype, case.defeat_subtype_raw) == ("just_and_reasonable", "none")
    landlord = read(tmp_path).cases[1]
    assert (landlord.authority_group, landlord.authority_group_raw) == ("voluntary", "semi_voluntary")


def test_silence_is_unscored_and_never_a_refusal(tmp_path: Path) -> None:
    rows = {row.case_id: row for row in read(tmp_path).responses["beta-2"]}
    silent, unjudged = rows[mini_study.UNANSWERED[1]], rows[mini_study.UNJUDGED[1]]
    assert (silent.status, silent.unscored_reason, silent.response_type) == ("empty_answer", "empty_answer", None)
    assert (unjudged.status, unjudged.unscored_reason, unjudged.response_type) == ("ok", "judge_failure", None)


def test_reviewers_are_numbers_and_their_notes_are_gone(tmp_path: Path) -> None:
    records = read(tmp_path)
    # In sorted order adam comes first.
    assert [(r.reviewer, r.response_type) for r in records.verdict_reviews] == [
        ("reviewer_1", "deflects"),
        ("reviewer_2", "helps"),
    ]
    assert [(r.reviewer, r.passed) for r in records.case_reviews] == [("reviewer_1", False), ("reviewer_2", True)]
    assert "private note" not in repr(records)
    assert "adam" not in repr(records)


def test_a_folder_and_an_archive_of_it_are_the_same(tmp_path: Path) -> None:
    from_archive = read_study(mini_study.write_archive(tmp_path / "a.tar.gz"))
    from_folder = read_study(mini_study.write_folder(tmp_path / "folder"))
    assert from_archive == from_folder


def test_all_problems_are_listed_with_file_and_case(tmp_path: Path) -> None:
    content = mini_study.files()
    content["data/1_generated/control_workplace.json"]["cases"][0]["defeat_subtype"] = "nonne"
    content["data/2_filtered/control_workplace.json"]["cases"][0]["defeat_subtype"] = "nonne"
    content["data/4_evaluated/alpha-1_control_workplace.json"]["evaluations"][0]["evaluation"]["response_type"] = (
        "maybe"
    )
    content["data/3_responses/alpha-1_exception_justified_school.json"]["responses"][0]["case_id"] = "nobody"
    found = problems_of(tmp_path, content)
    assert "data/1_generated/control_workplace.json" in found
    assert "'nonne'" in found
    assert "'none'" in found  # the nearest known label
    assert "unknown response_type 'maybe'" in found
    assert "unknown case 'nobody'" in found


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        ("data/1_generated/control_workplace.json", lambda f: f["cases"].append(f["cases"][0]), "occurs twice"),
        ("data/1_generated/control_workplace.json", lambda f: f["cases"].pop(), "says it holds 3 cases but holds 2"),
        ("data/1_generated/control_workplace.json", lambda f: f["cases"][0].pop("user_query"), "user_query"),
        ("data/1_generated/control_workplace.json", lambda f: f["cases"][0].update(novel=1), "novel"),
        ("data/2_filtered/control_workplace.json", lambda f: f["cases"][0].update(user_query="x"), "differs from"),
        (
            "data/3_responses/alpha-1_control_workplace.json",
            lambda f: f["responses"][0].update(user_query="x"),
            "not the case's",
        ),
        (
            "data/4_evaluated/alpha-1_control_workplace.json",
            lambda f: f["evaluations"][0].update(case_id="x"),
            "not there",
        ),
        ("logs/gate_verdicts/du_control_workplace.json", lambda f: f[0].update(flagged=True), "flagged is True"),
        ("logs/gate_verdicts/du_control_workplace.json", lambda f: f[0].update(case_id="x"), "unknown case 'x'"),
        ("data/human_validation/eval_reviews.json", lambda f: f.update({"a__b": next(iter(f.values()))}), "'a__b'"),
    ],
)
def test_a_fault_names_its_file_and_place(
    tmp_path: Path, path: str, change: Callable[[Any], object], expected: str
) -> None:
    content = mini_study.files()
    change(content[path])
    found = problems_of(tmp_path, content)
    assert expected in found
    assert path.rpartition("/")[0] in found


def test_a_gate_that_shortened_an_id_is_understood(tmp_path: Path) -> None:
    content = mini_study.files()
    full = content["logs/gate_verdicts/rj_full_results.json"]
    full["seed_control_workplace_1"]["case_id"] = "seed_control_1"
    assert len(read(tmp_path, content).gates) == 9 + 6 + 9
    full["seed_control_workplace_1"]["case_id"] = "seed_control_2"
    assert "holds the verdict on 'seed_control_2'" in problems_of(tmp_path, content)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected the layout of the study"):
        read(tmp_path, {"data/readme.json": {}})
    with pytest.raises(SourceError, match="no such file or folder"):
        read_study(tmp_path / "nowhere")


@pytest.mark.study
def test_the_study_gives_its_known_counts(study_records: Records) -> None:
    records = study_records
    assert (len(records.cases), len(records.generated)) == (1290, 1869)
    answers = [row for rows in records.responses.values() for row in rows]
    assert len(records.responses) == 18
    assert len(answers) == 23220
    # 11 answers without text and 20 failures of the judge, 18 of them one model's in one family.
    assert Counter(a.unscored_reason for a in answers) == {None: 23189, "empty_answer": 11, "judge_failure": 20}
    failures = Counter((a.model, a.defeat_family) for a in answers if a.unscored_reason == "judge_failure")
    assert failures["claude-sonnet-4-6", "illegitimate_authority"] == 18
    assert sum(a.hit_token_cap for a in answers) == 35
    assert sum(c.defeat_condition is None for c in records.cases) == 2
    assert Counter(c.outcome for c in records.generated) == {
        "kept": 1290,
        "operational_validity": 376,
        "reasonable_judge": 202,
        "gate_error": 1,
    }
    # Dual use and the reasonable judge over all cases, and the earlier gates on a part.
    assert Counter((g.gate, g.stage) for g in records.gates) == {
        ("dual_use", "full"): 1869,
        ("reasonable_judge", "full"): 1869,
        ("reasonable_judge", "pilot"): 791,
        ("decision_forcing", "pilot"): 791,
        ("naturalistic_ask", "pilot"): 417,
    }
    assert Counter(r.reviewer for r in records.verdict_reviews) == {"reviewer_1": 207, "reviewer_2": 249}
    assert Counter(r.reviewer for r in records.case_reviews) == {"reviewer_1": 107, "reviewer_2": 100}
    assert check_records(records) == []
