"""How the upper layers are fitted, in numbers."""

from __future__ import annotations

from typing import Final, NamedTuple


class Recipe(NamedTuple):
    """How the upper layers are fitted.

    ``first`` is the first tuned layer of ``layers``; ``answers`` make one step; ``rate`` is the greatest step of the
    layers, ``head_rate`` of the heads. While fitting, one in ``stride`` of the pooled tokens is computed in the last
    layer, and of an answer the first window and so many others, drawn anew each time, that there are ``windows``;
    all of them when judging. An epoch sees all answers but of those that deflect, the most, a share drawn anew.
    """

    first: int = 4
    layers: int = 6
    epochs: int = 2
    answers: int = 32
    rate: float = 4e-4
    head_rate: float = 2e-3
    decay: float = 0.01
    warm_up: float = 0.1
    stride: int = 8
    windows: int = 2
    deflects: float = 0.5
    engages: float = 0.5
    harm: float = 0.5
    seed: int = 1


RECIPE: Final = Recipe()
