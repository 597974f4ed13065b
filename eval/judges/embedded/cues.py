"""Which phrases of an answer weighed most in the embedded judge's decision.

A phrase is two or three words in a row. Single words weigh as well, but `I` or `the` tells a
reader nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from eval.judges.embedded.features import GRAMS, Block, Words, gram_slots

CUES: Final = 3
# So many slots hold enough phrases among the single words.
_LOOKED_AT: Final = 48
_LONGEST: Final = 60


class CueFinder:
    """Finds the n-grams of a batch that pushed a logit up, from the parts and blocks of its answers."""

    def __init__(self, parts: tuple[Words, ...], blocks: tuple[Block, ...], table: NDArray[np.float32]) -> None:
        self._parts, self._blocks, self._table = parts, blocks, table
        items = np.arange(len(blocks[0].bounds))
        self._grams = []
        for number, (words, sizes) in enumerate(zip(parts, GRAMS, strict=True)):
            for size in range(2, sizes + 1):
                slots, first = gram_slots(words, size, number)
                self._grams.append((number, size, slots, first, np.searchsorted(words.item[first], items)))

    def find(self, item: int, column: int, sign: int) -> list[str]:
        """Up to CUES phrases that pushed the column's logit up (``sign`` 1) or down (-1), strongest first."""
        pushes, where = [], []
        for number, block in enumerate(self._blocks):
            slots = block.slots[block.bounds[item] : block.bounds[item + 1]]
            pushes.append(self._table[slots, column] * np.float32(sign / max(1.0, slots.size) ** 0.5))
            where.append(slots.astype(np.int64) + (number << 32))
        push, at = np.concatenate(pushes), np.concatenate(where)
        best = np.argpartition(push, -_LOOKED_AT)[-_LOOKED_AT:] if push.size > _LOOKED_AT else np.arange(push.size)
        found: list[str] = []
        for place in best[np.lexsort((at[best], -push[best]))]:
            if push[place] <= 0 or len(found) == CUES:
                break
            phrase = self._spell(item, int(at[place]) >> 32, int(at[place]) & 0xFFFFFFFF)[:_LONGEST]
            if phrase and not any(phrase in other or other in phrase for other in found):
                found.append(phrase)
        return found

    def _spell(self, item: int, block: int, slot: int) -> str:
        for number, size, slots, first, bounds in self._grams:
            if number == block:
                hit = np.flatnonzero(slots[bounds[item] : bounds[item + 1]] == slot)
                if hit.size:
                    return self._parts[block].spell(int(first[bounds[item] + hit[0]]), size)
        return ""
