"""The Hub client against a real HTTP server: what it does, what it repeats, and what it says when it fails."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from dataset_builder.errors import ConflictError, InputError, NotFoundError, RemoteError
from dataset_builder.hub import Hub
from dataset_builder.hub_patience import Patience
from dataset_builder.hub_records import Committed
from tests.support.hub_server import ALICE, BOB, READER, HubServer

REPO = "alice/things"
# `printf 'hello\n' | git hash-object --stdin`, and `| sha256sum`.
HELLO = b"hello\n"
HELLO_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"
HELLO_SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"


def quick(**how: object) -> Patience:
    """Patience that tries four times and does not sleep, unless a test says otherwise."""
    settings: dict[str, object] = {"attempts": 4, "timeout": 5.0, "sleep": lambda _: None}
    return Patience(**{**settings, **how})  # type: ignore[arg-type]


@pytest.fixture
def alice(hub: HubServer) -> Hub:
    made = Hub(patience=quick())
    made.ensure_repo(REPO, "dataset")
    return made


@pytest.fixture
def bob(hub: HubServer) -> Hub:
    return Hub(token=BOB.token, patience=quick())


def history(hub: HubServer, repo: str = REPO, kind: str = "dataset") -> list[str]:
    """The titles of the commits on main, oldest first."""
    return [commit.title for commit in reversed(hub.repo(repo, kind).history("main"))]


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


def test_a_space_has_variables_and_secrets(hub: HubServer, alice: Hub, bob: Hub) -> None:
    alice.ensure_repo("alice/board", "space", sdk="gradio")
    alice.set_variable("alice/board", "DATASET", "alice/one")
    alice.set_variable("alice/board", "DATASET", "alice/two")
    alice.set_secret("alice/board", "KEY", "hush")
    assert alice.variables("alice/board") == {"DATASET": "alice/two"}
    assert hub.repo("alice/board", "space").secrets["KEY"]["value"] == "hush"
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


# --- patience ---

PASSING = [
    *({"status": status} for status in (408, 429, 500, 502, 503, 504)),
    {"kind": "cut"},
    {"kind": "hang", "seconds": 1.0},
]


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_what_passes_is_waited_for(hub: HubServer, alice: Hub, fault: dict[str, object]) -> None:
    patient = Hub(patience=quick(timeout=0.3))
    hub.fail("^GET /api/datasets/", times=2, **fault)
    assert patient.head(REPO, "dataset") == hub.repo(REPO).head
    assert len(hub.asked("^GET /api/datasets/alice/things/revision")) == 3


def test_the_server_says_how_long_to_wait(hub: HubServer, alice: Hub) -> None:
    pauses: list[float] = []
    told: list[str] = []
    patient = Hub(patience=quick(sleep=pauses.append, notice=told.append, first_pause=0.25))
    hub.fail("revision", status=429, retry_after="7")
    hub.fail("revision", status=429, headers={"RateLimit": '"api";r=0;t=55'})
    hub.fail("revision", status=503)
    patient.head(REPO, "dataset")
    assert pauses[:2] == [7.0, 55.0]
    # Ours at a third try: between half the first pause and 0.25 * 2**2, at random.
    assert 0.125 <= pauses[2] <= 1.0
    assert len(told) == 2
    assert "answered 429 Too Many Requests; trying again in 7 s" in told[0]


def test_a_wait_beyond_the_cap_ends_it_at_once(hub: HubServer, alice: Hub) -> None:
    pauses: list[float] = []
    hub.fail("revision", status=429, retry_after="3600", times=99)
    with pytest.raises(RemoteError, match="asks to wait 3600 s"):
        Hub(patience=quick(sleep=pauses.append)).head(REPO, "dataset")
    assert pauses == []
    assert len(hub.asked("revision")) == 1


@pytest.mark.parametrize(
    ("fault", "said"), [({"status": 503}, "answered 503"), ({"kind": "cut"}, "cut the connection")]
)
def test_patience_ends(hub: HubServer, alice: Hub, fault: dict[str, object], said: str) -> None:
    hub.fail("revision", times=99, **fault)
    with pytest.raises(RemoteError, match=f"{said}.*4 times; try again later"):
        alice.head(REPO, "dataset")
    assert len(hub.asked("revision")) == 4


def test_a_server_that_is_not_there() -> None:
    # Port 9 (discard) answers nobody on loopback.
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1:9 cannot be reached, 4 times"):
        Hub(endpoint="http://127.0.0.1:9", token=ALICE.token, patience=quick()).head(REPO, "dataset")


def test_other_users_of_the_library_see_its_own_behaviour(hub: HubServer, alice: Hub) -> None:
    hub.fail("revision", times=99)
    with pytest.raises(HfHubHTTPError, match="503"):
        HfApi(endpoint=hub.endpoint, token=ALICE.token).repo_info(REPO, repo_type="dataset", revision="main")
    assert len(hub.asked("revision")) == 1


def test_a_large_upload_that_fails_is_sent_again(hub: HubServer, alice: Hub) -> None:
    hub.fail("^PUT /objects/", status=503, retry_after="0")
    alice.commit(REPO, "dataset", message="large", add={"a.parquet": HELLO})
    assert [asked.status for asked in hub.asked("^PUT")] == [503, 200]


def test_a_download_that_is_cut_is_begun_again(hub: HubServer, alice: Hub, tmp_path: Path) -> None:
    large = bytes(range(256)) * 400
    alice.commit(REPO, "dataset", message="large", add={"a.parquet": large})
    hub.fail("^GET /objects/", kind="cut_body")
    folder, _ = alice.download_snapshot(REPO, "dataset", dest=tmp_path)
    assert (folder / "a.parquet").read_bytes() == large
    assert len(hub.asked("^GET /objects/")) == 2


def test_the_loopback_hub_tells_of_files_as_the_real_one_does(hub: HubServer, alice: Hub) -> None:
    sha = alice.commit(REPO, "dataset", message="two", add={"a.txt": HELLO, "b.parquet": HELLO}).sha
    headers = {"Authorization": f"Bearer {ALICE.token}", "Range": "bytes=1-3"}
    with httpx.Client(base_url=f"{hub.endpoint}/datasets/{REPO}/resolve/main/", headers=headers) as client:
        small, part, large = client.head("a.txt"), client.get("a.txt"), client.head("b.parquet")
    assert (small.headers["etag"], small.headers["x-repo-commit"]) == (f'"{HELLO_BLOB}"', sha)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"ell", "bytes 1-3/6")
    assert (large.status_code, large.headers["location"]) == (302, f"{hub.storage}/objects/{HELLO_SHA256}")
    assert (large.headers["x-linked-etag"], large.headers["x-linked-size"]) == (f'"{HELLO_SHA256}"', "6")


# --- commits whose fate is unknown ---

LOST = [
    {"kind": "lost"},
    {"kind": "cut"},
    {"status": 502},
    {"kind": "late", "seconds": 0.6},
    {"kind": "hang", "seconds": 0.6},
]


@pytest.mark.parametrize("fault", LOST, ids=str)
@pytest.mark.parametrize("times", [1, 2])
def test_a_commit_is_carried_out_once_whatever_became_of_the_answer(
    hub: HubServer, alice: Hub, fault: dict[str, object], times: int
) -> None:
    patient = Hub(patience=quick(timeout=0.3))
    hub.fail("^POST .*/commit/", times=times, **fault)
    done = patient.commit(REPO, "dataset", message="once", add={"a.txt": HELLO})
    time.sleep(0.7 if fault.get("kind") == "late" else 0)
    assert history(hub) == ["initial commit", "once"]
    assert done == Committed(hub.repo(REPO).head, f"{hub.endpoint}/datasets/{REPO}/commit/{done.sha}")


def test_a_commit_of_the_same_words_is_not_taken_for_ours(hub: HubServer, alice: Hub) -> None:
    parent = alice.head(REPO, "dataset")
    Hub(patience=quick()).commit(REPO, "dataset", message="once", add={"a.txt": HELLO})
    hub.fail("^POST .*/commit/", kind="cut")
    with pytest.raises(ConflictError):
        alice.commit(REPO, "dataset", message="once", add={"b.txt": HELLO}, parent=parent)
    assert history(hub) == ["initial commit", "once"]


@pytest.mark.parametrize("fault", [{"kind": "lost"}, {"kind": "cut"}], ids=str)
def test_a_pull_request_is_opened_once(hub: HubServer, alice: Hub, bob: Hub, fault: dict[str, object]) -> None:
    hub.fail("^POST .*/commit/", **fault)
    done = bob.commit(REPO, "dataset", message="mine", add={"a.txt": HELLO}, create_pr=True)
    assert [discussion.title for discussion in hub.repo(REPO).discussions] == ["mine"]
    assert done.pr_number == 1
    assert done.sha == hub.repo(REPO).refs["refs/pr/1"]


def test_a_commit_that_never_succeeds_says_so(hub: HubServer, alice: Hub) -> None:
    hub.fail("^POST .*/commit/", kind="cut", times=99)
    with pytest.raises(RemoteError, match="cut the connection, 4 times; nothing was committed"):
        alice.commit(REPO, "dataset", message="never", add={"a.txt": HELLO})
    assert history(hub) == ["initial commit"]


def test_a_tag_whose_answer_is_lost_is_found_set(hub: HubServer, alice: Hub) -> None:
    hub.fail("^POST .*/tag/", kind="lost")
    alice.tag(REPO, "dataset", "v1.0.0", alice.head(REPO, "dataset"))
    assert alice.tags(REPO, "dataset") == {"v1.0.0": hub.repo(REPO).head}


# --- refusals ---


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, RemoteError, "answered 400"),
        (401, RemoteError, "The token in HF_TOKEN is not accepted; make a new one"),
        (403, RemoteError, "needs write access.*--create-pr"),
        (404, NotFoundError, "does not exist, or the token in HF_TOKEN may not see it"),
        (409, ConflictError, "not as it was when we looked"),
        (412, ConflictError, "not as it was when we looked"),
        (413, RemoteError, "larger than the Hub takes"),
    ],
)
def test_each_refusal_says_what_to_do(
    hub: HubServer, alice: Hub, status: int, kind: type[RemoteError], said: str
) -> None:
    hub.fail("^POST .*/commit/", status=status, message=f"no: {ALICE.token} hf_SomebodyElses")
    with pytest.raises(kind, match=said) as caught:
        alice.commit(REPO, "dataset", message="x", add={"a.txt": HELLO})
    assert type(caught.value) is kind
    assert str(caught.value).startswith("committing to alice/things: the Hub answered")
    assert "no: [token] [token]" in str(caught.value)
    assert history(hub) == ["initial commit"]


def test_a_token_of_any_shape_is_masked(hub: HubServer) -> None:
    token = "eyJhbGciOi.Session-Token.of_an_OAuth_login"
    hub.fail("whoami", status=400, message=f"bad: <{token}>")
    with pytest.raises(RemoteError, match=r"bad: <\[token\]>"):
        Hub(token=token, patience=quick()).whoami()


def test_a_token_that_is_not_accepted(hub: HubServer) -> None:
    with pytest.raises(RemoteError, match="The token in HF_TOKEN is not accepted"):
        Hub(token="hf_NobodysNobodysNobodys", patience=quick()).whoami()


def test_a_token_that_may_only_read_cannot_write(hub: HubServer, alice: Hub) -> None:
    reader = Hub(token=READER.token, patience=quick())
    assert reader.head(REPO, "dataset") == alice.head(REPO, "dataset")
    with pytest.raises(RemoteError, match="403"):
        reader.commit(REPO, "dataset", message="x", add={"a.txt": HELLO})
    with pytest.raises(RemoteError, match="403"):
        reader.ensure_repo("alice/other", "dataset")


def test_a_private_repo_is_not_there_for_others(alice: Hub, bob: Hub) -> None:
    alice.ensure_repo("alice/hidden", "dataset", private=True)
    with pytest.raises(NotFoundError, match=r"alice/hidden.*may not see it"):
        bob.list_files("alice/hidden", "dataset")
    with pytest.raises(NotFoundError):
        bob.read_file("alice/hidden", "dataset", ".gitattributes")
    with pytest.raises(NotFoundError):
        bob.commit("alice/hidden", "dataset", message="x", add={"a": b""}, create_pr=True)


@pytest.mark.parametrize(("what", "said"), [("file", "no such file"), ("revision", "no such branch, tag or commit")])
def test_what_is_missing_is_named(alice: Hub, what: str, said: str) -> None:
    path, revision = ("nope.txt", "main") if what == "file" else (".gitattributes", "v9.9.9")
    with pytest.raises(NotFoundError, match=said):
        alice.read_file(REPO, "dataset", path, revision)


def test_no_error_carries_the_token_or_the_request(
    hub: HubServer, alice: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    failures: list[BaseException] = []
    faults: list[dict[str, object]] = [*({"status": s} for s in (400, 401, 403, 404, 412, 500)), {"kind": "cut"}]
    for fault in faults:
        hub.fail("^POST", times=99, message=f"Authorization: Bearer {ALICE.token}", **fault)
        with pytest.raises(RemoteError) as caught:
            alice.commit(REPO, "dataset", message="x", add={"a.parquet": HELLO})
        failures.append(caught.value)
        hub.faults.clear()
    for failure in failures:
        assert failure.__context__ is None
        assert failure.__cause__ is None
        assert ALICE.token not in "".join(traceback.format_exception(failure))
    assert ALICE.token not in caplog.text
    assert ALICE.token not in repr(alice) + repr(vars(alice))
