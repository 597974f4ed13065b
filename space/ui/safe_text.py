"""Text that others wrote, as HTML in which nothing acts.

Answers of models, cases and submissions are hostile until shown otherwise. What comes out of here
is ``Markup``, which templates leave as it is: escaped text with newlines kept, no Markdown, no links,
no markup of theirs. Characters that a reader cannot see but that change what is seen (bidirectional
controls, zero-width characters, other controls, stacks of combining marks) stand as visible escapes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

# What is shown of a long text at first; the rest comes with a button.
FIRST: Final = 6_000
# What is sent to the browser at most: longer texts are in the dataset.
MOST: Final = 1_000_000
EXCERPT: Final = 220
_MARKS: Final = 4
_MARK: Final = Markup("<mark>")
_MARK_END: Final = Markup("</mark>")
_CANDIDATES: Final = re.compile(r"[^\n\t -~]+")
# Letters and symbols that show as nothing, though their category does not say so.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_TEXT_OR_EMOJI: Final = frozenset("\ufe0e\ufe0f")
_JOINER: Final = "\u200d"


def safe(text: str) -> Markup:
    """A text as inert HTML; newlines stay newlines, to be shown with ``white-space: pre-wrap``."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    parts: list[Markup] = []
    end = 0
    for found in _CANDIDATES.finditer(plain):
        parts += [escape(plain[end : found.start()]), _visible(found.group(), plain[found.start() - 1 : found.start()])]
        end = found.end()
    return _joined([*parts, escape(plain[end:])]) if parts else escape(plain)


def printable(text: str) -> str:
    """A text without what cannot be seen, for attributes, where nothing can be spelled out. It escapes nothing."""
    return "".join(char for char in text if char.isprintable())


def block(text: str, first: int = FIRST) -> Markup:
    """A text as a block of HTML; one longer than ``first`` characters is cut, with a button that shows the rest."""
    if len(text) <= first + first // 10:
        return Markup('<div class="br-text" dir="ltr">{}</div>').format(safe(text))
    cut = first
    while cut > first // 2 and unicodedata.combining(text[cut]):
        cut -= 1
    rest, ending = text[cut:MOST], Markup()
    if len(text) > MOST:
        ending = Markup('<p class="br-note">Cut here: only the first {:,} characters are shown.</p>').format(MOST)
    key = "rest-" + hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
    return Markup(
        '<div class="br-text" dir="ltr">{}<span id="{key}" hidden>{}{}</span></div>'
        '<button type="button" class="br-show-all" aria-controls="{key}">Show all {:,} characters</button>'
    ).format(safe(text[:cut]), safe(rest), ending, len(text), key=key)


def excerpt(text: str, words: Sequence[str] = (), length: int = EXCERPT) -> Markup:
    """At most ``length`` characters around the first of some words as one line of inert HTML, the words marked.

    It ends with a whole word, unless that is long.
    """
    line = " ".join(text[: length * 40].split())
    pattern = _pattern(words)
    found = pattern.search(line) if pattern else None
    start = max(0, found.start() - length // 3) if found else 0
    if start:
        space = line.find(" ", start, found.start() if found else start)
        start = space + 1 if space >= 0 else start
    piece, cut = line[start : start + length], start + length < len(line)
    if cut and line[start + length] != " ":
        whole = piece.rfind(" ")
        piece = piece[:whole] if whole > length * 0.7 else piece
    return ("… " if start else "") + marked(piece.rstrip(), words) + (" …" if cut else "")


def marked(text: str, words: Sequence[str]) -> Markup:
    """A text as inert HTML with every word that begins with one of ``words`` marked up to there."""
    pattern = _pattern(words)
    if pattern is None:
        return safe(text)
    parts, end = [], 0
    for found in pattern.finditer(text):
        parts += [safe(text[end : found.start()]), _MARK, safe(found.group()), _MARK_END]
        end = found.end()
    return _joined([*parts, safe(text[end:])])


def _pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    """Words where they begin, however their apostrophes and spaces are written; None for no words."""
    choices = [re.sub(r"['’]", "['’]", r"\s+".join(map(re.escape, word.split()))) for word in words if word.strip()]
    return re.compile(r"(?<!\w)(?:" + "|".join(choices) + ")", re.IGNORECASE) if choices else None


def _joined(parts: Sequence[Markup]) -> Markup:
    """Pieces of HTML as one; quicker than ``Markup.join``, which looks at each again."""
    return Markup("".join(parts))  # noqa: S704 - every part is Markup


def _visible(run: str, before: str) -> Markup:
    """A run of characters outside printable ASCII, with those that hide something spelled out."""
    out, marks = [], 0
    for place, char in enumerate(run):
        previous = run[place - 1] if place else before
        following = run[place + 1 : place + 2]
        kind = unicodedata.category(char)
        marks = marks + 1 if kind.startswith("M") else 0
        if _hides(char, kind, previous, following) or marks > _MARKS:
            out.append(f'<span class="br-odd">U+{ord(char):04X}</span>')
        else:
            # Everything that HTML gives a meaning is ASCII and so never in a run.
            out.append(char)
    return Markup("".join(out))  # noqa: S704 - for the reason above


def _hides(char: str, kind: str, previous: str, following: str) -> bool:
    if char in _TEXT_OR_EMOJI:
        return not _is_symbol(previous)
    if char == _JOINER:
        return not ((_is_symbol(previous) or previous in _TEXT_OR_EMOJI) and _is_symbol(following))
    if kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or char in _BLANK:
        return True
    # The variation selectors other than the two above carry data, not looks.
    return "\ufe00" <= char <= "\ufe0d" or "\U000e0100" <= char <= "\U000e01ef" or "\u180b" <= char <= "\u180f"


def _is_symbol(char: str) -> bool:
    """Whether an emoji can begin or end here: a symbol, a skin tone, or a digit of a keycap."""
    return bool(char) and (unicodedata.category(char) in ("So", "Sk", "Sm", "Po") or char in "#*0123456789")
