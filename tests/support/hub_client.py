"""What tests of the Hub's client share: a repo, a file with its hashes, and patience that does not sleep."""

from __future__ import annotations

from dataset_builder.hub.patience import Patience
from tests.support.hub_server import HubServer

REPO = "alice/things"
# `printf 'hello\n' | git hash-object --stdin`, and `| sha256sum`.
HELLO = b"hello\n"
HELLO_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"
HELLO_SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"


def quick(**how: object) -> Patience:
    """Patience that tries four times and does not sleep, unless a test says otherwise."""
    settings: dict[str, object] = {"attempts": 4, "timeout": 30.0, "sleep": lambda _: None}
    return Patience(**{**settings, **how})  # type: ignore[arg-type]


def history(hub: HubServer, repo: str = REPO, kind: str = "dataset") -> list[str]:
    """The titles of the commits on main, oldest first."""
    return [commit.title for commit in reversed(hub.repo(repo, kind).history("main"))]
