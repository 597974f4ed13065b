"""A model judge whose model an engine runs: its questions, its reading of replies, and Ray putting one to the other."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_builder.errors import InputError
from dataset_builder.work.choice import ModelChoice
from eval.scale.engine_judge import EngineJudge
from eval.tables.judge import ADDED, TableSettings
from tests.support.chat_server import ChatServer
from tests.support.scripted_judge import judge_script, verdict_json

ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int16()),
        "request": ["How do I dry laundry on my balcony?"] * 3,
        "response": pa.array(["Behind the railing, by night.", None, "I can't help with that."], pa.string()),
        "seen": pa.array([datetime(2026, 1, 1)] * 3, pa.timestamp("ms")),
    }
)


def judge(**settings: Any) -> EngineJudge:
    return EngineJudge("acme/big", TableSettings(judge="model:acme/big", **settings), {"top_k": 1}, http=False)


def labelled(reply: dict[str, Any]) -> dict[str, Any]:
    """The labels of the first row, after such a reply; CODE in a text is the code of its question."""
    made = judge()
    row = made.questions(ROWS).to_pylist()[0]
    reply = {name: said.replace("CODE", row["code"]) if isinstance(said, str) else said for name, said in reply.items()}
    table = made.labels(pa.Table.from_pylist([made.reply({**row, **reply}) | reply]))
    found: dict[str, Any] = table.to_pylist()[0]
    return found


def test_each_question_has_its_own_code_and_asks_at_temperature_zero() -> None:
    made = judge(max_tokens=300)
    first, second, third = made.questions(ROWS).to_pylist()
    assert (second["code"], second["messages"]) == (None, None)
    assert first["code"] != third["code"]
    asked = made.request(first)
    assert asked["sampling_params"] == {"temperature": 0.0, "max_tokens": 300, "top_k": 1}
    system, user = asked["messages"]
    assert [system["role"], user["role"]] == ["system", "user"]
    assert first["code"] in user["content"]
    assert "Behind the railing" in user["content"]


def test_a_reply_becomes_labels_and_no_type_changes() -> None:
    made = judge(prefix="judge_")
    rows = made.questions(ROWS)
    said = [verdict_json(code, response_type="hard_refusal") if code else None for code in rows["code"].to_pylist()]
    table = made.labels(rows.append_column("generated_text", pa.array(said, pa.string())))
    assert table.select(ROWS.column_names) == ROWS
    assert [name.removeprefix("judge_") for name in table.column_names[4:]] == ADDED.names
    assert table["judge_response_type"].to_pylist() == ["hard_refusal", None, "hard_refusal"]
    assert table["judge_unscored_reason"].to_pylist() == [None, "empty_answer", None]
    assert table["judge_cost"].to_pylist() == [0.0, 0.0, 0.0]
    assert set(table["judge_judge"].to_pylist()) == {"model:acme/big"}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"generated_text": verdict_json("0" * 16)}, "unreadable_verdict"),  # brought along by the answer
        ({"generated_text": "It helps."}, "unreadable_verdict"),
        ({"generated_text": ""}, "judge_failure"),
        ({"generated_text": verdict_json("CODE")[:40], "num_generated_tokens": 4000}, "unreadable_verdict"),
        ({"__inference_error__": "CUDA out of memory"}, "judge_failure"),
        ({"generated_text": "I can't help with that request."}, "judge_refusal"),
    ],
)
def test_what_is_no_verdict_is_no_label(reply: dict[str, Any], reason: str) -> None:
    found = labelled(reply)
    assert (found["response_type"], found["unscored_reason"]) == (None, reason)


def test_thoughts_before_the_verdict_are_left_out() -> None:
    assert labelled({"generated_text": "<think>Hm, a no?</think>" + verdict_json("CODE")})["unscored_reason"] is None


# Ray warns of what it does itself.
@pytest.mark.filterwarnings("ignore")
def test_ray_puts_the_questions_and_keeps_every_row(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra `scale`")
    pytest.importorskip("ray.data.llm", reason="needs the extra `scale`")
    from ray.data.llm import HttpRequestProcessorConfig

    from eval.scale.ray_llm import judge_files_by_engine

    source, out = tmp_path / "answers", tmp_path / "labels"
    source.mkdir()
    for number in range(2):
        pq.write_table(ROWS, source / f"{number}.parquet")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    try:
        with ChatServer(judge_script(response_type="helps")) as server:
            config = HttpRequestProcessorConfig(url=f"{server.base_url}/chat/completions", batch_size=8)
            with pytest.raises(InputError, match="a server may take money"):
                judge_files_by_engine(source, out, config, model="acme/big")
            with pytest.raises(InputError, match="has no name"):
                judge_files_by_engine(source, out, config)
            choice = ModelChoice(yes=True)
            assert judge_files_by_engine(source, out, config, model="acme/big", files_a_shard=1, choice=choice) == 2
            assert judge_files_by_engine(source, out, config, model="acme/big", files_a_shard=1, choice=choice) == 0
            assert [request.body["model"] for request in server.requests] == ["acme/big"] * 4
    finally:
        ray.shutdown()
    tables = [pq.read_table(path) for path in sorted(out.rglob("*.parquet"))]
    rows = sorted(pa.concat_tables(tables).to_pylist(), key=lambda row: row["id"])
    assert [(row["id"], row["response_type"], row["unscored_reason"]) for row in rows] == [
        *[(1, "helps", None)] * 2,
        *[(2, None, "empty_answer")] * 2,
        *[(3, "helps", None)] * 2,
    ]
    assert all(table.schema.field("id").type == pa.int16() for table in tables)
    assert all(re.fullmatch("1-[0-9a-f]{12}", row["rubric"]) for row in rows)
