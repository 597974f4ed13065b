"""Models by vLLM, against a module that speaks its API; and what is told where an engine or a model is not there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blind_refusal import evaluate
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from tests.support.fake_vllm import VERSION, write_vllm, write_weights


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The module on the path; gives the file in which it notes how it was asked to sample."""
    log = tmp_path / "asked.jsonl"
    monkeypatch.setenv("FAKE_VLLM_LOG", str(log))
    monkeypatch.syspath_prepend(str(write_vllm(tmp_path / "site")))
    yield log
    sys.modules.pop("vllm", None)


def run(model: str, dataset: OpenedDataset, out: Path, *more: str) -> Result:
    words = ["run", "--model", model, "--dataset", dataset.name, "--out", str(out), "--sample", "5", "--judge", "none"]
    return CliRunner().invoke(eval_group, [*words, *more])


def test_a_run_by_vllm(vllm: Path, dataset: OpenedDataset, tmp_path: Path) -> None:
    model = f"vllm:{write_weights(tmp_path / 'ckpt')}"
    done = run(model, dataset, tmp_path / "run", "--max-tokens", "30", "--stop", "END", "--batch-size", "3")
    assert done.exit_code == 0, (done.output, done.exception)
    folder = RunFolder.open(tmp_path / "run")
    assert folder.settings.model == "vllm:ckpt"
    assert str(folder.settings.engine).startswith(f"vllm {VERSION}, files ")
    assert str(folder.settings.engine).rpartition(", chat template ")[0].endswith(", auto")
    queries = dataset.built.case_by_id
    for answer in folder.answers.values():
        query = " ".join(queries[answer.case_id].user_query.split())
        assert answer.response == f"You said: <user> {query} <assistant>"
        assert (answer.reasoning, answer.completion_tokens) == ("hm", 3)
        assert answer.prompt_tokens == len(query.split()) + 2
    asked = [one for line in vllm.read_text().splitlines() for one in json.loads(line)]
    assert [len(json.loads(line)) for line in vllm.read_text().splitlines()] == [3, 2]
    # The run's own settings, and the model's where it has none.
    assert {(one["temperature"], one["top_k"], one["skip_special_tokens"]) for one in asked} == {(0.0, 20, False)}
    assert {(tuple(one["stop"]), one["max_tokens"] <= 30) for one in asked} == {(("END",), True)}
    assert isinstance(run(model, dataset, tmp_path / "run", "--completion").exception, DataError)


def test_from_python(vllm: Path, dataset: OpenedDataset, tmp_path: Path) -> None:
    model = f"vllm:{write_weights(tmp_path / 'base', template=False)}"
    result = evaluate(
        model, dataset.spec, sample=2, completion=True, judge=None, progress=False, folder=tmp_path / "run"
    )
    texts = [str(one.response) for one in result.run.answers.values()]
    assert all(text.startswith("You said: ") and "<user>" not in text for text in texts)
    assert "bare text" in str(result.run.settings.engine)
    with pytest.raises(InputError, match="belong to a name such as"):
        evaluate(lambda request: "", dataset.spec, completion=True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--device", "cpu"), "set CUDA_VISIBLE_DEVICES"),
        (("--dtype", "float32"), "vllm:ckpt cannot be loaded: no room for float32"),
        (("--reasoning", "low", "--rpm", "9"), "--reasoning and --rpm: not with vllm:ckpt"),
        (("--extra-body", '{"chat_template_kwargs": {}, "min_p": 1}'), "--extra-body with min_p: not with vllm:ckpt"),
    ],
)
def test_what_cannot_be_heeded(
    vllm: Path, dataset: OpenedDataset, tmp_path: Path, more: tuple[str, ...], said: str
) -> None:
    done = run(f"vllm:{write_weights(tmp_path / 'ckpt')}", dataset, tmp_path / "run", *more)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_what_is_not_there(dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vllm: Path) -> None:
    def told(model: str, *more: str) -> str:
        done = run(model, dataset, tmp_path / "run", *more)
        assert isinstance(done.exception, InputError), done.output
        assert not (tmp_path / "run").exists()
        return str(done.exception)

    there = write_weights(tmp_path / "ckpt")
    assert "no such folder here" in told(f"vllm:{tmp_path}/nowhere")
    assert "expected a folder or a repository" in told("vllm:")
    (there / "model.safetensors").rename(there / "pytorch_model.bin")
    assert "no weights as safetensors, which alone are read" in told(f"vllm:{there}")
    assert "has no chat template" in told(f"vllm:{write_weights(tmp_path / 'base', template=False)}")
    asked = told("ollama/x", "--dtype", "float16")
    assert "--completion, --batch-size, --dtype and --device are for models that this process runs" in asked
    # Whatever else may be installed here, this engine is not.
    monkeypatch.setattr(sys, "path", [one for one in sys.path if not one.startswith(str(tmp_path))])
    sys.modules.pop("vllm", None)
    assert "pip install 'blind-refusal[vllm]'" in told(f"vllm:{there}")
