"""Uploads on the Submit page: whose they are, and how many and how much may wait."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dataset_builder.errors import InputError
from space.intake import limits
from space.intake.desk import LONGEST, MOST_BYTES_OF_A_VISITOR, MOST_OF_A_VISITOR, UploadDesk, forget
from space.intake.limits import MOST_ASKED, MOST_SENT, MOST_UPLOADS, UploadLimits, host_of


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def dropped(folder: Path, name: str, size: int = 10) -> Path:
    """A file as gradio receives it: in a folder named by its content; a large one takes no space."""
    path = folder / name / "bundle.zip"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_an_upload_is_its_own_sessions_alone(tmp_path: Path) -> None:
    desk = UploadDesk()
    received = dropped(tmp_path, "a")
    kept = desk.take(received, "session-a", "host 1")
    # Gone from where a page could name it, and readable by nobody else on the machine.
    assert not received.parent.exists()
    assert (kept.parent.stat().st_mode & 0o077, kept.parent.parent.stat().st_mode & 0o077) == (0, 0)
    assert desk.of("session-b") is None
    desk.drop("session-b")
    assert desk.of("session-a") == kept
    desk.drop("session-a")
    assert (desk.of("session-a"), kept.exists(), kept.parent.exists()) == (None, False, False)


def test_a_sessions_next_upload_takes_the_place_of_the_last(tmp_path: Path) -> None:
    desk = UploadDesk()
    first = desk.take(dropped(tmp_path, "a"), "s", "host 1")
    second = desk.take(dropped(tmp_path, "b"), "s", "host 1")
    assert (first.exists(), second.exists(), desk.of("s")) == (False, True, second)
    desk.close()
    assert not second.exists()


def test_a_visitors_uploads_are_bounded_however_many_windows_they_open(tmp_path: Path) -> None:
    clock = Clock()
    desk = UploadDesk(clock)
    kept = [desk.take(dropped(tmp_path, f"{n}"), f"s{n}", "host 1") for n in range(MOST_OF_A_VISITOR)]
    late = dropped(tmp_path, "late")
    with pytest.raises(InputError, match=f"You have {MOST_OF_A_VISITOR} uploads that wait"):
        desk.take(late, "late", "host 1")
    assert not late.exists()
    assert all(path.exists() for path in kept)
    # Another visitor is not concerned, and one that is dropped makes room.
    desk.take(dropped(tmp_path, "other"), "other", "host 2")
    desk.drop("s0")
    desk.take(dropped(tmp_path, "again"), "again", "host 1")
    # Nobody is waited for longer than an hour.
    clock.time = LONGEST + 1
    desk.take(dropped(tmp_path, "later"), "later", "host 3")
    assert not kept[1].exists()


def test_a_visitors_bytes_are_bounded(tmp_path: Path) -> None:
    desk = UploadDesk()
    desk.take(dropped(tmp_path, "a", MOST_BYTES_OF_A_VISITOR - 5), "a", "host 1")
    large = dropped(tmp_path, "b", 6)
    with pytest.raises(InputError, match="larger than 160 MB"):
        desk.take(large, "b", "host 1")
    assert not large.exists()
    desk.take(dropped(tmp_path, "c", 5), "c", "host 1")
    for n in range(7):
        desk.take(dropped(tmp_path, f"m{n}", MOST_BYTES_OF_A_VISITOR), f"m{n}", f"host m{n}")
    with pytest.raises(InputError, match="Too many uploads wait for their visitors"):
        desk.take(dropped(tmp_path, "one", 1), "one", "host one")
    desk.close()


def test_an_upload_goes_with_its_folder_and_with_nothing_else(tmp_path: Path) -> None:
    upload, other = dropped(tmp_path, "a"), dropped(tmp_path, "b")
    (other.parent / "c.zip").write_bytes(b"")
    for path in (upload, other, other):
        forget(path)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.zip")] == ["b/c.zip"]
    assert not upload.parent.exists()


# What is refused before it is read.


async def taken(_: object) -> PlainTextResponse:
    return PlainTextResponse("taken")


def guarded(clock: Clock) -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", taken, methods=["GET", "POST"])])
    return TestClient(UploadLimits(app, clock))


def test_an_address_may_send_so_many_uploads_in_an_hour() -> None:
    clock = Clock()
    client = guarded(clock)
    answers = [client.post("/gradio_api/upload?x=1", content=b"x").status_code for _ in range(MOST_UPLOADS + 1)]
    assert answers == [200] * MOST_UPLOADS + [429]
    assert client.post("/gradio_api/queue/join", content=b"x").status_code == 200
    assert client.get("/gradio_api/upload").status_code == 200
    clock.time = LONGEST + 1
    assert client.post("/gradio_api/upload", content=b"x").status_code == 200


def test_bytes_are_counted_before_they_are_read() -> None:
    client = guarded(Clock())
    told = {"content-length": str(MOST_SENT + 1)}
    assert client.post("/gradio_api/upload", content=iter([b"x"]), headers=told).status_code == 429
    assert client.post("/gradio_api/upload", content=iter([b"x"])).status_code == 411


def test_no_other_request_is_huge_or_without_an_end() -> None:
    client = guarded(Clock())
    assert client.post("/gradio_api/mcp", content=b"x" * MOST_ASKED).status_code == 200
    assert client.post("/gradio_api/mcp", content=b"x" * (MOST_ASKED + 1)).status_code == 413
    assert client.post("/gradio_api/mcp", content=iter([b"x"])).status_code == 413
    assert client.post("/gradio_api/mcp").status_code == 200


def test_in_a_space_the_hubs_proxy_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a visitor puts into the header stands before what the proxy adds."""
    assert host_of(("10.0.0.1", 1), "6.6.6.6") == "10.0.0.1"
    monkeypatch.setenv(limits._SPACE, "alice/board")
    assert host_of(("10.0.0.1", 1), "6.6.6.6, 7.7.7.7") == "7.7.7.7"
    assert host_of(("10.0.0.1", 1), None) == "10.0.0.1"
