"""The style sheet of our own HTML, as text; nothing here needs gradio."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

ASSETS: Final = files("space") / "assets"
_SHEETS: Final = ("style.css", "results.css", "first.css", "pages.css")


# Rules that gradio would drop or give another weight.
_AS_THEY_ARE: Final = ("container.css", "print.css")


def rules_as_they_are() -> str:
    """The rules that follow the room there is, and those for paper; they are part of ``style_sheet`` as well."""
    return "".join((ASSETS / name).read_text(encoding="utf-8") for name in _AS_THEY_ARE)


@cache
def style_sheet() -> str:
    """All of it but for the colours, which ``space.ui.palette`` makes."""
    return "".join((ASSETS / name).read_text(encoding="utf-8") for name in (*_SHEETS, *_AS_THEY_ARE))
