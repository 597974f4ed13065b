"""Markdown that models wrote, as HTML in which nothing acts.

Headings, lists, tables, emphasis and code are shown; links and pictures stay the text that they are, and HTML is text
like any other. Every text goes through ``space.ui.safe_text``, so hidden characters stay visible; what comes out is
cleaned once more, as if the parser could not be trusted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from html import unescape
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from space.ui.safe_text import block, safe

# A longer text is shown as it is: nobody reads it for its headings.
LONGEST: Final = 30_000
_OFF: Final = ("link", "image", "autolink", "html_inline", "html_block", "reference", "entity")
_TAGS: Final = frozenset(
    ["p", "br", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "blockquote", "hr", "span",
     "table", "thead", "tbody", "tr", "th", "td"]
)  # fmt: skip
_LANGUAGE: Final = re.compile(r"(?m)^[ \t]*(?:`{3,}|~{3,})[ \t]*[A-Za-z0-9+#.-]{1,20}[ \t]*$")
_TAG: Final = re.compile(r"<[^>]*>")
_WORD: Final = re.compile(r"[^\W\d_]+")
_NOTHING: Final[frozenset[str]] = frozenset()
_MARKS: Final = re.compile(
    r"\*\*|`+|^#+[ \t]+|^[ \t]*[-*+][ \t]+|(?<![\w*])\*([^\s*][^*\n]{0,80}?)\*(?![\w*])", re.MULTILINE
)


def formatted(text: str) -> Markup:
    """A text as HTML by its Markdown; as plain text where it is longer than ``LONGEST``."""
    if len(text) > LONGEST:
        return block(text)
    made = _parser().render(text.replace("\r\n", "\n").replace("\r", "\n"))
    if _words(_LANGUAGE.sub("", text)) - _words(unescape(_TAG.sub(" ", made))):
        # Markdown leaves some text out, as cells that a table has no column for: nothing of an answer may hide so.
        return block(text)
    clean = nh3.clean(
        made, tags=set(_TAGS), attributes={"ol": {"start"}}, allowed_classes={"span": {"br-odd"}}, link_rel=None,
        url_schemes=set(_NOTHING),
    )  # fmt: skip
    return Markup('<div class="br-text br-formatted" dir="ltr">{}</div>').format(Markup(clean))  # noqa: S704 - cleaned


def unmarked(text: str) -> str:
    """A text without marks of Markdown, for an excerpt in one line. It escapes nothing."""
    return _MARKS.sub(r"\1", text)


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text))


class _Renderer(RendererHTML):
    """Texts spelled out as everywhere; headings below those of the page."""

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return str(safe(tokens[idx].content))

    def hardbreak(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        # Without the newline, which the style sheet would show as another break.
        return "<br>"

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<code>{safe(tokens[idx].content)}</code>"

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<pre><code>{safe(tokens[idx].content)}</code></pre>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        # What stands beside the marks is the name of a language, or anything at all.
        told = tokens[idx].info.strip()
        beside = "" if not told or _LANGUAGE.match(f"```{told}") else f"{safe(told)}\n"
        return f"<pre><code>{beside}{safe(tokens[idx].content)}</code></pre>\n"

    def heading_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<{_lower(tokens[idx])}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"</{_lower(tokens[idx])}>\n"


def _lower(token: Token) -> str:
    return f"h{min(6, int(token.tag[1:]) + 3)}"


@cache
def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "linkify": False}, renderer_cls=_Renderer)
    return made.enable(["table", "strikethrough"]).disable(list(_OFF))
