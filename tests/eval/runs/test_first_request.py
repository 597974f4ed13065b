"""What the first request of a run tells: one sentence with its remedy, and no case spent on it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.errors import InputError, RemoteError
from eval.runs.folder import RunFolder
from tests.support.chat_server import ChatServer, Reply, Request, Script, answer, error, html
from tests.support.collecting import command
from tests.support.small_dataset import build_small


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("data") / "small").path)


def run(
    script: Script, dataset: str, out: Path, *options: str, models: Sequence[str] = (), below: str = "/v1"
) -> tuple[Any, list[Request]]:
    """``eval run`` over 20 cases, 16 at once: what it came to, and what the server was asked."""
    with ChatServer(script) as server:
        server.models = tuple(models)
        url = server.base_url.removesuffix("/v1") + below
        done = command("--model", "m", "--base-url", url, "--dataset", dataset, "--out", str(out), "--limit", "20",
                       *options)  # fmt: skip
        return done, list(server.requests)


NO_TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template"
)
UNKNOWN = "Unsupported parameter: '{}' is not supported with this model."


@pytest.mark.parametrize(
    ("script", "options", "told"),
    [
        (lambda _: error(401, "Incorrect API key"), (), "rejected the key (HTTP 401: Incorrect API key)"),
        (lambda _: error(400, NO_TEMPLATE), (), "A base model has no chat template: name one that was made for chat"),
        (lambda _: error(400, UNKNOWN.format("seed"), param="seed"), ("--seed", "3"), "Leave out --seed, or ask"),
        (lambda _: error(400, UNKNOWN.format("top_p")), ("--top-p", "0.5"), "Leave out --top-p, or ask"),
        (lambda _: error(422, "Extra inputs are not permitted: 'think'"), ("--extra-body", '{"think": false}'),
         "Leave out --extra-body, or ask"),
        (lambda _: error(400, "Unrecognized request argument supplied: reasoning_effort"), ("--reasoning", "low"),
         "Leave out --reasoning, or ask"),
        (lambda _: Reply(b'{"detail": "Method Not Allowed"}', status=405), (), "Is the address right? Asked was http"),
    ],
)  # fmt: skip
def test_what_no_case_can_succeed_with_takes_one_request_and_no_case(
    script: Script, options: tuple[str, ...], told: str, dataset: str, tmp_path: Path
) -> None:
    done, sent = run(script, dataset, tmp_path / "run", *options)
    assert isinstance(done.exception, RemoteError)
    assert told in str(done.exception)
    assert len(sent) <= 16
    assert RunFolder.open(tmp_path / "run").answers == {}


@pytest.mark.parametrize("lost", [error(404, "Not Found"), html(200)], ids=["nothing there", "a page"])
def test_an_address_without_its_v1_is_told_with_the_likely_one(lost: Reply, dataset: str, tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        return answer() if request.path.startswith("/v1/") else lost

    done, sent = run(script, dataset, tmp_path / "run", below="")
    told, _, likely = str(done.exception).rpartition(" Most servers answer below /v1: ")
    assert told.endswith("/chat/completions.")
    assert likely.startswith("http://127.0.0.1:")
    assert likely.endswith("/v1")
    assert len(sent) <= 16


def test_nothing_listens_on_this_machine(dataset: str, tmp_path: Path) -> None:
    with ChatServer() as server:
        url = server.base_url
    done = command("--model", "m", "--base-url", url, "--dataset", dataset, "--out", str(tmp_path / "run"))
    assert str(done.exception).startswith(f"localhost: nothing listens at {url} (ConnectError")
    assert str(done.exception).endswith("Start the server, or mend the address.")
    assert RunFolder.open(tmp_path / "run").answers == {}


@pytest.mark.parametrize(
    ("models", "told"),
    [
        (("a/M-large", "m-small", "n"), "It lists 3 models, namely a/M-large, m-small."),
        (("gpt", "x", "y", "z"), "It lists 4 models, nearest gpt, x, y."),
        ((), "Check the name of the model."),
    ],
)
def test_an_unknown_model_is_told_with_the_nearest_that_the_server_lists(
    models: tuple[str, ...], told: str, dataset: str, tmp_path: Path
) -> None:
    done, sent = run(lambda _: error(404, "The model `m` does not exist."), dataset, tmp_path / "run", models=models)
    assert str(done.exception) == f"localhost: HTTP 404: The model `m` does not exist. {told}"
    assert len(sent) <= 16


def test_a_refusal_of_one_case_stops_no_other(dataset: str, tmp_path: Path) -> None:
    replies = iter([answer(), error(404, "Not Found"), error(400, UNKNOWN.format("seed"), param="seed")])
    done, sent = run(lambda _: next(replies, answer()), dataset, tmp_path / "run", "--seed", "3", "--concurrency", "1")
    assert "20 cases: 18 ok, 2 provider_error" in done.output
    assert len(sent) == 20


def test_a_first_answer_that_takes_its_time_keeps_nobody_waiting(dataset: str, tmp_path: Path) -> None:
    others, asked = threading.Event(), list[str]()

    def script(request: Request) -> Reply:
        asked.append(request.query)
        if len(asked) >= 10:
            others.set()
        return answer(until=others if request.query == asked[0] else None)

    done, _ = run(script, dataset, tmp_path / "run")
    assert "20 cases: 20 ok" in done.output


@pytest.mark.parametrize("name", ["build/dataset", "data/cases.parquet"])
def test_a_path_that_is_not_there_is_no_repository_of_that_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("--model", "ollama/m", "--dataset", name)
    assert isinstance(done.exception, InputError)
    assert "no such folder" in str(done.exception)
    assert str(done.exception).endswith("'blind-refusal dataset build --source starter' makes build/dataset")
