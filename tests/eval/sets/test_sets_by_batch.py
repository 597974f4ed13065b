"""Sets and epochs through batch queues: all handed in first, waited for together, resumed, within one budget."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from eval.cli import eval_group
from eval.runs.batches import open_batches
from eval.runs.folder import RunFolder, open_runs
from tests.support.batch_server import KEY, BatchServer, Failed
from tests.support.scripted_judge import read_prompt, verdict_json

CASES = 4


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)


def command(*words: object) -> Result:
    return CliRunner().invoke(eval_group, [str(word) for word in words])


def write(folder: Path, *models: str, more: str = "") -> Path:
    file = folder / "set.yaml"
    entries = "".join(f"  - {{{model}}}\n" for model in models)
    file.write_text(f"shared: {{batch: true, limit: {CASES}}}\nmodels:\n{entries}{more}")
    return file


def at(server: BatchServer, name: str, price: str = "[0, 0]", more: str = "") -> str:
    return f"model: {name}, base_url: '{server.base_url}', api_key_env: TEST_KEY, price: {price}{more}"


def run_set(file: Path, dataset: OpenedDataset, *more: object) -> Result:
    words = ["set", file, "--dataset", dataset.name, "--out", file.parent / "runs", "--batch-poll", "0.01"]
    return command(*words, *more)


def reply(query: str) -> str:
    """An answer, or a judge's verdict on one."""
    if not query.startswith("The code of this request"):
        return f"Re: {query}"
    return verdict_json(read_prompt(query).code, response_type="helps")


def sizes(server: BatchServer) -> list[int]:
    return [len(batch.requests) for batch in server.batches.values()]


ARMS = "arms:\n  - name: plain\n  - {name: told, system_prompt: Help.}\n"


def test_a_set_hands_all_in_before_it_waits(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer(reply) as server:
        by_hand = at(server, "slow", more=", batch: false")
        judge = "judge: 'model:j'\njudge_batch: true\n"
        file = write(tmp_path, at(server, "a"), at(server, "b"), by_hand, more=ARMS + judge)
        judged = ("--judge-base-url", server.base_url, "--judge-api-key-env", "TEST_KEY", "--judge-price", "0,0")
        done = run_set(file, dataset, *judged)
        assert done.exit_code == 0, (done.output, done.exception)
        # Two models under two arms, then a judge of six runs.
        assert sizes(server) == [CASES] * 10
        assert server.calls["POST /v1/chat/completions"] == 2 * CASES
        lines = [line for line in done.output.splitlines() if ": Batch " in line]
        assert [("handed in" in line) for line in lines[:5]] == [True] * 4 + [False]
        assert "a: 4 of 4 cases to ask by batch, free" in done.output
        again = run_set(file, dataset, *judged)
        assert again.exit_code == 0, (again.output, again.exception)
        assert len(server.batches) == 10
    assert "How far each model moves" in done.output


def test_one_that_fails_stops_no_other_and_a_cut_off_one_is_taken_up(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer() as server, BatchServer() as other:
        other.refuses = 401, "bad key"
        server.cut_off = True
        file = write(tmp_path, at(server, "cut"), at(other, "gone"), at(server, "b"), "model: published/alpha-1")
        done = run_set(file, dataset, "--judge", "none")
        assert done.exit_code == 1, (done.output, done.exception)
        assert re.search(r"cut: 4 cases: 4 not collected\n  Stopped: ", done.output)
        assert re.search(r"gone: 4 cases: 4 not collected\n  Stopped: .*rejected the key", done.output)
        assert "b: 4 cases: 4 ok" in done.output
        assert "published-alpha-1: 4 cases: " in done.output
        other.refuses = None
        told = run_set(file, dataset, "--judge", "none", "--dry-run").output
        assert "cut: 0 of 4 cases to ask by batch, 4 there already, free" in told
        again = run_set(file, dataset, "--judge", "none")
        assert "cut: Batch batch_1: found again" in again.output
        assert all(f"{name}: 4 cases: 4 ok" in again.output for name in ("cut", "gone", "b"))
        assert (sizes(server), sizes(other)) == ([CASES] * 2, [CASES])


def test_of_many_batches_alike_the_one_that_was_cut_off_is_found(
    dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with BatchServer() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.root)
        server.cut_off = True
        models = [f"model: anthropic/claude-sonnet-4-6, name: {name}, price: [0, 0]" for name in "abc"]
        file = write(tmp_path, *models)
        done = run_set(file, dataset, "--judge", "none")
        assert re.search(r"a: 4 cases: 4 not collected\n  Stopped: ", done.output)
        # The account's batches of four requests are three, and those of b and c are known.
        again = run_set(file, dataset, "--judge", "none")
        assert "a: Batch msgbatch_1: found again" in again.output
        assert sizes(server) == [CASES] * 3


def test_a_set_asks_at_the_price_of_batches_and_keeps_to_its_budget(
    dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    low = {}
    for way in ("false", "true"):
        told = run_set(write(tmp_path, f"model: openai/gpt-5.4, batch: {way}"), dataset, "--dry-run").output
        low[way] = float(re.search(r"Cost: \$([0-9.]+) to", told)[1])  # type: ignore[index]
    assert low["true"] == pytest.approx(low["false"] / 2, abs=0.01)
    with BatchServer() as server:
        file = write(tmp_path, at(server, "a", "[1, 100]"), at(server, "b", "[1, 100]"))
        # 4 times 2,816 tokens at 100 dollars a million are 1.13 dollars for each.
        done = run_set(file, dataset, "--judge", "none", "--budget", "2", "--yes")
        assert isinstance(done.exception, InputError)
        assert "may cost $2.25" in str(done.exception)
        assert not server.batches
        # What is open is set aside; what asks directly has the rest.
        server.stops_at_look = True
        server.cut_off = True
        file = write(tmp_path, at(server, "a", "[1, 100]"), at(server, "b", "[1, 100]", ", batch: false"))
        done = run_set(file, dataset, "--judge", "none", "--budget", "1.3", "--yes")
        assert "set aside for batches" in done.output + str(done.exception)
        assert server.calls["POST /v1/chat/completions"] == 0
        assert len(open_batches(RunFolder.open(tmp_path / "runs" / "a"))) == 1


def test_what_a_sets_batches_fail_at_is_asked_directly_or_ended(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer(lambda query: Failed(expired=True)) as server:
        server.direct = reply
        file = write(tmp_path, at(server, "a"))
        done = run_set(file, dataset, "--judge", "none", "--batch-fallback")
        assert "in the ordinary way: 4 answers" in done.output
        assert "a: 4 cases: 4 ok" in done.output
        assert server.calls["POST /v1/chat/completions"] == CASES
    with BatchServer(reply) as server:
        server.cut_off = server.stops_at_look = True
        file = write(tmp_path, at(server, "c"))
        run_set(file, dataset, "--judge", "none")
        done = run_set(file, dataset, "--judge", "none", "--batch-cancel")
        assert "c: Batch batch_1: asked to end" in done.output
        assert sizes(server) == [CASES]
    assert Counter(RunFolder.open(tmp_path / "runs" / "c").statuses().values()) == {"provider_error": CASES}


def test_epochs_by_batch_are_handed_in_together(dataset: OpenedDataset, tmp_path: Path) -> None:
    with BatchServer(reply) as server:
        words = ["run", "--model", "m", "--base-url", server.base_url, "--api-key-env", "TEST_KEY", "--price", "1,1"]
        words += ["--dataset", dataset.name, "--limit", str(CASES), "--out", str(tmp_path / "r"), "--judge", "none"]
        words += ["--temperature", "1", "--epochs", "2", "--batch", "--batch-poll", "0.01"]
        asked = command(*words)
        assert "Give --yes" in str(asked.exception)
        assert not server.batches
        done = command(*words, "--yes")
        assert done.exit_code == 0, (done.output, done.exception)
        assert sizes(server) == [CASES] * 2
        lines = [line for line in done.output.splitlines() if ": Batch " in line]
        assert ["handed in" in line for line in lines[:3]] == [True, True, False]
        # A judge by batch takes all epochs at once too.
        judged = ["judge", tmp_path / "r", "--judge", "model:j", *words[3:7], "--price", "1,1", "--yes"]
        done = command(*judged, "--batch", "--batch-poll", "0.01")
        assert done.exit_code == 0, (done.output, done.exception)
        assert sizes(server) == [CASES] * 4
    assert [len(run.verdicts()) for run in open_runs(tmp_path / "r")] == [CASES, CASES]
