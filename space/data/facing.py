"""Which version the request at hand reads: the newest, or one that its address pins.

Pages hold one ``SpaceData`` for good. The one they get here stands for that of the request: events and middleware run
inside ``reading``, which Python's contexts carry into their threads, and everywhere else it is the newest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

from space.data.data import SpaceData

_PINNED: Final[ContextVar[SpaceData | None]] = ContextVar("pinned", default=None)


class _Facing:
    __slots__ = ("_newest",)

    def __init__(self, newest: SpaceData) -> None:
        self._newest = newest

    def __getattr__(self, name: str) -> Any:
        return getattr(_PINNED.get() or self._newest, name)


def facing(newest: SpaceData) -> SpaceData:
    """What stands for the data of the version that a request is for; it can only be read."""
    return cast(SpaceData, _Facing(newest))


@contextmanager
def reading(pinned: SpaceData | None) -> Iterator[None]:
    """Within, ``facing`` data is that of a pinned version; of the newest where that is None."""
    token = _PINNED.set(pinned)
    try:
        yield
    finally:
        _PINNED.reset(token)


def is_pinned() -> bool:
    """Whether the request at hand reads a pinned version, and not the newest."""
    return _PINNED.get() is not None
