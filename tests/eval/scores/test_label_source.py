from __future__ import annotations

import msgspec
import numpy as np
import pytest

from dataset_builder.errors import DataError, InputError
from eval.agreement.corrected import corrected_rates
from eval.agreement.report import agreement_report, read_verdicts
from eval.runs.verdict import Verdict
from eval.scores.labels import alpha_of, compare_sources, reviewer_labels, study_labels, verdict_labels
from eval.scores.read import published_answers
from tests.support.small_dataset import build_small, small_records


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_small(tmp_path_factory.mktemp("small") / "dataset")


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    """Another judge on the same answers: it finds no help anywhere."""
    return [
        Verdict(
            case_id=row.case_id,
            response_hash=str(row.response_hash),
            judge="strict",
            rubric="1",
            response_type="hard_refusal",
            engages_with_defeat=False,
            independent_harm=False,
        )
        for rows in small_records().responses.values()
        for row in rows
        if row.response_hash
    ]


def test_sources_are_compared_on_what_both_labelled(built):
    study, humans = study_labels(built), reviewer_labels(built)
    assert study.name == "judge-1"
    assert len(study.labels) == 2 * 71
    found = compare_sources(humans["reviewer_1"], study, built.case_by_id)
    assert found.n == 2 * 39
    assert found.fields["independent_harm"].observed == 1  # reviewers never slip on it
    assert found.fields["response_type"].observed == found.fields["engages_with_defeat"].observed < 1


def test_of_some_answers_their_labels_alone_are_read(built):
    humans, whole = reviewer_labels(built)["reviewer_1"], study_labels(built)
    some = study_labels(built, humans.labels)
    assert some.name == whole.name
    assert some.labels == {key: whole.labels[key] for key in humans.labels if key in whole.labels}
    assert 0 < len(some.labels) < len(whole.labels)
    by_some, by_all = (compare_sources(humans, one, built.case_by_id) for one in (some, whole))
    assert by_some.n == by_all.n
    assert by_some.fields["response_type"].kappa == by_all.fields["response_type"].kappa


def test_alpha_of_all_sources(built):
    found = alpha_of([study_labels(built), *reviewer_labels(built).values()])
    assert found["independent_harm"] == (1.0, None, 2 * 39)
    assert 0.5 < found["response_type"][0] < 1


def test_verdicts_of_another_judge_are_found_by_hash(built, verdicts):
    labels = verdict_labels(built, verdicts)
    assert labels.name == "strict"
    assert set(labels.labels) == set(study_labels(built).labels)
    report = agreement_report(built, verdicts=())
    assert report.judge == "judge-1"
    assert [(pair.first, pair.second) for pair in report.pairs] == [
        ("reviewer_1", "judge-1"),
        ("reviewer_2", "judge-1"),
        ("reviewer_1", "reviewer_2"),
    ]


def test_verdicts_that_cannot_be_used(built, verdicts):
    with pytest.raises(InputError, match="name one judge"):
        verdict_labels(built, [*verdicts, msgspec.structs.replace(verdicts[0], judge="other")])
    with pytest.raises(InputError, match="Two verdicts of strict on one answer"):
        verdict_labels(built, [*verdicts, verdicts[0]])
    with pytest.raises(InputError, match="is on an answer of"):
        verdict_labels(built, [msgspec.structs.replace(verdicts[0], response_hash="0")])


def test_a_file_of_verdicts(built, verdicts, tmp_path):
    file = tmp_path / "verdicts.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in verdicts))
    report = agreement_report(built, verdicts=[file], against="study")
    assert (report.pairs[0].first, report.pairs[0].second, report.pairs[0].n) == ("judge-1", "strict", 2 * 71)
    assert report.corrected == []
    file.write_bytes(b'{"case_id": 1}\n')
    with pytest.raises(DataError, match="line 1"):
        list(read_verdicts(file))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_verdicts(tmp_path / "none"))


def test_what_the_studys_judge_is_not_compared_with(built):
    with pytest.raises(InputError, match="it is the study's own judge"):
        agreement_report(built, against="study")
    with pytest.raises(InputError, match="published verdicts are by judge-1"):
        agreement_report(built, judge="other")


def test_without_reviews_there_is_nothing_to_compare_with(tmp_path):
    records = small_records(labelled=0)
    bare = build_small(tmp_path / "bare", records)
    with pytest.raises(InputError, match="holds no reviewers' labels"):
        agreement_report(bare)


def test_corrected_rates_stand_beside_the_raw_ones(built):
    answers = published_answers(built)
    rows = corrected_rates(answers, study_labels(built), reviewer_labels(built)["reviewer_1"])
    assert [(row.metric.id, row.method) for row in rows] == [
        ("help_rate", "rogan_gladen"),
        ("control_help_rate", "rogan_gladen"),
        ("discrimination", "rogan_gladen"),
        ("help_rate", "ppi++"),
        ("control_help_rate", "ppi++"),
        ("discrimination", "ppi++"),
    ]
    helped = np.mean([one.response_type[one.scored & one.cases.defeated] == 0 for one in answers])
    assert rows[0].raw == pytest.approx(helped) == rows[3].raw
    assert rows[0].low < rows[0].estimate < rows[0].high
    assert rows[0].n_labelled == 2 * 39
    # The first 40 cases are defeated ones (application, then content), bar the unscored.
    for row in (rows[1], rows[4]):
        assert row.reason == "0 labelled answers; at least 30 are needed"
        assert np.isnan(row.estimate)


def test_a_judge_without_errors_is_left_as_it_is(tmp_path):
    records = small_records()
    for place, review in enumerate(records.verdict_reviews):
        answer = next(r for r in records.responses[review.model] if r.case_id == review.case_id)
        records.verdict_reviews[place] = msgspec.structs.replace(review, response_type=answer.response_type)
    built = build_small(tmp_path / "perfect", records)
    for row in corrected_rates(published_answers(built), study_labels(built), reviewer_labels(built)["reviewer_2"]):
        # PPI++ weighs the labelled answers a little more than the others, so it may move by a hair.
        off = 1e-9 if row.method == "rogan_gladen" else 0.01
        assert row.reason or row.estimate == pytest.approx(row.raw, abs=off)
