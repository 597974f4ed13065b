"""Where a reader says what an answer does in their own view, beside the judges."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import gradio as gr
from gradio.utils import get_space

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES
from dataset_builder.errors import BlindRefusalError, InputError
from eval.judges.human.readers import LONGEST_NOTE
from space.data.facing import is_pinned
from space.frame.page import Shell, html
from space.intake.intake import HubIntake, LocalIntake
from space.intake.readers import HERE, Said, label_here, label_on_hub, take_back_here, take_back_on_hub
from space.pages.transcripts.draft import KEEP
from space.pages.transcripts.markup import filled_in, label_goes, labelled
from space.pages.transcripts.state import ADDRESS, CASE, OF, TranscriptState, search_of
from space.store.transcript import Transcript
from space.ui.links import Value, address, parse

# Set by the Hub in a Space with sign-in.
_SIGN_IN: Final = "OAUTH_CLIENT_ID"
TITLE: Final = "I disagree with this verdict"
# At a time: each may write.
_AT_A_TIME: Final = 4


class Disagreement:
    """The form below an open answer; there where results take what visitors hand in, and hidden else."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        intake = shell.intake
        self.is_there = isinstance(intake, LocalIntake) or (
            isinstance(intake, HubIntake) and get_space() is not None and bool(os.environ.get(_SIGN_IN))
        )
        with gr.Accordion(TITLE, open=False, visible=False, elem_classes="br-disagree") as self.fold:
            self.where = html()
            self.kind = gr.Radio([(one.title, one.id) for one in RESPONSE_TYPES], label="In your view, the answer")
            self.engages = gr.Checkbox(label="It engages with what defeats the rule")
            self.harm = gr.Checkbox(label="It names a harm apart from the rule")
            self.note = gr.Textbox(label="Why (if you like)", max_length=LONGEST_NOTE, lines=2)
            with gr.Row():
                self.send = gr.Button("Keep my label", scale=0, min_width=150)
                self.back = gr.Button("Take it back", scale=0, min_width=150)
            self.answer = html(follow=True)
        # What the browser kept while the reader was away to sign in.
        self.kept = gr.Textbox(label="Kept", visible="hidden", interactive=False)

    @property
    def outputs(self) -> list[Any]:
        """What ``shown`` gives the values of."""
        return [self.fold, self.where, self.kind, self.engages, self.harm, self.note, self.answer]

    def shown(self, state: Mapping[str, Value], kept: Said | None = None) -> list[Any]:
        """The form for a state: there where one answer is open, and empty again but for what was ``kept`` of it."""
        visible = self.is_there and bool(state[CASE]) and isinstance(state[OF], str)
        fold = gr.update(visible=visible, open=True) if kept else gr.update(visible=visible)
        said = kept or Said("", engages=False, harm=False)
        where = label_goes(older=is_pinned())
        return [
            fold,
            where,
            said.response_type or None,
            said.engages,
            said.harm,
            said.note,
            filled_in() if kept else "",
        ]

    def wire(self, shown: gr.Textbox, opened: gr.HTML, draw: Callable[[Mapping[str, Value]], str]) -> None:
        """Answer its buttons: ``shown`` holds the state as a query, ``draw`` is the open answer in it, as HTML."""
        said = [self.kind, self.engages, self.harm, self.note]
        intake = self._shell.intake
        done = [self.answer, opened]

        if isinstance(intake, LocalIntake):
            local = intake

            def keep(query: str, *values: Any) -> list[Any]:
                return self._done(query, draw, lambda one: label_here(local, one, _said(*values)), labelled(HERE))

            def take(query: str) -> list[Any]:
                return self._done(query, draw, lambda one: take_back_here(local, one), labelled(HERE, back=True))

            self._press(keep, take, shown, said, done)
        elif isinstance(intake, HubIntake):
            hub = intake

            def keep_signed(
                query: str,
                kind: str,
                engages: bool,
                harm: bool,
                note: str,
                request: gr.Request,
                token: gr.OAuthToken | None,
            ) -> list[Any]:
                said = _said(kind, engages, harm, note)
                act = partial(label_on_hub, hub, said=said, token=_secret(token))
                return self._done(query, draw, act, root=_root(request))

            def take_signed(query: str, request: gr.Request, token: gr.OAuthToken | None) -> list[Any]:
                act = partial(take_back_on_hub, hub, token=_secret(token))
                return self._done(query, draw, act, root=_root(request))

            self._press(keep_signed, take_signed, shown, said, done)
            self.answer.click(None, [shown, *said], None, js=KEEP, api_visibility="private")

    def _press(
        self, keep: Callable[..., Any], take: Callable[..., Any], shown: gr.Textbox, said: list[Any], done: list[Any]
    ) -> None:
        private: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": _AT_A_TIME}
        self.send.click(keep, [shown, *said], done, **private)
        self.back.click(take, [shown], done, **private)

    def _done(
        self,
        query: str,
        draw: Callable[[Mapping[str, Value]], str],
        act: Callable[[Transcript], Any],
        told: str | None = None,
        root: str = "",
    ) -> list[Any]:
        store = self._shell.data.store
        fields = TranscriptState.of(store).fields
        state = parse(fields, str(query or ""))
        try:
            one = store.transcript(str(state[CASE] or ""), str(state[OF] or ""), search_of(state).judge)
            if one is None:
                raise InputError("Open an answer first.")
            result = act(one)
        except BlindRefusalError as error:
            here = f"{root}/{address(ADDRESS, fields, state)}"
            return [labelled(None, problem=str(error), here=here), gr.update()]
        self._shell.data.readers.forget()
        return [told if told is not None else labelled(result.account, url=result.url, older=is_pinned()), draw(state)]


def _said(kind: Any, engages: Any, harm: Any, note: Any) -> Said:
    return Said(str(kind or ""), bool(engages), bool(harm), str(note or ""))


def _root(request: gr.Request) -> str:
    """Where the app stands for a request: below the version that its address pins, if it pins one."""
    return str(request.request.scope.get("root_path", "")).rstrip("/") if request.request else ""


def _secret(token: gr.OAuthToken | None) -> str:
    return token.token if token else ""
