from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import msgspec
import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from dataset_builder.hub.client import Hub
from eval.boards.rows import plain_leaderboard
from eval.judges.embedded.held_out import shipped
from eval.judges.embedded.judge import load_judge
from eval.repository.leaderboard import read_leaderboard
from eval.scores.results import Results, read_results
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import read_snapshot, row_key, transcripts_key
from space.data.sources import FolderSource, HubSource, NoSource, ResultsWatcher, open_source
from space.data.verdicts import VerdictBook
from space.hosting.serve import store_of
from space.store.store import Store
from tests.support.hub_server import HubServer
from tests.support.results_folder import SUBMITTED, add_to_results_folder, write_results_folder
from tests.support.results_hub import REPO, board, client, review, submit
from tests.support.space_data import write_results
from tests.support.submissions import answer_text, good_bundle


@pytest.fixture(scope="module")
def made(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results_folder(dataset, tmp_path_factory.mktemp("made") / "results")


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


@pytest.fixture
def data(dataset: OpenedDataset, results: Path, tmp_path: Path) -> SpaceData:
    snapshot = FolderSource(results).read()
    store = store_of(dataset.built, snapshot, tmp_path / "cache")
    return SpaceData(store=store, dataset_name="small", built=dataset.built, now=snapshot)


def test_a_results_folder_is_read_whole(results: Path) -> None:
    found = FolderSource(results).read()
    assert found.leaderboard == read_leaderboard(results)
    rows = [row for board in found.boards for row in board.rows]
    assert {row.results for row in rows} == set(found.slices)
    for row in rows:
        assert row.results is not None
        table = found.slices[row.results]
        overall = row.metrics["help_rate"].estimate
        assert table.cell(next(iter(table.keys)), "help_rate").estimate == overall
    keys = {row_key(row): transcripts_key(row) for row in rows}
    assert keys["alpha-1"] == "alpha-1"
    (run,) = {row.run_id for row in rows if row.model == SUBMITTED}
    assert keys["acme__model-1"] == f"acme__model-1/{run}"


def test_a_folder_of_results_files_alone_is_ranked_by_judge(dataset: OpenedDataset, tmp_path: Path) -> None:
    folder = write_results(dataset.built.path, tmp_path / "plain")
    found = read_snapshot(folder, "v")
    (board,) = found.boards
    values = [row.metrics["discrimination"].estimate or 0 for row in board.rows]
    assert values == sorted(values, reverse=True)
    assert [row.rank for row in board.rows] == [1, 2]
    assert {row.rank_low for row in board.rows} == {None}
    files = {str(p): read_results(p) for p in sorted(folder.rglob("results.json"))}
    other = {f"{name}x": _judged_by("someone", one) for name, one in files.items()}
    assert [len(one.rows) for one in plain_leaderboard(files | other).boards] == [2, 2]


def test_held_out_results_stand_beside_unseen_models_and_learned_ones_nowhere(
    dataset: OpenedDataset, tmp_path: Path
) -> None:
    folder = write_results(dataset.built.path, tmp_path / "plain")
    one, other = [read_results(path) for path in sorted(folder.rglob("results.json"))]
    ours, unseen = ("embedded", load_judge().rubric), ("heldout", shipped()[1])
    files = {
        "a": _by(ours, one, "acme/new"),
        "b": _by(unseen, other, "published/glm-5"),
        "c": _by(ours, other, "published/glm-5"),
    }
    made = plain_leaderboard(files)
    (board,) = made.boards
    assert (board.judge, board.rubric) == ours
    assert sorted((row.model, row.judge, row.status) for row in board.rows) == [
        ("acme/new", "embedded", "community"),
        ("published/glm-5", "heldout", "community"),
    ]
    assert [(left.bundle, left.status) for left in made.excluded] == [("c", "in-sample")]


def _by(who: tuple[str, str], one: Results, model: str) -> Results:
    origin = one.provenance
    origin = msgspec.structs.replace(
        origin,
        judge=msgspec.structs.replace(origin.judge, judge=who[0], rubric=who[1]),
        model=msgspec.structs.replace(origin.model, name=model, id=model),
    )
    return msgspec.structs.replace(one, provenance=origin)


def _judged_by(judge: str, one: object) -> object:
    import msgspec

    told = msgspec.to_builtins(one)
    told["provenance"]["judge"]["judge"] = judge
    return msgspec.convert(told, type(one))


def test_what_cannot_be_read_is_named(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        FolderSource(tmp_path / "gone").version()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("something else")
    with pytest.raises(InputError, match=r"neither leaderboard.json nor results.json"):
        FolderSource(tmp_path / "empty").read()
    broken = sorted(results.rglob("results.json"))[:2]
    board = json.loads((results / "leaderboard.json").read_bytes())
    for file in broken:
        file.write_text("{")
    with pytest.raises(DataError) as caught:
        FolderSource(results).read()
    named = [p for p in caught.value.problems if p.where in {str(f.relative_to(results)) for f in broken}]
    assert named
    board["boards"][0]["rows"][0]["results"] = "../../outside/results.json"
    (results / "leaderboard.json").write_text(json.dumps(board))
    with pytest.raises(DataError, match="leads out of the results folder"):
        FolderSource(results).read()


def test_another_schema_is_refused(results: Path) -> None:
    told = json.loads((results / "leaderboard.json").read_bytes())
    (results / "leaderboard.json").write_text(json.dumps(told | {"schema_version": "2.0.0"}))
    with pytest.raises(InputError, match=r"leaderboard schema 2\.0\.0"):
        FolderSource(results).read()


def test_new_results_are_swapped_in_whole_with_their_transcripts(
    data: SpaceData, dataset: OpenedDataset, results: Path, tmp_path: Path
) -> None:
    before, old_store = data.now, data.store
    said: list[str] = []
    watcher = ResultsWatcher(
        data,
        FolderSource(results),
        say=said.append,
        prepare=lambda new: store_of(dataset.built, new, tmp_path / "cache"),
    )
    watcher.look()
    assert data.now is before
    add_to_results_folder(dataset, results, [good_bundle(dataset, "acme/newer-2")])
    watcher.look()
    assert data.now is not before
    assert "acme/newer-2" in {row.model for board in data.now.boards for row in board.rows}
    assert not any(name.startswith("acme__newer-2") for name in old_store.models)
    (name,) = [name for name in data.store.models if name.startswith("acme__newer-2/")]
    answer = data.store.transcript("control:school:1", name)
    assert answer is not None
    assert answer.response == answer_text("control:school:1", "acme/newer-2", helps=False)
    assert answer.response_type == "hard_refusal"
    # The published answers are there as before.
    assert data.store.transcript("control:school:1", "alpha-1") is not None
    assert len(said) == 1


def test_a_broken_version_leaves_the_old_one_with_a_notice(data: SpaceData, results: Path) -> None:
    before, good = data.now, (results / "leaderboard.json").read_bytes()
    watcher = ResultsWatcher(data, FolderSource(results))
    (results / "leaderboard.json").write_text("{")
    watcher.look()
    assert data.now.leaderboard is before.leaderboard
    assert data.now.slices is before.slices
    assert "Newer results could not be read" in (data.now.notice or "")
    # Not read again as long as it stays as it is; a good one is.
    watcher.look()
    (results / "leaderboard.json").write_bytes(good)
    os.utime(results / "leaderboard.json", ns=(time.time_ns(), time.time_ns()))
    watcher.look()
    assert data.now.notice is None
    assert data.now.leaderboard == before.leaderboard


def test_a_version_whose_transcripts_cannot_be_prepared_is_not_shown(
    data: SpaceData, dataset: OpenedDataset, results: Path
) -> None:
    def fail(new: Snapshot) -> Store:
        raise InputError("no room for the transcripts")

    before = data.now.leaderboard
    add_to_results_folder(dataset, results, [good_bundle(dataset, "acme/newer-2")])
    ResultsWatcher(data, FolderSource(results), prepare=fail).look()
    assert data.now.leaderboard is before
    assert "no room" in (data.now.notice or "")


def test_the_watcher_looks_by_itself_and_stops(data: SpaceData, dataset: OpenedDataset, results: Path) -> None:
    before, shown = data.now, threading.Event()
    watcher = ResultsWatcher(
        data, FolderSource(results), every=0.02, say=lambda text: text.startswith("New results") and shown.set()
    )
    watcher.start()
    add_to_results_folder(dataset, results, [good_bundle(dataset, "acme/newer-2")])
    assert shown.wait(120)
    watcher.stop()
    assert data.now is not before
    assert data.now.before is before.leaderboard


def test_results_on_the_hub_follow_its_commits(hub: HubServer, dataset: OpenedDataset, results: Path) -> None:
    api, repo = Hub(), "alice/results"
    api.ensure_repo(repo, "dataset")
    names = [p for p in results.rglob("*") if p.is_file()]
    api.commit(repo, "dataset", message="a", add={p.relative_to(results).as_posix(): p for p in names})
    source = open_source(repo)
    assert isinstance(source, HubSource)
    first = source.read()
    assert first.version == source.version() == api.head(repo, "dataset")
    assert first.leaderboard == read_leaderboard(results)
    assert first.folder is not None
    row = first.boards[0].rows[0]
    assert (first.folder / row.transcripts).is_file()
    assert (first.folder / row.verdicts).is_file()
    # All that a comparison needs of a row came along.
    data = SpaceData(store=None, dataset_name="small", built=dataset.built, now=first)  # type: ignore[arg-type]
    for ranking in first.boards:
        for one in ranking.rows:
            assert VerdictBook(data).of(first, ranking, one).judge == ranking.judge
    told = json.loads((results / "leaderboard.json").read_bytes())
    api.commit(repo, "dataset", message="b", add={"leaderboard.json": json.dumps(told | {"boards": []}).encode()})
    assert source.version() != first.version
    again = source.read()
    assert again.boards == ()
    # The version before is the last commit that had another leaderboard; before the first there is none.
    assert first.before is None
    api.commit(repo, "dataset", message="c", add={"README.md": b"nothing of the leaderboard"})
    assert source.read().before == again.before == first.leaderboard


def test_what_bob_submits_and_alice_merges_is_shown_without_a_restart(
    hub: HubServer, dataset: OpenedDataset, tmp_path: Path
) -> None:
    client().ensure_repo(REPO, "dataset")
    board(dataset)
    source = open_source(REPO)
    empty = source.read()
    store = store_of(dataset.built, empty, tmp_path / "cache")
    data = SpaceData(store=store, dataset_name="small", built=dataset.built, now=empty)
    watcher = ResultsWatcher(data, source, prepare=lambda new: store_of(dataset.built, new, tmp_path / "cache"))
    submit(good_bundle(dataset, "bob/model-1"), dataset)
    watcher.look()
    assert data.now.boards == ()
    review(dataset, merge=True)
    board(dataset)
    watcher.look()
    assert [row.model for one in data.now.boards for row in one.rows] == ["bob/model-1"]
    (name,) = [name for name in data.store.models if name.startswith("bob__model-1/")]
    answer = data.store.transcript("control:school:1", name)
    assert answer is not None
    assert answer.response == answer_text("control:school:1", "bob/model-1", helps=False)


def test_without_results_there_is_an_empty_snapshot(tmp_path: Path) -> None:
    assert isinstance(open_source(None), NoSource)
    assert open_source(None).read().boards == ()
    with pytest.raises(InputError, match="no such folder, and no name of a repository"):
        open_source(str(tmp_path / "no such"))


def test_an_empty_folder_is_a_leaderboard_to_be(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / ".DS_Store").write_bytes(b"x")
    found = open_source(str(folder)).read()
    assert found.boards == ()
    assert found.notice is None


def test_a_missing_folder_is_not_taken_for_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    with pytest.raises(
        InputError, match=r"build/results: no such folder, .* \(hf://NAMESPACE/NAME where NAMESPACE is a folder here\)"
    ):
        open_source("build/results")
