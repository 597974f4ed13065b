"""Publishing a folder to the loopback Hub, and what is there afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataset_builder.build.publish import Published, publish
from dataset_builder.hub.client import Hub
from tests.support.hub_client import quick
from tests.support.hub_server import ALICE, HubServer

REPO = "alice/blind-refusal"
WRITING = r"^(POST (?!.*paths-info)|PUT|DELETE)"


def send(folder: Path, repo: str = REPO, *, token: str = ALICE.token, **how: Any) -> Published:
    return publish(folder, repo, hub=Hub(token=token, patience=quick()), **how)


def titles(hub: HubServer, repo: str = REPO) -> list[str]:
    return [commit.title for commit in reversed(hub.repo(repo).history("main"))]


def contents(hub: HubServer, repo: str = REPO) -> dict[str, bytes]:
    return {path: blob.data for path, blob in hub.repo(repo).files.items() if path != ".gitattributes"}


def on_disk(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
