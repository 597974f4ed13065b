"""How a gate model agrees with the study's own verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.batch.gate_records import GateRecord
from dataset_builder.cli import dataset
from dataset_builder.dataset.records import Records
from dataset_builder.dataset.taxonomy import CONTROL
from dataset_builder.gates.agreement import agreement_of
from dataset_builder.storage.record_file import RecordFile
from tests.support.case_writer import code_of, verdict
from tests.support.chat_server import ChatServer, Reply, Request


def test_agreement_by_hand() -> None:
    # Study: 6 pass, 4 fail. Model: agrees on 5 passes and 3 fails. po = 8/10;
    # model passes 5 + 1 = 6, so pe = 0.6 * 0.6 + 0.4 * 0.4 = 0.52; kappa = 0.28 / 0.48 = 0.583333.
    study = ["passes"] * 6 + ["fails"] * 4
    model = ["passes"] * 5 + ["fails"] + ["fails"] * 3 + ["passes"]
    found = agreement_of("reasonable_judge", ("passes", "fails"), study, model)
    assert found.table.tolist() == [[5, 1], [1, 3]]
    assert found.kappa.kappa == pytest.approx(0.28 / 0.48)
    assert found.low < found.kappa.kappa < found.high


@pytest.mark.study
def test_agreement_with_the_study(study_archive: Path, study_records: Records, tmp_path: Path) -> None:
    """A model that repeats the study's flag but for the controls."""
    flags = {v.case_id: v for v in study_records.gates if v.gate == "dual_use"}
    by_query = {c.user_query: c.case_id for c in study_records.generated}

    def script(request: Request) -> Reply:
        query = request.query.split("BEGIN THE REQUEST]\n")[1].split(f"\n[{code_of(request)} END")[0]
        flagged = bool(flags[by_query[query]].flagged) if query in by_query else False
        return verdict(request, passes=not flagged or "Family: Control" in request.query)

    with ChatServer(script) as server:
        asked = ("--model", "m", "--base-url", server.base_url, "--yes", "--gate", "dual_use", "--sample", "60")
        there = ("--out", str(tmp_path / "a"), "--source", str(study_archive), "--json")
        done = CliRunner().invoke(dataset, ["measure-gate", *asked, *there])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output[done.output.index("[\n") :])[0]
    (yes_yes, yes_no), (no_yes, _) = found["table"]
    assert found["n"] + found["missing"] == 60
    assert no_yes == 0
    chosen = {r.case_id for r in RecordFile(tmp_path / "a" / "gates.jsonl", GateRecord)}
    controls = [c for c in study_records.generated if c.case_id in chosen and c.defeat_family == CONTROL]
    flagged_controls = sum(bool(flags[c.case_id].flagged) for c in controls)
    assert yes_no >= flagged_controls
    assert yes_yes > 15
    assert 0 < found["kappa"] < 1
