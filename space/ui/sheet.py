"""The style sheet of our own HTML, as text; nothing here needs gradio."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

ASSETS: Final = files("space") / "assets"
_SHEETS: Final = ("style.css", "results.css", "first.css", "pages.css")


@cache
def style_sheet() -> str:
    """All of it but for the colours, which ``space.ui.palette`` makes."""
    return "".join((ASSETS / name).read_text(encoding="utf-8") for name in _SHEETS)
