"""The tables as files: ``data/NAME.json``, ``.csv`` and ``.parquet`` with the parameters of the page beside them.

Whole, or a page of at most ``MOST_ROWS`` with ``limit`` and ``start``. Rows are written as they are read, so that no
file is ever in memory.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dataset_builder.errors import BlindRefusalError, InputError
from dataset_builder.storage.sheets import cell
from eval.repository.bundle import json_schema
from space.api.asked import Start, checked
from space.api.tables import LIMIT, START, Table, Tables
from space.frame.page import DATA
from space.ui.links import MAX_QUERY

MOST_ROWS: Final = 1_000
# Of all visitors together: each reads through the whole store.
MOST_AT_ONCE: Final = 4
_PATH: Final = re.compile(rf"{DATA}/([a-z]+|bundle\.schema)\.(json|csv|parquet)")
# What other software writes a submission by.
SCHEMA: Final = "bundle.schema.json"
_KINDS: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
# Rows that are written at once.
_CHUNK: Final = 100
_GROUP: Final = 2_000
_DIGITS: Final = 15


_Rows = Annotated[int, Meta(ge=1, le=MOST_ROWS, description=f"At most {MOST_ROWS:,} rows; all without it.")]


class _Place(msgspec.Struct):
    limit: _Rows | None = None
    start: Start = 0


class DataFiles:
    """ASGI middleware around the app that answers for the addresses of tables."""

    def __init__(self, app: ASGIApp, tables: Tables) -> None:
        self._app, self._tables = app, tables
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass a request on."""
        found = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            found = _PATH.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")).strip("/"))
        if found is not None and found[0] == f"{DATA}/{SCHEMA}":
            await JSONResponse(json_schema())(scope, receive, send)
            return
        if found is None or found[1] not in self._tables.names:
            await self._app(scope, receive, send)
            return
        if not self._free.acquire(blocking=False):
            busy = _refused("Too many tables are on their way just now. Try again in a minute.", 503)
            busy.headers["Retry-After"] = "60"
            await busy(scope, receive, send)
            return
        try:
            answer = await run_in_threadpool(self._answer, found[1], found[2], scope.get("query_string", b""))
            await answer(scope, receive, send)
        finally:
            self._free.release()

    def _answer(self, name: str, kind: str, asked: bytes) -> Response:
        try:
            table, onwards = self._table(name, kind, asked)
        except BlindRefusalError as error:
            return _refused(str(error), 400)
        headers = {"Content-Disposition": f'attachment; filename="blind-refusal-{name}.{kind}"'}
        if kind == "parquet":
            path = _parquet(table)
            return FileResponse(path, media_type=_KINDS[kind], headers=headers, background=BackgroundTask(path.unlink))
        rows = _csv(table) if kind == "csv" else _json(table, onwards)
        return StreamingResponse(rows, media_type=_KINDS[kind], headers=headers)

    def _table(self, name: str, kind: str, asked: bytes) -> tuple[Table, str]:
        """A table, and the address of its next page but for where that starts."""
        if len(asked) > MAX_QUERY:
            raise InputError(f"The address is longer than {MAX_QUERY:,} characters; name fewer filters.")
        pairs = [pair for pair in QueryParams(asked).multi_items() if pair[1]]
        place = checked(_Place, {key: _number(text) for key, text in pairs if key in (LIMIT, START)})
        rest = [pair for pair in pairs if pair[0] not in (LIMIT, START)]
        table = self._tables.of(name, rest, start=place[START], limit=place[LIMIT])
        again = urlencode([*rest, (LIMIT, place[LIMIT] or "")], encoding="utf-8", errors="replace")
        return table, f"{DATA}/{name}.{kind}?{again}&{START}="


def _number(text: str) -> int | str:
    """The whole number that a text is, where it is one and not without end."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else text


def _refused(why: str, status: int) -> JSONResponse:
    return JSONResponse({"error": why}, status)


def _json(table: Table, onwards: str) -> Iterator[bytes]:
    """``data`` and ``meta``, as the named endpoints give them; ``meta.next`` is the address of the next page."""
    start, n = b'{"data":[', 0
    for row in table.rows:
        yield start + b"\n" + msgspec.json.encode(row)
        start, n = b",", n + 1
    place = table.next()
    more = None if place is None else f"{onwards}{place}"
    meta = {**table.meta, "returned": n, "total": table.total, "next": more}
    yield (b"" if n else start) + b'\n],"meta":' + msgspec.json.encode(meta) + b"}\n"


def _csv(table: Table) -> Iterator[str]:
    """Every column, a line a row; no text can act as a formula in a spreadsheet."""
    rows, names = iter(table.rows), list(table.columns)
    head: list[list[Any]] = [names]
    while head or (chunk := list(islice(rows, _CHUNK))):
        written = io.StringIO()
        lines = head or [[_cell(row.get(name)) for name in names] for row in chunk]
        csv.writer(written, lineterminator="\n").writerows(lines)
        head = []
        yield written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return cell(msgspec.json.encode(value).decode() if isinstance(value, (list, dict)) else value)


def _parquet(table: Table) -> Path:
    """The rows in a file of their own, which whoever asked deletes."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), list: pa.list_(pa.string())}
    schema = pa.schema([(name, kinds[kind]) for name, kind in table.columns.items()])
    rows = iter(table.rows)
    with tempfile.NamedTemporaryFile(prefix="blind-refusal-", suffix=".parquet", delete=False) as made:
        path = Path(made.name)
        try:
            with ParquetWriter(made, schema) as writer:
                while chunk := list(islice(rows, _GROUP)):
                    writer.write_table(pa.Table.from_pylist(chunk, schema=schema))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path
