"""Several answers to each case through the commands: run, judge, score, compare, a set, and files of other programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from eval.cli import eval_group
from eval.runs.folder import RunFolder, open_runs
from tests.support.chat_server import ChatServer, Reply, Request, answer, error
from tests.support.scripted_judge import code_of, read_prompt, verdict_json

HELP, REFUSAL = "Sure: do it like this.", "No."


class Fickle:
    """``steady`` always helps; ``fickle`` helps the first time that a case is asked, and refuses afterwards."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.failing = False

    def __call__(self, request: Request) -> Reply:
        model = request.body["model"]
        if model == "reader":
            text = read_prompt(request.query).blocks["THE ANSWER"].strip()
            label = "helps" if text == HELP else "hard_refusal"
            return answer(verdict_json(code_of(request), response_type=label))
        if self.failing:
            return error(401, "no such key")
        self.asked[model, request.query] += 1
        return answer(HELP if model == "steady" or self.asked[model, request.query] == 1 else REFUSAL)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(Fickle()) as found:
        yield found


def command(*words: object) -> Result:
    return CliRunner().invoke(eval_group, [str(word) for word in words])


def run(server: ChatServer, dataset: OpenedDataset, out: Path, model: str, *more: object) -> Result:
    words: list[object] = ["run", "--model", model, "--base-url", server.base_url, "--price", "0,0"]
    words += ["--dataset", dataset.name, "--out", out, "--temperature", 1, "--epochs", 2, "--judge", "none", *more]
    return command(*words)


def read_by(server: ChatServer) -> tuple[str, ...]:
    return "--judge", "model:reader", "--judge-base-url", server.base_url, "--judge-price", "0,0"


def judge(server: ChatServer, run: Path) -> Result:
    return command("judge", run, "--judge", "model:reader", "--base-url", server.base_url, "--price", "0,0")


def test_epochs_are_collected_judged_and_scored_as_one(
    dataset: OpenedDataset, server: ChatServer, tmp_path: Path
) -> None:
    out = tmp_path / "fickle"
    done = run(server, dataset, out, "fickle", "--seed", 7)
    assert done.exit_code == 0, (done.output, done.exception)
    assert [one.name for one in sorted(out.iterdir())] == ["epoch-1", "epoch-2"]
    first, second = open_runs(out)
    assert (first.settings.epoch, second.settings.epoch) == (1, 2)
    # The same seed would ask for the same answer.
    assert (first.settings.seed, second.settings.seed) == (7, 8)
    n = len(dataset.built.cases())
    assert len(first.answers) == len(second.answers) == n
    assert f"{2 * n} answers: {2 * n} ok" in done.output
    asked = len(server.requests)
    assert run(server, dataset, out, "fickle", "--seed", 7).exit_code == 0
    assert len(server.requests) == asked

    judged = judge(server, out)
    assert judged.exit_code == 0, (judged.output, judged.exception)
    assert f"{2 * n:,} answers to judge" in judged.output
    scored = command("score", out)
    assert scored.exit_code == 0, (scored.output, scored.exception)
    held = json.loads(command("score", out, "--json").stdout)
    assert held["stability"]["epochs"] == 2
    overall = held["slices"][0]
    # Every case gets help in at least one of two answers, whichever of the two was asked first.
    assert overall["metrics"]["help_rate"]["estimate"] == pytest.approx(0.5)
    assert held["stability"]["same"] == 0
    assert "Stability: 0.0 % of" in scored.output
    assert f"{n} cases: {n} scored" in scored.output
    assert overall["defeated"]["cases"] + overall["control"]["cases"] == n


def test_epochs_compare_with_another_model(dataset: OpenedDataset, server: ChatServer, tmp_path: Path) -> None:
    for model in ("fickle", "steady"):
        assert run(server, dataset, tmp_path / model, model).exit_code == 0
        assert judge(server, tmp_path / model).exit_code == 0
    done = command("compare", tmp_path / "fickle", tmp_path / "steady")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "steady: Stability: 100.0 %" in " ".join(done.output.split())
    plain = json.loads(command("compare", tmp_path / "fickle", tmp_path / "steady", "--json").stdout)
    assert {model: one["same"] for model, one in plain["stability"].items()} == {"fickle": 0, "steady": 1}
    assert sorted(plain["stability"]["fickle"]["unstable"]) == sorted(dataset.built.case_by_id)
    row = next(one for one in plain["differences"] if one["metric"] == "help_rate")
    assert row["difference"] == pytest.approx(-0.5)


def test_one_epoch_is_an_ordinary_run(dataset: OpenedDataset, server: ChatServer, tmp_path: Path) -> None:
    assert run(server, dataset, tmp_path / "m", "fickle", *read_by(server)).exit_code == 0
    done = command("score", tmp_path / "m" / "epoch-1", "--json")
    assert "stability" not in json.loads(done.stdout)
    # What takes one run says which there are.
    told = command("export", tmp_path / "m", "--format", "jsonl", "--out", tmp_path / "x.jsonl")
    assert isinstance(told.exception, InputError)
    assert "holds 2 epochs of a run" in str(told.exception)
    assert "epoch-1" in str(told.exception)


def test_what_cannot_be_meant(dataset: OpenedDataset, server: ChatServer, tmp_path: Path) -> None:
    for wanted, words in (
        ("2 epochs at temperature 0", ("steady", "--temperature", 0)),
        ("the dataset holds one answer", ("published/x",)),
    ):
        done = run(server, dataset, tmp_path / "m", *words)
        assert isinstance(done.exception, InputError), done.output
        assert wanted in str(done.exception)
    assert server.requests == []
    assert not (tmp_path / "m").exists()
    # Epochs of different runs are not mixed.
    assert run(server, dataset, tmp_path / "m", "steady").exit_code == 0
    assert run(server, dataset, tmp_path / "n", "fickle").exit_code == 0
    (tmp_path / "m" / "epoch-2").rename(tmp_path / "gone")
    (tmp_path / "n" / "epoch-2").rename(tmp_path / "m" / "epoch-2")
    done = command("score", tmp_path / "m")
    assert isinstance(done.exception, DataError)
    assert "model" in str(done.exception)


def test_a_run_of_epochs_that_fails_says_why(dataset: OpenedDataset, server: ChatServer, tmp_path: Path) -> None:
    server.script.failing = True  # type: ignore[attr-defined]
    done = run(server, dataset, tmp_path / "m", "fickle")
    assert done.exit_code != 0
    assert "no such key" in done.output + str(done.exception)


def test_a_set_has_epochs_for_all_or_for_some(dataset: OpenedDataset, server: ChatServer, tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    entry = "  - {{model: {}, base_url: '{}', price: [0, 0]{}}}\n"
    file.write_text(
        "models:\n"
        + entry.format("fickle", server.base_url, ", epochs: 3")
        + entry.format("steady", server.base_url, "")
        + "shared: {temperature: 0.7}\n"
    )
    words: list[Any] = ["set", file, "--dataset", dataset.name, "--out", tmp_path / "runs", *read_by(server)]
    done = command(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "4 runs" in done.output
    assert len(open_runs(tmp_path / "runs" / "fickle")) == 3
    assert RunFolder.open(tmp_path / "runs" / "steady").settings.epoch is None
    (arm,) = json.loads(command(*words, "--json").stdout)["arms"]
    rates = {row["model"]: row["help_rate"] for row in arm["models"]}
    assert rates == {"fickle": pytest.approx(1 / 3, abs=1e-6), "steady": 1}
    assert list(arm["stability"]) == ["fickle"]
    file.write_text(file.read_text().replace("0.7", "0"))
    refused = command(*words)
    assert isinstance(refused.exception, DataError)
    assert "models.yaml:2" in str(refused.exception)
    assert "3 epochs at temperature 0" in str(refused.exception)


def test_all_answers_of_a_file_come_in_at_once(dataset: OpenedDataset, tmp_path: Path) -> None:
    rows = []
    for number, case in enumerate(dataset.built.cases()):
        texts = ["One.", "Two.", "Three."][: 2 if number == 0 else 3]
        doc = {"case_id": case.case_id, "user_query": case.user_query}
        rows.append({"doc_id": number, "doc": doc, "resps": [texts]})
    file = tmp_path / "samples_task_2026.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["import", file, "--model", "m", "--dataset", dataset.name, "--out", tmp_path / "run"]
    done = command(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    runs = open_runs(tmp_path / "run")
    assert [len(one.answers) for one in runs] == [len(rows), len(rows), len(rows) - 1]
    assert {one.response for one in runs[1].answers.values()} == {"Two."}
    assert ", 3 epochs" in done.output
    # Again adds nothing.
    assert command(*words).exit_code == 0
    assert sum(len(list(one.every_answer())) for one in open_runs(tmp_path / "run")) == 3 * len(rows) - 1
