"""Every source of transcripts by the real command: exports of chats, logs of Inspect, datasets on the Hub."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from huggingface_hub import HfApi

from dataset_builder.errors import InputError, RemoteError
from space.cli import command
from tests.support.hub_server import HubServer

NO = "I'm sorry, but I can't help with that."
LOGS = Path(__file__).resolve().parents[1] / "interop" / "logs"


def judge(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["judge", "--no-explain", *map(str, arguments)])


def test_exports_of_chats(tmp_path: Path) -> None:
    """A JSON list of chats, as programs save them under two names of their turns, and one chat a line."""
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "How?"}]
    chats = [{"id": 1, "messages": [*turns, {"role": "assistant", "content": NO}]}, {"id": 2, "messages": turns}]
    (tmp_path / "a.json").write_text(json.dumps(chats))
    shared = [{"conversations": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": NO}]}]
    (tmp_path / "b.json").write_text(json.dumps(shared))
    (tmp_path / "c.jsonl").write_text(json.dumps(chats[0]) + "\n")
    done = judge(tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.jsonl", "--out", tmp_path / "out")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "Read: messages\n" in done.output
    assert "Read: messages from 'conversations'" in done.output
    found = {name: (tmp_path / "out" / f"{name}.judged.jsonl").read_text().splitlines() for name in "abc"}
    labels = {
        name: [(row["response_type"], row["unscored_reason"]) for row in map(json.loads, lines)]
        for name, lines in found.items()
    }
    no = ("hard_refusal", None)
    assert labels == {"a": [no, (None, "empty_answer")], "b": [no], "c": [no]}
    # The chat itself came back as it was.
    assert json.loads(found["a"][0])["messages"] == chats[0]["messages"]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_logs_of_inspect_in_both_forms(tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")
    done = judge(LOGS / "inspect-0.3.283.eval", LOGS / "inspect-0.3.283.json", "--out", tmp_path / "out")
    assert isinstance(done.exception, InputError)
    assert "two files would be written to" in str(done.exception)
    labels = []
    for form in ("eval", "json"):
        done = judge(LOGS / f"inspect-0.3.283.{form}", "--out", tmp_path / f"{form}.jsonl")
        assert done.exit_code == 0, (done.output, done.exception)
        rows = [json.loads(line) for line in (tmp_path / f"{form}.jsonl").read_text().splitlines()]
        labels.append([(row["sample"], row["response_type"], row["unscored_reason"]) for row in rows])
    assert labels[0] == labels[1]
    assert any(label for _, label, _ in labels[0])
    # Inspect leaves an event loop to the collector.
    gc.collect()


def test_a_dataset_on_the_hub(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    api = HfApi(endpoint=hub.endpoint)
    api.create_repo("alice/chats", repo_type="dataset")
    table = pa.table({"prompt": ["How?"] * 3, "completion": [NO] * 3})
    pq.write_table(table, tmp_path / "rows.parquet")
    api.upload_file(
        path_or_fileobj=tmp_path / "rows.parquet", path_in_repo="data/test-0.parquet", repo_id="alice/chats",
        repo_type="dataset",
    )  # fmt: skip
    line = json.dumps({"prompt": "How?", "completion": NO}).encode() + b"\n"
    api.upload_file(path_or_fileobj=line, path_in_repo="more.jsonl", repo_id="alice/chats", repo_type="dataset")
    done = judge("hf://datasets/alice/chats", "--out", tmp_path / "all")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "Read: request from 'prompt', response from 'completion'" in done.output
    judged = pq.read_table(tmp_path / "all" / "test-0.judged.parquet")
    assert judged["response_type"].to_pylist() == ["hard_refusal"] * 3
    assert (tmp_path / "all" / "more.judged.jsonl").is_file()
    done = judge("hf://datasets/alice/chats@main/data/*.parquet", "--out", tmp_path / "some")
    assert sorted(path.name for path in (tmp_path / "some").iterdir()) == [
        "test-0.judged.parquet", "test-0.judged.parquet.record.json",
    ]  # fmt: skip
    there = ("--out", tmp_path / "none")
    assert "no file of rows there by that name" in str(judge("hf://datasets/alice/chats/x-*", *there).exception)
    assert isinstance(judge("hf://datasets/alice/nothing", *there).exception, RemoteError)
    # Without --out labels would go into the cache of others' files.
    assert "--out" in str(judge("hf://datasets/alice/chats").exception)
