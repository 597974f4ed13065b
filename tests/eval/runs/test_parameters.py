"""What a user adds to each request: it is sent, recorded, said to be a departure, and part of the run's identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset_builder.dataset.opened import locate_dataset
from dataset_builder.dataset.sample import chosen_cases, parse_chosen
from dataset_builder.errors import DataError, InputError
from dataset_builder.models.concurrency import Pace
from eval.runs.folder import RunFolder
from eval.runs.parameters import parse_extra_body, parse_header
from tests.support.chat_server import ChatServer, Reply, Request, Script, answer, error
from tests.support.collecting import command
from tests.support.small_dataset import build_small

SECRET = "s3cr3t-of-the-gateway-0123456789"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("data") / "small").path)


def run(script: Script, dataset: str, folder: Path, *options: str) -> tuple[Any, list[Request]]:
    with ChatServer(script) as server:
        done = command(
            *("--model", "m", "--base-url", server.base_url, "--dataset", dataset, "--out", str(folder)),
            *("--limit", "3", *options),
        )
        return done, list(server.requests)


def test_all_of_it_is_sent_recorded_and_said(dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_WORD", SECRET)
    (tmp_path / "system.txt").write_bytes("\ufeffHelp adults\nas adults.\n".encode())
    options = (
        *("--system-prompt", f"@{tmp_path / 'system.txt'}", "--top-p", "0.9", "--seed", "7"),
        *("--stop", "END", "--stop", "###", "--header", "X-Gateway=GATEWAY_WORD"),
        *("--extra-body", '{"chat_template_kwargs": {"enable_thinking": false}}'),
    )
    # A server that quotes its caller's headers.
    done, requests = run(lambda r: answer(f"Sure. {r.headers['x-gateway']}"), dataset, tmp_path / "run", *options)
    assert done.exit_code == 0, done.output
    for request in requests:
        assert request.headers["x-gateway"] == SECRET
        assert request.body["messages"][0] == {"role": "system", "content": "Help adults\nas adults."}
        assert (request.body["top_p"], request.body["seed"], request.body["stop"]) == (0.9, 7, ["END", "###"])
        assert request.body["chat_template_kwargs"] == {"enable_thinking": False}
    folder = RunFolder.open(tmp_path / "run")
    assert folder.settings.system_prompt == "Help adults\nas adults."
    assert folder.settings.extra_body == '{"chat_template_kwargs": {"enable_thinking": false}}'
    told = " ".join(folder.record.departures)
    for word in ("system prompt", "top-p 0.9", "'END', '###'", "enable_thinking"):
        assert word in told
    assert all(SECRET.encode() not in file.read_bytes() for file in (tmp_path / "run").iterdir())
    assert SECRET not in done.output
    # Another framing is another run.
    again, _ = run(lambda _: answer(), dataset, tmp_path / "run", "--system-prompt", "Be brief.")
    assert again.exit_code == 1
    assert "system_prompt" in str(again.exception)


def test_a_refused_temperature_is_left_out_said_once_and_recorded(dataset: str, tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        if "temperature" in request.body:
            return error(400, "Unsupported value: 'temperature' does not support 0 with this model.")
        return answer()

    done, requests = run(script, dataset, tmp_path / "run", "--concurrency", "1")
    assert done.exit_code == 0, done.output
    assert "Sent without a temperature, which the server refuses: 3 requests." in done.output
    # Found out once.
    assert ["temperature" in request.body for request in requests] == [True, False, False, False]
    assert {tuple(a.adapted) for a in RunFolder.open(tmp_path / "run").answers.values()} == {("no temperature",)}


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--extra-body", "{", "no JSON"),
        ("--extra-body", "[1]", "expected a JSON object"),
        ("--extra-body", '{"temperature": 2}', "has an option of its own, --temperature"),
        ("--extra-body", '{"n": 5}', "asks for several answers"),
        ("--extra-body", '{"a": NaN}', "NaN is not a number"),
        ("--extra-body", "@nothing.json", "cannot be read"),
        ("--system-prompt", " ", "is empty"),
        ("--header", "X-Key=abc def", "expected NAME=VARIABLE"),
        ("--header", "Authorization=KEY", "--api-key-env"),
        ("--header", "X-Key=NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE is not set"),
        ("--where", "family", "expected NAME=VALUE"),
        ("--where", "colour=red", "one of family, subtype"),
        ("--where", "family=nonsense", "has no such case"),
        ("--where", "family=control family=control", "given twice"),
        ("--where", "family=control defeated=true", "no case is"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_sent(
    option: str, value: str, says: str, dataset: str, tmp_path: Path
) -> None:
    done, requests = run(lambda _: answer(), dataset, tmp_path / "run", option, value)
    assert isinstance(done.exception, InputError)
    assert says in str(done.exception)
    assert requests == []
    assert not (tmp_path / "run").exists()


def test_only_the_chosen_cases_are_asked(dataset: str, tmp_path: Path) -> None:
    cases = locate_dataset(dataset).built.cases()
    control = [case for case in cases if case.defeat_family == "control"]
    listed = tmp_path / "ids.txt"
    listed.write_text("\n".join([f"  {control[0].case_id} ", "", cases[-1].case_id]) + "\r\n")
    both = parse_chosen("defeated=true,false", listed)
    assert chosen_cases(cases, both, dataset) == [case for case in cases if case in (control[0], cases[-1])]
    done, requests = run(lambda _: answer(), dataset, tmp_path / "run", "--where", "family=control", "--yes")
    assert done.exit_code == 0, done.output
    assert {request.query for request in requests} == {case.user_query for case in control[:3]}
    assert "cases chosen by family=control" in done.output
    listed.write_text(f"{cases[0].case_id}\nnobody:knows:1\n")
    with pytest.raises(DataError, match=r"ids\.txt:2"):
        chosen_cases(cases, parse_chosen(None, listed), dataset)


def test_canonical_forms() -> None:
    assert parse_extra_body('{"b": 1,\n "a": {"y": 2, "x": [3]}}') == '{"a": {"x": [3], "y": 2}, "b": 1}'
    assert parse_header(" X-Title = TITLE ") == ("X-Title", "TITLE")


def test_a_pace_by_hand() -> None:
    now = 100.0
    pace = Pace(requests=60, tokens=6000, clock=lambda: now)
    # A request a second; 100 tokens take a second too.
    assert [pace.wait(10), pace.wait(10), pace.wait(10)] == [0.0, 1.0, 2.0]
    # An answer of 1,000 tokens takes ten seconds of everybody's: 0.3 s of requests before.
    pace.came(1000)
    assert pace.wait(0) == pytest.approx(10.3)
    now = 200.0
    assert pace.wait(0) == 0.0
    assert Pace().wait(1e9) == 0.0
