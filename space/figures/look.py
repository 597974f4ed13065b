"""What a figure knows of the reader's window: dark or light, and how wide. No plotly here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from space.ui.palette import Shade

# Below this many pixels panels stand under each other.
NARROW: Final = 700


@dataclass(frozen=True)
class Look:
    """What the reader's window is like: dark or light, and its width in pixels."""

    dark: bool = False
    width: int = 1200

    @classmethod
    def of(cls, text: object) -> Look:
        """From what the page's script says, such as ``dark 390``; plain where that is anything else."""
        words = str(text or "").split()
        width = int(words[1]) if len(words) == 2 and words[1].isascii() and words[1].isdigit() else 1200
        return cls(bool(words) and words[0] == "dark", min(max(width, 280), 4000))

    def colour(self, shade: Shade) -> str:
        """The shade that fits the ground."""
        return shade.dark if self.dark else shade.light

    @property
    def narrow(self) -> bool:
        """Whether there is room for one panel only."""
        return self.width < NARROW
