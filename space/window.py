"""What a page knows of the reader's window: dark or light, and how wide, for the figures."""

from __future__ import annotations

from typing import Final

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
