"""The style sheet of our own HTML, as text; nothing here needs gradio."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

ASSETS: Final = files("space") / "assets"
_SHEETS: Final = ("style.css", "results.css", "first.css", "pages.css")


# Rules that gradio would drop.
_CONTAINER: Final = "container.css"


def container_rules() -> str:
    """The rules of the style sheet that follow the room there is; they are part of ``style_sheet`` as well."""
    return (ASSETS / _CONTAINER).read_text(encoding="utf-8")


@cache
def style_sheet() -> str:
    """All of it but for the colours, which ``space.ui.palette`` makes."""
    return "".join((ASSETS / name).read_text(encoding="utf-8") for name in (*_SHEETS, _CONTAINER))
