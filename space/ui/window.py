"""What a page knows of the reader's window: dark or light, how wide, and which state it shows."""

from __future__ import annotations

import threading
from collections import OrderedDict
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


class Clicks:
    """The state that a click has led each reader of a page to, as a query; safe to use from many threads.

    Of two events on their way at once the older one may be handled last. What ``shown_box`` held
    when it was raised tells: it is not yet what the click led to. A ``gr.State`` would do as well,
    but makes every open page hold a connection for it.
    """

    KEPT = 2_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries: OrderedDict[str, str] = OrderedDict()

    def note(self, request: gr.Request, query: str) -> None:
        """A reader has clicked on what leads to a state."""
        with self._lock:
            self._queries[str(request.session_hash)] = query
            self._queries.move_to_end(str(request.session_hash))
            while len(self._queries) > self.KEPT:
                self._queries.popitem(last=False)

    def undone_by(self, request: gr.Request, shown: object) -> bool:
        """Whether an event that was raised while ``shown`` stood on the page would undo a click after it."""
        with self._lock:
            clicked = self._queries.get(str(request.session_hash))
            if clicked == shown:
                # The reader has seen what the click led to; from here on nothing is late.
                del self._queries[str(request.session_hash)]
        return clicked is not None and clicked != shown
