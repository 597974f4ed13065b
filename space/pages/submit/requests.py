"""The queue of requests as HTML: what was asked for, by whom, and what became of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from dataset_builder.hub.client import Hub
from eval.repository.folder import SUBMISSIONS, is_place
from eval.repository.hub import ResultsRepo
from eval.repository.request_queue import RequestQueue
from eval.repository.requests import DONE, FAILED, RUNNING, EvalRequest
from space.ui.safe_text import safe, safe_attribute

MOST_SHOWN: Final = 50
_HEAD: Final = "<h3>The queue</h3>"


def queue_table(requests: Sequence[EvalRequest], url: str) -> str:
    """The newest requests as a table; ``url`` is the results repository's page."""
    if not requests:
        return f'{_HEAD}<p class="br-note">Nothing waits in it, and nothing has been asked for yet.</p>'
    rows = "".join(
        f'<tr><th scope="row">{safe(one.model)}</th><td>{safe(one.state)}</td><td>{_told(one, url)}</td>'
        f"<td>{safe(one.by)}</td><td>{safe(one.asked_at[:10])}</td></tr>"
        for one in requests[:MOST_SHOWN]
    )
    heads = "".join(f'<th scope="col">{one}</th>' for one in ("Model", "State", "What came of it", "Asked by", "On"))
    more = f"<p>And {len(requests) - MOST_SHOWN:,} older ones.</p>" if len(requests) > MOST_SHOWN else ""
    return (
        f'{_HEAD}<p class="br-note">The newest first. A request enters it when its pull request is merged.</p>'
        '<div class="br-scroll" tabindex="0" role="region" aria-label="Requests"><table class="br-table">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )


def _told(one: EvalRequest, url: str) -> str:
    """How far it is, where its run is, or why it failed."""
    if one.state == RUNNING and one.cases:
        return f"{one.answered:,} of {one.cases:,} answers"
    if one.state == DONE and one.submission and is_place(one.submission):
        return f'<a href="{safe_attribute(url)}/tree/main/{SUBMISSIONS}/{one.submission}">its run</a>'
    if one.state == FAILED:
        return safe((one.error or "")[:300])
    return ""


# The queue of requests as visitors see it: read from the results repository at most once a minute, for all of them.


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
