"""The colours of the pages and figures, each with one meaning; nothing here needs gradio.

The three answer types differ in lightness as well as in hue, so they stay apart for colour-blind
readers and in grey print, and each has a mark of its own, so that colour never stands alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dataset_builder.dataset.taxonomy import DEFLECTS, HARD_REFUSAL, HELPS


class Shade(NamedTuple):
    """A colour on a light and on a dark ground, as hex."""

    light: str
    dark: str


class AnswerStyle(NamedTuple):
    """How an answer type is shown everywhere: its colour, and a mark for text."""

    shade: Shade
    mark: str


ANSWER_STYLES: Final = {
    HELPS: AnswerStyle(Shade("#1f6fab", "#62aee8"), "●"),
    DEFLECTS: AnswerStyle(Shade("#d99a1c", "#f0c05a"), "◐"),
    HARD_REFUSAL: AnswerStyle(Shade("#8f2d46", "#d8718c"), "■"),
}
UNSCORED: Final = AnswerStyle(Shade("#767676", "#9a9a9a"), "○")
ACCENT: Final = Shade("#0b655c", "#5cc4b5")
INK: Final = Shade("#1b1d20", "#e6e6e3")
# Fit for text on PAPER and PANEL: a contrast of at least 4.5 to 1.
MUTED: Final = Shade("#5b6067", "#a2a6ab")
RULE: Final = Shade("#dcdedf", "#3a3d41")
PANEL: Final = Shade("#f6f6f4", "#212326")
PAPER: Final = Shade("#ffffff", "#17181a")
FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif"

_NAMES: Final = {
    "accent": ACCENT,
    "ink": INK,
    "muted": MUTED,
    "rule": RULE,
    "panel": PANEL,
    "paper": PAPER,
    "unscored": UNSCORED.shade,
    **{name.replace("_", "-"): style.shade for name, style in ANSWER_STYLES.items()},
}


def css_variables() -> str:
    """The colours as CSS variables (``--br-helps`` and so on), for light and dark."""
    light = "".join(f"--br-{name}:{shade.light};" for name, shade in _NAMES.items())
    dark = "".join(f"--br-{name}:{shade.dark};" for name, shade in _NAMES.items())
    return f":root{{{light}}}\n.dark{{{dark}}}\n"


def css_variables_on_paper() -> str:
    """The light ones, whatever the screen is."""
    light = "".join(f"--br-{name}:{shade.light} !important;" for name, shade in _NAMES.items())
    return f"@media print{{:root,body,.dark,.gradio-container,.br{{{light}}}}}\n"


def css_variables_at_once(scheme: str | None = None) -> str:
    """The same where no script has run yet: by what the reader's system prefers, or by ``light`` or ``dark``."""
    light = "".join(f"--br-{name}:{shade.light};" for name, shade in _NAMES.items())
    dark = "".join(f"--br-{name}:{shade.dark};" for name, shade in _NAMES.items())
    if scheme in ("light", "dark"):
        return f":root{{{dark if scheme == 'dark' else light}}}\n"
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
