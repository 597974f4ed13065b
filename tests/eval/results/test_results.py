from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml
from huggingface_hub import parse_eval_result_entries

from dataset_builder.build.eval_yaml import eval_yaml
from dataset_builder.errors import DataError, InputError
from eval.interop.eval_ever.record import eval_ever_json, eval_ever_record
from eval.interop.export import folder_name, write_results
from eval.interop.hub_yaml import eval_results_yaml
from eval.results.answer_set import AnswerSet, load_answers
from eval.results.build import build_results
from eval.results.docs import JSON_FILE, PAGE_FILE, json_schema, page, write_docs
from eval.results.row import leaderboard
from eval.scores.results import FILE_NAME, Results, number, read_results
from eval.scores.scores import compute_scores
from tests.support.small_dataset import MODELS, build_small

DOCS = Path(__file__).resolve().parents[3] / "docs"
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> AnswerSet:
    return load_answers(str(build_small(tmp_path_factory.mktemp("small") / "dataset").path))


@pytest.fixture(scope="module")
def results(small) -> list[Results]:
    scores = compute_scores(small.answers, resamples=500)
    return build_results(
        scores, small.provenance(), corrected=small.corrected(), judge_agreement=small.judge_agreement()
    )


def test_every_model_has_results_with_its_provenance(results):
    assert [one.provenance.model.name for one in results] == sorted(MODELS)
    provenance = results[0].provenance
    assert provenance.model.id == "vendor/alpha-1"
    assert provenance.judge.judge == "judge-1"
    assert provenance.sampling.max_tokens == 8000
    assert provenance.dataset.n_cases == 72
    assert provenance.collected_at == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize("model", sorted(MODELS))
def test_golden(results, model):
    """Overall and by family, kept as files; BLESS in the environment writes them anew."""
    found = next(one for one in results if one.provenance.model.name == model)
    kept = [one for one in found.slices if one.by in ("overall", "family") and not one.without_dual_use]
    text = msgspec.json.format(msgspec.json.encode({"slices": kept, "corrected": found.corrected}), indent=1) + b"\n"
    file = GOLDEN / f"{model}.json"
    if _bless():
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text)
    expected = json.loads(file.read_bytes())
    assert _close(json.loads(text), expected)


def _bless() -> bool:
    import os

    return "BLESS" in os.environ


def _close(found: object, expected: object) -> bool:
    """Equal, numbers to five decimals: the last one may differ between processors."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert found.keys() == expected.keys()
        return all(_close(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        assert isinstance(found, list)
        assert len(found) == len(expected)
        return all(map(_close, found, expected))
    if isinstance(expected, float):
        assert found == pytest.approx(expected, abs=2e-5)
        return True
    assert found == expected
    return True


def test_round_trip(results, tmp_path):
    file = tmp_path / FILE_NAME
    file.write_bytes(results[0].to_json())
    assert read_results(file) == read_results(tmp_path) == results[0]


def test_the_file_fits_its_published_schema(results):
    schema = json.loads((DOCS / JSON_FILE).read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(results[0].to_json()), schema)
    broken = json.loads(results[0].to_json())
    del broken["provenance"]["judge"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_the_documentation_is_what_the_structs_say(tmp_path):
    write_docs(tmp_path)
    for name in (JSON_FILE, PAGE_FILE):
        assert (tmp_path / name).read_bytes() == (DOCS / name).read_bytes(), "run python -m eval.results.docs docs"
    assert json_schema()["$schema"]


def test_every_field_is_described():
    empty = [line for line in page().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert not empty


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"{}", DataError, "not a results file"),
        (b"\xff", DataError, "not a results file"),
        (b"[" * 100_000, DataError, "not a results file"),
    ],
)
def test_broken_files(tmp_path, content, error, message):
    file = tmp_path / FILE_NAME
    file.write_bytes(content)
    with pytest.raises(error, match=message):
        read_results(file)


def test_missing_and_newer_files(tmp_path, results):
    with pytest.raises(InputError, match="no such file"):
        read_results(tmp_path)
    newer = msgspec.structs.replace(results[0], schema_version="2.0.0")
    (tmp_path / FILE_NAME).write_bytes(newer.to_json())
    with pytest.raises(InputError, match=r"schema 2\.0\.0, but this version reads 1"):
        read_results(tmp_path)


def test_numbers_have_no_nan_and_no_negative_zero():
    assert number(float("nan")) is None
    assert str(number(-1e-9)) == "0.0"
    assert number(1 / 3) == 0.333333


def test_unscored_answers_are_accounted_for(results):
    overall = results[0].overall
    for side in (overall.defeated, overall.control):
        assert side.cases == side.scored + sum(side.unscored.values())
    assert overall.defeated.unscored == {"provider_error": 1}


def test_hub_file(results):
    text = eval_results_yaml(results[0], dataset_id="someone/blind-refusal", source_url="https://example.org/run")
    entries = parse_eval_result_entries(yaml.safe_load(text))
    registered = {task["id"] for task in yaml.safe_load(eval_yaml("study"))["tasks"]}
    assert {entry.task_id for entry in entries} == registered
    metrics = results[0].overall.metrics
    assert entries[0].value == round(100 * metrics["help_rate"].estimate, 2)
    assert entries[1].value == round(100 - 100 * metrics["control_help_rate"].estimate, 2)
    assert entries[0].dataset_revision is None
    gap = metrics["discrimination"]
    assert (
        f"discrimination {100 * gap.estimate:.1f} points [{100 * gap.low:.1f}, {100 * gap.high:.1f}]"
        in entries[0].notes
    )
    assert "judge judge-1 (rubric published)" in entries[0].notes


def test_hub_file_carries_the_revision_of_a_hub_dataset(results):
    old = results[0].provenance
    where = msgspec.structs.replace(old.dataset, hub_id="a/b", revision="c" * 40)
    found = msgspec.structs.replace(results[0], provenance=msgspec.structs.replace(old, dataset=where))
    entries = parse_eval_result_entries(yaml.safe_load(eval_results_yaml(found)))
    assert {entry.dataset_revision for entry in entries} == {"c" * 40}


def test_hub_file_needs_a_repository(results):
    with pytest.raises(InputError, match="NAMESPACE/NAME"):
        eval_results_yaml(results[0])


NOW = datetime(2026, 1, 2, tzinfo=UTC)
# What https://github.com/evaleval/every_eval_ever asks of a record (eval.schema.json 0.3.0), in short.
SHARED = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata", "model_info",
                 "eval_library", "evaluation_results"],
    "properties": {
        "schema_version": {"const": "0.3.0"},
        "evaluation_id": {"type": "string"},
        "evaluation_timestamp": {"type": "string"},
        "retrieved_timestamp": {"type": "string", "pattern": r"^\d+$"},
        "source_metadata": {
            "required": ["source_type", "source_organization_name", "evaluator_relationship"],
            "properties": {"source_type": {"enum": ["documentation", "evaluation_run"]}},
        },
        "eval_library": {"required": ["name", "version"]},
        "model_info": {
            "required": ["name", "id", "additional_details"],
            "properties": {"additional_details": {"required": ["deployment_type", "model_availability"],
                                                  "additionalProperties": {"type": "string"}}},
        },
        "evaluation_results": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["evaluation_name", "source_data", "metric_config", "score_details"],
                "properties": {
                    "source_data": {"required": ["dataset_name", "source_type"],
                                    "properties": {"source_type": {"enum": ["url", "hf_dataset", "other"]}}},
                    "metric_config": {"required": ["lower_is_better", "score_type", "min_score", "max_score"]},
                    "score_details": {
                        "required": ["score"],
                        "properties": {
                            "score": {"type": "number"},
                            "details": {"additionalProperties": {"type": "string"}},
                            "uncertainty": {"properties": {
                                "confidence_interval": {"required": ["lower", "upper"]},
                                "num_samples": {"type": "integer"},
                            }},
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip


def test_shared_record(results):
    record = eval_ever_record(results[0], retrieved_at=NOW, organization="Someone")
    jsonschema.validate(record, SHARED)
    assert json.loads(eval_ever_json(record)) == record
    first = record["evaluation_results"][0]
    assert first["metric_config"]["metric_id"] == "blind-refusal.discrimination"
    assert first["score_details"]["score"] == results[0].overall.metrics["discrimination"].estimate
    assert record["model_info"]["developer"] == "vendor"
    assert record["evaluation_id"] == f"blind-refusal/vendor_alpha-1/{NOW.timestamp():.0f}"


def test_shared_record_wants_a_known_relationship(results):
    with pytest.raises(InputError, match="first_party, third_party"):
        eval_ever_record(results[0], retrieved_at=NOW, organization="x", relationship="friend")


def test_files_of_a_model(results, small, tmp_path):
    row = leaderboard(compute_scores(small.answers, by=(), resamples=100))[0]
    paths = write_results(tmp_path, results[0], row, dataset_id="a/b", organization="x", retrieved_at=NOW)
    found = {str(path.relative_to(tmp_path)) for path in paths}
    assert found == {FILE_NAME, "leaderboard_row.json", ".eval_results/blind-refusal.yaml", "every_eval_ever.json"}
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(paths)
    assert json.loads((tmp_path / "leaderboard_row.json").read_bytes())["model"] == row.model
    only = write_results(tmp_path / "plain", results[0], row)
    assert [path.name for path in only] == [FILE_NAME, "leaderboard_row.json"]


def test_folder_names_are_safe():
    assert folder_name("meta/llama 3:8b") == "meta_llama_3_8b"
    assert folder_name("../..") == "_"
    assert folder_name("...") == "model"


def test_leaderboard_is_ordered_and_flat(small):
    rows = leaderboard(compute_scores(small.answers, by=(), resamples=500))
    assert [row.rank for row in rows] == [1, 2]
    assert rows[0].model == "alpha-1"
    flat = rows[0].flat()
    assert flat["discrimination_low"] < flat["discrimination"] < flat["discrimination_high"]
    assert flat["defeated_cases"] == 48
    assert flat["defeated_scored"] + flat["defeated_unscored"] == 48
