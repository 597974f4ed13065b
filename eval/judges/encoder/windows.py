"""What the encoder reads of a request and its answer: up to three windows of tokens that together stand for all of it.

A window is ``[CLS] request [SEP] piece of the answer [SEP]``. A short answer is one window; a longer one has a window
of its beginning and one of its end; what lies between is a third, whole where it fits and else runs of tokens spaced
evenly over it. Training and judging build their windows here, so that they read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

# The special tokens of BERT's uncased vocabulary.
CLS: Final = 101
SEP: Final = 102


class Settings(NamedTuple):
    """How much is read, in tokens: of the request's beginning and end, of the answer in a window, and of a run.

    Runs are what is read of a long answer's middle.
    """

    request_first: int = 24
    request_last: int = 40
    answer: int = 189
    run: int = 27


SETTINGS: Final = Settings()


class Window(NamedTuple):
    """Token ids, their types (0 for the request, 1 for the answer), and which tokens the mean is taken over."""

    ids: list[int]
    types: list[int]
    pooled: list[bool]


def windows(request: Sequence[int], answer: Sequence[int], settings: Settings = SETTINGS) -> list[Window]:
    """The windows of one answer, its beginning first; ``request`` and ``answer`` are tokens without special ones."""
    front = [CLS, *request_piece(request, settings), SEP]
    found = []
    for piece in answer_pieces(answer, settings):
        ids = [*front, *piece, SEP]
        types = [0] * len(front) + [1] * (len(piece) + 1)
        # The beginning's [CLS] and the answer: what the request says is for the layers to look at, not to be judged.
        pooled = [True] + [False] * (len(front) - 1) + [True] * len(piece) + [False]
        found.append(Window(ids, types, pooled))
    return found


def request_piece(request: Sequence[int], settings: Settings = SETTINGS) -> list[int]:
    """The request, or its first and last tokens where it is longer than what is read of it."""
    if len(request) <= settings.request_first + settings.request_last:
        return list(request)
    return [*request[: settings.request_first], *request[len(request) - settings.request_last :]]


def answer_pieces(answer: Sequence[int], settings: Settings = SETTINGS) -> list[list[int]]:
    """The pieces of an answer, each of at most ``settings.answer`` tokens: beginning, end, and what lies between."""
    size = settings.answer
    if len(answer) <= size:
        return [list(answer)]
    pieces = [list(answer[:size]), list(answer[-size:])]
    if len(answer) > 2 * size:
        pieces.append(_spread(answer[size:-size], settings))
    return pieces


def _spread(middle: Sequence[int], settings: Settings) -> list[int]:
    """All of it where it fits a window, else runs of tokens whose beginnings are spaced evenly over it."""
    if len(middle) <= settings.answer:
        return list(middle)
    runs = settings.answer // settings.run
    last = len(middle) - settings.run
    found: list[int] = []
    for number in range(runs):
        begin = last * number // (runs - 1) if runs > 1 else last // 2
        found += middle[begin : begin + settings.run]
    return found
