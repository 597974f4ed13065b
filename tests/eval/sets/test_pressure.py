"""An arm in which the user insists once after a refusal: who is asked again, with which words, and what it moves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from eval.sets.file import INSIST
from eval.sets.pressure import insisting
from tests.support.answers import make_case
from tests.support.chat_server import ChatServer, Reply, Request, answer
from tests.support.scripted_judge import code_of, read_prompt, verdict_json

HELP, REFUSAL = "Sure: do it like this.", "No."


def scripted(request: Request) -> Reply:
    """``soft`` refuses and gives way when pressed; ``firm`` never does; ``keen`` helps at once."""
    model = request.body["model"]
    if model == "reader":
        text = read_prompt(request.query).blocks["THE ANSWER"].strip()
        return answer(verdict_json(code_of(request), response_type="helps" if text == HELP else "hard_refusal"))
    pressed = len(request.body["messages"]) == 3
    return answer(HELP if model == "keen" or (model == "soft" and pressed) else REFUSAL, cost=0.01)


def write(
    folder: Path, server: ChatServer, arms: str = "  - name: plain\n  - name: pressed\n    pressure: true\n"
) -> Path:
    entries = "".join(
        f"  - {{model: {name}, base_url: '{server.base_url}', price: [0, 0]}}\n" for name in ("soft", "firm", "keen")
    )
    file = folder / "models.yaml"
    file.write_text(f"models:\n{entries}arms:\n{arms}")
    return file


def command(file: Path, dataset: OpenedDataset, server: ChatServer, *more: str) -> Result:
    words = ["set", str(file), "--dataset", dataset.name, "--out", str(file.parent / "runs")]
    judge = ["--judge", "model:reader", "--judge-base-url", server.base_url, "--judge-price", "0,0"]
    return CliRunner().invoke(eval_group, [*words, *judge, *more])


def test_refusals_are_asked_again_and_the_second_answer_counts(dataset: OpenedDataset, tmp_path: Path) -> None:
    cases = dataset.built.case_by_id
    n = len(cases)
    with ChatServer(scripted) as server:
        file = write(tmp_path, server)
        done = command(file, dataset, server)
        assert done.exit_code == 0, (done.output, done.exception)
        asked = [request for request in server.requests if request.body["model"] != "reader"]
        # Three models once; two of them, which refuse everything, again.
        assert len(asked) == 5 * n
        (plain, pressed), moves = _result(command(file, dataset, server, "--json"))
        # Nothing more was asked.
        assert len([request for request in server.requests if request.body["model"] != "reader"]) == 5 * n
    rates = {row["model"]: row["help_rate"] for row in plain}
    assert rates == {"soft": 0, "firm": 0, "keen": 1}
    assert {row["model"]: row["help_rate"] for row in pressed} == {"soft": 1, "firm": 0, "keen": 1}
    assert moves["soft (pressed)", "help_rate"] == 1
    assert moves["firm (pressed)", "help_rate"] == moves["keen (pressed)", "help_rate"] == 0
    talks = [request.body["messages"] for request in asked if len(request.body["messages"]) == 3]
    by_query = {case.user_query: case for case in cases.values()}
    for first, said, insisted in talks:
        assert (said["role"], said["content"]) == ("assistant", REFUSAL)
        assert insisted["content"] == insisting(INSIST, by_query[first["content"]])
    run = RunFolder.open(tmp_path / "runs" / "soft--pressed")
    assert {one.response for one in run.answers.values()} == {HELP}
    assert any("insists" in one for one in run.record.departures)
    kept = RunFolder.open(tmp_path / "runs" / "keen--pressed")
    assert {(one.response, one.cost) for one in kept.answers.values()} == {(HELP, 0.0)}
    assert "only refusals are asked again" in done.output


def test_a_set_is_submitted_without_its_framings(dataset: OpenedDataset, tmp_path: Path) -> None:
    arms = "  - name: plain\n  - name: told\n    system_prompt: Help.\n  - name: pressed\n    pressure: true\n"
    with ChatServer(scripted) as server:
        assert command(write(tmp_path, server, arms), dataset, server).exit_code == 0
    where = ["--results", str(tmp_path / "results"), "--dataset", dataset.name]
    done = CliRunner().invoke(eval_group, ["submit", str(tmp_path / "runs"), *where])
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.count("left out: ") == 6
    assert "left out: soft--told: a system prompt" in done.output
    assert "left out: keen--pressed: the user insists" in done.output
    # Answers that are one text over and over are held; that they are here is what counts.
    assert len(list((tmp_path / "results" / "submissions").glob("*/*/bundle.json"))) == 3
    refused = CliRunner().invoke(eval_group, ["submit", str(tmp_path / "runs" / "soft--pressed"), *where])
    assert isinstance(refused.exception, DataError)
    assert "the user insists" in str(refused.exception)


def _result(done: Result) -> tuple[list[list[dict[str, Any]]], dict[tuple[str, str], float]]:
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads(done.stdout)
    moves = {(row["models"][0], row["metric"]): row["difference"] for row in found["moves"]}
    return [arm["models"] for arm in found["arms"]], moves


def test_what_the_user_says() -> None:
    case = make_case("c", "content_defeat", "club", defeat_condition="The rule serves  nobody")
    assert insisting("Look. {ground} Please.", case) == "Look. The rule serves nobody. Please."
    # A control has no ground: what its record holds speaks for the rule.
    control = make_case("d", "control", "club", defeat_condition="The rule is fair.")
    assert insisting("Look. {ground} Please.", control) == "Look. Please."
    assert "{ground}" in INSIST


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ("  - name: pressed\n    pressure: true\n", "is the first one"),
        ("  - name: plain\n  - name: p\n    pressure: true\n    temperature: 1\n", "has settings of its own"),
    ],
)
def test_an_arm_that_insists_takes_up_the_first(dataset: OpenedDataset, tmp_path: Path, arms: str, said: str) -> None:
    with ChatServer(scripted) as server:
        done = command(write(tmp_path, server, arms), dataset, server)
        assert isinstance(done.exception, DataError)
        assert said in str(done.exception)
        assert server.requests == []
        none = CliRunner().invoke(
            eval_group, ["set", str(write(tmp_path, server)), "--dataset", dataset.name, "--judge", "none", "--dry-run"]
        )
        assert none.exit_code == 2
        assert "needs a judge" in none.output


def test_words_of_ones_own(dataset: OpenedDataset, tmp_path: Path) -> None:
    arms = "  - name: plain\n  - name: p\n    pressure: 'Please! {ground}'\n"
    with ChatServer(scripted) as server:
        done = command(write(tmp_path, server, arms), dataset, server)
        assert done.exit_code == 0, (done.output, done.exception)
        said = {r.body["messages"][2]["content"] for r in server.requests if len(r.body["messages"]) == 3}
    assert all(text.startswith("Please!") for text in said)
