"""The queue of requests as visitors see it: read from the results repository at most once a minute, for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from dataset_builder.hub import Hub
from eval.request_queue import RequestQueue
from eval.request_record import EvalRequest
from eval.results_repo import ResultsRepo

EVERY: Final = 60.0


class QueueView:
    """The requests of a repository, as they stood at the last look."""

    def __init__(self, repo: str, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._repo, self._every, self._clock = repo, every, clock
        self._lock = threading.Lock()
        self._seen: tuple[float, tuple[EvalRequest, ...]] | None = None

    def requests(self) -> tuple[EvalRequest, ...]:
        """All requests, newest first. Raises RemoteError where the Hub cannot say."""
        # Whoever comes meanwhile waits for the same answer instead of asking again.
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] >= self._every:
                found = RequestQueue(ResultsRepo(Hub(), self._repo)).read().requests
                self._seen = self._clock(), tuple(reversed(found))
            return self._seen[1]
