"""A model judge for engines that run the model themselves: rows to questions, replies to labels; it asks nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import pyarrow as pa

from dataset_builder.models.answer import ChatAnswer, read_kept
from dataset_builder.models.in_process.answers import answer_of_text, failed, messages_of
from dataset_builder.models.request import ChatRequest
from dataset_builder.work.cost import FREE
from eval.judges.model.judge import MAX_TOKENS, ModelJudge
from eval.tables.judge import Judged, TableSettings, columns_of, labels_of, read_rows

# Of a row on its way through the engine: itself as Arrow bytes, so that no type changes, the question and its code.
_ROW: Final = pa.schema([("row", pa.binary()), ("code", pa.string()), ("messages", pa.string())])
_FAULT: Final = "__inference_error__"


class _Engine:
    """What stands for a client: the engine asks, and this is never asked."""

    host = "in the engine"

    @property
    def endpoint(self) -> _Engine:
        return self

    async def complete(self, request: ChatRequest) -> NoReturn:
        raise NotImplementedError("the engine asks")

    async def aclose(self) -> None:
        """Nothing is open."""


class EngineJudge:
    """The questions for an engine and the labels from its replies; plain values, which can be sent to any process.

    ``sampling`` are further fields of each request, as the engine takes them.
    """

    def __init__(self, model: str, settings: TableSettings, sampling: Mapping[str, Any], *, http: bool) -> None:
        self.model, self.settings, self.sampling, self.http = model, settings, dict(sampling), http
        self.max_tokens = settings.max_tokens or MAX_TOKENS

    def judge(self) -> ModelJudge:
        """The judge whose questions and reading these are."""
        return ModelJudge(
            self.model,
            _Engine(),
            price=self.settings.choice.price or (None if self.http else FREE),
            max_tokens=self.max_tokens,
        )

    def questions(self, table: pa.Table) -> pa.Table:
        """A row for each of the table's, with its question; no code and no messages where there is nothing to judge."""
        judge = self.judge()
        found: list[tuple[bytes, str | None, str | None]] = []
        for at, row in enumerate(read_rows(table, columns_of(table.schema, self.settings))):
            whole = _to_bytes(table.slice(at, 1))
            if row.task is None:
                found.append((whole, None, None))
                continue
            prompt = judge.prompt_of(row.task, None)
            found.append((whole, prompt.code, json.dumps(messages_of(judge.request_of(prompt)))))
        names = _ROW.names
        return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in found], schema=_ROW)

    def request(self, row: dict[str, Any]) -> dict[str, Any]:
        """What the engine is given of a question."""
        limits = {"temperature": 0.0, "max_tokens": self.max_tokens, **self.sampling}
        messages = json.loads(row["messages"])
        if self.http:
            return {"payload": {"model": self.model, "messages": messages, **limits}}
        return {"messages": messages, "sampling_params": limits}

    def reply(self, row: dict[str, Any]) -> dict[str, Any]:
        """What is kept of a row behind the engine."""
        names = ("row", "code", "http_response", "generated_text", "num_generated_tokens")
        kept = {name: row[name] for name in names if name in row}
        if "http_response" in kept:
            kept["http_response"] = json.dumps(kept["http_response"], default=_plain)
        return kept

    def labels(self, table: pa.Table) -> pa.Table:
        """The rows as they were before the questions, with the columns of ADDED behind."""
        judge, parts = self.judge(), []
        for reply in table.to_pylist():
            whole = _from_bytes(reply["row"])
            rows = read_rows(whole, columns_of(whole.schema, self.settings))
            judged = []
            if rows[0].task is not None:
                task, found = rows[0].task, judge.reading(reply["code"], self._answer(reply)).ended()
                verdict = judge.verdict_of(task.case.case_id, task.response.response_hash, found)
                judged.append(Judged(verdict, None))
            labels = labels_of(rows, judged, judge)
            for name in labels.column_names:
                whole = whole.append_column(self.settings.prefix + name, labels[name])
            parts.append(whole)
        return pa.concat_tables(parts)

    def _answer(self, reply: Mapping[str, Any]) -> ChatAnswer:
        if fault := reply.get(_FAULT):
            return failed(RuntimeError(fault))
        if reply.get("http_response") is not None:
            return read_kept(json.loads(reply["http_response"]))
        finish = "length" if (reply.get("num_generated_tokens") or 0) >= self.max_tokens else "stop"
        return answer_of_text(reply.get("generated_text") or "", ChatRequest(messages=()), finish)


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    held: bytes = sink.getvalue().to_pybytes()
    return held


def _from_bytes(held: bytes) -> pa.Table:
    return pa.ipc.open_stream(held).read_all()


def _plain(value: Any) -> Any:
    # Ray hands lists inside rows on as numpy arrays.
    return value.tolist()
