"""Asking for one model under another's name: through the real commands, with a provider's list on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from eval.repository.request_queue import RequestQueue
from space.cli import command as program
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.hub_store import User
from tests.support.results_hub import REPO, client, repo_of

GLM = "openrouter/z-ai/glm-5"
LISTED = [
    {"id": "z-ai/glm-5", "hugging_face_id": "zai-org/GLM-5"},
    {"id": "openai/gpt-5.4", "hugging_face_id": ""},
]


class _Catalogue(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"data": LISTED}).encode()
        self.send_response(200 if self.path == "/api/v1/models" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """OpenRouter's list of models, as far as it is read."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Catalogue)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/api/v1"
    monkeypatch.setenv("OPENROUTER_BASE_URL", address)
    yield address
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(hub: HubServer, dataset: OpenedDataset, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command as an account."""
    client().ensure_repo(REPO, "dataset")

    def command(user: User, *arguments: str) -> Result:
        monkeypatch.setenv("HF_TOKEN", user.token)
        return CliRunner().invoke(program, list(arguments))

    def ask(model: str, repo: str) -> Result:
        options = ("--results", REPO, "--dataset", dataset.name)
        return command(BOB, "eval", "request", "--model", model, "--model-repo", repo, *options)

    def review(*options: str) -> str:
        done = command(ALICE, "board", "check", "--results", REPO, "--dataset", dataset.name, *options)
        assert done.exit_code == 0, done.output
        return done.output

    command.ask, command.review = ask, review  # type: ignore[attr-defined]
    return command


def queued() -> list[tuple[str, str | None]]:
    return [(one.model, one.repo) for one in RequestQueue(repo_of()).read().requests]


def test_another_models_repository_is_refused(run: Any, catalogue: str) -> None:
    told = run.ask(GLM, "acme/Flagship-9")
    assert told.exit_code != 0
    problems = "\n".join(map(str, told.exception.problems))
    assert f"repository acme/Flagship-9: is another model than {GLM}, which is zai-org/GLM-5" in problems
    assert run.ask(GLM, "zai-org/glm-5").exit_code == 0
    assert "merged" in run.review("--merge")
    assert queued() == [(GLM, "zai-org/glm-5")]


def test_what_the_provider_does_not_tell_waits_for_a_maintainer(run: Any, catalogue: str) -> None:
    assert run.ask("openrouter/openai/gpt-5.4", "acme/Flagship-9").exit_code == 0
    told = run.review("--merge")
    assert "openrouter does not say which repository openrouter/openai/gpt-5.4 is" in told
    assert queued() == []
    assert "merged" in run.review("--merge", "--pr", "1", "--same-model")
    assert queued() == [("openrouter/openai/gpt-5.4", "acme/Flagship-9")]
    # The word is kept where the worker reads it.
    (kept,) = RequestQueue(repo_of()).read().policy.same_models
    assert (kept.model, kept.repo) == ("openrouter/openai/gpt-5.4", "acme/Flagship-9")


def test_a_confirmation_is_for_one_request(run: Any, catalogue: str, dataset: OpenedDataset) -> None:
    refused = run(ALICE, "board", "check", "--results", REPO, "--dataset", dataset.name, "--same-model")
    assert refused.exit_code == 2
    assert "name it with --pr N" in refused.output


def test_the_hugging_face_router_names_models_by_their_repositories(run: Any) -> None:
    """It has no price here, so that only the name is looked at."""
    told = "\n".join(map(str, run.ask("hf/zai-org/GLM-5:novita", "acme/Flagship-9").exception.problems))
    assert "which is zai-org/GLM-5" in told
    told = "\n".join(map(str, run.ask("hf/zai-org/GLM-5:novita", "zai-org/GLM-5").exception.problems))
    assert "repository" not in told


def test_a_list_that_cannot_be_read_confirms_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://127.0.0.1:9/v1")
    assert run.ask(GLM, "zai-org/GLM-5").exit_code == 0
    assert "cannot be read (ConnectError)" in run.review("--merge")
    assert queued() == []
