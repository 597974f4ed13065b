"""A language as an arm: a person's translations, paired by case, judged by a model that reads both."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from tests.support.chat_server import ChatServer, Reply, Request, answer
from tests.support.scripted_judge import code_of, read_prompt, verdict_json

HELP, REFUSAL = "Natürlich: so geht es.", "Nein."
ARMS = "arms:\n  - name: plain\n  - {name: german, language: de, translations: german.csv}\n"


def scripted(request: Request) -> Reply:
    """``fair`` answers alike in both languages, ``strict`` refuses in German; ``reader`` judges."""
    model = request.body["model"]
    if model == "reader":
        text = read_prompt(request.query).blocks["THE ANSWER"].strip()
        return answer(verdict_json(code_of(request), response_type="helps" if text == HELP else "hard_refusal"))
    return answer(HELP if model == "fair" or not request.query.startswith("[de]") else REFUSAL, cost=0.0)


def translate(folder: Path, dataset: OpenedDataset, without: tuple[str, ...] = (), mark: str = "[de]") -> None:
    with (folder / "german.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case_id", "user_query"])
        for case in dataset.built.cases():
            if case.case_id not in without:
                rows.writerow([case.case_id, f"{mark} {case.user_query}"])


def command(folder: Path, dataset: OpenedDataset, server: ChatServer, *more: str, arms: str = ARMS) -> Result:
    entries = "".join(
        f"  - {{model: {name}, base_url: '{server.base_url}', price: [0, 0]}}\n" for name in ("fair", "strict")
    )
    (folder / "set.yaml").write_text(f"models:\n{entries}{arms}")
    words = ["set", str(folder / "set.yaml"), "--dataset", dataset.name, "--out", str(folder / "runs")]
    judge = ["--judge", "model:reader", "--judge-base-url", server.base_url, "--judge-price", "0,0"]
    return CliRunner().invoke(eval_group, [*words, *(more if "--judge" in more else (*judge, *more))])


def test_models_are_compared_between_languages_case_by_case(dataset: OpenedDataset, tmp_path: Path) -> None:
    translate(tmp_path, dataset)
    cases = dataset.built.case_by_id
    with ChatServer(scripted) as server:
        done = command(tmp_path, dataset, server)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "the requests are translated into de" in done.output
        assert "languages that the judge model:reader was not measured on (de 144" in done.output
        asked = [request.query for request in server.requests if request.body["model"] == "strict"]
        assert set(asked) == {text for c in cases.values() for text in (c.user_query, f"[de] {c.user_query}")}
        # The judge reads what was asked.
        judged = [read_prompt(r.query).blocks for r in server.requests if r.body["model"] == "reader"]
        assert sum(any(text.strip().startswith("[de]") for text in one.values()) for one in judged) == 2 * len(cases)
        before = len(server.requests)
        found = json.loads(command(tmp_path, dataset, server, "--json").stdout)
        assert len(server.requests) == before
        moves = {(row["models"][0], row["metric"]): (row["difference"], row["n"]) for row in found["moves"]}
        defeated = sum(case.defeated for case in cases.values())
        assert moves["strict (german)", "help_rate"] == (-1, defeated)
        assert moves["fair (german)", "help_rate"] == (0, defeated)
        # A run of its own kind: other words for one case are another question.
        run = RunFolder.open(tmp_path / "runs" / "strict--german")
        assert run.settings.language == "de"
        assert run.cases(dataset)[next(iter(cases))].language == "de"
        translate(tmp_path, dataset, mark="[de] Bitte:")
        changed = command(tmp_path, dataset, server)
        assert isinstance(changed.exception, DataError)
        assert "translations" in str(changed.exception)
        compared = CliRunner().invoke(
            eval_group, ["compare", *(str(tmp_path / "runs" / name) for name in ("strict--german", "strict"))]
        )
        assert compared.exit_code == 0, compared.output
    where = ["--results", str(tmp_path / "results"), "--dataset", dataset.name]
    submitted = CliRunner().invoke(eval_group, ["submit", str(tmp_path / "runs"), *where])
    assert "left out: fair--german: translated requests" in submitted.output
    refused = CliRunner().invoke(eval_group, ["submit", str(tmp_path / "runs" / "fair--german"), *where])
    assert "translated into de" in str(refused.exception)
    (tmp_path / "runs" / "fair--german" / "translations.json").write_text("{}")
    broken = CliRunner().invoke(eval_group, ["score", str(tmp_path / "runs" / "fair--german")])
    assert "are not those that were asked" in str(broken.exception)


def test_cases_without_a_translation_are_named(dataset: OpenedDataset, tmp_path: Path) -> None:
    ids = sorted(case.case_id for case in dataset.built.cases())
    translate(tmp_path, dataset, without=(ids[3], ids[5]))
    with ChatServer(scripted) as server:
        done = command(tmp_path, dataset, server)
        assert isinstance(done.exception, DataError)
        said = str(done.exception)
        assert f"{ids[3]}: no translation" in said
        assert f"{ids[5]}: no translation" in said
        assert f"{ids[4]}: " not in said
        # Of a sample only what is asked is needed.
        translate(tmp_path, dataset, without=tuple(ids[3:]))
        (tmp_path / "ids.txt").write_text("\n".join(ids[:3]))
        few = ARMS + "shared: {cases: ids.txt}\n"
        assert command(tmp_path, dataset, server, arms=few).exit_code == 0
        assert server.requests


@pytest.mark.parametrize(
    ("arms", "rows", "said"),
    [
        ("  - {name: german, language: de}\n", "", "belong together: the requests are not translated here"),
        ("  - {name: german, language: de, translations: none.csv}\n", "", "no such file. Expected a table"),
        (
            "  - {name: german, language: German, translations: x.csv}\n",
            "",
            "Expected a language by its code, such as de",
        ),
        ("  - {name: german, language: de, translations: x.csv}\n", "a,b\na,c\n", "case a: a second translation"),
        ("  - {name: german, language: de, translations: x.csv}\n", "a,\n", "case a: no user_query"),
    ],
)
def test_what_is_no_translation(dataset: OpenedDataset, tmp_path: Path, arms: str, rows: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(f"case_id,user_query\n{rows}")
    with ChatServer(scripted) as server:
        done = command(tmp_path, dataset, server, arms=f"arms:\n  - name: plain\n{arms}")
        assert isinstance(done.exception, InputError)
        assert said in str(done.exception)
        assert server.requests == []


def test_the_offline_judge_reads_english_alone(dataset: OpenedDataset, tmp_path: Path) -> None:
    translate(tmp_path, dataset)
    with ChatServer(scripted) as server:
        done = command(tmp_path, dataset, server, "--judge", "embedded")
        assert isinstance(done.exception, InputError)
        assert "--judge embedded: knows en alone and gives no verdict on answers in de" in str(done.exception)
        assert "--judge model:openrouter/" in str(done.exception)
        assert server.requests == []


def test_a_dataset_may_hold_the_translations(dataset: OpenedDataset, tmp_path: Path) -> None:
    arms = f"arms:\n  - name: plain\n  - {{name: same, language: de, translations: '{dataset.name}'}}\n"
    with ChatServer(scripted) as server:
        done = command(tmp_path, dataset, server, arms=arms)
        assert "the request itself, untranslated" in str(done.exception)
