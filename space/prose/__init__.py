"""The pages' longer texts, a file each, as HTML of ours."""

from __future__ import annotations

from importlib.resources import files


def prose(name: str) -> str:
    """A text of this folder by its name without the ending."""
    return (files("space") / "prose" / f"{name}.html").read_text(encoding="utf-8")
