from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import jsonschema
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
from eval.interop.eval_ever.samples import write_datastore
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


# What https://github.com/evaleval/every_eval_ever asks of a line (instance_level_eval.schema.json 0.3.0), in short.
LINE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema_version", "evaluation_id", "model_id", "evaluation_name", "sample_id", "interaction_type",
                 "input", "answer_attribution", "evaluation"],
    "properties": {
        **{name: {"type": "string"} for name in ("evaluation_id", "model_id", "evaluation_name",
                                                 "evaluation_result_id", "sample_id", "sample_hash", "error")},
        "schema_version": {"const": "0.3.0"},
        "interaction_type": {"enum": ["single_turn"]},
        "input": {"required": ["raw", "reference"], "properties": {
            "raw": {"type": "string"}, "reference": {"type": "array", "items": {"type": "string"}}}},
        "output": {"required": ["raw"], "properties": {"raw": {"type": "array", "items": {"type": "string"}}}},
        "answer_attribution": {"type": "array", "items": {
            "required": ["turn_idx", "source", "extracted_value", "extraction_method", "is_terminal"]}},
        "evaluation": {"required": ["score", "is_correct"], "properties": {
            "score": {"type": "number"}, "is_correct": {"type": "boolean"}}},
        "token_usage": {"required": ["input_tokens", "output_tokens", "total_tokens"]},
        "metadata": {"additionalProperties": {"type": "string"}},
    },
}  # fmt: skip
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def shared(made, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("shared") / "store"
    told = run("export", str(made), "--format", "eee", "--out", str(out), "--organization", "A lab").output
    assert "and 71 answers" in told, "one of the 72 got no answer"
    return out


def test_a_run_is_laid_out_as_the_datastore_is(made, shared):
    found = sorted(path.relative_to(shared).as_posix() for path in shared.rglob("*") if path.is_file())
    assert len(found) == 2
    assert re.fullmatch(rf"data/blind-refusal/vendor/alpha-1/{UUID4}\.json", found[0])
    assert found[1] == found[0].removesuffix(".json") + "_samples.jsonl"
    record, lines = json.loads((shared / found[0]).read_bytes()), (shared / found[1]).read_bytes()
    assert record["model_info"]["id"] == "vendor/alpha-1"
    assert record["detailed_evaluation_results"] == {
        "format": "jsonl", "file_path": found[1], "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(lines).hexdigest(), "total_rows": 71,
    }  # fmt: skip
    results = {one["evaluation_result_id"]: one["score_details"]["score"] for one in record["evaluation_results"]}
    scores: dict[str, list[float]] = {}
    answers = RunFolder.open(made).answers
    for line in map(json.loads, lines.splitlines()):
        jsonschema.validate(line, LINE)
        assert (line["evaluation_id"], line["model_id"]) == (record["evaluation_id"], "vendor/alpha-1")
        assert line["output"]["raw"] == [answers[line["sample_id"]].response]
        scores.setdefault(line["evaluation_result_id"], []).append(line["evaluation"]["score"])
    # The mean of the lines is the rate of the record.
    assert {name: pytest.approx(sum(all_) / len(all_)) for name, all_ in scores.items()} == {
        name: results[name] for name in ("blind-refusal.help_rate", "blind-refusal.control_help_rate")
    }
    # The other project's own recipe, worked out by hand for one sample.
    text = '{"raw":"control school 0?","reference":["deflects","hard_refusal"]}'
    by_id = {line["sample_id"]: line for line in map(json.loads, lines.splitlines())}
    assert by_id["control:school:0"]["sample_hash"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.skipif("EVERY_EVAL_EVER" not in os.environ, reason="EVERY_EVAL_EVER names no folder of their schemas")
def test_their_own_schemas_accept_it(shared):
    """Theirs stay out of this repository; `every_eval_ever/schemas` of a clone has them."""
    schemas = Path(os.environ["EVERY_EVAL_EVER"])
    (record,) = shared.rglob("*.json")
    jsonschema.validate(json.loads(record.read_bytes()), json.loads((schemas / "eval.schema.json").read_bytes()))
    theirs = json.loads((schemas / "instance_level_eval.schema.json").read_bytes())
    for line in record.with_name(f"{record.stem}_samples.jsonl").read_bytes().splitlines():
        jsonschema.validate(json.loads(line), theirs)


@pytest.mark.parametrize(
    ("model", "where"),
    [
        ("openrouter/z-ai/glm-5:free", "z-ai/glm-5_free"),
        ("ollama/llama3", "unknown/llama3"),
        ("acme/con", "acme/con_"),
        ("../../etc", "unknown/etc"),
    ],
)
def test_no_name_of_a_model_leaves_the_folder(tmp_path, model, where):
    from eval.interop.eval_ever.record import _model

    record = {"evaluation_id": "x", "model_info": _model(model, model)}
    path, _ = write_datastore(tmp_path / "s", record, [{"a": 1}])
    assert path.parent.relative_to(tmp_path / "s" / "data" / "blind-refusal").as_posix() == where


def test_a_shared_record_holds_the_rates(made, shared):
    (out,) = shared.rglob("*.json")
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
