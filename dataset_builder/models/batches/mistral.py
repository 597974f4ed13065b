"""Mistral's batch queue: OpenAI's files and lines, with jobs of its own. Written from the API's documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from dataset_builder.models.batches.queues import (
    MARK,
    MOST_PAGES,
    BatchState,
    HandedIn,
    OpenAIQueue,
    count_in,
    id_in,
    object_in,
    objects_in,
)

_JOBS: Final = "/batch/jobs"
_ENDED: Final = frozenset({"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"})
_PAGE: Final = 100


class MistralQueue(OpenAIQueue):
    """Batch jobs of Mistral."""

    most_requests = 100_000

    def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Upload the file, then make the job; all its requests are to one model."""
        content = b"\n".join(lines) + b"\n"
        file = self._http.upload("/files", {"purpose": "batch"}, f"{MARK}-{mark}.jsonl", content)
        made = self._http.post(
            _JOBS,
            {
                "input_files": [id_in(file)],
                "model": self._endpoint.model,
                "endpoint": "/v1/chat/completions",
                "metadata": {MARK: mark},
                "timeout_hours": 24,
            },
        )
        return id_in(made)

    def find(self, known: HandedIn) -> str | None:
        """The job with the mark."""
        found = (one for one in self._jobs() if object_in(one.get("metadata")).get(MARK) == known.mark)
        return next(map(id_in, found), None)

    def look(self, batch: str) -> BatchState:
        """Its state, with the first errors."""
        told = self._http.get(f"{_JOBS}/{quote(batch, safe='')}")
        problem = "; ".join(str(one.get("message")) for one in objects_in(told.get("errors"))[:3]) or None
        status = str(told.get("status") or "")
        return BatchState(
            batch,
            status.lower(),
            status in _ENDED,
            count_in(told.get("completed_requests")),
            count_in(told.get("total_requests")),
            None if problem is None else self._http.clean(problem),
            tuple(str(told[name]) for name in ("output_file", "error_file") if told.get(name)),
        )

    def cancel(self, batch: str) -> None:
        """Ask for the job to be cancelled."""
        self._http.post(f"{_JOBS}/{quote(batch, safe='')}/cancel", {})

    def _jobs(self) -> Iterator[dict[str, Any]]:
        """The account's jobs, page by page."""
        for page in range(MOST_PAGES):
            found = objects_in(self._http.get(f"{_JOBS}?page={page}&page_size={_PAGE}").get("data"))
            yield from found
            if len(found) < _PAGE:
                return
