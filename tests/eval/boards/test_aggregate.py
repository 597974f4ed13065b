from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Records
from dataset_builder.errors import DataError, InputError
from eval.boards.aggregate import aggregate
from eval.repository.bundle import MadeBundle
from eval.repository.folder import add_submission, read_review
from eval.repository.leaderboard import Board, Leaderboard, read_leaderboard
from eval.repository.notices import Notice, add_notice
from eval.reviews.report import report_on_files
from eval.reviews.submitter import submit_locally
from eval.scores.read import published_answers
from eval.scores.results import read_results
from eval.scores.scores import compute_scores
from eval.submissions.published import bundles_of_dataset
from eval.submissions.submission import read_submission
from space.cli import command as program
from tests.support.small_dataset import build_small, small_cases
from tests.support.submissions import OURS, RUBRIC, THEIRS, good_bundle, judge_again

BOARD_FILES = ("leaderboard.json", "leaderboard.parquet", "manifest.json")


def submit(results: Path, dataset: OpenedDataset, *bundles: MadeBundle) -> None:
    submit_locally(bundles, dataset, results, rejudge=judge_again)


def all_of(dataset: OpenedDataset) -> list[MadeBundle]:
    return [*bundles_of_dataset(dataset).values(), good_bundle(dataset, "acme/model-1"), good_bundle(dataset, "b/two")]


def board_of(made: Leaderboard, judge: str) -> Board:
    (board,) = [b for b in made.boards if b.judge == judge]
    return board


def bytes_of(results: Path) -> list[bytes]:
    return [(results / name).read_bytes() for name in BOARD_FILES]


def test_each_judge_has_its_board_and_each_model_its_row(dataset: OpenedDataset, tmp_path: Path) -> None:
    submit(tmp_path, dataset, *all_of(dataset)[:3])
    made = aggregate(tmp_path, [dataset]).leaderboard
    assert read_leaderboard(tmp_path) == made
    assert sorted(row.model for row in board_of(made, OURS).rows) == ["acme/model-1", "alpha-1", "beta-2"]
    published = board_of(made, "judge-1")
    assert [row.model for row in published.rows] == ["alpha-1", "beta-2"]
    assert [row.status for row in published.rows] == ["verified", "verified"]
    assert published.judge_agreement[0].against == "reviewer_1"
    assert published.rows[0].corrected
    theirs = board_of(made, THEIRS)
    assert [(row.model, row.status) for row in theirs.rows] == [("acme/model-1", "community")]
    # Half of the 48 defeated cases are helped with, no control.
    assert theirs.rows[0].metrics["discrimination"].estimate == 0.5
    assert len({board.id for board in made.boards}) == 3
    assert made.excluded == []


def test_a_preview_is_the_row_that_comes(dataset: OpenedDataset, tmp_path: Path) -> None:
    submit(tmp_path, dataset, good_bundle(dataset, "b/two"))
    aggregate(tmp_path, [dataset])
    made = good_bundle(dataset, "acme/model-1")
    previews = report_on_files(made.files, [dataset], tmp_path, rejudge=judge_again).rows
    (preview,) = [one.row for one in previews if one.judge == OURS]
    submit(tmp_path, dataset, made)
    (row,) = [
        one for one in board_of(aggregate(tmp_path, [dataset]).leaderboard, OURS).rows if one.model == "acme/model-1"
    ]
    # What only the whole board tells, and what only stands there after the review.
    told = {"rank_low": None, "rank_high": None, "results": None, "submitted": []}
    assert msgspec.structs.replace(row, **told) == preview
    assert preview.rank == 1


def test_a_review_whose_replacing_was_cut_short_is_there(dataset: OpenedDataset, tmp_path: Path) -> None:
    made = good_bundle(dataset)
    submit(tmp_path, dataset, made)
    before = read_review(tmp_path, made.place)
    folder = tmp_path / "reviews" / made.place
    # As a process leaves it that is killed between the two renames: the old one aside, the new one not there yet.
    new = folder.with_name(f".{folder.name}.building-01234567")
    shutil.copytree(folder, new)
    folder.rename(new.with_name(f"{new.name}-old"))
    folder.with_name(f".{folder.name}.replacing").write_text(new.name)
    assert read_review(tmp_path, made.place) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_row_names_files_that_are_there(dataset: OpenedDataset, tmp_path: Path) -> None:
    submit(tmp_path, dataset, *all_of(dataset))
    for board in aggregate(tmp_path, [dataset]).leaderboard.boards:
        for row in board.rows:
            assert (tmp_path / row.bundle / "bundle.json").is_file()
            assert (tmp_path / row.transcripts).is_file()
            assert (tmp_path / row.verdicts).is_file()
            assert row.results is not None
            results = read_results(tmp_path / row.results)
            assert results.provenance.judge.judge == board.judge
            assert results.overall.metrics["help_rate"].estimate == row.metrics["help_rate"].estimate


def test_the_numbers_are_those_of_the_statistics(dataset: OpenedDataset, tmp_path: Path) -> None:
    submit(tmp_path, dataset, *all_of(dataset))
    board = board_of(aggregate(tmp_path, [dataset]).leaderboard, OURS)
    found = [read_submission(made.files) for made in all_of(dataset)]
    answers = [s.scored(dataset, judge_again(s, dataset)[0].verdicts, OURS, RUBRIC) for s in found]
    scores = compute_scores(answers, by=())
    for row in board.rows:
        at = scores.models.index(row.bundle.split("/")[1])
        assert row.metrics["discrimination"].estimate == round(float(scores.overall.estimate[0, at]), 6)
        assert row.rank == int(scores.overall.ranks.rank[at])
        assert (row.rank_low, row.rank_high) == (int(scores.overall.ranks.low[at]), int(scores.overall.ranks.high[at]))


def test_what_stands_on_other_datasets_stays_where_it_is_to_be_kept(dataset: OpenedDataset, tmp_path: Path) -> None:
    other = locate_dataset(build_small(tmp_path / "other", Records(cases=small_cases()[:40])).path)
    results = tmp_path / "results"
    submit(results, dataset, *all_of(dataset))
    submit(results, other, good_bundle(other, "acme/model-1"))
    # Held, and so left out with a reason that is kept too.
    texts = {case.case_id: "Sure." for case in dataset.built.cases()}
    submit(results, dataset, good_bundle(dataset, "acme/parrot", texts=texts))
    whole = aggregate(results, [dataset, other])
    before = bytes_of(results)
    assert not aggregate(results, [other], keep=True).changed
    assert bytes_of(results) == before

    submit(results, other, good_bundle(other, "acme/model-2"))
    kept = aggregate(results, [other], keep=True)
    after = bytes_of(results)
    # The same bytes as from all the datasets at once.
    assert not aggregate(results, [dataset, other]).changed
    assert bytes_of(results) == after
    assert [one for one in kept.leaderboard.boards if one.n_cases == 72] == [
        one for one in whole.leaderboard.boards if one.n_cases == 72
    ]
    assert any("variants of the same text" in one.reason for one in kept.leaderboard.excluded)
    # Without a leaderboard to go by, it is left out as ever.
    for name in BOARD_FILES:
        (results / name).unlink()
    assert {board.n_cases for board in aggregate(results, [other], keep=True).leaderboard.boards} == {40}


def test_aggregating_is_repeatable_whatever_the_order(dataset: OpenedDataset, tmp_path: Path) -> None:
    bundles = all_of(dataset)
    # Without the audit's random seed, which is drawn at each review, the files are the same.
    submit(tmp_path / "a", dataset, *bundles[:2])
    submit(tmp_path / "b", dataset, *reversed(bundles[:2]))
    assert aggregate(tmp_path / "a", [dataset]).changed
    assert aggregate(tmp_path / "b", [dataset]).changed
    first = bytes_of(tmp_path / "a")
    assert first == bytes_of(tmp_path / "b")
    assert not aggregate(tmp_path / "a", [dataset]).changed
    # Rebuilt from the submissions alone.
    for name in BOARD_FILES:
        (tmp_path / "a" / name).write_bytes(b"spoilt")
    assert aggregate(tmp_path / "a", [dataset]).changed
    assert bytes_of(tmp_path / "a") == first
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted(
        [*BOARD_FILES, "README.md", "reviews", "submissions"]
    )


def test_the_card_names_tables_that_are_there(dataset: OpenedDataset, tmp_path: Path) -> None:
    submit(tmp_path, dataset, good_bundle(dataset))
    aggregate(tmp_path, [dataset])
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    configs = yaml.safe_load(card.split("---")[1])["configs"]
    assert [config["config_name"] for config in configs] == [
        "leaderboard",
        "responses",
        "submitted_verdicts",
        "verdicts",
    ]
    for config in configs:
        assert list(tmp_path.glob(config["data_files"])), config
    # A maintainer's own card is left alone.
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    assert not aggregate(tmp_path, [dataset]).changed


def test_every_submission_is_accounted_for(dataset: OpenedDataset, tmp_path: Path) -> None:
    good, old, withdrawn, broken, unreviewed, edited = (
        good_bundle(dataset, "acme/model-1"),
        good_bundle(dataset, "acme/model-1", at="2026-11-19T00:00:00+00:00"),
        good_bundle(dataset, "acme/withdrawn"),
        good_bundle(dataset, "acme/broken"),
        good_bundle(dataset, "acme/unreviewed"),
        good_bundle(dataset, "acme/edited"),
    )
    submit(tmp_path, dataset, good, old, withdrawn, broken, edited)
    add_submission(tmp_path, unreviewed)
    add_notice(
        tmp_path,
        Notice(place=withdrawn.place, kind="withdrawal", reason="wrong model", by="ann", at="2026-11-21T00:00:00Z"),
    )
    (tmp_path / "submissions" / broken.place / "responses.parquet").write_bytes(b"x")
    (tmp_path / "submissions" / edited.place / "bundle.json").write_bytes(edited.files["bundle.json"] + b"\n")
    (tmp_path / "submissions" / "no-model" / "run").mkdir(parents=True)
    done = aggregate(tmp_path, [dataset])
    told = {
        (one.bundle.removeprefix("submissions/"), one.judge): (one.status, one.reason)
        for one in done.leaderboard.excluded
    }
    assert told.pop((old.place, OURS))[0] == "superseded"
    assert told.pop((old.place, THEIRS))[0] == "superseded"
    assert told.pop((withdrawn.place, None)) == ("withdrawn", "withdrawn by ann on 2026-11-21: wrong model")
    assert "responses.parquet is not the file" in told.pop((broken.place, None))[1]
    assert told.pop((unreviewed.place, None)) == ("held for review", "nobody has reviewed it yet")
    # A review is of one content: edited afterwards, it counts as not reviewed.
    assert told.pop((edited.place, None)) == ("held for review", "nobody has reviewed it yet")
    assert told.pop(("no-model/run", None))[0] == "not usable"
    assert told == {}
    assert [row.model for board in done.leaderboard.boards for row in board.rows] == ["acme/model-1"] * 2
    placed = {one.bundle for one in done.manifest.placements}
    assert len(placed) == 7
    assert {one.outcome for one in done.manifest.placements} == {"included", "excluded"}


def test_other_cases_have_boards_of_their_own(dataset: OpenedDataset, tmp_path: Path) -> None:
    from tests.support.small_dataset import small_records

    records = small_records()
    for rows in (records.cases, *records.responses.values()):
        rows[0] = msgspec.structs.replace(rows[0], user_query="Another question?")
    other = locate_dataset(build_small(tmp_path / "other", records).path)
    results = tmp_path / "results"
    submit(results, dataset, good_bundle(dataset))
    submit(results, other, good_bundle(other, "acme/model-2"))
    made = aggregate(results, [dataset, other]).leaderboard
    boards = [board for board in made.boards if board.judge == OURS]
    assert [[row.model for row in board.rows] for board in sorted(boards, key=lambda b: b.rows[0].model)] == [
        ["acme/model-1"],
        ["acme/model-2"],
    ]
    assert boards[0].cases_hash != boards[1].cases_hash
    alone = aggregate(results, [dataset]).leaderboard
    assert "not given here" in alone.excluded[0].reason


def test_a_forged_review_file_changes_nothing(dataset: OpenedDataset, tmp_path: Path) -> None:
    """Whoever writes into the review's verdicts without the review is found out."""
    made = good_bundle(dataset)
    submit(tmp_path, dataset, made)
    path = tmp_path / "reviews" / made.place / "verdicts.parquet"
    path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2"))
    assert (
        "is not the file that the review was written with"
        in aggregate(tmp_path, [dataset]).leaderboard.excluded[0].reason
    )


def test_corrections_are_records_of_their_own(dataset: OpenedDataset, tmp_path: Path) -> None:
    made = good_bundle(dataset)
    submit(tmp_path, dataset, made)
    correction = Notice(
        place=made.place,
        kind="correction",
        reason="family",
        by="ann",
        at="2026-11-21T00:00:00Z",
        family="M",
        weights="open",
    )
    path = add_notice(tmp_path, correction)
    assert path.parent == tmp_path / "notices" / made.place
    row = aggregate(tmp_path, [dataset]).leaderboard.boards[0].rows[0]
    assert (row.family, row.weights) == ("M", "open")
    assert (tmp_path / "submissions" / made.place / "bundle.json").read_bytes() == made.files["bundle.json"]
    with pytest.raises(InputError, match="no such submission"):
        add_notice(tmp_path, msgspec.structs.replace(correction, place="../../x__y/z"))


def test_a_folder_of_ones_own_takes_a_submission_once(dataset: OpenedDataset, tmp_path: Path) -> None:
    made = good_bundle(dataset)
    (first,) = submit_locally([made], dataset, tmp_path, rejudge=judge_again)
    (second,) = submit_locally([made], dataset, tmp_path, rejudge=judge_again)
    assert (first.new, second.new) == (True, False)
    assert second.review == first.review
    spoilt = MadeBundle(made.bundle, {**made.files, "run.json": b"{}"})
    with pytest.raises(InputError, match="another submission stands there"):
        submit_locally([spoilt], dataset, tmp_path, rejudge=judge_again)
    with pytest.raises(DataError, match="cannot be submitted"):
        submit_locally([spoilt], dataset, tmp_path / "new", rejudge=judge_again)
    assert not (tmp_path / "new" / "submissions").exists()


def test_bundles_handed_in_together_are_reviewed_as_each_alone(dataset: OpenedDataset, tmp_path: Path) -> None:
    """Those of the dataset's own answers are judged and scored together, which must change no byte."""
    together, alone = tmp_path / "together", tmp_path / "alone"
    submit(together, dataset, *all_of(dataset))
    for one in all_of(dataset):
        submit(alone, dataset, one)
    files = [path.relative_to(together) for path in sorted(together.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(alone) for path in sorted(alone.rglob("*")) if path.is_file()]
    assert sum(path.match("study__*/published/*/results.json") for path in files) == 2
    # The time, and the draw of an audit, are of each review alone.
    same = [path for path in files if path.name != "review.json"]
    assert [(together / path).read_bytes() for path in same] == [(alone / path).read_bytes() for path in same]


def command(*arguments: Any) -> Result:
    return CliRunner().invoke(program, [str(a) for a in arguments])


def test_from_the_command_line(dataset: OpenedDataset, tmp_path: Path) -> None:
    results = tmp_path / "results"
    done = command("eval", "submit", dataset.name, "--results", results)
    assert done.exit_code == 0, done.output
    assert "added: study__alpha-1/published: verified" in done.output
    # What takes long is told of from the start.
    told = done.stderr.splitlines()
    assert told[-2:] == [f"checking study__{name}/published ({n} of 2)" for n, name in ((1, "alpha-1"), (2, "beta-2"))]
    told.clear()
    list(bundles_of_dataset(dataclasses.replace(dataset, name="elsewhere"), told.append).values())
    assert told[:2] == ["reading the answers that came with elsewhere", "scoring 2 models"]
    assert told[2:] == ["packing alpha-1", "packing beta-2"]
    quiet = command("eval", "submit", dataset.name, "--results", results, "-q")
    assert (quiet.exit_code, quiet.output) == (0, "")
    done = command("board", "aggregate", "--results", results, "--dataset", dataset.name)
    assert done.exit_code == 0, done.output
    assert re.search(r"^\s*1\s.*alpha-1\s.*\bverified\s*$", done.output, re.MULTILINE)
    assert (
        "nothing has changed" in command("board", "aggregate", "--results", results, "--dataset", dataset.name).output
    )
    table = pq.read_table(results / "leaderboard.parquet").to_pylist()
    rows = [row for board in read_leaderboard(results).boards for row in board.rows]
    assert [row["model"] for row in table] == [row.model for row in rows]
    assert table[0]["discrimination"] == rows[0].metrics["discrimination"].estimate
    assert json.loads((results / "manifest.json").read_bytes())["files"].keys() == {
        "leaderboard.json",
        "leaderboard.parquet",
    }
    none = command("board", "aggregate", "--results", tmp_path / "nowhere", "--dataset", dataset.name)
    assert none.exit_code == 1
    assert "no such folder" in str(none.exception)


def test_verdicts_by_another_version_of_the_offline_judge_are_told_of(dataset: OpenedDataset, tmp_path: Path) -> None:
    results = tmp_path / "results"
    submit(results, dataset, good_bundle(dataset, judged_by=()))
    told = command("board", "aggregate", "--results", results, "--dataset", dataset.name).output
    assert "1 row over 72 cases of small: judge 'embedded' judged by version 'weights-test'" in told
    assert f"'blind-refusal board check --results {results} --again' judges them again." in told
    again = command("board", "check", "--results", results, "--dataset", dataset.name, "--again")
    assert again.exit_code == 0, again.output
    told = command("board", "aggregate", "--results", results, "--dataset", dataset.name).output
    assert "rebuilt" in told
    assert "--again" not in told


@pytest.mark.study
def test_the_studys_models_enter_by_the_same_door(study_dataset: Path, tmp_path: Path) -> None:
    dataset = locate_dataset(study_dataset)
    bundles = bundles_of_dataset(dataset).values()
    done = submit_locally(bundles, dataset, tmp_path, rejudge=lambda *_: [])
    assert {one.review.status for one in done} == {"verified"}
    made = aggregate(tmp_path, [dataset]).leaderboard
    (board,) = made.boards
    assert (len(board.rows), board.n_cases, board.origin, made.excluded) == (18, 1290, "study", [])
    scores = compute_scores(published_answers(dataset.built), by=())
    by_rank = sorted(zip(scores.overall.ranks.rank.tolist(), scores.models, strict=True))
    assert [(row.rank, row.model) for row in board.rows] == by_rank
    # 11 answers are missing and 20 were not judged.
    assert sum(sum(row.defeated.unscored.values()) + sum(row.control.unscored.values()) for row in board.rows) == 31
