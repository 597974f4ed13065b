"""Fetching from a real server on loopback that cuts, stalls, changes its mind and refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dataset_builder import sources
from dataset_builder.errors import SourceError
from dataset_builder.net.fetch import fetch
from dataset_builder.sources import read_source
from tests.support import mini_study

BODY = bytes(range(256)) * 4000


class Plan:
    """What the server does: a list of acts, the last repeated; and what it was asked."""

    def __init__(self) -> None:
        self.body = BODY
        self.etag: str | None = '"v1"'
        self.acts: list[str] = ["serve"]
        self.ranges: list[str | None] = []


@pytest.fixture
def server() -> Iterator[tuple[str, Plan]]:
    plan = Plan()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            plan.ranges.append(self.headers.get("Range"))
            act = plan.acts.pop(0) if len(plan.acts) > 1 else plan.acts[0]
            if act.isdecimal():
                self.send_error(int(act))
                return
            start = 0
            wanted = self.headers.get("Range")
            if wanted and plan.etag and self.headers.get("If-Range") == plan.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            rest = plan.body[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(plan.body) - 1}/{len(plan.body)}")
            if plan.etag:
                self.send_header("ETag", plan.etag)
            if act != "endless":
                self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if act == "cut":
                rest = rest[: len(rest) // 2]
            self.wfile.write(rest)
            self.close_connection = True

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/a.tar.gz", plan
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_fetches_once_and_then_from_the_cache(server: tuple[str, Plan], tmp_path: Path) -> None:
    url, plan = server
    seen: list[tuple[int, int | None]] = []
    first = fetch(url, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert first.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert fetch(url, tmp_path) == first
    assert plan.ranges == [None]
    assert [p.name for p in tmp_path.iterdir()] == [first.name]


def test_a_cut_download_goes_on_where_it_stopped(server: tuple[str, Plan], tmp_path: Path) -> None:
    url, plan = server
    plan.acts = ["cut", "cut", "serve"]
    assert fetch(url, tmp_path).read_bytes() == BODY
    # Half arrives, then half of the rest.
    half = len(BODY) // 2
    assert plan.ranges == [None, f"bytes={half}-", f"bytes={half + (len(BODY) - half) // 2}-"]


def test_a_file_that_changed_meanwhile_starts_again(server: tuple[str, Plan], tmp_path: Path) -> None:
    url, plan = server
    plan.acts = ["cut"]
    with pytest.raises(SourceError, match="goes on from there"):
        fetch(url, tmp_path)
    plan.acts, plan.etag, plan.body = ["serve"], '"v2"', BODY[::-1]
    assert fetch(url, tmp_path).read_bytes() == BODY[::-1]


def test_without_a_validator_nothing_is_resumed(server: tuple[str, Plan], tmp_path: Path) -> None:
    url, plan = server
    plan.acts, plan.etag = ["cut", "serve"], None
    assert fetch(url, tmp_path).read_bytes() == BODY
    assert plan.ranges == [None, None]


def test_too_much_is_refused(server: tuple[str, Plan], tmp_path: Path) -> None:
    url, plan = server
    with pytest.raises(SourceError, match="the limit is 1,000"):
        fetch(url, tmp_path, max_bytes=1000)
    plan.acts = ["endless"]
    with pytest.raises(SourceError, match="more than the limit"):
        fetch(url, tmp_path, max_bytes=1000)
    assert not list(tmp_path.glob("*.tar.gz"))


def test_a_refusal_is_said_plainly(server: tuple[str, Plan], tmp_path: Path) -> None:
    url, plan = server
    plan.acts = ["404"]
    with pytest.raises(SourceError, match="answered 404"):
        fetch(url, tmp_path)
    plan.acts = ["503", "serve"]
    assert fetch(url, tmp_path).read_bytes() == BODY


def test_a_url_builds_like_a_path(server: tuple[str, Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, plan = server
    plan.body = mini_study.tar_gz(mini_study.files())
    monkeypatch.setenv("BLIND_REFUSAL_CACHE", str(tmp_path / "cache"))
    path = mini_study.write_archive(tmp_path / "a.tar.gz")
    assert read_source(url) == read_source(str(path))


def test_an_unreachable_study_names_the_two_ways_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_CACHE", str(tmp_path))
    monkeypatch.delenv("BLIND_REFUSAL_STUDY", raising=False)
    # Nothing listens on port 9 of loopback.
    with pytest.raises(SourceError) as caught:
        read_source("study", study_url="http://127.0.0.1:9/a.tar.gz")
    assert "cannot be reached" in str(caught.value)
    assert "--source PATH" in str(caught.value)
    assert "--source starter" in str(caught.value)


def test_the_variable_stands_in_for_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mini_study.write_archive(tmp_path / "a.tar.gz")
    monkeypatch.setenv("BLIND_REFUSAL_STUDY", str(path))
    assert read_source("study", study_url="http://127.0.0.1:9/a.tar.gz") == read_source(str(path))


def test_the_default_source_is_pinned() -> None:
    assert sources.STUDY_URL.endswith(sources.COMMIT)
    assert len(sources.COMMIT) == 40
