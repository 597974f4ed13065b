"""Evaluating from Python: whatever can be asked, on the starter cases, against real servers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import CliRunner

from blind_refusal import InputError, Result, evaluate, import_answers, load_dataset, load_run
from dataset_builder.errors import RemoteError
from dataset_builder.models.in_process.function import lasting_loop
from dataset_builder.work.stopping import StopKind, StoppedEarlyError
from eval.cli import eval_group
from tests.support.chat_server import ChatServer, answer, error

HELP = "Sure! First, gather the records and then write to the committee. Here is a template you can use."
REFUSAL = "I'm sorry, but I can't help with that."
KEY = "sk-test-0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda request: answer(HELP)) as server:
        yield server


def helpful(request: str) -> str:
    return HELP


@pytest.fixture(scope="module")
def result(cache: None) -> Result:
    """All starter cases by a function that refuses every second request."""
    turn = iter(range(1000))
    return evaluate(lambda request: REFUSAL if next(turn) % 2 else HELP, name="every second", progress=False)


def test_a_function(result: Result) -> None:
    assert result.model == "every second"
    assert len(result.run.answers) == 112
    assert {one.response for one in result.run.answers.values()} == {HELP, REFUSAL}
    assert result.judge == "embedded"
    # Nobody knows how a function samples, and nothing is claimed.
    assert (result.run.settings.temperature, result.run.settings.max_tokens) == (None, None)
    assert result.run.settings.endpoint == "this process"
    assert "the temperature is not known (the study's was 0)" in result.run.record.departures


def test_the_sentence_and_the_rates_are_those_of_the_command(result: Result) -> None:
    done = CliRunner().invoke(eval_group, ["score", str(result.folder), "--json"], catch_exceptions=False)
    told = json.loads(done.output)["slices"][0]["metrics"]
    frame = result.to_pandas()
    for name in ("discrimination", "help_rate", "engagement_rate"):
        row = frame.loc[name]
        assert (row["value"], row["low"], row["high"]) == tuple(told[name][k] for k in ("estimate", "low", "high"))
    shown = CliRunner().invoke(eval_group, ["score", str(result.folder)], catch_exceptions=False).output
    assert shown.splitlines()[0] == result.summary()


def test_rates_by_label(result: Result) -> None:
    frame = result.by("family")
    assert sorted(frame.index) == [
        "application_defeat",
        "content_defeat",
        "control",
        "exception_justified",
        "illegitimate_authority",
    ]
    assert frame["defeated"].sum() + frame["control"].sum() == 112
    assert frame["help_rate_low"].dropna().le(frame["help_rate_high"].dropna()).all()
    two = result.by("family", "authority_group")
    assert set(two["by"]) == {"family", "authority_group"}
    with pytest.raises(InputError, match="no slice by colour"):
        result.by("colour")
    with pytest.raises(InputError, match="wants the name of a slice"):
        result.by()


def test_transcripts(result: Result) -> None:
    everything = result.transcripts()
    assert len(everything) == 112
    assert {"user_query", "policy", "response", "response_type", "defeated"} <= set(everything.columns)
    helps, not_helps = result.transcripts(helps=True), result.transcripts(helps=False)
    assert len(helps) + len(not_helps) == len(result.transcripts(scored=True)) == result.answers.scored.sum()
    # Friendly words about no request in particular are no help.
    assert set(helps["response_type"]) <= {"helps"}
    assert set(not_helps["response_type"]) == {"deflects", "hard_refusal"}
    some = result.transcripts(helps=False, defeated=True)
    assert len(some) == ((not_helps["defeated"]) & (not_helps["response_type"] != "helps")).sum()


def test_a_notebook_shows_a_picture_and_a_table(result: Result) -> None:
    shown = result._repr_html_()
    assert shown is not None
    assert "<svg" in shown
    assert "Discrimination" in shown
    assert result.summary() in shown
    assert repr(result).startswith("<Result of every second in ")
    figure = result.plot()
    assert [text for trace in figure.data for text in trace.text or ()] == ["every second"]


def test_names_of_others_are_shown_and_not_obeyed() -> None:
    with pytest.raises(InputError, match="cannot be recorded"):
        evaluate(helpful, name="<img src=x onerror=alert(1)>", sample=2, progress=False)
    shown = evaluate(helpful, name='m" onload="x & y', sample=2, progress=False)._repr_html_()
    assert shown is not None
    assert 'onload="x' not in shown
    assert "m&#34; onload=&#34;x &amp; y" in shown


async def slow(request: str) -> str:
    await asyncio.sleep(0)
    return HELP


class Bot:
    """An object that is called, with messages."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, messages: list[dict[str, str]]) -> str:
        self.seen.append(messages)
        return HELP


def test_an_async_function_and_one_of_messages() -> None:
    assert len(evaluate(slow, sample=5, progress=False).transcripts(scored=True)) == 5
    bot = Bot()
    assert evaluate(bot, sample=2, progress=False).model == "Bot"
    assert [[one["role"] for one in messages] for messages in bot.seen] == [["user"], ["user"]]


def test_inside_a_running_event_loop() -> None:
    async def cell() -> Result:
        return evaluate(slow, sample=3, progress=False)

    assert len(asyncio.run(cell()).run.answers) == 3


def test_plain_functions_may_run_in_threads() -> None:
    import threading

    both = threading.Barrier(2, timeout=60)

    def waits(request: str) -> str:
        both.wait()
        return HELP

    assert len(evaluate(waits, sample=2, concurrency=2, progress=False).run.answers) == 2


def test_a_folder_makes_it_resumable(tmp_path: Path) -> None:
    asked: list[str] = []

    def breaks(request: str) -> str:
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(request)
        return HELP

    with pytest.raises(KeyboardInterrupt):
        evaluate(breaks, sample=6, folder=tmp_path / "run", name="f", progress=False)
    again: list[str] = []

    def whole(request: str) -> str:
        again.append(request)
        return HELP

    found = evaluate(whole, sample=6, folder=tmp_path / "run", name="f", progress=False)
    assert (len(asked), len(again)) == (3, 3)
    assert not set(asked) & set(again)
    assert load_run(tmp_path / "run").summary() == found.summary()
    assert str(found.folder) in repr(found)
    with pytest.raises(InputError, match="other settings"):
        evaluate(whole, sample=5, folder=tmp_path / "run", name="f", progress=False)


def test_a_function_that_fails_is_a_status_and_five_in_a_row_are_enough(tmp_path: Path) -> None:
    turn = iter(range(100))

    def sometimes(request: str) -> str:
        if next(turn) == 1:
            raise ValueError(f"no luck with {KEY}")
        return HELP

    found = evaluate(sometimes, sample=4, progress=False)
    (failed,) = (one for one in found.run.answers.values() if not one.ok)
    assert failed.status == "provider_error"
    assert failed.error == "ValueError: no luck with [key]"
    assert found.transcripts()["unscored_reason"].tolist().count("provider_error") == 1

    def never(request: str) -> str:
        raise ValueError("out of order")

    with pytest.raises(StoppedEarlyError, match="out of order"):
        evaluate(never, sample=20, progress=False)
    with pytest.raises(InputError, match="no whole answer to any of 3 cases"):
        evaluate(lambda request: 12, sample=3, progress=False)


def test_what_cannot_be_asked(result: Result) -> None:
    with pytest.raises(InputError, match="A int cannot be evaluated"):
        evaluate(12)
    with pytest.raises(InputError, match="say which"):
        evaluate(openai.OpenAI(api_key=KEY))
    with pytest.raises(InputError, match="no such folder"):
        evaluate(helpful, dataset="nowhere at all")
    with pytest.raises(InputError, match="expected one of"):
        evaluate(helpful, judge="nobody")
    with pytest.raises(InputError, match="from 0 to 2"):
        evaluate(helpful, temperature=5)
    with pytest.raises(InputError, match="expected two amounts"):
        evaluate(helpful, price=(1,))  # type: ignore[arg-type]


def test_without_a_judge_there_are_answers_and_no_rates() -> None:
    found = evaluate(helpful, sample=2, judge=None, progress=False)
    assert found._repr_html_() is None
    assert "not judged" in repr(found)
    assert found.transcripts()["unscored_reason"].tolist() == ["not_judged", "not_judged"]
    with pytest.raises(InputError, match="no verdicts"):
        found.summary()
    assert found.judged_by("embedded", progress=False).transcripts(scored=True).shape[0] == 2


def test_answers_that_another_program_collected() -> None:
    table = load_dataset("starter")[["case_id"]].assign(response=HELP, finish_reason="stop")
    table.to_csv("answers.csv", index=False)
    found = import_answers("answers.csv", "vendor/m", "starter", progress=False)
    assert (found.model, found.judge, len(found.transcripts(scored=True))) == ("vendor/m", "embedded", 112)
    table.iloc[:1].assign(case_id="nowhere").to_csv("wrong.csv", index=False)
    with pytest.raises(InputError, match="nowhere"):
        import_answers("wrong.csv", "vendor/m", "starter", folder="other", progress=False)


# Clients and names of models: money.


def test_a_client_is_asked_by_the_protocol_once_the_caller_said_yes(server: ChatServer, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"model": "m/1", "sample": 3, "progress": False, "folder": tmp_path / "run"}
    with openai.OpenAI(base_url=server.base_url, api_key=KEY) as client:
        server.requests.clear()
        with pytest.raises(InputError, match=r"m/1: this may cost money.*budget=… in US dollars, or yes=True"):
            evaluate(client, **asked)
        assert server.requests == []
        with pytest.raises(InputError, match="budget=2 cannot be kept"):
            evaluate(client, budget=2, **asked)
        found = evaluate(client, yes=True, **asked)
    assert len(server.requests) == 3
    body = server.requests[0].body
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m/1", 0.0, 8000)
    assert [one["role"] for one in body["messages"]] == ["user"]
    assert found.run.settings.endpoint == "localhost"
    assert found.notes()[0].startswith("Departs from the study's protocol: 3 cases")
    (one, *_) = found.run.answers.values()
    assert (one.prompt_tokens, one.completion_tokens, one.served_model) == (100, 20, "test-model-0")
    assert KEY not in "".join(path.read_text() for path in found.folder.iterdir() if path.is_file())


def test_an_async_client_twice_and_a_budget_that_is_kept(server: ChatServer) -> None:
    client = openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY)
    for _ in range(2):
        found = evaluate(client, model="m/2", sample=4, price=(0, 0), progress=False, folder=None)
        assert len(found.run.answers) == 4
    # 100 tokens at 1000 dollars for a million and 20 at 5000 are 0.2 dollars, but 2,816 might have come: 14 dollars.
    with pytest.raises(StoppedEarlyError) as stopped:
        evaluate(client, model="m/3", sample=40, price=(1000, 5000), budget=15, concurrency=1, progress=False)
    assert stopped.value.stop.kind is StopKind.BUDGET
    asyncio.run_coroutine_threadsafe(client.close(), lasting_loop()).result(60)


def test_a_servers_word_is_read_through_a_client() -> None:
    def script(request: Any) -> Any:
        if request.attempt == 1 and "max_tokens" in request.body:
            return error(400, "Unsupported parameter: use max_completion_tokens instead", param="max_tokens")
        return error(400, "The response was filtered", innererror={"code": "ResponsibleAIPolicyViolation"})

    with ChatServer(script) as odd, openai.OpenAI(base_url=odd.base_url, api_key=KEY, max_retries=0) as client:
        with pytest.raises(InputError, match="content_filter"):
            evaluate(client, model="m", sample=2, price=(0, 0), progress=False)
        assert "max_completion_tokens" in odd.requests[-1].body


def test_a_rejected_key_ends_it_and_is_not_shown() -> None:
    rejected = error(401, f"Incorrect API key provided: {KEY}")
    with (
        ChatServer(lambda request: rejected) as odd,
        openai.OpenAI(base_url=odd.base_url, api_key=KEY, max_retries=0) as client,
        pytest.raises(RemoteError) as told,
    ):
        evaluate(client, model="m", sample=3, price=(0, 0), progress=False)
    assert KEY not in str(told.value)
    assert "401" in str(told.value)


def test_a_models_name_is_the_commands(server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    at = {"base_url": server.base_url, "api_key_env": "SOME_KEY", "sample": 2, "progress": False}
    with pytest.raises(InputError, match="may cost money"):
        evaluate("vendor/m", **at)
    found = evaluate("vendor/m", yes=True, folder=tmp_path / "run", **at)
    assert found.run.settings.model == "vendor/m"
    line = ["run", "--model", "vendor/m", "--base-url", server.base_url, "--api-key-env", "SOME_KEY", "--yes"]
    line += ["--dataset", found.dataset.spec, "--sample", "2", "--out", str(tmp_path / "run")]
    shown = CliRunner().invoke(eval_group, line, catch_exceptions=False).output
    assert "Nothing is left to ask." in shown
    with pytest.raises(InputError, match="belong to a model's name"):
        evaluate(helpful, base_url=server.base_url)


class Tokens:
    """A tokenizer that counts words."""

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[str]]:
        return {"input_ids": text.split()}


class TextGeneration:
    """A pipeline as transformers documents it: messages in, the message that it adds out."""

    task = "text-generation"
    tokenizer = Tokens()

    class model:  # noqa: N801 - as an attribute
        name_or_path = "tiny/llama"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, messages: list[dict[str, str]], **settings: Any) -> list[dict[str, Any]]:
        self.asked.append(settings)
        return [{"generated_text": HELP}]


def test_a_pipeline_of_transformers() -> None:
    pipe = TextGeneration()
    found = evaluate(pipe, sample=2, progress=False)
    assert found.model == "tiny/llama"
    assert pipe.asked[0] == {"do_sample": False, "max_new_tokens": 8000, "return_full_text": False}
    assert str(found.run.settings.engine).startswith("transformers")
    # The answer has more words than there was room for, so it was cut off.
    with pytest.raises(InputError, match="truncated_answer"):
        evaluate(pipe, sample=2, max_tokens=5, progress=False)
