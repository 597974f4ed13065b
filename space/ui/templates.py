"""The templates of the pages: where they are, and how they write text of others, numbers and counts.

In a template, ``{{ x }}`` escapes; ``{{ x | text }}`` also spells out the characters that a reader cannot
see, and is for all text that we did not write (``marked``, ``excerpt`` and ``block`` do the same).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from dataset_builder.templates import Fill, html_environment, pieces
from space.ui.markdown import formatted, unmarked
from space.ui.names import spoken
from space.ui.safe_text import block, excerpt, marked, printable, safe


def template(path: str, **known: Any) -> Fill:
    """What fills the pieces of a template of this package; ``known`` may be used by all of them."""
    return pieces(environment(), path, **known)


def percent(value: Any, decimals: int = 1) -> str:
    """A share as percent without the sign; an en dash without a value."""
    return "–" if is_missing(value) else f"{100 * float(value):.{decimals}f}".replace("-", "−")


def interval(low: Any, high: Any) -> Markup:
    """Limits of an interval in lighter type, in the same unit as ``percent``; nothing without them."""
    if is_missing(low) or is_missing(high):
        return Markup()
    # Two minus signs and a dash cannot be told apart.
    dash = "–" if low >= 0 else " to "
    return Markup(f' <span class="br-ci">{percent(low)}{dash}{percent(high)}</span>')  # noqa: S704 - only numbers


def counted(n: int, word: str) -> str:
    """A number with its word: ``1 case``, ``1,290 cases``."""
    return f"{n:,} {word if n == 1 else word + 's'}"


def judge_name(judge: str, more: str = "") -> Markup:
    """A judge as a person would say it, with its id (and ``more``) in the title."""
    return Markup('<span title="{}">{}</span>').format(printable(judge + more), safe(spoken(judge)))


def is_missing(value: Any) -> bool:
    """Whether there is no number."""
    return value is None or value is pd.NA or value != value


@cache
def environment() -> jinja2.Environment:
    """The environment with our filters; made on first use."""
    made = html_environment("space")
    made.filters |= {
        "text": safe, "marked": marked, "excerpt": excerpt, "block": block, "formatted": formatted,
        "printable": printable, "unmarked": unmarked, "judge": judge_name,
        "percent": percent, "px": "{:.1f}".format, "counted": counted, "whole": "{:,}".format,
    }  # fmt: skip
    # Only for style sheets of this package.
    made.filters["sheet"] = Markup
    made.globals["interval"] = interval
    made.tests["missing"] = is_missing
    return made
