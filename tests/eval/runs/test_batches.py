"""Runs through batch queues, by the command: both APIs, failures, a closed laptop, money."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError, RemoteError
from eval.cli import eval_group
from eval.runs.batches import FILE, batches_of, open_batches
from eval.runs.folder import RunFolder
from tests.support.batch_server import KEY, Batch, BatchServer, Failed

APIS = ("openai", "anthropic")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def run(
    server: BatchServer, dataset: OpenedDataset, out: Path, api: str, *more: str, batch: bool = True, price: str = "1,1"
) -> Result:
    if api == "anthropic":
        where = ["--model", "anthropic/claude-sonnet-4-6"]
    else:
        where = ["--model", "m", "--base-url", server.base_url, "--api-key-env", "TEST_KEY"]
    words = ["run", *where, "--price", price, "--dataset", dataset.name, "--out", str(out), "--judge", "none", "--yes"]
    words += ["--batch", "--batch-poll", "0.01"] if batch else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTHROPIC_BASE_URL", server.root)
        return CliRunner().invoke(eval_group, [*words, *more])


def statuses(out: Path) -> Counter[str]:
    return Counter(RunFolder.open(out).statuses().values())


@pytest.mark.parametrize("api", APIS)
def test_a_run_goes_through_the_queue(dataset: OpenedDataset, tmp_path: Path, api: str) -> None:
    n = len(dataset.built.cases())
    with BatchServer(lambda query: f"Re: {query[:20]}\u2028ok") as server:
        done = run(server, dataset, tmp_path / "r", api)
        assert done.exit_code == 0, (done.output, done.exception)
        assert len(server.batches) == 1
        assert server.calls["POST /v1/chat/completions"] == server.calls["POST /v1/messages"] == 0
        assert server.keys == {KEY}
        (batch,) = server.batches.values()
        body = next(iter(batch.requests.values()))
        again = run(server, dataset, tmp_path / "r", api)
        assert len(server.batches) == 1
    assert "Nothing is left to ask" in again.output
    assert statuses(tmp_path / "r") == {"ok": n}
    answers = RunFolder.open(tmp_path / "r").answers
    assert all(
        answers[case.case_id].response == f"Re: {case.user_query[:20]}\u2028ok" for case in dataset.built.cases()
    )
    # A dollar for a million tokens each way, 100 in and 20 out.
    assert [answer.cost for answer in answers.values()] == [pytest.approx(120e-6)] * n
    assert body["max_tokens"] == 8000
    assert "stream" not in body
    assert f"{n} of {n} done" in done.output
    # Names tell nothing and are what Anthropic allows.
    assert all(name.replace("-", "").isalnum() and len(name) < 64 for name in batch.requests)
    held = (tmp_path / "r" / FILE).read_text() + done.output
    assert KEY not in held


@pytest.mark.parametrize("api", APIS)
def test_what_fails_expires_or_is_lost_is_told_and_can_be_asked_again(
    dataset: OpenedDataset, tmp_path: Path, api: str
) -> None:
    cases = dataset.built.cases()
    fates = {cases[0].user_query: Failed(message="it broke"), cases[1].user_query: Failed(expired=True)}
    fates[cases[2].user_query] = Failed(lost=True)
    with BatchServer(lambda query: fates.get(query, "Here is how.")) as server:
        done = run(server, dataset, tmp_path / "r", api)
        assert done.exit_code == 0, (done.output, done.exception)
        assert statuses(tmp_path / "r") == {"ok": len(cases) - 3, "provider_error": 3}
        answers = RunFolder.open(tmp_path / "r").answers
        assert "it broke" in str(answers[cases[0].case_id].error)
        assert "without it" in str(answers[cases[2].case_id].error)
        assert answers[cases[0].case_id].cost == 0
        fates.clear()
        # Again as a batch, of these alone.
        assert run(server, dataset, tmp_path / "r", api, "--retry-errors").exit_code == 0
        assert [len(batch.requests) for batch in server.batches.values()] == [len(cases), 3]
    assert statuses(tmp_path / "r") == {"ok": len(cases)}


@pytest.mark.parametrize("batch", [True, False])
def test_a_refusal_stop_is_a_status_of_its_own(dataset: OpenedDataset, tmp_path: Path, batch: bool) -> None:
    cases = dataset.built.cases()
    with BatchServer(lambda query: "refuse" if query == cases[0].user_query else "Here is how.") as server:
        done = run(server, dataset, tmp_path / "r", "anthropic", batch=batch)
    assert f"{len(cases)} cases: {len(cases) - 1} ok, 1 refusal_stop" in done.output
    stopped = RunFolder.open(tmp_path / "r").answers[cases[0].case_id]
    assert (stopped.status, stopped.response, stopped.error) == ("refusal_stop", None, "cyber: Not here.")
    assert stopped.finish_reason == "refusal"


@pytest.mark.parametrize("api", APIS)
def test_the_ordinary_way_takes_over_where_asked(dataset: OpenedDataset, tmp_path: Path, api: str) -> None:
    cases = dataset.built.cases()
    failing = {cases[0].user_query}

    def answer(query: str) -> str | Failed:
        return Failed(expired=True) if query in failing else "Here is how."

    with BatchServer(answer) as server:
        if api == "anthropic":
            done = run(server, dataset, tmp_path / "r", api)
            failing.clear()
        done = run(server, dataset, tmp_path / "r", api, "--batch-fallback")
        assert done.exit_code == 0, (done.output, done.exception)
        assert server.calls["POST /v1/chat/completions"] + server.calls["POST /v1/messages"] == 1
    assert "in the ordinary way: 1 case" in done.output
    assert statuses(tmp_path / "r") == {"ok": len(cases)}


@pytest.mark.parametrize("api", APIS)
def test_a_hand_in_that_was_cut_off_is_found_again(dataset: OpenedDataset, tmp_path: Path, api: str) -> None:
    with BatchServer() as server:
        server.cut_off = True
        broken = run(server, dataset, tmp_path / "r", api)
        assert isinstance(broken.exception, RemoteError), broken.output
        (record,) = open_batches(RunFolder.open(tmp_path / "r"))
        assert record.id is None
        # Others have been made since, more than are listed at once.
        made = next(iter(server.batches))
        for number in range(2, 6):
            server.batches[made[:-1] + str(number)] = Batch({"other": {"messages": [{"content": "x"}]}})
        done = run(server, dataset, tmp_path / "r", api)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "found again" in done.output
        # Paid for once.
        assert len(server.batches) == 5
    assert statuses(tmp_path / "r") == {"ok": len(dataset.built.cases())}


def test_one_that_was_never_made_is_handed_in_again(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer() as server:
        server.refuses = 400, "the file is not as it should be"
        broken = run(server, dataset, tmp_path / "r", "openai")
        assert "not as it should be" in str(broken.exception)
        server.refuses = None
        assert run(server, dataset, tmp_path / "r", "openai").exit_code == 0
        assert len(server.batches) == 1


@pytest.mark.parametrize("api", APIS)
def test_a_batch_is_never_asked_a_second_time_in_the_ordinary_way(
    dataset: OpenedDataset, tmp_path: Path, api: str
) -> None:
    out = tmp_path / "r"
    with BatchServer() as server:
        server.cut_off = True
        run(server, dataset, out, api)
        refused = run(server, dataset, out, api, batch=False)
        assert isinstance(refused.exception, InputError)
        assert "--batch-cancel" in str(refused.exception)
        assert server.calls["POST /v1/chat/completions"] + server.calls["POST /v1/messages"] == 0
        # Ended, it leaves what it has, and the rest may be asked as one likes.
        server.stops_at_look = True
        ended = run(server, dataset, out, api, "--batch-cancel")
        assert "asked to end" in ended.output
        assert open_batches(RunFolder.open(out)) == []
        done = run(server, dataset, out, api, "--retry-errors", batch=False)
        assert done.exit_code == 0, (done.output, done.exception)
    assert statuses(out) == {"ok": len(dataset.built.cases())}


def test_money_is_known_before_a_batch_is_handed_in(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer() as server:
        done = run(server, dataset, tmp_path / "r", "openai", "--budget", "0.0001")
        assert isinstance(done.exception, InputError)
        assert "cannot be stopped half-way" in str(done.exception)
        assert not server.batches
    assert batches_of(RunFolder.open(tmp_path / "r")) == ()


def test_servers_without_a_queue_are_named(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer() as server:
        server.refuses = 404, "no such path"
        done = run(server, dataset, tmp_path / "r", "openai")
        assert isinstance(done.exception, InputError)
        assert "has no batch queue" in str(done.exception)
        assert open_batches(RunFolder.open(tmp_path / "r")) == []
        server.refuses = 401, "bad key"
        done = run(server, dataset, tmp_path / "s", "openai")
        assert isinstance(done.exception, RemoteError)
        assert "TEST_KEY" in str(done.exception)
    words = ["run", "--model", "ollama/x", "--dataset", dataset.name, "--out", str(tmp_path / "t"), "--batch", "--yes"]
    done = CliRunner().invoke(eval_group, [*words, "--judge", "none"])
    assert "has no batch queue" in str(done.exception)


def test_a_server_that_is_not_there_is_told_at_once(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer() as server:
        pass
    done = run(server, dataset, tmp_path / "r", "openai")
    assert f"nothing listens at {server.base_url} (ConnectError" in str(done.exception)
    assert str(done.exception).endswith("Start the server, or mend the address.")
    assert open_batches(RunFolder.open(tmp_path / "r")) == []


def test_output_of_another_batch_is_not_taken_in(dataset: OpenedDataset, tmp_path: Path) -> None:
    out = tmp_path / "r"
    with BatchServer() as server:
        server.cut_off = True
        run(server, dataset, out, "openai")
        book = json.loads((out / FILE).read_text())
        (batch,) = server.batches.values()
        batch.requests = {"someone-elses": next(iter(batch.requests.values()))}
        book["batches"][0]["id"] = next(iter(server.batches))
        (out / FILE).write_text(json.dumps(book))
        done = run(server, dataset, out, "openai")
        assert isinstance(done.exception, DataError)
        assert "someone-elses" in str(done.exception)
    assert RunFolder.open(out).answers == {}
    (out / FILE).write_text("{")
    assert isinstance(run(server, dataset, out, "openai").exception, DataError)


@pytest.mark.parametrize("api", APIS)
def test_a_field_that_the_model_refuses_is_left_out_in_a_second_batch(
    dataset: OpenedDataset, tmp_path: Path, api: str
) -> None:
    n = len(dataset.built.cases())
    with BatchServer() as server:
        # OpenAI names one field at a time.
        server.refuses_fields = ("temperature",) if api == "anthropic" else ("temperature", "max_tokens")
        done = run(server, dataset, tmp_path / "r", api)
        assert done.exit_code == 0, (done.output, done.exception)
        bodies = [next(iter(batch.requests.values())) for batch in server.batches.values()]
        assert [len(batch.requests) for batch in server.batches.values()] == [n] * (len(server.refuses_fields) + 1)
        assert "temperature" not in bodies[-1]
        assert bodies[-1].get("max_tokens" if api == "anthropic" else "max_completion_tokens") == 8000
        assert f"Sent without a temperature, which the server refuses: {n} requests." in done.output
        # What was learned holds for what is asked later.
        server.answer = lambda query: Failed()
        (tmp_path / "r" / "responses.jsonl").unlink()
        run(server, dataset, tmp_path / "r", api)
        assert "temperature" not in next(iter(list(server.batches.values())[-1].requests.values()))
    assert statuses(tmp_path / "r") == {"provider_error": n}


def test_a_model_that_is_not_there_is_told_before_anything_is_handed_in(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer() as server:
        server.models = ("claude-sonnet-4-5", "claude-opus-4-6")
        done = run(server, dataset, tmp_path / "r", "anthropic")
        assert isinstance(done.exception, RemoteError)
        told = "localhost lists no model 'claude-sonnet-4-6'. It lists 2 models, namely claude-sonnet-4-5"
        assert told in str(done.exception)
        assert open_batches(RunFolder.open(tmp_path / "r")) == []
        # A server of one's own may have models that it does not list.
        done = run(server, dataset, tmp_path / "s", "openai")
        assert "Careful: localhost lists no model 'm'. It lists 2 models" in done.output
        server.models = ("claude-sonnet-4-6",)
        assert "lists no model" not in run(server, dataset, tmp_path / "r", "anthropic").output
        assert len(server.batches) == 2
