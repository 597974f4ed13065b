"""The review page: one item at a time, by the keyboard, on this machine alone.

Whatever is shown carries ``data-turn``, another number each time, and ``data-answered``, the option of each
question that is chosen (from 1, 0 for none). By these ``page.js`` knows that what it sees is whole: keys that
are pressed before wait until then, so that quick fingers cannot answer for the item before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import gradio as gr
from markupsafe import Markup

from dataset_builder.errors import BlindRefusalError
from dataset_builder.models.quoted import escaped
from dataset_builder.review.sheet import Item, Labels, Question
from dataset_builder.templates import html_environment, pieces

_fill = pieces(html_environment("dataset_builder"), "review/page.html.j2", escaped=escaped)


def build_page(
    title: str, items: Sequence[Item], questions: Sequence[Question], labels: Labels, reviewers: Sequence[str]
) -> gr.Blocks:
    """The Gradio app. Who reviews is told by the address (``?reviewer=reviewer_1``)."""

    turns = count(1)

    def shown(reviewer: str | None, place: int) -> list[Any]:
        if reviewer is None:
            return [place, "", _turn(_fill("who", reviewers=reviewers)), *_hidden(questions), *_buttons(False)]
        progress = _progress(reviewer)
        if place >= len(items):
            return [place, progress, _turn(_fill("finished")), *_hidden(questions), *_buttons(True)]
        said = labels.of(reviewer, items[place].id) or {}
        radios = [gr.Radio(visible=True, value=said.get(q.name)) for q in questions]
        return [place, progress, _turn(_item(place), said), *radios, *_buttons(True, True)]

    def again(reviewer: str, place: int, said: Mapping[str, str | None]) -> list[Any]:
        """The same item with the answers as they stand, which were not saved."""
        answers = [gr.skip()] * len(questions)
        return [place, _progress(reviewer), _turn(_item(place), said), *answers, gr.skip(), gr.skip()]

    def _turn(content: Markup, said: Mapping[str, str | None] | None = None) -> Markup:
        """HTML that says which answers are chosen beside it; None where nothing is asked."""
        places = [] if said is None else [_place_of(q, said.get(q.name)) for q in questions]
        return _fill("turn", number=next(turns), places=places, content=content)

    def _item(place: int) -> Markup:
        """The item as inert HTML: everything in it was written by others."""
        return _fill("item", place=place + 1, total=len(items), shown=items[place].shown)

    def _progress(reviewer: str) -> Markup:
        return _fill("progress", reviewer=reviewer, done=labels.done(reviewer, items), total=len(items))

    def _hidden(asked: Sequence[Question]) -> list[Any]:
        return [gr.Radio(visible=False, value=None) for _ in asked]

    def _buttons(back: bool, save: bool = False) -> list[Any]:
        return [gr.Button(visible=back), gr.Button(visible=save)]

    def load(request: gr.Request) -> list[Any]:
        asked = str(request.query_params.get("reviewer", ""))
        reviewer = asked if asked in reviewers else None
        return [reviewer, *shown(reviewer, labels.next_open(reviewer, items) if reviewer else 0)]

    def save(reviewer: str | None, place: int, *answers: str | None) -> list[Any]:
        if reviewer is None or not 0 <= place < len(items):
            return shown(reviewer, place)
        said = {q.name: answer for q, answer in zip(questions, answers, strict=True)}
        open_ones = [q.text for q in questions if not _place_of(q, said[q.name])]
        if open_ones:
            gr.Warning(f"Not saved yet: {open_ones[0]}")
            return again(reviewer, place, said)
        try:
            labels.put(reviewer, items[place].id, {name: str(answer) for name, answer in said.items()})
        except (OSError, BlindRefusalError) as error:
            gr.Warning(f"Not saved: {error}")
            return again(reviewer, place, said)
        return shown(reviewer, labels.next_open(reviewer, items, place))

    def back(reviewer: str | None, place: int) -> list[Any]:
        return shown(reviewer, max(0, place - 1))

    page: gr.Blocks
    with gr.Blocks(title=title, analytics_enabled=False) as page:
        gr.HTML(_fill("heading", title=title))
        reviewer, place = gr.State(None), gr.State(0)
        progress = gr.HTML(elem_id="progress")
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=320):
                item = gr.HTML(elem_id="item")
            with gr.Column(scale=2, min_width=280, elem_id="asked"):
                radios = [
                    gr.Radio(
                        choices=[(f"{n} {label}", value) for n, (value, label) in enumerate(question.options, 1)],
                        label=question.text,
                        elem_id=f"q-{question.name}",
                        elem_classes="question",
                        visible=False,
                    )
                    for question in questions
                ]
                with gr.Row():
                    back_button = gr.Button("Back", elem_id="back", visible=False)
                    save_button = gr.Button("Save and next", elem_id="save", variant="primary", visible=False)
                gr.HTML(_fill("keys"))
        parts = [place, progress, item, *radios, back_button, save_button]
        page.load(load, None, [reviewer, *parts], show_progress="hidden", api_visibility="private")
        save_button.click(save, [reviewer, place, *radios], parts, show_progress="hidden", api_visibility="private")
        back_button.click(back, [reviewer, place], parts, show_progress="hidden", api_visibility="private")
    return page


def _place_of(question: Question, answer: str | None) -> int:
    """Which option an answer is, from 1; 0 for none."""
    values = [value for value, _ in question.options]
    return values.index(answer) + 1 if answer in values else 0
