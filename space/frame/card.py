"""What a link to one state of a page shows elsewhere: a title, a sentence and a picture drawn for it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from space.ui import palette
from space.ui.safe_text import printable

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

PICTURE_SIZE: Final = (1200, 630)
_LEFT, _RIGHT = 72, 72
# What search engines and chats cut off.
LONGEST_TITLE, LONGEST_ABOUT = 70, 200


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with the limits of its interval, under a name; drawn on a scale from 0 to 100."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is said of a state: ``title`` and ``about`` in plain text of any origin, ``rates`` for the picture.

    ``query`` is the state as it stands in an address.
    """

    title: str
    about: str
    query: str
    rates: tuple[Rate, ...] = ()


def shortened(text: str, longest: int) -> str:
    """A text in one line without what cannot be seen, cut at a word."""
    line = " ".join(printable(text.replace("\n", " ")).split())
    return line if len(line) <= longest else line[: longest - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"


@lru_cache(maxsize=64)
def picture(card: Card, site: str) -> bytes:
    """The card as a PNG of ``PICTURE_SIZE``: the title, the sentence, and up to three rates with their intervals."""
    # Here, as a start of the Space should not wait for it.
    from PIL import Image, ImageDraw

    image = Image.new("RGB", PICTURE_SIZE, palette.PAPER.light)
    draw = ImageDraw.Draw(image)
    wide, high = PICTURE_SIZE
    draw.rectangle((0, 0, 14, high), fill=palette.ACCENT.light)
    draw.text((_LEFT, 46), site, fill=palette.ACCENT.light, font=_font(30))
    y = _lines(draw, shortened(card.title, 120), 96, 56, 2, palette.INK.light)
    y = _lines(draw, shortened(card.about, 220), y + 10, 28, 3 if card.rates else 6, palette.MUTED.light)
    step = min(88, (high - 70 - y) // max(1, len(card.rates[:3])))
    for place, rate in enumerate(card.rates[:3]):
        top = high - 36 - step * (len(card.rates[:3]) - place)
        draw.text((_LEFT, top), shortened(rate.name, 40), fill=palette.INK.light, font=_font(28))
        said = f"{100 * rate.value:.1f} %"
        draw.text((wide - _RIGHT, top), said, fill=palette.INK.light, font=_font(28), anchor="ra")
        _bar(draw, rate, top + 44)
    written = io.BytesIO()
    image.quantize(64).save(written, "PNG", optimize=True)
    return written.getvalue()


def _bar(draw: ImageDraw, rate: Rate, top: int) -> None:
    """The interval of a rate as a bar on the scale, the value as a stroke in it."""
    long = PICTURE_SIZE[0] - _LEFT - _RIGHT

    def at(share: float) -> float:
        return _LEFT + long * min(max(share, 0.0), 1.0)

    low, high = (rate.value if end is None else end for end in (rate.low, rate.high))
    draw.rounded_rectangle((_LEFT, top, _LEFT + long, top + 16), 8, fill=palette.RULE.light)
    draw.rounded_rectangle((at(low), top, max(at(high), at(low) + 4), top + 16), 8, fill=palette.ACCENT.dark)
    draw.rectangle((at(rate.value) - 3, top - 5, at(rate.value) + 3, top + 21), fill=palette.ACCENT.light)


def _lines(draw: ImageDraw, text: str, top: int, size: int, most: int, colour: str) -> int:
    """Write a text in at most some lines; where the next thing can stand."""
    font, lines = _font(size), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and draw.textlength(longer, font=font) > PICTURE_SIZE[0] - _LEFT - _RIGHT:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1] + " …"]
    for place, line in enumerate(lines):
        draw.text((_LEFT, top + place * round(size * 1.28)), line, fill=colour, font=font)
    return top + len(lines) * round(size * 1.28)


@lru_cache(maxsize=8)
def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL.ImageFont import load_default

    # Comes with Pillow, so the picture is the same on every machine.
    return load_default(size)
