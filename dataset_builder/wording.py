"""How counts are worded."""

from __future__ import annotations


def counted(n: int, one: str, more: str | None = None) -> str:
    """A number with its noun: ``1 case``, ``1,290 cases``; ``more`` where the plural is not made by an s."""
    return f"{n:,} {plural(n, one, more)}"


def plural(n: int, one: str, more: str | None = None) -> str:
    """The noun alone, as it stands after that number."""
    return one if n == 1 else more or one + "s"
