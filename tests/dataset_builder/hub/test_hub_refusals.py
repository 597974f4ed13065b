"""What the Hub client says when it is refused, and what it never says."""

from __future__ import annotations

import logging
import traceback

import pytest

from dataset_builder.errors import ConflictError, NotFoundError, RemoteError
from dataset_builder.hub.client import Hub
from tests.support.hub_client import HELLO, REPO, history, quick
from tests.support.hub_server import ALICE, READER, HubServer


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
