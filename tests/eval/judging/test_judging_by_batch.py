"""Judging through batch queues, by the command: both APIs, second tries, failures, a closed laptop, money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError, RemoteError
from eval.cli import eval_group
from eval.runs.batches import batches_of, open_batches
from eval.runs.folder import RunFolder
from tests.support.batch_server import KEY, BatchServer, Failed
from tests.support.scripted_judge import read_prompt, verdict_json

APIS = ("openai", "anthropic")
# Cases, and those of them that have an answer.
CASES, N = 6, 5
Answer = Callable[[str], str | Failed]


@pytest.fixture
def out(dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of five answers that nobody has judged."""
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    words = ["run", "--model", "published/alpha-1", "--dataset", dataset.name, "--limit", str(CASES), "--judge", "none"]
    assert command(*words, "--out", tmp_path / "run").exit_code == 0
    return tmp_path / "run"


def command(*words: object) -> Result:
    return CliRunner().invoke(eval_group, [str(word) for word in words])


def judge(
    server: BatchServer, out: Path, api: str, *more: object, batch: bool = True, kind: str = "model", price: str = "1,1"
) -> Result:
    if api == "anthropic":
        where = ["--judge", f"{kind}:anthropic/claude-sonnet-4-6"]
    else:
        where = ["--judge", f"{kind}:j", "--base-url", server.base_url, "--api-key-env", "TEST_KEY"]
    by_batch = ["--batch", "--batch-poll", "0.01"] if batch else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTHROPIC_BASE_URL", server.root)
        return command("judge", out, *where, "--price", price, "--yes", *by_batch, *more)


def helps(prompt: str) -> str:
    return verdict_json(read_prompt(prompt).code, response_type="helps")


def answered(prompt: str) -> str:
    return read_prompt(prompt).blocks["THE ANSWER"].strip()


def reasons(out: Path) -> Counter[str | None]:
    return Counter(verdict.unscored_reason for verdict in RunFolder.open(out).verdicts())


def asked_directly(server: BatchServer) -> int:
    return server.calls["POST /v1/chat/completions"] + server.calls["POST /v1/messages"]


@pytest.mark.parametrize("api", APIS)
def test_verdicts_come_through_the_queue(out: Path, api: str) -> None:
    with BatchServer(helps) as server:
        done = judge(server, out, api)
        assert done.exit_code == 0, (done.output, done.exception)
        assert [len(batch.requests) for batch in server.batches.values()] == [N]
        again = judge(server, out, api)
        assert "Nothing is left to judge." in again.output
        assert len(server.batches) == 1
        assert asked_directly(server) == 0
    run = RunFolder.open(out)
    assert [verdict.response_type for verdict in run.verdicts()] == ["helps"] * N
    # A dollar for a million tokens each way, 100 in and 20 out.
    assert [verdict.cost for verdict in run.verdicts()] == [pytest.approx(120e-6)] * N
    assert f"{N} verdicts. Judge cost: $0.0006." in done.output
    # What is asked by batch is what is asked otherwise, and neither is done twice.
    with BatchServer(helps) as server:
        assert "Nothing is left to judge." in judge(server, out, api, batch=False).output
    assert KEY not in (out / "batches.json").read_text() + done.output


@pytest.mark.parametrize("api", APIS)
def test_a_reply_that_cannot_be_read_is_asked_for_once_more(out: Path, api: str) -> None:
    run = RunFolder.open(out)
    muddled, lost = [str(one.response) for one in run.answers.values() if one.ok][:2]

    def answer(prompt: str) -> str:
        if answered(prompt) == lost:
            return "Who knows."
        return "Hm." if answered(prompt) == muddled and "An earlier reply" not in prompt else helps(prompt)

    with BatchServer(answer) as server:
        done = judge(server, out, api)
        assert done.exit_code == 0, (done.output, done.exception)
        assert [len(batch.requests) for batch in server.batches.values()] == [N, 2]
    verdicts = {verdict.response_hash: verdict for verdict in RunFolder.open(out).verdicts()}
    hashes = {str(one.response): one.response_hash for one in run.answers.values()}
    assert verdicts[hashes[muddled]].response_type == "helps"
    assert verdicts[hashes[lost]].unscored_reason == "unreadable_verdict"
    assert verdicts[hashes[lost]].raw_reply == "Who knows."
    # Both tries are paid for.
    assert verdicts[hashes[muddled]].cost == verdicts[hashes[lost]].cost == pytest.approx(240e-6)
    # Whoever asks for new verdicts begins anew.
    with BatchServer(helps) as server:
        assert judge(server, out, api, "--again").exit_code == 0
        assert [len(batch.requests) for batch in server.batches.values()] == [N]
        (batch,) = server.batches.values()
        assert not any("An earlier reply" in str(body) for body in batch.requests.values())


@pytest.mark.parametrize("api", APIS)
def test_what_fails_is_told_and_asked_again_by_batch_or_in_the_ordinary_way(out: Path, api: str) -> None:
    first, second, third = [str(one.response) for one in RunFolder.open(out).answers.values() if one.ok][:3]
    fates = {first: Failed(message="it broke"), second: Failed(expired=True), third: Failed(lost=True)}
    with BatchServer(lambda prompt: fates.get(answered(prompt), helps(prompt))) as server:
        done = judge(server, out, api)
        assert "3 of them judge_failure" in done.output
        assert reasons(out) == {None: N - 3, "judge_failure": 3}
        told = {verdict.reasoning for verdict in RunFolder.open(out).verdicts()}
        assert any("it broke" in str(reason) for reason in told)
        del fates[first]
        done = judge(server, out, api, "--retry-errors")
        assert [len(batch.requests) for batch in server.batches.values()] == [N, 3]
        assert asked_directly(server) == 0
        # It answers directly what it does not in batches.
        server.direct = helps
        done = judge(server, out, api, "--retry-errors", "--batch-fallback")
        assert done.exit_code == 0, (done.output, done.exception)
        assert "in the ordinary way: 2 answers" in done.output
        assert asked_directly(server) == 2
        assert "2 verdicts. " in done.output
    assert reasons(out) == {None: N}


@pytest.mark.parametrize("api", APIS)
def test_a_hand_in_that_was_cut_off_is_found_again_and_nothing_is_paid_for_twice(out: Path, api: str) -> None:
    with BatchServer(helps) as server:
        server.cut_off = True
        broken = judge(server, out, api)
        assert isinstance(broken.exception, RemoteError), broken.output
        refused = judge(server, out, api, batch=False)
        assert isinstance(refused.exception, InputError)
        assert f"{N} cases are with model:" in str(refused.exception)
        done = judge(server, out, api)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "found again" in done.output
        assert f"In a batch already: {N} answers" in done.output
        assert len(server.batches) == 1
        assert asked_directly(server) == 0
    assert reasons(out) == {None: N}


@pytest.mark.parametrize("api", APIS)
def test_a_judge_that_takes_no_temperature_is_asked_without(out: Path, api: str) -> None:
    with BatchServer(helps) as server:
        server.refuses_fields = ("temperature",)
        done = judge(server, out, api)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "goes again with no temperature" in done.output
        assert [len(batch.requests) for batch in server.batches.values()] == [N, N]
    assert reasons(out) == {None: N}


def test_a_batch_can_be_ended(out: Path) -> None:
    with BatchServer(helps) as server:
        server.cut_off = True
        judge(server, out, "openai")
        server.stops_at_look = True
        ended = judge(server, out, "openai", "--batch-cancel")
        assert "asked to end" in ended.output
        assert all(one.ended for one in batches_of(RunFolder.open(out)))
        assert reasons(out) == {"judge_failure": N}
        done = judge(server, out, "openai", "--retry-errors", batch=False)
        assert done.exit_code == 0, (done.output, done.exception)
        assert len(server.batches) == 1
    assert reasons(out) == {None: N}


def test_a_cascade_hands_in_what_its_offline_part_is_not_sure_of(out: Path) -> None:
    with BatchServer(helps) as server:
        done = judge(server, out, "openai", kind="cascade")
        assert done.exit_code == 0, (done.output, done.exception)
        handed_in = sum(len(batch.requests) for batch in server.batches.values())
    verdicts = RunFolder.open(out).verdicts("cascade:j")
    by_model = [verdict for verdict in verdicts if str(verdict.decided_by).startswith("model:")]
    assert len(verdicts) == N
    assert len(by_model) == handed_in
    assert all(verdict.response_type == "helps" for verdict in by_model)


def test_money_is_known_before_anything_is_handed_in(out: Path) -> None:
    with BatchServer(helps) as server:
        done = judge(server, out, "openai", "--budget", "0.0001")
        assert "cannot be stopped half-way" in str(done.exception)
        # Open batches count.
        server.cut_off = True
        judge(server, out, "openai")
        (record,) = open_batches(RunFolder.open(out), batches_of(RunFolder.open(out))[0].whose)
        assert record.most is not None
        assert record.most > 0
        assert len(server.batches) == 1
    for words, told in (
        (("--judge", "embedded"), "asks no model, so there is no batch queue. Leave out --batch."),
        (("--judge", "model:openrouter/x", "--api-key-env", "TEST_KEY"), "OpenRouter has no batch queue"),
    ):
        done = command("judge", out, *words, "--batch", "--yes")
        assert isinstance(done.exception, InputError)
        assert told in str(done.exception)


def test_a_run_and_its_judge_by_batch_in_one_command(
    dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)

    def answer(query: str) -> str:
        return helps(query) if query.startswith("The code of this request") else f"Re: {query}"

    with BatchServer(answer) as server:
        where = ["--base-url", server.base_url, "--api-key-env", "TEST_KEY", "--price", "1,1"]
        at = [f"--judge-{word[2:]}" if word.startswith("--") else word for word in where]
        words = [
            "run",
            "--model",
            "m",
            *where,
            "--dataset",
            dataset.name,
            "--limit",
            str(CASES),
            "--out",
            tmp_path / "r",
        ]
        words += ["--judge", "model:j", *at, "--batch", "--judge-batch", "--batch-poll", "0.01", "--yes"]
        done = command(*words)
        assert done.exit_code == 0, (done.output, done.exception)
        assert [len(batch.requests) for batch in server.batches.values()] == [CASES, CASES]
        assert asked_directly(server) == 0
        assert f"{CASES} answers: {CASES} scored" in done.output
        done = command(*words[:-5], "--judge", "embedded", "--judge-batch", "--out", tmp_path / "s")
        assert "Leave out --judge-batch." in str(done.exception)
        assert not (tmp_path / "s").exists()
