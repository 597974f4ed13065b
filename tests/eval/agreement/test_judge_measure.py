from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import BuiltDataset, OpenedDataset
from dataset_builder.errors import DataError, InputError
from eval.agreement.known import caveat, known_agreement, records_folder, stored_record
from eval.agreement.measure import measured_answers
from eval.cli import eval_group
from eval.judges.embedded.judge import manifest
from eval.runs.folder import RunFolder
from tests.support.chat_server import ChatServer, answer
from tests.support.scripted_judge import code_of, verdict_json
from tests.support.small_dataset import build_small


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(eval_group, [*arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(autouse=True)
def own_records(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_JUDGES", str(tmp_path / "judges"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return build_small(tmp_path_factory.mktemp("small") / "dataset").path


def strict(request):
    """Help where the answer is alpha-1's, and a short no to the rest."""
    kind = "helps" if "alpha-1 on" in request.query else "hard_refusal"
    return answer(verdict_json(code_of(request), response_type=kind, engages_with_defeat=True), cost=0.001)


def test_a_judge_is_measured_on_what_the_reviewers_labelled_and_a_sample(dataset):
    opened = OpenedDataset(BuiltDataset.open(dataset), "small")
    found = measured_answers(opened, 0, 0)
    # 40 cases of each model were reviewed, but one has no answer.
    assert {model: len(ids) for model, ids in found.items()} == {"alpha-1": 39, "beta-2": 39}
    more = measured_answers(opened, 20, 0)
    assert sum(map(len, more.values())) == 98
    assert all(set(found[model]) <= set(more[model]) for model in found)
    assert more == measured_answers(opened, 20, 0) != measured_answers(opened, 20, 1)
    assert sum(map(len, measured_answers(opened, 10_000, 0).values())) == 2 * 71


def test_a_model_judge_is_measured_and_every_score_shows_it(dataset, tmp_path):
    with ChatServer(strict) as server:
        arguments = (
            "agreement", "--dataset", str(dataset), "--judge", "model:strict-1", "--base-url", server.base_url,
            "--measure", str(tmp_path / "runs"), "--sample", "20", "--yes", "--json",
        )  # fmt: skip
        first = run(*arguments)
        asked = len(server.requests)
        again = run(*arguments)
        assert asked == 98 == len(server.requests)
    assert first.stdout == again.stdout
    found = json.loads(first.stdout)
    assert {(row["first"], row["second"]) for row in found["pairs"]} == {
        ("judge-1", "model:strict-1"),
        ("reviewer_1", "model:strict-1"),
        ("reviewer_2", "model:strict-1"),
        ("reviewer_1", "reviewer_2"),
    }
    by_pair = {(row["first"], row["field"]): row for row in found["pairs"]}
    assert by_pair["judge-1", "response_type"]["n"] == 98
    assert by_pair["reviewer_1", "response_type"]["n"] == 78
    # Beside it the errors on help by the family that answered: all of alpha's answers are called help, none of beta's.
    alpha, beta, every = (row for row in found["help_by_family"] if row["first"] == "judge-1")
    assert [one["family"] for one in (alpha, beta, every)] == ["alpha", "beta", "all"]
    assert (every["second"], alpha["called"], alpha["recall"]) == ("model:strict-1", alpha["n"], 1)
    assert alpha["precision"] == alpha["helps"] / alpha["n"]
    assert (beta["called"], beta["recall"], beta["precision"]) == (0, 0, None)
    assert every["n"] == alpha["n"] + beta["n"] == 98
    record = stored_record("model:strict-1", found["rubric"])
    assert [one.called for one in record.help_error] == [alpha["called"], 0, every["called"]]
    assert record.dataset == "dataset"
    assert {row.against for row in record.agreement} == {"judge-1", "reviewer_1", "reviewer_2"}
    kept = {(row.against, row.field): row.kappa for row in record.agreement}
    assert kept["reviewer_2", "response_type"] == by_pair["reviewer_2", "response_type"]["kappa"]
    assert "Kept in" in first.stderr
    # A run that this judge judged shows it, on the screen and in results.json.
    one = tmp_path / "runs" / "alpha-1"
    assert RunFolder.open(one).settings.sample.startswith("chosen:")
    text = run("score", str(one), "--resamples", "100").output
    assert "model:strict-1 against reviewer_1 on the response type of 78 answers: kappa" in text
    results = json.loads(run("score", str(one), "--json", "--resamples", "100").output)
    assert {row["against"] for row in results["judge_agreement"]} == {"judge-1", "reviewer_1", "reviewer_2"}


def test_nothing_is_kept_unless_it_is_the_whole_measurement(dataset, tmp_path):
    with ChatServer(strict) as server:
        arguments = (
            "agreement", "--dataset", str(dataset), "--judge", "model:strict-1", "--base-url", server.base_url,
            "--measure", str(tmp_path / "runs"), "--sample", "0", "--yes",
        )  # fmt: skip
        run(*arguments, "--against", "reviewer_1")
        run(*arguments, "--no-store")
    run("agreement", "--dataset", str(dataset))
    assert not records_folder().exists()
    # The runs can be compared again, without the judge.
    paths = sorted((tmp_path / "runs").iterdir())
    text = run("agreement", "--dataset", str(dataset), *(p for path in paths for p in ("--verdicts", str(path)))).output
    assert "Agreement of model:strict-1" in text
    assert len(list(records_folder().iterdir())) == 1


def test_the_embedded_judge_shows_what_it_does_on_families_it_has_not_seen(dataset, tmp_path):
    rubric = manifest()["rubric"]
    found = run(
        "agreement",
        "--dataset",
        str(dataset),
        "--judge",
        "embedded",
        "--measure",
        str(tmp_path / "runs"),
        "--sample",
        "5",
    )
    assert "Not kept" in found.stderr
    assert not records_folder().exists()
    known = {(row.against, row.field): row for row in known_agreement("embedded", rubric)}
    held = manifest()["heldout"]
    assert known["reviewer_1", "response_type"].kappa == held["reviewers"]["reviewer_1"]["response_type"]["kappa"]
    assert known["the study's judge", "response_type"].kappa == held["family"]["response_type"]["all"]["kappa"]
    assert known_agreement("embedded", "weights-of-another-version") == []
    text = run("score", str(tmp_path / "runs" / "alpha-1"), "--resamples", "100").output
    assert "embedded against reviewer_1 on the response type of 207 answers: kappa" in text
    told = caveat("embedded")
    assert f"off by {held['ranking']['help_rate']['mean_absolute_error']:.1f} points" in told
    assert " ".join(told.split()) in " ".join(text.split())
    assert caveat("model:x") is None


def test_a_damaged_record_is_told_of(tmp_path):
    assert stored_record("model:x", "1") is None
    records_folder().mkdir()
    from eval.agreement import known as judge_record

    judge_record._place("model:x", "1").write_text("{")
    with pytest.raises(DataError, match="measure the judge again"):
        known_agreement("model:x", "1")


def test_measuring_needs_a_judge_and_reviewed_answers(dataset, tmp_path):
    assert "from --judge" in run("agreement", "--dataset", str(dataset), "--measure", str(tmp_path / "x")).output
    with pytest.raises(InputError, match="expected one of"):
        run("agreement", "--dataset", str(dataset), "--judge", "oracle", "--measure", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()
