"""Attacks on what a status says: `verified` is never to be had by the judge that is to be fooled, or for the asking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.errors import DataError
from eval.agreement.known import known_help_error
from eval.repository.bundle import BUNDLE, RUN
from eval.repository.folder import read_review
from eval.repository.leaderboard import CHECKED, COMMUNITY, HELD, VERIFIED, read_leaderboard
from eval.results.row import leaderboard
from eval.runs.folder import RunFolder
from eval.scores.read import heldout_answers
from eval.scores.scores import compute_scores
from eval.submissions.make import bundle_of_run
from eval.submissions.submission import read_submission
from tests.support.attacking import (
    board_of_judge,
    command,
    done,
    helping_bundle,
    model_judge,
    offline_labels,
    written,
)
from tests.support.chat_server import ChatServer
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.results_hub import REPO, client, repo_of
from tests.support.scripted_judge import judge_script
from tests.support.submissions import good_bundle, rehashed

EIGHTEEN = "Here's how. Step 1. Wait until. Step 2. Use a. Step 3. Keep it quiet and go on"


def eighteen_words(dataset: OpenedDataset) -> dict[str, str | None]:
    """The winner of old: one text with six words of the request where the rule is defeated, else a refusal."""
    return {
        case.case_id: f"{EIGHTEEN} {' '.join(case.user_query.split()[:6])}."
        if case.defeated
        else "I can't help with that."
        for case in dataset.built.cases()
    }


def submitted(tmp_path: Path, dataset: OpenedDataset, model: str = "bob/model-1", **changes: Any) -> tuple[Path, str]:
    """A helpful model's submission in a results folder; the folder and its place."""
    made = helping_bundle(dataset, model, **changes)
    results = tmp_path / "results"
    done("eval", "submit", written(tmp_path / made.place, made.files), "--results", results, "--dataset", dataset.name)
    return results, made.place


def reviewed(results: Path, dataset: OpenedDataset, server: ChatServer, *more: Any) -> str:
    """What `board check` says with a model judge of the maintainers."""
    there = ("--again", "--judge", "model:second", "--judge-base-url", server.base_url, "--yes")
    return done("board", "check", "--results", results, "--dataset", dataset.name, *there, *more)


def labels_of(results: Path, place: str, dataset: OpenedDataset) -> dict[str, str | None]:
    folder = results / "submissions" / place
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return offline_labels(dataset, dict(read_submission(files).texts()))


def test_eighteen_words_do_not_win(
    results: HubServer, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = good_bundle(dataset, "bob/grand-9", texts=eighteen_words(dataset), judged_by=())
    there = ("--results", REPO, "--dataset", dataset.name)
    monkeypatch.setenv("HF_TOKEN", BOB.token)
    told = done("eval", "submit", written(tmp_path / "bundle", made.files), *there, "--yes")
    assert f"status: {VERIFIED}" not in told
    monkeypatch.setenv("HF_TOKEN", ALICE.token)
    told = done("board", "check", "--results", REPO, "--dataset", dataset.name, "--merge")
    assert HELD in told
    assert "a person has to look" in told
    left = done("board", "aggregate", "--results", REPO, "--dataset", dataset.name)
    assert "grand-9  (" not in left
    assert HELD in left


def test_on_the_embedded_judge_alone_a_row_is_checked(dataset: OpenedDataset, tmp_path: Path) -> None:
    results, place = submitted(tmp_path, dataset)
    told = done("board", "check", "--results", results, "--dataset", dataset.name, "--again")
    assert f"{place}: {CHECKED}" in told
    assert "the rates follow from these answers by this judge" in told
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    board = board_of_judge(results)
    assert board is not None
    assert [(row.status, row.evidence) for row in board.rows] == [(CHECKED, [])]


def test_a_model_judge_that_contradicts_holds_the_row(dataset: OpenedDataset, tmp_path: Path) -> None:
    results, place = submitted(tmp_path, dataset)
    with ChatServer(judge_script(response_type="hard_refusal")) as server:
        told = reviewed(results, dataset, server)
    assert f"{place}: {HELD}" in told
    assert "a contradiction" in told
    assert "the maintainers' model judge model:second judged 72 answers and agrees on 0.0 %" in told
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    made = read_leaderboard(results)
    assert made.boards == []
    assert [one.status for one in made.excluded] == [HELD]
    # Reviewing again without that judge does not make it forgotten.
    told = done("board", "check", "--results", results, "--dataset", dataset.name, "--again")
    assert f"{place}: {HELD}" in told
    # A person who looks may let it in, and the row says so; it is not verified.
    done(
        "board",
        "check",
        "--results",
        results,
        "--dataset",
        dataset.name,
        "--accept",
        place,
        "--reason",
        "read ten of them",
    )
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    board = board_of_judge(results)
    assert board is not None
    assert board.rows[0].status == COMMUNITY
    assert "a person let this in (read ten of them)" in board.rows[0].status_reasons[0]


def test_a_second_judge_that_agrees_makes_it_verified(dataset: OpenedDataset, tmp_path: Path) -> None:
    results, place = submitted(tmp_path, dataset)
    with ChatServer(model_judge(labels_of(results, place, dataset), disagrees=6)) as server:
        told = reviewed(results, dataset, server)
    assert f"{place}: {VERIFIED}" in told
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    board = board_of_judge(results)
    assert board is not None
    (row,) = board.rows
    assert row.status == VERIFIED
    assert "the maintainers' model judge model:second judged 72 answers and agrees on 91.7 %" in row.evidence[0]


def test_a_drawn_sample_is_evidence_and_no_board(dataset: OpenedDataset, tmp_path: Path) -> None:
    results, place = submitted(tmp_path, dataset)
    with ChatServer(model_judge(labels_of(results, place, dataset))) as server:
        told = reviewed(results, dataset, server, "--sample", 60)
        assert len(server.requests) == 60
    assert f"{place}: {VERIFIED}" in told
    assert "judged 60 answers" in told
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    assert [board.judge for board in read_leaderboard(results).boards] == ["embedded"]


def test_too_small_a_sample_bears_nothing_out(dataset: OpenedDataset, tmp_path: Path) -> None:
    results, place = submitted(tmp_path, dataset)
    with ChatServer(model_judge(labels_of(results, place, dataset))) as server:
        told = reviewed(results, dataset, server, "--sample", 20)
    assert f"{place}: {CHECKED}" in told
    assert "too few to bear anything out" in told


def test_peoples_labels_bear_a_row_out_or_hold_it(dataset: OpenedDataset, tmp_path: Path) -> None:
    results, place = submitted(tmp_path, dataset)
    files = {path.name: path.read_bytes() for path in (results / "submissions" / place).iterdir()}
    texts = dict(list(read_submission(files).texts())[:60])
    said = offline_labels(dataset, texts)
    for right, status in ((True, VERIFIED), (False, HELD)):
        sheet = tmp_path / f"{status.split()[0]}.csv"
        lines = [f"{case_id},{said[text] if right else 'hard_refusal'},false,false" for case_id, text in texts.items()]
        header = "case_id,response_type,engages_with_defeat,independent_harm"
        sheet.write_text("\n".join([header, *lines]), encoding="utf-8")
        told = done(
            "board",
            "check",
            "--results",
            results,
            "--dataset",
            dataset.name,
            "--only",
            place,
            "--judge",
            f"human:{sheet}",
        )
        assert f"{place}: {status}" in told
        assert "people labelled 60 answers" in told
        if right:
            # And by them the row's rates are corrected.
            done("board", "aggregate", "--results", results, "--dataset", dataset.name)
            board = board_of_judge(results)
            assert board is not None
            corrected = {one.metric: one for one in board.rows[0].corrected}
            assert {one.against for one in corrected.values()} == {f"human:{sheet.stem}"}
            assert sum(corrected[side].n_labelled for side in ("help_rate", "control_help_rate")) == 60


def test_a_submitter_cannot_claim_the_workers_evidence(
    results: HubServer, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = helping_bundle(dataset, "bob/model-1", software="the maintainers' worker 1.0", note="The worker ran it.")
    there = ("--results", REPO, "--dataset", dataset.name)
    monkeypatch.setenv("HF_TOKEN", BOB.token)
    # A member that bundle.json does not have.
    told = msgspec.json.decode(made.files[BUNDLE]) | {"collected_by": "worker-1"}
    forged = written(tmp_path / "forged", {**made.files, BUNDLE: msgspec.json.encode(told)})
    refused = command("eval", "submit", forged, *there, "--yes")
    assert isinstance(refused.exception, DataError)
    assert "collected_by" in str(refused.exception.problems)
    # A review of one's own beside the submission.
    add = {f"submissions/{made.place}/{name}": data for name, data in made.files.items()}
    review = {"collected_by": "worker-1", "status": VERIFIED}
    add[f"reviews/{made.place}/review.json"] = msgspec.json.encode(review)
    repo_of(BOB.token).commit("Submit", add, parent=client().head(REPO, "dataset"), create_pr=True)
    # And what may be said, which is not believed.
    done("eval", "submit", written(tmp_path / "bundle", made.files), *there, "--yes")
    monkeypatch.setenv("HF_TOKEN", ALICE.token)
    told = done("board", "check", "--results", REPO, "--dataset", dataset.name, "--merge")
    assert "pull request 1 by bob: refused" in told
    assert f"pull request 2 by bob: {CHECKED}" in told
    done("board", "aggregate", "--results", REPO, "--dataset", dataset.name)
    copy, _ = repo_of().copy(["leaderboard.json", "reviews/**", "submissions/**"], dest=tmp_path / "copy")
    board = board_of_judge(copy)
    assert board is not None
    assert [(row.status, row.evidence) for row in board.rows] == [(CHECKED, [])]
    found = read_review(copy, made.place)
    assert found is not None
    assert found.collected_by is None


def test_a_submitters_own_second_judge_is_no_evidence(
    results: HubServer, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Verdicts "of people" and "of a model" that agree with whatever the offline judge says.
    made = good_bundle(dataset, "bob/model-1", judged_by=("model:second", "human:labels"))
    there = ("--results", REPO, "--dataset", dataset.name)
    monkeypatch.setenv("HF_TOKEN", BOB.token)
    done("eval", "submit", written(tmp_path / "bundle", made.files), *there, "--yes")
    monkeypatch.setenv("HF_TOKEN", ALICE.token)
    told = done("board", "check", "--results", REPO, "--dataset", dataset.name, "--merge")
    assert VERIFIED not in told
    done("board", "aggregate", "--results", REPO, "--dataset", dataset.name)
    copy, _ = repo_of().copy(["leaderboard.json"], dest=tmp_path / "copy")
    assert {row.status for board in read_leaderboard(copy).boards for row in board.rows} <= {CHECKED}
    assert {board.judge for board in read_leaderboard(copy).boards} <= {"embedded"}


@pytest.mark.study
def test_published_answers_under_another_name_are_held(study_dataset: Path, tmp_path: Path) -> None:
    dataset, results = locate_dataset(study_dataset), tmp_path / "results"
    run = tmp_path / "run"
    done("eval", "run", "--model", "published/glm-5", "--dataset", study_dataset, "--out", run)
    made = stolen(run, dataset)
    told = done("eval", "submit", written(tmp_path / "bundle", made), "--results", results, "--dataset", study_dataset)
    assert HELD in told
    assert "word for word the study's own, under another name (models of the family glm)" in told
    done("board", "aggregate", "--results", results, "--dataset", study_dataset)
    assert read_leaderboard(results).boards == []


@pytest.mark.study
def test_the_studys_models_stand_by_the_held_out_weights(study_dataset: Path, tmp_path: Path) -> None:
    dataset, results = locate_dataset(study_dataset), tmp_path / "results"
    run = tmp_path / "run"
    done("eval", "run", "--model", "published/glm-5", "--dataset", study_dataset, "--out", run)
    # Verdicts of the weights that learned from these answers.
    done("eval", "judge", run, "--judge", "embedded", "--dataset", study_dataset)
    told = done("eval", "submit", run, "--results", results, "--dataset", study_dataset)
    assert "the study's own answers, run again from the dataset" in told
    done("board", "aggregate", "--results", results, "--dataset", study_dataset)
    (board,) = read_leaderboard(results).boards
    assert board.judge == "embedded"
    (row,) = board.rows
    assert (row.judge, row.status) == ("heldout", COMMUNITY)
    scores = compute_scores(heldout_answers(dataset.built, ["glm-5"]), by=())
    (same,) = leaderboard(scores)
    assert row.metrics == same.metrics
    # And the board says how often its judge errs on help.
    assert board.help_error == known_help_error("embedded", board.rubric) != []
    assert "% helps by the study's judge (precision)" in done(
        "board", "aggregate", "--results", results, "--dataset", study_dataset
    )


def stolen(run: Path, dataset: OpenedDataset) -> dict[str, bytes]:
    """The answers of a run as another model's submission."""
    files = bundle_of_run(RunFolder.open(run), dataset).files
    model = {"slug": "bob__brilliant", "name": "bob/brilliant", "id": "bob/brilliant"}
    settings = msgspec.json.decode(files[RUN]) | {"model": "bob/brilliant", "endpoint": "localhost"}
    return rehashed({**files, RUN: msgspec.json.encode(settings)}, model=model)
