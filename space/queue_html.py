"""The queue of requests as HTML: what was asked for, by whom, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eval.request_record import DONE, FAILED, RUNNING, EvalRequest
from eval.results_folder import SUBMISSIONS, is_place
from space.safe_text import safe, safe_attribute

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
