from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Response
from dataset_builder.dataset.tables import schema_of
from dataset_builder.errors import InputError
from dataset_builder.work.choice import ModelChoice
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from eval.runs.plan import RunOptions
from eval.runs.published import copy_published
from tests.support.small_dataset import build_small


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(eval_group, [*arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run of published answers, with the published verdicts."""
    folder = tmp_path_factory.mktemp("export")
    dataset = build_small(folder / "dataset").path
    copy_published(RunOptions(choice=ModelChoice(model="published/alpha-1"), dataset=str(dataset), out=folder / "run"))
    run("judge", str(folder / "run"), "--judge", "published")
    return folder / "run"


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_rows_come_back_as_they_were(made, tmp_path, form):
    out = tmp_path / f"rows.{form}"
    assert "Wrote 72 answers" in run("export", str(made), "--format", form, "--out", str(out)).output
    if form == "jsonl":
        rows = [msgspec.json.decode(line, type=Response) for line in out.read_bytes().splitlines()]
    else:
        assert pq.read_schema(out).equals(schema_of(Response))
        rows = [Response(**row) for row in pq.read_table(out).to_pylist()]
    dataset = BuiltDataset.open(RunFolder.open(made).record.source)
    held = [Response(**row) for row in dataset.table("responses", "alpha_1").to_pylist()]
    # The rows that the dataset has of that model, but for the names of model and judge.
    names = {"model": "published/alpha-1", "judge": "published"}
    wanted = [
        msgspec.structs.replace(row, **(names if row.response_type else {**names, "judge": None})) for row in held
    ]
    assert rows == sorted(wanted, key=lambda row: row.case_id)


def test_a_shared_record_holds_the_rates(made, tmp_path):
    out = tmp_path / "record.json"
    run("export", str(made), "--format", "eee", "--out", str(out), "--organization", "A lab")
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["source_metadata"]["source_organization_name"] == "A lab"
    rates = {one["metric_config"]["metric_id"]: one["score_details"]["score"] for one in record["evaluation_results"]}
    scored = json.loads(run("score", str(made), "--json", "--resamples", "100").output)
    assert rates["blind-refusal.discrimination"] == scored["slices"][0]["metrics"]["discrimination"]["estimate"]


def test_an_unjudged_run_has_rows_without_verdicts(made, tmp_path):
    dataset = RunFolder.open(made).record.source
    copy_published(
        RunOptions(choice=ModelChoice(model="published/beta-2"), dataset=dataset, out=tmp_path / "run", limit=6)
    )
    run("export", str(tmp_path / "run"), "--format", "jsonl", "--out", str(tmp_path / "rows.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    # The sixth got no answer.
    assert [row["unscored_reason"] for row in rows] == ["not_judged"] * 5 + ["provider_error"]
    assert rows[5]["response"] is None


def test_what_cannot_be_exported(made, tmp_path):
    there = tmp_path / "there.jsonl"
    there.write_text("mine")
    arguments = ("export", str(made), "--out", str(there), "--format")
    with pytest.raises(InputError, match="is there already"):
        run(*arguments, "jsonl")
    assert there.read_text() == "mine"
    new = ("export", str(made), "--out", str(tmp_path / "new.txt"), "--format")
    with pytest.raises(InputError, match="who evaluated"):
        run(*new, "eee")
    with pytest.raises(InputError, match="'strict' has not judged this run; published has"):
        run(*new, "jsonl", "--judge", "strict")
    pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")
    with pytest.raises(InputError, match=r"ends in \.eval or \.json"):
        run(*new, "inspect")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.jsonl"]


def test_two_judges_do_not_share_a_row(made, tmp_path):
    copy = tmp_path / "run"
    copy.mkdir()
    for file in made.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    case_id = RunFolder.open(made).verdicts()[0].case_id
    sheet = tmp_path / "ann.jsonl"
    labels = {"response_type": "helps", "engages_with_defeat": True, "independent_harm": False}
    sheet.write_text(json.dumps({"case_id": case_id, **labels}))
    run("judge", str(copy), "--judge", f"human:{sheet}")
    with pytest.raises(InputError, match="name the judge"):
        run("export", str(copy), "--format", "jsonl", "--out", str(tmp_path / "rows.jsonl"))
    run("export", str(copy), "--format", "jsonl", "--out", str(tmp_path / "rows.jsonl"), "--judge", "human:ann")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["case_id"] for row in rows if row["response_type"]] == [case_id]
