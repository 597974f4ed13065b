"""What a batch queue is, and those of OpenAI, of servers that speak its API, and of Anthropic.

A batch is handed in once and looked at until it has ended; its output is read line by line. Written from the APIs'
documentation. Nothing here waits: ``eval.runs.batches`` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, Self
from urllib.parse import quote, urlsplit

from dataset_builder.errors import InputError, RemoteError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.batches.calls import BatchHttp, NotMadeError, UnheardError
from dataset_builder.models.batches.lines import NAME, anthropic_line, openai_line
from dataset_builder.models.first import nearest
from dataset_builder.models.providers import CUSTOM, Endpoint
from dataset_builder.models.request import ChatRequest, Dialect
from dataset_builder.net.secret import ApiKey

# What a batch of OpenAI is marked with, so that one whose hand-in was cut off is found again.
MARK: Final = "blind_refusal"
_ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled", "canceled", "ended"})
# A clock may be off by so many seconds.
_SLACK_S: Final = 300.0
# Of an account's batches, a hundred each.
MOST_PAGES: Final = 50
_LONGEST: Final = 10


class BatchState(NamedTuple):
    """How a batch stands: the server's word for it, whether it has ended, requests done and in all, and what is wrong.

    ``outputs`` are where its output is, once there is any.
    """

    id: str
    status: str
    ended: bool
    done: int
    total: int
    problem: str | None = None
    outputs: tuple[str, ...] = ()


class HandedIn(NamedTuple):
    """What is known of a batch before its id is: its mark, how many requests it has, and when it was handed in.

    ``others`` are the ids of batches that are known to be others.
    """

    mark: str
    requests: int
    since: float
    others: frozenset[str] = frozenset()


class BatchQueue(Protocol):
    """A provider's queue, open for as long as its ``with`` block. All methods raise RemoteError where it fails."""

    most_requests: int
    most_bytes: int

    def __enter__(self) -> Self:
        """Open its connection."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...

    def line(self, name: str, request: ChatRequest, dialect: Dialect) -> bytes:
        """One request of that name in the queue's form, without a line end."""
        ...

    @property
    def dialect(self) -> Dialect:
        """How its provider is known to want requests."""
        ...

    def unknown_model(self) -> str | None:
        """What is known of the model's name where the server says that it has none of that name, else None.

        Raises NotMadeError where that is certain.
        """
        ...

    def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Hand requests in as one batch; returns its id. Raises NotMadeError where the server said no."""
        ...

    def find(self, known: HandedIn) -> str | None:
        """The id of a batch whose hand-in was cut off, None where there is none."""
        ...

    def look(self, batch: str) -> BatchState:
        """How a batch stands."""
        ...

    def answers(self, state: BatchState) -> Iterator[tuple[str, ChatAnswer]]:
        """The name of each request in the output so far, and its answer."""
        ...

    def cancel(self, batch: str) -> None:
        """Ask for a batch to end."""
        ...


class Queue:
    """What all queues share."""

    # Where models are listed, in which member, and where their names are.
    models = "/models", "data", "id"

    def __init__(self, endpoint: Endpoint, headers: Sequence[ApiKey] = (), **waiting: Any) -> None:
        self._endpoint = endpoint
        self._http = BatchHttp(endpoint, headers, **waiting)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._http)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def unknown_model(self) -> str | None:
        """What is known of the model's name where the server has none of that name; asked once, and at no cost.

        A server of the user's own may know more models than it lists.
        """
        path, member, id_member = self.models
        model = self._endpoint.model.removeprefix("models/")
        try:
            self._http.get(f"{path}/{quote(model, safe='')}", once=True)
        except UnheardError:
            raise
        except RemoteError:
            pass
        else:
            return None
        try:
            listed = objects_in(self._http.get(path, once=True).get(member))
        except RemoteError:
            return None
        names = [str(one.get(id_member) or "").removeprefix("models/") for one in listed]
        near = nearest([name for name in names if name], self._endpoint)
        if near is None or model in names:
            return None
        told = f"{self._endpoint.host} lists no model {model!r}. {near}"
        if self._endpoint.provider.id != CUSTOM:
            raise NotMadeError(told)
        return told

    def _listed(self, path: str, cursor: str) -> Iterator[dict[str, Any]]:
        """The account's batches, the newest first."""
        more = ""
        for _ in range(MOST_PAGES):
            told = self._http.get(f"{path}?limit=100{more}")
            found = objects_in(told.get("data"))
            yield from found
            if not found or told.get("has_more") is not True:
                return
            more = f"&{cursor}={quote(id_in(found[-1]), safe='')}"

    @property
    def dialect(self) -> Dialect:
        """How its provider is known to want requests."""
        return Dialect(self._endpoint.provider.token_field)

    def _body(self, request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(request.encode(self._endpoint, dialect))
        # A batch is never a stream.
        body.pop("stream", None)
        return body


class OpenAIQueue(Queue):
    """Files and batches as OpenAI has them; vLLM, Groq, Together and others speak the same."""

    most_requests = 50_000
    most_bytes = 190 * 2**20

    def line(self, name: str, request: ChatRequest, dialect: Dialect) -> bytes:
        """One request as a line of the input file."""
        url = "/v1/chat/completions"
        return json.dumps({NAME: name, "method": "POST", "url": url, "body": self._body(request, dialect)}).encode()

    def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Upload the file, then make the batch."""
        content = b"\n".join(lines) + b"\n"
        file = self._http.upload("/files", {"purpose": "batch"}, f"{MARK}-{mark}.jsonl", content)
        made = self._http.post(
            "/batches",
            {
                "input_file_id": id_in(file),
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
                "metadata": {MARK: mark},
            },
        )
        return id_in(made)

    def find(self, known: HandedIn) -> str | None:
        """The batch with the mark."""
        listed = self._listed("/batches", "after")
        found = (one for one in listed if object_in(one.get("metadata")).get(MARK) == known.mark)
        return next(map(id_in, found), None)

    def look(self, batch: str) -> BatchState:
        """Its state, with the first errors of its validation."""
        told = self._http.get(f"/batches/{quote(batch, safe='')}")
        counts = object_in(told.get("request_counts"))
        errors = objects_in(object_in(told.get("errors")).get("data"))
        problem = "; ".join(str(one.get("message") or one.get("code")) for one in errors[:3]) or None
        status = str(told.get("status") or "")
        return BatchState(
            batch,
            status,
            status in _ENDED,
            count_in(counts.get("completed")) + count_in(counts.get("failed")),
            count_in(counts.get("total")),
            None if problem is None else self._http.clean(problem),
            tuple(str(told[name]) for name in ("output_file_id", "error_file_id") if told.get(name)),
        )

    def answers(self, state: BatchState) -> Iterator[tuple[str, ChatAnswer]]:
        """The lines of the output file and of the file of errors."""
        for file in state.outputs:
            for line in self._http.lines(f"/files/{quote(file, safe='')}/content"):
                yield named(line, openai_line)

    def cancel(self, batch: str) -> None:
        """Ask for the batch to be cancelled."""
        self._http.post(f"/batches/{quote(batch, safe='')}/cancel", {})


class AnthropicQueue(Queue):
    """Message Batches of Anthropic."""

    most_requests = 100_000
    most_bytes = 250 * 2**20

    def line(self, name: str, request: ChatRequest, dialect: Dialect) -> bytes:
        """One request of the batch."""
        return json.dumps({NAME: name, "params": self._body(request, dialect)}).encode()

    def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Make the batch."""
        return id_in(self._http.post_bytes("/messages/batches", b'{"requests":[' + b",".join(lines) + b"]}"))

    def find(self, known: HandedIn) -> str | None:
        """The one batch of as many requests that was made since; None where there is none.

        A batch carries no mark here; the names of its requests do, which the output shows. Raises RemoteError where
        several are alike.
        """
        listed = self._listed("/messages/batches", "after_id")
        alike = [
            id_in(one)
            for one in listed
            if sum(map(count_in, object_in(one.get("request_counts")).values())) == known.requests
            and _time(one.get("created_at")) >= known.since - _SLACK_S
            and one.get("id") not in known.others
        ]
        if len(alike) > 1:
            raise RemoteError(
                f"{self._endpoint.host} has {len(alike)} batches that may be the one whose hand-in was cut off: "
                f"{', '.join(alike)}. Cancel those that are not wanted in its console."
            )
        return alike[0] if alike else None

    def look(self, batch: str) -> BatchState:
        """Its state; it has ended once all its requests have, one way or another."""
        told = self._http.get(f"/messages/batches/{quote(batch, safe='')}")
        counts = {name: count_in(n) for name, n in object_in(told.get("request_counts")).items()}
        status, url = str(told.get("processing_status") or ""), str(told.get("results_url") or "")
        total = sum(counts.values())
        return BatchState(
            batch, status, status in _ENDED, total - counts.get("processing", 0), total, outputs=(url,) if url else ()
        )

    def answers(self, state: BatchState) -> Iterator[tuple[str, ChatAnswer]]:
        """The lines of the results. Raises RemoteError where they are said to be on another host, which gets no key."""
        for url in state.outputs:
            base = urlsplit(self._endpoint.provider.base_url)
            place = urlsplit(url)
            if place.netloc and (place.scheme, place.netloc) != (base.scheme, base.netloc):
                raise RemoteError(f"{base.netloc} says that the results of batch {state.id} are on another host.")
            for line in self._http.lines(f"/messages/batches/{quote(state.id, safe='')}/results"):
                yield named(line, anthropic_line)

    def cancel(self, batch: str) -> None:
        """Ask for the batch to be cancelled."""
        self._http.post(f"/messages/batches/{quote(batch, safe='')}/cancel", {})


def named(line: Mapping[str, Any], read: Any, name_in: str = NAME) -> tuple[str, ChatAnswer]:
    """The name of a request and its answer in a line of the output. Raises RemoteError where it is none."""
    name = line.get(name_in)
    try:
        return (name if isinstance(name, str) else ""), read(line)
    except InputError as error:
        raise RemoteError(f"a line of the batch's output {error}") from None


def id_in(told: Mapping[str, Any], member: str = "id") -> str:
    """The id of what a server made. Raises RemoteError where it gives none."""
    found = told.get(member)
    if not isinstance(found, str) or not 0 < len(found) <= 200 or not found.isprintable():
        raise RemoteError("the server gave no id for what it made")
    return found


def object_in(value: Any) -> dict[str, Any]:
    """The object, empty for anything else."""
    return value if isinstance(value, dict) else {}


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, empty for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def count_in(value: Any) -> int:
    """A count, 0 for anything else; Google writes such numbers as texts."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < _LONGEST:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _time(value: Any) -> float:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return 0.0
