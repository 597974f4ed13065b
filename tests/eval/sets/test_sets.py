"""Sets of runs through ``eval set``: one file, one estimate, one budget, ordinary folders, one table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.errors import DataError
from dataset_builder.work.stopping import StoppedEarlyError
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from eval.sets.file import read_set
from eval.sets.schema import set_schema
from tests.support.chat_server import ChatServer, Reply, Request, answer, error
from tests.support.scripted_judge import code_of, read_prompt, verdict_json
from tests.support.small_dataset import build_small

HELP = (
    "Sure. Here is how to do it. First, write down the dates and keep copies of every letter. Second, hand the form in "
    "at the other desk and ask for a receipt. Third, if they refuse, file a complaint with the office above them."
)
REFUSAL = "I can't help with that. I'm not able to assist with getting around this rule, and I won't provide guidance."


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> OpenedDataset:
    return locate_dataset(str(build_small(tmp_path_factory.mktemp("data") / "small").path))


def scripted(dataset: OpenedDataset) -> Any:
    """``reader`` judges; ``wise`` helps where help is due, ``shy`` only when told to, ``keen`` always."""
    defeated = {case.user_query: case.defeated for case in dataset.built.cases()}

    def script(request: Request) -> Reply:
        model = request.body["model"]
        if model == "reader":
            text = read_prompt(request.query).blocks["THE ANSWER"].strip()
            label = "helps" if text == HELP else "hard_refusal"
            return answer(verdict_json(code_of(request), response_type=label))
        told = request.body["messages"][0]["role"] == "system"
        helps = {"wise": defeated[request.query], "shy": told, "keen": True}.get(model)
        if helps is None:
            return error(404, f"The model `{model}` does not exist", type="invalid_request_error")
        return answer(HELP if helps else REFUSAL, cost=0.01)

    return script


def write(folder: Path, server: ChatServer, names: tuple[str, ...] = ("wise", "shy", "keen"), more: str = "") -> Path:
    entries = "".join(f"  - {{model: {name}, base_url: '{server.base_url}', price: [0, 0]}}\n" for name in names)
    file = folder / "models.yaml"
    file.write_text(f"models:\n{entries}{more}")
    return file


ARMS = "arms:\n  - name: plain\n  - name: told\n    system_prompt: '@told.txt'\n"


def command(file: Path, dataset: OpenedDataset, *more: str) -> Result:
    arguments = ["set", str(file), "--dataset", dataset.name, "--out", str(file.parent / "runs"), *more]
    return CliRunner().invoke(eval_group, arguments)


def read_by(server: ChatServer) -> tuple[str, ...]:
    return "--judge", "model:reader", "--judge-base-url", server.base_url, "--judge-price", "0,0"


def test_three_models_under_two_arms_give_one_table(dataset: OpenedDataset, tmp_path: Path) -> None:
    (tmp_path / "told.txt").write_text("Help adults with what they ask.\n")
    with ChatServer(scripted(dataset)) as server:
        file = write(tmp_path, server, more=ARMS)
        done = command(file, dataset, *read_by(server))
        assert done.exit_code == 0, (done.output, done.exception)
        asked = len(server.requests)
        # The models, and the judge of each answer.
        assert asked == 2 * 6 * len(dataset.built.cases())
        # The same command asks nothing again and says the same.
        again = command(file, dataset, *read_by(server))
        found = json.loads(command(file, dataset, *read_by(server), "--json").stdout)
        assert len(server.requests) == asked
    table = done.output[done.output.index("plain, judged by") :]
    assert table == again.output[again.output.index("plain, judged by") :]
    assert "6 runs" in done.output
    # Said once for all of them, or beside those that it is true of.
    assert done.output.count("a system prompt goes before each query") == 3
    runs = {path.name for path in (tmp_path / "runs").iterdir()}
    assert runs == {name + arm for name in ("wise", "shy", "keen") for arm in ("", "--told")}
    assert RunFolder.open(tmp_path / "runs" / "shy--told").settings.system_prompt == "Help adults with what they ask."
    assert "How far each model moves" in done.output
    # Only one changes: from refusing all to helping with all, which is no discrimination.
    moves = {(row["models"][0], row["metric"]): row["difference"] for row in found["moves"]}
    assert moves["wise (told)", "help_rate"] == moves["keen (told)", "help_rate"] == 0
    assert moves["shy (told)", "help_rate"] == moves["shy (told)", "control_help_rate"] == 1
    assert [one["arm"] for one in found["arms"]] == ["plain", "told"]
    assert found["arms"][0]["models"][0]["model"] == "wise"


def test_what_fails_stops_no_other(dataset: OpenedDataset, tmp_path: Path) -> None:
    with ChatServer(scripted(dataset)) as server:
        done = command(write(tmp_path, server, ("gone", "wise")), dataset)
    assert done.exit_code == 1, (done.output, done.exception)
    assert "Not whole: gone." in done.output
    assert re.search(r"gone: \d+ cases: .*not collected\n  Stopped: .*does not exist", done.output)
    assert re.search(r"wise +-?\d", done.output)


def test_one_budget_for_all(dataset: OpenedDataset, tmp_path: Path) -> None:
    with ChatServer(scripted(dataset)) as server:
        file = write(tmp_path, server)
        text = file.read_text().replace("price: [0, 0]", "price: [10, 10]")
        file.write_text(text)
        asked = command(file, dataset, "--budget", "0.3")
        assert asked.exit_code == 2 or "--yes" in str(asked.exception)
        assert server.requests == []
        done = command(file, dataset, "--budget", "0.3", "--yes")
        assert isinstance(done.exception, StoppedEarlyError)
        spent = sum(a.cost or 0 for run in (tmp_path / "runs").iterdir() for a in RunFolder.open(run).every_answer())
        assert 0.2 < spent <= 0.3 + 1e-9
        # What was spent counts in the next sitting.
        before = len(server.requests)
        assert isinstance(command(file, dataset, "--budget", "0.3", "--yes").exception, StoppedEarlyError)
        assert len(server.requests) == before


def test_a_dry_run_asks_and_makes_nothing(dataset: OpenedDataset, tmp_path: Path) -> None:
    with ChatServer(scripted(dataset)) as server:
        done = command(write(tmp_path, server), dataset, "--dry-run")
        assert server.requests == []
        assert "Calls: " in done.output
        assert not (tmp_path / "runs").exists()
        # What is there already counts.
        file = write(tmp_path, server, ("wise",))
        assert command(file, dataset, "--judge", "none").exit_code == 0
        file = write(tmp_path, server)
        told = command(file, dataset, "--dry-run").output
        cases = len(dataset.built.cases())
        assert f"wise: 0 of {cases} cases to ask" in told
        assert f"keen: {cases} of {cases} cases to ask" in told
        assert {path.name for path in (tmp_path / "runs").iterdir()} == {"wise"}


def test_a_limit_of_no_server_is_named(dataset: OpenedDataset, tmp_path: Path) -> None:
    with ChatServer(scripted(dataset)) as server:
        file = write(tmp_path, server, ("wise",), "limits:\n  opnrouter: {rpm: 9}\n")
        done = command(file, dataset)
        assert f"{file}:4: limits of 'opnrouter'" in " ".join(str(done.exception).split())
        assert server.requests == []


def test_published_answers_of_another_dataset_are_new_to_the_judge(dataset: OpenedDataset, tmp_path: Path) -> None:
    file = tmp_path / "set.yaml"
    file.write_text("models:\n  - model: published/alpha-1\n")
    # They are of another dataset than the study's, and as new to it as anybody's.
    assert command(file, dataset).exit_code == 0
    assert command(file, dataset, "--judge", "published").exit_code == 0


@pytest.mark.study
def test_the_studys_answers_are_refused_to_the_judge_that_learned_from_them(
    study_dataset: Path, tmp_path: Path
) -> None:
    file = tmp_path / "set.yaml"
    file.write_text("models:\n  - model: published/grok-4-fast\n")
    study = locate_dataset(study_dataset)
    assert "the weights of embedded learned from these very answers" in str(command(file, study).exception)
    assert not (tmp_path / "runs").exists()


def test_a_judge_that_costs_is_told_of_before_anything_is_asked(dataset: OpenedDataset, tmp_path: Path) -> None:
    with ChatServer(scripted(dataset)) as server:
        judged = ("--judge", "model:reader", "--judge-base-url", server.base_url)
        done = command(write(tmp_path, server), dataset, *judged)
        assert "--yes" in str(done.exception)
        assert server.requests == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models:\n  - model: local/smollm2-135m\n    temprature: 1\n", {":3": "unknown field `temprature`"}),
        (
            "shared:\n  top_p: 2\nmodels:\n  - {name: x}\n",
            {":2": "`float` <= 1", ":4": "missing required field `model`"},
        ),
        ("models:\n  - model: local/smollm2-135m\n  - model: local/smollm2-135m\n", {":3": "a second model called"}),
        ("models: []\n", {":1": "length >= 1"}),
        ("models:\n  - model: a\narms:\n  - name: a b\n", {":4": "Expected a short name of letters, digits"}),
        ("judge: a\njudge: b\nmodels:\n  - model: local/smollm2-135m\n", {":2": "'judge' stands twice"}),
        ("models:\n\t- x\n", {":2": "cannot start any token"}),
        ("modles: 1\nmodels:\n  - model: a\n", {":1": "unknown field `modles`"}),
        ("limits:\n  openrouter: {rpm: 0}\nmodels:\n  - model: a\n", {":2": "`float` > 0"}),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, says: Mapping[str, str], tmp_path: Path) -> None:
    file = tmp_path / "set.yaml"
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        read_set(file)
    found = {problem.where.removeprefix(str(file)): problem.what for problem in caught.value.problems}
    assert set(found) == set(says)
    for where, what in says.items():
        assert what in found[where]


def test_every_run_that_cannot_begin_is_named(dataset: OpenedDataset, tmp_path: Path) -> None:
    file = tmp_path / "set.yaml"
    file.write_text(
        "models:\n  - model: nowhere/model\n  - model: openai/gpt-x\n    api_key_env: NOT_SET_ANYWHERE\n"
        "  - model: m\n    base_url: http://127.0.0.1:9/v1\n    extra_body: {temperature: 1}\n"
    )
    done = command(file, dataset)
    assert isinstance(done.exception, DataError)
    said = str(done.exception)
    assert f"{file}:2" in said
    assert "no telling where it runs" in said
    assert f"{file}:5" in said
    assert "has an option of its own" in said
    assert not (tmp_path / "runs").exists()


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sets.md").read_text()
    text = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert text
    file = tmp_path / "models.yaml"
    file.write_text(text[1])
    (tmp_path / "adult.txt").write_text("Help.")
    found = read_set(file)
    # So does an editor that knows the schema, which is written from the same classes.
    schema = json.loads((Path(__file__).parents[3] / "docs" / "set.schema.json").read_text())
    assert schema == json.loads(msgspec.json.encode(set_schema())), "run python -m eval.sets.schema"
    jsonschema.validate(yaml.safe_load(text[1]), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"models": [{"model": "x", "temprature": 1}]}, schema)
    assert [arm.name for arm in found.arms] == ["plain", "adult", "pressed"]
    # Every key of the file is told of on the page.
    from eval.sets.file import Arm, ModelEntry, ServerLimits, SetFile

    keys = {name for kind in (Arm, ModelEntry, ServerLimits, SetFile) for name in kind.__struct_fields__}
    assert not {key for key in keys if f"`{key}`" not in page}
