"""The queues of Mistral and of Gemini, by the command."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError, RemoteError
from eval.cli import eval_group
from eval.runs.batches import open_batches
from eval.runs.folder import RunFolder
from tests.support.batch_server import KEY, BatchServer, Failed
from tests.support.more_batch_servers import GeminiServer, MistralServer
from tests.support.scripted_judge import read_prompt, verdict_json

CASES = 6
SERVERS: dict[str, type[BatchServer]] = {"mistral": MistralServer, "gemini": GeminiServer}
MODELS = {"mistral": "mistral/mistral-small-latest", "gemini": "gemini/gemini-2.5-flash"}
VARIABLES = {"mistral": ("MISTRAL_API_KEY", "MISTRAL_BASE_URL"), "gemini": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL")}


def command(server: BatchServer, api: str, *words: object) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(VARIABLES[api], (KEY, server.root), strict=True):
            patch.setenv(name, value)
        return CliRunner().invoke(eval_group, [str(word) for word in words])


def run(server: BatchServer, api: str, dataset: OpenedDataset, out: Path, *more: str) -> Result:
    words = ["run", "--model", MODELS[api], "--price", "1,1", "--dataset", dataset.name, "--out", out, "--yes"]
    words += ["--judge", "none", "--limit", CASES, "--batch", "--batch-poll", "0.01", *more]
    return command(server, api, *words)


@pytest.mark.parametrize("api", SERVERS)
def test_answers_and_verdicts_come_through_the_queue(api: str, dataset: OpenedDataset, tmp_path: Path) -> None:
    def answer(query: str) -> str:
        judged = query.startswith("The code of this request")
        return verdict_json(read_prompt(query).code, response_type="helps") if judged else f"Re: {query}"

    out = tmp_path / "r"
    with SERVERS[api](answer) as server:
        done = run(server, api, dataset, out, "--seed", "3", "--system-prompt", "Help.", "--stop", "END")
        assert done.exit_code == 0, (done.output, done.exception)
        (batch,) = server.batches.values()
        body: dict[str, Any] = next(iter(batch.requests.values()))
        judged = ("judge", out, "--judge", f"model:{MODELS[api]}", "--price", "1,1", "--yes", "--batch")
        done = command(server, api, *judged, "--batch-poll", "0.01")
        assert done.exit_code == 0, (done.output, done.exception)
        assert server.keys == {KEY}
        assert server.calls["POST /v1/chat/completions"] == 0
    answers = RunFolder.open(out).answers.values()
    assert [one.response for one in answers] == [f"Re: {c.user_query}" for c in dataset.built.cases()[:CASES]]
    # 100 tokens in and 20 out, reasoning included, at a dollar a million each way.
    assert [one.cost for one in answers] == [pytest.approx(120e-6)] * CASES
    assert [v.response_type for v in RunFolder.open(out).verdicts()] == ["helps"] * CASES
    if api == "gemini":
        assert body["systemInstruction"] == {"parts": [{"text": "Help."}]}
        config = {"maxOutputTokens": 8000, "temperature": 0.0, "stopSequences": ["END"], "seed": 3}
        assert body["generationConfig"] == config
        assert {(one.reasoning, one.reasoning_tokens) for one in answers} == {("Let me see.", 5)}
    else:
        assert body["random_seed"] == 3
        assert "seed" not in body


@pytest.mark.parametrize("api", SERVERS)
def test_failures_and_what_is_lost_are_told_and_asked_again(api: str, dataset: OpenedDataset, tmp_path: Path) -> None:
    first, second, third, fourth = (case.user_query for case in dataset.built.cases()[:4])
    fates: dict[str, str | Failed] = {first: Failed(message="it broke"), second: Failed(lost=True)}
    if api == "gemini":
        fates |= {third: "blocked", fourth: "long"}
    with SERVERS[api](lambda query: fates.get(query, "Here is how.")) as server:
        done = run(server, api, dataset, tmp_path / "r")
        assert done.exit_code == 0, (done.output, done.exception)
        statuses = Counter(RunFolder.open(tmp_path / "r").statuses().values())
        odd = {"content_filter": 1, "truncated_answer": 1} if api == "gemini" else {}
        assert statuses == {"ok": CASES - 2 - len(odd), "provider_error": 2, **odd}
        assert any("it broke" in str(one.error) for one in RunFolder.open(tmp_path / "r").answers.values())
        fates.clear()
        assert run(server, api, dataset, tmp_path / "r", "--retry-errors").exit_code == 0
        assert [len(batch.requests) for batch in server.batches.values()] == [CASES, 2]
    assert Counter(RunFolder.open(tmp_path / "r").statuses().values())["provider_error"] == 0


@pytest.mark.parametrize("api", SERVERS)
def test_one_that_was_cut_off_is_found_again_and_can_be_ended(api: str, dataset: OpenedDataset, tmp_path: Path) -> None:
    with SERVERS[api]() as server:
        server.refuses = 401, "bad key"
        refused = run(server, api, dataset, tmp_path / "r")
        assert VARIABLES[api][0] in str(refused.exception)
        server.refuses = None
        # Somebody else's.
        run(server, api, dataset, tmp_path / "other")
        server.cut_off = server.stops_at_look = True
        broken = run(server, api, dataset, tmp_path / "r")
        assert isinstance(broken.exception, RemoteError), broken.output
        done = run(server, api, dataset, tmp_path / "r", "--batch-cancel")
        assert done.exit_code == 1
        assert "found again" in done.output
        assert "asked to end" in done.output
        assert len(server.batches) == 2
    assert open_batches(RunFolder.open(tmp_path / "r")) == []
    assert set(RunFolder.open(tmp_path / "r").statuses().values()) == {"provider_error"}


@pytest.mark.parametrize("api", SERVERS)
def test_a_model_that_is_not_there_is_told_with_those_like_it(api: str, dataset: OpenedDataset, tmp_path: Path) -> None:
    with SERVERS[api]() as server:
        server.models = ("mistral-small-2", "gemini-2.5-pro")
        done = run(server, api, dataset, tmp_path / "r")
        assert "It lists 2 models, namely" in str(done.exception)
        assert not server.batches


def test_what_geminis_batches_cannot_carry_is_named_before_a_folder_is_made(
    dataset: OpenedDataset, tmp_path: Path
) -> None:
    with GeminiServer() as server:
        for words in (("--reasoning", "low"), ("--extra-body", '{"top_k": 1}')):
            done = run(server, "gemini", dataset, tmp_path / "r", *words)
            assert isinstance(done.exception, InputError)
            assert str(done.exception).startswith(f"{words[0]}: Gemini's batches take")
        assert not server.calls
    assert not (tmp_path / "r").exists()
