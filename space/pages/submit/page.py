"""How to submit a model, and where it is done: drop a bundle, see what is wrong or its row, confirm."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.utils import get_space

from dataset_builder.errors import BlindRefusalError, InputError, RemoteError
from dataset_builder.hub.client import Hub
from eval.repository.hub import ResultsRepo
from eval.repository.request_queue import RequestQueue
from eval.repository.requests import REASONING_LEVELS, EvalRequest
from space.frame.page import Page, Shell, heading, html
from space.intake.desk import UploadDesk
from space.intake.intake import HubIntake, LocalIntake
from space.intake.limits import host_of
from space.pages.submit.markup import (
    asking,
    explanation,
    failed,
    findings,
    not_asked,
    notice,
    opened,
    queue_table,
    written,
)

# Set by the Hub in a Space with sign-in.
_SIGN_IN: Final = "OAUTH_CLIENT_ID"
_UNSET: Final = "not set"
# At a time: each holds a bundle in memory.
_AT_A_TIME: Final = 2
# Seconds between two looks at the queue of requests, for all visitors together.
_EVERY: Final = 60.0
Shown = tuple[Any, str, Any, Any]


def build(shell: Shell) -> None:
    """Make the page."""
    intake = shell.intake
    # Outside of a Space gradio would sign every visitor in as the machine's owner.
    in_space = get_space() is not None and bool(os.environ.get(_SIGN_IN))
    html(heading("Submit", "How a model gets onto the leaderboard."))
    html(explanation(intake, in_space))
    desk = UploadDesk()
    if isinstance(intake, LocalIntake):
        local = intake

        def check(upload: str | None, request: gr.Request) -> Shown:
            return _checked(Dropped(desk, request), upload, lambda path: (local.check(path), []))

        def submit(request: gr.Request) -> Shown:
            return _submitted(Dropped(desk, request), lambda path: written(local.submit(path)))

        _dropping(desk, check, submit)
    elif isinstance(intake, HubIntake) and in_space:
        hub = intake
        with gr.Row():
            gr.LoginButton(size="sm", scale=0, min_width=260)

        def check_signed(
            upload: str | None, request: gr.Request, profile: gr.OAuthProfile | None, token: gr.OAuthToken | None
        ) -> Shown:
            dropped = Dropped(desk, request, profile.username if profile else None)
            return _checked(dropped, upload, lambda path: hub.check(path, _secret(token)))

        def submit_signed(request: gr.Request, token: gr.OAuthToken | None) -> Shown:
            dropped = Dropped(desk, request)
            return _submitted(dropped, lambda path: opened(hub.submit(path, _secret(token)), "The pull request"))

        _dropping(desk, check_signed, submit_signed)
    html(asking(intake, in_space))
    if isinstance(intake, HubIntake) and in_space:
        _request_form(intake)
    if isinstance(intake, HubIntake):
        _queue(shell.app, intake)


def _queue(app: gr.Blocks, intake: HubIntake) -> None:
    """What was asked for, as it stands when the page is opened."""
    shown, view = html(), QueueView(intake.repo)

    def load() -> str:
        try:
            return queue_table(view.requests(), intake.url)
        except BlindRefusalError as error:
            return notice(error)

    app.load(load, outputs=shown, api_visibility="private", show_progress="hidden")


class Dropped:
    """What a visitor's session has on the desk."""

    def __init__(self, desk: UploadDesk, request: gr.Request, account: str | None = None) -> None:
        self._desk = desk
        self._session = str(request.session_hash or "")
        client = request.client
        host = host_of((client.host, client.port) if client else None, request.headers.get("x-forwarded-for"))
        self._visitor = f"account {account}" if account else f"host {host}"

    def take(self, upload: Path) -> Path:
        """Put an upload on the desk; see ``UploadDesk.take``."""
        if not self._session:
            # Nothing would tell one such visitor from another.
            raise InputError("This page has lost its session: load it again.")
        return self._desk.take(upload, self._session, self._visitor)

    def path(self) -> Path | None:
        """Where it lies; None where there is nothing."""
        return self._desk.of(self._session)

    def drop(self) -> None:
        """Delete it."""
        self._desk.drop(self._session)


def _dropping(desk: UploadDesk, check: Callable[..., Shown], submit: Callable[..., Shown]) -> None:
    """The drop area, what was found, and the two answers to it, which send nothing but whose session it is."""
    upload = gr.File(label="Bundle (zip)", file_types=[".zip"], type="filepath", height=120, elem_classes="br-drop")
    report = html()
    with gr.Row():
        confirm = gr.Button("Submit it", variant="primary", visible=False, scale=0, min_width=150)
        discard = gr.Button("Discard it", visible=False, scale=0, min_width=150)
    shown = [upload, report, confirm, discard]
    private: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": _AT_A_TIME}

    def discarded(request: gr.Request) -> Shown:
        return _ended(Dropped(desk, request), "")

    upload.upload(check, [upload], shown, show_progress_on=upload, **private)
    upload.clear(discarded, None, shown, **private)
    confirm.click(submit, None, shown, show_progress_on=report, **private)
    discard.click(discarded, None, shown, show_progress="hidden", **private)


def _checked(dropped: Dropped, upload: str | None, check: Callable[[Path], tuple[Any, list[str]]]) -> Shown:
    if upload is None:
        return _ended(dropped, "")
    try:
        report, public = check(dropped.take(Path(upload)))
    except BlindRefusalError as error:
        return _ended(dropped, failed(error))
    if not report.ok:
        return _ended(dropped, findings(report))
    return gr.skip(), findings(report, public), gr.update(visible=True), gr.update(visible=True)


def _submitted(dropped: Dropped, submit: Callable[[Path], str]) -> Shown:
    path = dropped.path()
    if path is None or not path.is_file():
        return _ended(dropped, failed(InputError("The upload is gone: drop it again.")))
    try:
        return _ended(dropped, submit(path))
    except RemoteError as error:
        # Another try may do: the upload stays, with the two answers to it.
        return gr.skip(), failed(error), gr.skip(), gr.skip()
    except BlindRefusalError as error:
        return _ended(dropped, failed(error))


def _ended(dropped: Dropped, said: str) -> Shown:
    dropped.drop()
    return None, said, gr.update(visible=False), gr.update(visible=False)


def _secret(token: gr.OAuthToken | None) -> str:
    return token.token if token else ""


def _request_form(intake: HubIntake) -> None:
    with gr.Row():
        model = gr.Textbox(label="Model, with its provider first", placeholder="openrouter/z-ai/glm-5", max_length=200)
        repo = gr.Textbox(
            label="Its repository on the Hub, where it has one", placeholder="zai-org/GLM-5", max_length=200
        )
        reasoning = gr.Dropdown([_UNSET, *REASONING_LEVELS], value=_UNSET, label="Reasoning effort")
    with gr.Row():
        button = gr.Button("Ask for it", scale=0, min_width=150)
    answer = html()

    def ask(model: str, repo: str, reasoning: str, token: gr.OAuthToken | None) -> str:
        try:
            if not model.strip():
                raise InputError("Name the model, with its provider first, such as openrouter/z-ai/glm-5.")
            level = None if reasoning == _UNSET else reasoning
            done = intake.ask(model.strip(), _secret(token), model_repo=repo.strip() or None, reasoning=level)
        except BlindRefusalError as error:
            return not_asked(error)
        return opened(done, "The request")

    button.click(ask, [model, repo, reasoning], answer, api_visibility="private")


class QueueView:
    """The requests of a repository, as they stood at the last look."""

    def __init__(self, repo: str, every: float = _EVERY, clock: Callable[[], float] = time.monotonic) -> None:
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


PAGE = Page(
    "submit", "Submit", build, "How a model gets onto the leaderboard: hand in a run, or ask for an evaluation."
)
