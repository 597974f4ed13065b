"""The hostile strings, and what of each may be seen of it on a page."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "space" / "hostile_strings.json"


def strings() -> tuple[str, ...]:
    """All strings of the set."""
    groups: dict[str, list[str]] = json.loads(FILE.read_text(encoding="ascii"))
    return tuple(text for group in groups.values() for text in group)


def text_of(markup: str) -> str:
    """The text content of HTML that holds no element but ours (``span`` and ``mark``)."""
    return html.unescape(re.sub(r'</?(?:span|mark)(?: class="br-odd")?>', "", markup))
