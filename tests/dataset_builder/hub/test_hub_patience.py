"""What the Hub client repeats, and that a commit whose fate is unknown is carried out once."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from dataset_builder.errors import ConflictError, RemoteError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.patience import Patience
from dataset_builder.hub.records import Committed
from tests.support.hub_client import HELLO, REPO, history, quick
from tests.support.hub_server import ALICE, HubServer

PASSING = [
    *({"status": status} for status in (408, 429, 500, 502, 503, 504)),
    {"kind": "cut"},
    {"kind": "hang"},
]


def impatient(fault: dict[str, object]) -> Patience:
    """Patience that waits a second where the server keeps silent, and long where it answers, however slowly."""
    return quick(timeout=1.0) if fault.get("kind") in ("hang", "late") else quick()


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_what_passes_is_waited_for(hub: HubServer, alice: Hub, fault: dict[str, object]) -> None:
    patient = Hub(patience=impatient(fault))
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


# --- commits whose fate is unknown ---

LOST = [
    {"kind": "lost"},
    {"kind": "cut"},
    {"status": 502},
    {"kind": "late"},
    {"kind": "hang"},
]


@pytest.mark.parametrize("fault", LOST, ids=str)
@pytest.mark.parametrize("times", [1, 2])
def test_a_commit_is_carried_out_once_whatever_became_of_the_answer(
    hub: HubServer, alice: Hub, fault: dict[str, object], times: int
) -> None:
    patient = Hub(patience=impatient(fault))
    hub.fail("^POST .*/commit/", times=times, **fault)
    done = patient.commit(REPO, "dataset", message="once", add={"a.txt": HELLO})
    hub.faults.settle()
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
