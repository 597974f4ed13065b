"""The Hub client against a real HTTP server: who it is, what it does, and that it overwrites nobody."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from dataset_builder.errors import ConflictError, InputError, RemoteError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.records import RemoteFile
from tests.support.hub_client import HELLO, HELLO_BLOB, HELLO_SHA256, REPO, history, quick
from tests.support.hub_server import ALICE, BOB, HubServer

# --- who ---


def test_two_accounts_by_their_tokens(alice: Hub, bob: Hub) -> None:
    assert (alice.whoami(), bob.whoami()) == ("alice", "bob")


def test_another_variable_holds_the_token(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", f"  {BOB.token}\n")
    assert Hub(token_env="MY_TOKEN").whoami() == "bob"


def test_a_named_variable_that_is_empty_is_an_error(hub: HubServer) -> None:
    with pytest.raises(InputError, match="NO_SUCH_TOKEN is not set"):
        Hub(token_env="NO_SUCH_TOKEN")


def test_without_a_token_nobody_is_signed_in(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(RemoteError, match="no token is set; set HF_TOKEN"):
        Hub(patience=quick()).whoami()


@pytest.mark.parametrize("token", ["hf_one\nhf_two", "hf_søster", "Bearer hf_abc"])
def test_a_token_that_no_header_carries_is_refused_unshown(hub: HubServer, token: str) -> None:
    with pytest.raises(InputError, match="characters that no token has") as caught:
        Hub(token=token)
    assert token not in str(caught.value)


# --- what ---


def test_files_are_known_by_the_hashes_that_git_gives_them(alice: Hub) -> None:
    alice.commit(REPO, "dataset", message="two", add={"a.txt": HELLO, "deep/er/b.parquet": HELLO})
    files = alice.list_files(REPO, "dataset")
    assert sorted(files) == [".gitattributes", "a.txt", "deep/er/b.parquet"]
    assert (files["a.txt"].size, files["a.txt"].blob_id, files["a.txt"].sha256) == (6, HELLO_BLOB, None)
    assert (files["deep/er/b.parquet"].size, files["deep/er/b.parquet"].sha256) == (6, HELLO_SHA256)


def test_one_commit_adds_changes_and_deletes(hub: HubServer, alice: Hub) -> None:
    first = alice.commit(REPO, "dataset", message="first", add={"a.txt": b"1", "b.txt": b"1"})
    done = alice.commit(REPO, "dataset", message="second", add={"a.txt": b"2", "c.txt": b"3"}, delete=["b.txt"])
    assert history(hub) == ["initial commit", "first", "second"]
    assert done.sha == alice.head(REPO, "dataset")
    assert hub.repo(REPO).commits[done.sha].parents == (first.sha,)
    assert sorted(alice.list_files(REPO, "dataset")) == [".gitattributes", "a.txt", "c.txt"]
    assert alice.read_file(REPO, "dataset", "a.txt") == b"2"
    assert alice.read_file(REPO, "dataset", "a.txt", first.sha) == b"1"


def test_a_listing_of_many_pages_is_whole(alice: Hub) -> None:
    many = {f"part-{number:03}.txt": b"%d" % number for number in range(130)}
    alice.commit(REPO, "dataset", message="many", add=many)
    assert alice.list_files(REPO, "dataset").keys() == many.keys() | {".gitattributes"}


def test_a_snapshot_holds_the_files_that_were_asked_for(alice: Hub, tmp_path: Path) -> None:
    done = alice.commit(REPO, "dataset", message="some", add={"data/a.parquet": HELLO, "b.txt": b"no"})
    alice.commit(REPO, "dataset", message="later", add={"data/a.parquet": b"later"})
    alice.tag(REPO, "dataset", "v1.0.0", done.sha)
    folder, sha = alice.download_snapshot(REPO, "dataset", "v1.0.0", ["data/*"], tmp_path / "to")
    assert sha == done.sha
    assert (folder / "data/a.parquet").read_bytes() == HELLO
    assert not (folder / "b.txt").exists()


def test_state_is_none_where_there_is_nothing(alice: Hub, bob: Hub) -> None:
    assert alice.state("alice/nothing", "dataset") is None
    alice.ensure_repo("alice/hidden", "dataset", private=True)
    state = alice.state("alice/hidden", "dataset")
    assert state
    assert state.private
    assert bob.state("alice/hidden", "dataset") is None


def test_spaces_and_models_are_repos_too(hub: HubServer, alice: Hub) -> None:
    alice.ensure_repo("alice/board", "space", sdk="gradio")
    alice.commit("alice/board", "space", message="app", add={"app.py": b"print()"})
    alice.ensure_repo("wonderland/hatter", "model")
    alice.commit("wonderland/hatter", "model", message="score", add={".eval_results/x.yaml": b"- 1\n"})
    assert hub.repo("alice/board", "space").sdk == "gradio"
    assert history(hub, "wonderland/hatter", "model") == ["initial commit", "score"]
    assert alice.read_file("wonderland/hatter", "model", ".eval_results/x.yaml") == b"- 1\n"


def test_a_space_has_variables(hub: HubServer, alice: Hub, bob: Hub) -> None:
    alice.ensure_repo("alice/board", "space", sdk="gradio")
    alice.set_variable("alice/board", "DATASET", "alice/one")
    alice.set_variable("alice/board", "DATASET", "alice/two")
    assert alice.variables("alice/board") == {"DATASET": "alice/two"}
    with pytest.raises(RemoteError, match="403"):
        bob.set_variable("alice/board", "DATASET", "bob/mine")


def test_a_tag_is_set_once_and_never_moved(hub: HubServer, alice: Hub) -> None:
    first = alice.head(REPO, "dataset")
    alice.tag(REPO, "dataset", "v1.0.0", first)
    alice.tag(REPO, "dataset", "v1.0.0", first)
    second = alice.commit(REPO, "dataset", message="more", add={"a.txt": HELLO}).sha
    with pytest.raises(ConflictError, match=r"v1\.0\.0.*choose another version"):
        alice.tag(REPO, "dataset", "v1.0.0", second)
    assert alice.tags(REPO, "dataset") == {"v1.0.0": first}


def test_a_pull_request_leaves_main_alone_until_it_is_merged(hub: HubServer, alice: Hub, bob: Hub) -> None:
    before = alice.head(REPO, "dataset")
    done = bob.commit(REPO, "dataset", message="mine", add={"bob.txt": b"hi", "b.parquet": HELLO}, create_pr=True)
    assert done.pr_number == 1
    assert done.pr_url == f"{hub.endpoint}/datasets/{REPO}/discussions/1"
    assert alice.head(REPO, "dataset") == before
    assert bob.read_file(REPO, "dataset", "bob.txt", "refs/pr/1") == b"hi"
    assert hub.repo(REPO).discussion(1).author == "bob"
    HfApi(endpoint=hub.endpoint, token=ALICE.token).merge_pull_request(REPO, 1, repo_type="dataset")
    assert alice.read_file(REPO, "dataset", "b.parquet") == HELLO
    assert history(hub) == ["initial commit", "mine (#1)"]


# --- the guard ---


def test_a_commit_on_an_older_parent_is_a_conflict(hub: HubServer, alice: Hub) -> None:
    old = alice.head(REPO, "dataset")
    alice.commit(REPO, "dataset", message="theirs", add={"a.txt": b"1"})
    with pytest.raises(ConflictError, match=r"412.*look at what changed"):
        alice.commit(REPO, "dataset", message="ours", add={"a.txt": b"2"}, parent=old)
    assert history(hub) == ["initial commit", "theirs"]


def test_of_many_who_race_for_the_same_parent_one_wins(hub: HubServer, alice: Hub) -> None:
    parent, won, lost = alice.head(REPO, "dataset"), [], []
    start = threading.Barrier(5)

    def race(name: str) -> None:
        runner = Hub(patience=quick())
        start.wait()
        try:
            won.append(runner.commit(REPO, "dataset", message=name, add={"claim": name.encode()}, parent=parent))
        except ConflictError:
            lost.append(name)

    runners = [threading.Thread(target=race, args=(f"r{number}",)) for number in range(5)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert (len(won), len(lost)) == (1, 4)
    assert len(history(hub)) == 2


def test_the_loopback_hub_tells_of_files_as_the_real_one_does(hub: HubServer, alice: Hub) -> None:
    sha = alice.commit(REPO, "dataset", message="two", add={"a.txt": HELLO, "b.parquet": HELLO}).sha
    headers = {"Authorization": f"Bearer {ALICE.token}", "Range": "bytes=1-3"}
    with httpx.Client(base_url=f"{hub.endpoint}/datasets/{REPO}/resolve/main/", headers=headers) as client:
        small, part, large = client.head("a.txt"), client.get("a.txt"), client.head("b.parquet")
    assert (small.headers["etag"], small.headers["x-repo-commit"]) == (f'"{HELLO_BLOB}"', sha)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"ell", "bytes 1-3/6")
    assert (large.status_code, large.headers["location"]) == (302, f"{hub.storage}/objects/{HELLO_SHA256}")
    assert (large.headers["x-linked-etag"], large.headers["x-linked-size"]) == (f'"{HELLO_SHA256}"', "6")


def test_equal_bytes_are_known_by_either_hash() -> None:
    assert RemoteFile(6, HELLO_BLOB, None).holds(HELLO)
    assert RemoteFile(6, "pointer", HELLO_SHA256).holds(HELLO)
    assert not RemoteFile(6, HELLO_BLOB, None).holds(b"hellO\n")
    assert not RemoteFile(6, HELLO_BLOB, "f" * 64).holds(HELLO)
