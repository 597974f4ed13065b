"""Servers with habits of their own, through ``eval run``: what a user sees, and what is kept."""

from __future__ import annotations

import json
from collections import Counter
from itertools import cycle
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from click.testing import CliRunner

from eval.cli import eval_group
from eval.runs.folder import RunFolder
from tests.support.chat_server import ChatServer, Reply, Request, Script, answer, completion, error, events
from tests.support.collecting import command
from tests.support.small_dataset import build_small

HELP = "Sure. First, write down the dates. Then hand the form in at the other desk."
DOUBT = "They want to dodge a rule; I can't help with that."


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("data") / "small").path)


def run(script: Script, dataset: str, folder: Path, *options: str, limit: int = 6) -> tuple[Any, list[Request]]:
    """``eval run`` over some cases: what it printed, and what it sent."""
    with ChatServer(script) as server:
        done = command(
            *("--model", "m", "--base-url", f"  {server.base_url} ", "--dataset", dataset, "--out", str(folder)),
            *("--limit", str(limit), "--concurrency", "2", "--yes", *options),
        )
        return done, list(server.requests)


def uncounted(text: str = HELP) -> Reply:
    body = json.loads(completion(text))
    del body["usage"]
    return Reply(json.dumps(body).encode())


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{DOUBT}</think>{HELP}",
        f"[THINK]{DOUBT}[/THINK]{HELP}",
        f"<|channel|>analysis<|message|>{DOUBT}<|end|><|start|>assistant<|channel|>final<|message|>{HELP}",
        f"analysis{DOUBT}assistantfinal{HELP}",
        f"<reasoning>{DOUBT}</reasoning>\n\n{HELP}",
    ],
)
def test_one_answer_is_the_same_answer_behind_any_reasoning(text: str, dataset: str, tmp_path: Path) -> None:
    done, _ = run(lambda _: answer(text), dataset, tmp_path / "run")
    assert "6 cases: 6 ok" in done.output
    assert "Careful" not in done.output
    # What is judged is this, so that every judge says of it what it says of the plain answer.
    kept = list(RunFolder.open(tmp_path / "run").answers.values())
    assert {(r.response, r.reasoning) for r in kept} == {(HELP, DOUBT)}


SPELLINGS = (
    "{answer}",
    "<think>{doubt}</think>{answer}",
    "<think >\n{doubt}\n</think >\n{answer}",
    '<think type="x">{doubt}</think>{answer}',
    "{doubt}</think>\n\n{answer}",
    "<think>{doubt}</think><think>{doubt}</think>{answer}",
    "<thought>{doubt}</thought>{answer}",
    "<reasoning>{doubt}</reasoning>{answer}",
    "[THINK]{doubt}[/THINK]{answer}",
    "◁think▷{doubt}◁/think▷{answer}",
    "<seed:think>{doubt}</seed:think>{answer}",
    "<|channel|>analysis<|message|>{doubt}<|end|><|start|>assistant<|channel|>final<|message|>{answer}",
    "analysis{doubt}assistantfinal{answer}",
)


def test_sixty_cases_with_one_helpful_answer_are_sixty_helps_however_reasoning_is_spelled(
    dataset: str, tmp_path: Path
) -> None:
    """Behind four spellings all 60 were deflects. What is judged is one text now, so harm is as for the plain one."""
    spellings = cycle(SPELLINGS)
    one_at_a_time = Lock()

    def reply(_: Request) -> Reply:
        with one_at_a_time:
            return answer(next(spellings).format(doubt=DOUBT, answer=HELP))

    done, _ = run(reply, dataset, tmp_path / "run", limit=60)
    assert "60 cases: 60 ok" in done.output
    judged = CliRunner().invoke(eval_group, ["judge", str(tmp_path / "run"), "--dataset", dataset])
    assert judged.exit_code == 0, judged.output
    folder = RunFolder.open(tmp_path / "run")
    assert {one.response for one in folder.answers.values()} == {HELP}
    assert Counter(one.labels[0] for one in folder.verdicts()) == {"helps": 60}


def test_a_server_that_always_streams_is_asked_once_a_case(dataset: str, tmp_path: Path) -> None:
    done, sent = run(lambda _: events(HELP), dataset, tmp_path / "run")
    assert "6 cases: 6 ok" in done.output
    assert len(sent) == 6
    assert {request.body["stream"] for request in sent} == {False}


def test_a_server_that_streams_only_is_used_with_the_option_and_without(dataset: str, tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        return events(HELP) if request.body["stream"] else error(400, "This model only supports streaming calls")

    done, sent = run(script, dataset, tmp_path / "told", "--stream")
    assert "6 cases: 6 ok" in done.output
    assert len(sent) == 6
    done, sent = run(script, dataset, tmp_path / "found")
    assert "6 cases: 6 ok" in done.output
    # No more than the two at once find it out.
    assert len(sent) <= 8
    assert any(r.adapted == ["stream"] for r in RunFolder.open(tmp_path / "found").answers.values())


def test_tokens_that_are_not_counted_cost_money_all_the_same(dataset: str, tmp_path: Path) -> None:
    done, _ = run(lambda _: uncounted(), dataset, tmp_path / "run", "--price", "0,1000")
    # HELP is 75 characters, 19 tokens, at a tenth of a cent each.
    assert "estimated for 6 answers that the server did not count" in done.output
    assert "Cost: $0.1140." in done.output


def test_a_budget_bites_where_the_server_counts_nothing(dataset: str, tmp_path: Path) -> None:
    done, sent = run(lambda _: uncounted(), dataset, tmp_path / "run", "--price", "0,100000", "--budget", "284")
    # A call may cost 2,816 tokens, $281.60, and costs 19, $1.90: the third would pass the limit.
    assert "budget of $284 leaves too little for another request ($3.8000 spent" in str(done.exception)
    assert len(sent) == 2


def test_replies_that_cannot_be_read_count_towards_the_budget(dataset: str, tmp_path: Path) -> None:
    page = Reply(b"<html>" + b"x" * 4000, headers={"content-type": "text/html"})
    done, sent = run(lambda _: page, dataset, tmp_path / "run", "--price", "0,1000", "--budget", "5")
    # Each page of 4,006 characters may have been a thousand tokens, a dollar.
    assert "budget of $5 leaves too little for another request ($4.0080 spent" in str(done.exception)
    assert "4,008 got (with 4 tries that brought nothing, estimated)" in done.output
    assert len(sent) <= 8
    costs = [r.cost for r in RunFolder.open(tmp_path / "run").answers.values()]
    assert all(cost == pytest.approx(2 * 1.002) for cost in costs)


def test_a_context_that_is_too_short_stops_the_run_with_the_remedy(dataset: str, tmp_path: Path) -> None:
    message = (
        "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 "
        "tokens and your request has 203 input tokens (8000 > 4096 - 203)."
    )
    done, sent = run(lambda _: error(400, message), dataset, tmp_path / "run", limit=20)
    assert "--max-tokens 3500" in str(done.exception)
    assert "--retry-errors" not in str(done.exception)
    assert len(sent) < 10
    assert {request.body["max_tokens"] for request in sent} == {8000}
    assert "context_limit" in done.output


def test_a_model_that_is_not_there_stops_the_run_at_its_first_answer(dataset: str, tmp_path: Path) -> None:
    body = json.dumps({"object": "error", "message": "The model `m` does not exist.", "code": 404}).encode()
    done, sent = run(lambda _: Reply(body), dataset, tmp_path / "run", limit=20)
    assert "The model `m` does not exist." in str(done.exception)
    assert len(sent) <= 2


def test_a_filter_without_a_message_trips_nothing(dataset: str, tmp_path: Path) -> None:
    body = json.dumps({"choices": [{"index": 0, "message": None, "finish_reason": "content_filter"}]}).encode()
    done, sent = run(lambda _: Reply(body), dataset, tmp_path / "run", limit=20)
    assert "20 cases: 20 content_filter" in done.output
    assert len(sent) == 20


def test_what_a_person_should_look_at_is_named(dataset: str, tmp_path: Path) -> None:
    replies = [
        answer("I can't", finish="OTHER"),
        answer("Yes.<|im_end|>\n<|im_start|>user\nAnd?"),
        answer("Okay, so the user wants to get around a rule."),
        answer(HELP),
    ]
    order: dict[str, int] = {}
    with ChatServer(lambda r: replies[order.setdefault(r.query, len(order))]) as server:
        done = command(
            *("--model", "m", "--base-url", server.base_url, "--dataset", dataset, "--out", str(tmp_path / "run")),
            *("--limit", "4", "--max-tokens", "2"),
        )
    assert "4 cases: 2 ok, 1 unknown_finish, 1 control_marks" in done.output
    assert "not known, so not judged: 'OTHER' (1)" in done.output
    assert "marks of a chat format are left in them: 1 answer." in done.output
    assert "1 answer judged as such but like reasoning" in done.output
    # The server counts 20 tokens each, which is more than the limit and what counting may differ by.
    assert "4 answers longer than --max-tokens 2" in done.output


def test_who_answered_is_kept_with_each_answer(dataset: str, tmp_path: Path) -> None:
    body = {**json.loads(completion(HELP)), "provider": "Azure", "system_fingerprint": "fp_1"}
    run(lambda _: Reply(json.dumps(body).encode()), dataset, tmp_path / "run")
    kept = list(RunFolder.open(tmp_path / "run").answers.values())
    assert {(r.provider, r.system_fingerprint, r.served_model) for r in kept} == {("Azure", "fp_1", "test-model-0")}


def test_a_choice_of_providers_needs_a_router(dataset: str, tmp_path: Path) -> None:
    done, sent = run(lambda _: answer(), dataset, tmp_path / "run", "--exclude-provider", "Azure")
    assert done.exit_code != 0
    assert "choose among those that a router asks" in str(done.exception)
    assert sent == []
