from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dataset_builder.errors import RemoteError
from dataset_builder.hub.client import Hub
from eval.repository.hub import ResultsRepo
from eval.repository.request_queue import RequestQueue
from eval.repository.requests import EvalRequest, make_request
from space.pages.submit.markup import MOST_REQUESTS, queue_table
from space.pages.submit.page import QueueView
from tests.support.hub_server import ALICE, HubServer

REPO, URL = "alice/blind-refusal-results", "https://hub.example/datasets/alice/results"
HOSTILE = "no answer: {x onerror=alert(1)} \u202e"


def asked(model: str = "openrouter/acme/m", **changes: Any) -> EvalRequest:
    return msgspec.structs.replace(make_request(model, "c" * 64, "bob", "2026-11-21T11:00:00Z"), **changes)


def test_each_request_tells_its_state_and_what_came_of_it() -> None:
    shown = queue_table(
        [
            asked("openrouter/acme/waits"),
            asked("openrouter/acme/runs", state="running", answered=1200, cases=1290),
            asked("openrouter/acme/done", state="done", submission="acme__done/2026-11-21-abc"),
            asked("openrouter/acme/failed", state="failed", error=f"<b>{HOSTILE}</b>"),
            asked("openrouter/acme/forged", state="done", submission='../../x" onclick="y'),
        ],
        URL,
    )
    for expected in ("pending", "1,200 of 1,290 answers", "&lt;b&gt;no answer", "U+202E", "bob", "2026-11-21"):
        assert expected in shown
    assert f'<a href="{URL}/tree/main/submissions/acme__done/2026-11-21-abc">its run</a>' in shown
    assert shown.count("<a ") == 1
    assert "onclick" not in shown
    many = queue_table([asked()] * (MOST_REQUESTS + 2), URL)
    assert many.count('scope="row"') == MOST_REQUESTS
    assert "And 2 older ones." in many
    assert "nothing has been asked for" in queue_table([], URL)


def test_the_queue_is_read_once_for_all_until_it_is_old(hub: HubServer) -> None:
    client = Hub(token=ALICE.token)
    client.ensure_repo(REPO, "dataset")
    queue, time = RequestQueue(ResultsRepo(client, REPO)), [0.0]
    view = QueueView(REPO, every=60, clock=lambda: time[0])
    assert view.requests() == ()
    first, second = (
        asked(),
        asked("openrouter/acme/n", asked_at="2026-11-21T12:00:00Z", id="20261121T120000Z-" + "a" * 10),
    )
    for one in (first, second):
        queue.repo.commit("Ask", {f"requests/{one.id}.json": msgspec.json.encode(one)}, parent=queue.repo.head())
    time[0] = 59.0
    before = len(hub.faults.asked)
    assert view.requests() == ()
    assert len(hub.faults.asked) == before
    time[0] = 60.0
    assert view.requests() == (second, first)


def test_a_queue_that_is_not_there_is_said(hub: HubServer) -> None:
    with pytest.raises(RemoteError, match="404"):
        QueueView("alice/none").requests()
