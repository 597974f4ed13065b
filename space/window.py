"""What a page knows of the reader's window: dark or light, how wide, and which state it shows."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

# The value of the hidden box is made anew in the browser whenever a page is loaded.
READ_WINDOW: Final = """
(...values) => {
  const dark = document.body.classList.contains('dark') || document.documentElement.classList.contains('dark');
  values[values.length - 1] = `${dark ? 'dark' : 'light'} ${Math.min(window.innerWidth, 1400)}`;
  return values.length === 1 ? values[0] : values;
}
"""


def window_box() -> gr.Textbox:
    """A hidden box that holds the reader's window; give it as the last input of an event with ``js=READ_WINDOW``."""
    return gr.Textbox(label="Window", visible="hidden", interactive=False)


def shown_box() -> gr.Textbox:
    """A hidden box that holds the state on the page as a query.

    Gradio's controls raise ``input`` when they lose the focus, too: an event whose state is the one
    shown already must change nothing, or it would undo what was clicked meanwhile.
    """
    return gr.Textbox(label="Shown", visible="hidden", interactive=False)


def nothing_new(outputs: int) -> list[Any]:
    """The outputs of an event that changes nothing."""
    return [gr.update() for _ in range(outputs)]
