"""An encoder on the Hub: sent in one commit, opened again by its name, and refused where it is not what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataset_builder.errors import ConflictError, InputError, NotFoundError
from dataset_builder.hub.client import Hub
from eval.judges.encoder.artefact import MANIFEST, WEIGHTS, rubric_of
from eval.judges.encoder.judge import open_judge
from eval.judges.encoder.publishing import PublishedEncoder, publish_encoder
from eval.judges.encoder.stored import find_encoder
from space.cli import command
from tests.support.encoders import WORDS_ALONE, head, write_encoder
from tests.support.hub_client import history, quick
from tests.support.hub_server import ALICE, HubServer
from tests.support.publishing import WRITING

REPO = "alice/judge"
FIGURES = {
    "family": {
        name: {"all": {"kappa": 0.85, "accuracy": 0.94}, "worst_family": "gpt", "worst_kappa": 0.7}
        for name in ("response_type", "engages_with_defeat", "independent_harm")
    },
    "help": [{"family": "gpt", "precision": 0.7, "recall": 0.65}, {"family": "all", "precision": 0.9, "recall": 0.8}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"), {**head(), **WORDS_ALONE}, heldout=FIGURES)


def send(folder: Path, **how: Any) -> PublishedEncoder:
    return publish_encoder(folder, REPO, hub=Hub(token=ALICE.token, patience=quick()), **how)


def test_one_commit_that_is_opened_by_its_name(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = send(folder, dry_run=True)
    assert (planned.created, planned.sha) == (True, None)
    assert not hub.asked(WRITING)
    done = send(folder)
    assert done.added == planned.added == (WEIGHTS, MANIFEST, "model.onnx", "vocab.txt", "README.md")
    assert history(hub, REPO, "model")[1:] == [f"Publish the judge {done.rubric}"]
    kept = hub.repo(REPO, "model").files
    assert kept[WEIGHTS].data == (folder / WEIGHTS).read_bytes()
    card = kept["README.md"].data.decode()
    assert "| response type | 0.850 | 0.940 | 0.700 (gpt) |" in card
    assert "| all | 0.900 | 0.800 |" in card
    before = len(hub.asked(WRITING))
    assert not send(folder).added
    assert len(hub.asked(WRITING)) == before

    path, source = find_encoder(f"{REPO}@main")
    assert source == f"{REPO}@{done.sha}"
    assert sorted(p.name for p in path.iterdir()) == [MANIFEST, WEIGHTS]
    judge = open_judge(path, source)
    assert (judge.rubric, judge.settings["source"]) == (rubric_of(kept[WEIGHTS].data), source)
    # A commit that is there already asks nobody.
    asked = len(hub.asked("."))
    assert find_encoder(source) == (path, source)
    assert len(hub.asked(".")) == asked


def test_the_command_says_what_it_would_send(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", ALICE.token)
    words = ["judge", "publish", str(folder), "--repo", f"hf://{REPO}"]
    told = CliRunner().invoke(command, [*words, "--dry-run"], catch_exceptions=False).output
    assert told.splitlines()[-7:] == [
        f"{REPO} does not exist: would create it",
        *(f"would send {name}" for name in (WEIGHTS, MANIFEST, "model.onnx", "vocab.txt", "README.md")),
        "dry run: nothing was sent",
    ]
    told = CliRunner().invoke(command, words, catch_exceptions=False).output
    sha = hub.repo(REPO, "model").head
    assert told.splitlines()[-1] == f"judge with it: --judge encoder:{REPO}@{sha}"
    assert "nothing to commit" in CliRunner().invoke(command, words, catch_exceptions=False).output


def test_a_commit_of_someone_else_stops_it(hub: HubServer, folder: Path) -> None:
    send(folder)
    hub_of_ours = Hub(token=ALICE.token, patience=quick())
    state = hub_of_ours.state

    class Late(Hub):
        def state(self, repo: str, kind: Any, **how: Any) -> Any:
            found = state(repo, kind, **how)
            hub_of_ours.commit(repo, kind, message="Another", add={"note.txt": b"x"})
            return found

    other = write_encoder(folder.parent / "other", {**head(1), **WORDS_ALONE})
    with pytest.raises(ConflictError):
        publish_encoder(other, REPO, hub=Late(token=ALICE.token, patience=quick()))
    assert history(hub, REPO, "model")[-1] == "Another"


def test_names_and_repositories_that_hold_none(hub: HubServer, folder: Path) -> None:
    ours = Hub(token=ALICE.token, patience=quick())
    with pytest.raises(InputError, match="is not the name of a repo"):
        publish_encoder(folder, "judge", hub=ours)
    with pytest.raises(NotFoundError):
        find_encoder("alice/nothing@main", ours)
    ours.ensure_repo("alice/empty", "model")
    with pytest.raises(NotFoundError, match=f"holds no {WEIGHTS}"):
        find_encoder("alice/empty@main", ours)
    send(folder)
    with pytest.raises(InputError, match="is public; make it private"):
        send(folder, private=True)
    told = json.loads((folder / MANIFEST).read_text())
    ours.commit(REPO, "model", message="Large", add={MANIFEST: json.dumps(told).encode() + b" " * 1024 * 1024})
    with pytest.raises(InputError, match=f"{MANIFEST} is larger than 1,048,576 bytes"):
        find_encoder(f"{REPO}@main", ours)
