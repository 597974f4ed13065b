"""Untrusted text made fit to be quoted in a prompt, without a change of meaning.

What cannot be seen (controls, zero-width and direction marks, tag characters, private and stray
code points) and what a server's tokenizer might take for control text of its chat template
(``<|im_start|>``, ``[INST]``) is written out as ``⟨U+200B⟩``, a run of the same as ``⟨U+200B×9⟩``.
Nothing is dropped, so the text can be had back from its escapes, but for CR LF, which becomes LF.
"""

from __future__ import annotations

import re
from typing import Final

# Unicode 15: general categories Cc (but tab and line feed), Cf, Cs, Co, the separators of lines and paragraphs,
# default ignorables and noncharacters. Cf that is drawn (Arabic number signs and the like) is not among them.
INVISIBLE: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff\ue000-\uf8ff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
_NAMES: Final = (
    "s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn|think|thinking|tool_call|tool_response|tools|"
    "start_of_image|end_of_text|begin_of_text|sop|gmask|"
    # Turns by any name, as in Gemma's and SmolVLM's templates, and marks of thought by any vendor.
    r"(?:start|end|begin)_of_[a-z_]+|(?:start|end)of[a-z]+|fake_token_around_image|image_soft_token|"
    r"(?:seed|minimax|ernie|unused)[:_\w]*|thought|reasoning|tool_calls|function_calls|"
    r"im_start|im_end|eot|eod|sep|cls|pad\d*|extra_id_\d+|reserved_[a-z_]*\d+"
)
_BRACKETS: Final = (
    "INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|IMG|gMASK|SEP|CLS|PAD|MASK|UNK|"
    "BOS|EOS|EOT|ARGS|CALL_ID|IMG_BREAK|IMG_END|PREFIX|SUFFIX|MIDDLE|UNUSED[_\\d]*|MODEL_SETTINGS"
)
_TO_ESCAPE: Final = re.compile(
    rf"(?P<unseen>(?P<one>[{INVISIBLE}])(?P=one)*)"
    r"|(?P<bracket>⟨)(?=U\+)"
    # With fullwidth brackets and bars too: some tokenizers fold them to the plain ones.
    rf"|(?P<angle>[<＜﹤])(?=[|｜¦│]|/?(?:{_NAMES})\s*[>＞﹥]|[<＜﹤]/?SYS[>＞﹥]{{2}}|[a-z_]{{2,20}}[|｜][>＞])"
    rf"|(?P<square>[\[［])(?=/?(?:{_BRACKETS})[\]］])"
    r"|(?P<white>[◁◀])(?=/?think[▷▶])",
    re.IGNORECASE,
)
_ESCAPE: Final = re.compile(r"⟨U\+([0-9A-F]{4,6})(?:×([0-9]+))?⟩")
_LONGEST_ESCAPE: Final = 24
# Joiners shape words in many scripts and build emoji; a variation selector picks a glyph.
_JOINERS: Final = frozenset("\u200c\u200d")
_SELECTORS: Final = frozenset(map(chr, range(0xFE00, 0xFE10)))


def escaped(text: str) -> str:
    """The text with everything unseen or mistakable written out."""
    return _TO_ESCAPE.sub(_write_out, text.replace("\r\n", "\n"))


def _write_out(match: re.Match[str]) -> str:
    found = match[0]
    if match["unseen"] and len(found) == 1 and _is_wanted(found, match.string, match.start()):
        return found
    times = f"×{len(found)}" if len(found) > 1 else ""
    return f"⟨U+{ord(found[0]):04X}{times}⟩"


def _is_wanted(char: str, text: str, place: int) -> bool:
    """Whether a joiner or selector stands where ordinary writing has one."""
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if char in _SELECTORS:
        return _is_drawn(before)
    return char in _JOINERS and _is_drawn(before) and _is_drawn(after) and not (before + after).isascii()


def _is_drawn(char: str) -> bool:
    return not char.isspace() and bool(char) and (char in _SELECTORS or not _TO_ESCAPE.match(char))


def shortened(text: str, head: int, tail: int, mark: str) -> str:
    """An escaped text of at most about ``head`` + ``tail`` characters, with a line in place of its middle.

    ``mark`` goes before the words of that line, so that the text itself cannot hold such a line.
    """
    if len(text) <= head + tail:
        return text
    first = text[: _edge(text, head, before=True)]
    last = text[_edge(text, len(text) - tail, before=False) :]
    left_out = len(text) - len(first) - len(last)
    return f"{first}\n[{mark} {left_out:,} of {len(text):,} characters are left out here]\n{last}"


def _edge(text: str, at: int, *, before: bool) -> int:
    """A place to cut at that leaves no escape in two, as half of one means nothing."""
    # "⟨U+" begins nothing but an escape, so it does not matter where the search begins.
    for escape in _ESCAPE.finditer(text, max(0, at - _LONGEST_ESCAPE), at + _LONGEST_ESCAPE):
        if escape.start() < at < escape.end():
            return escape.start() if before else escape.end()
    return at
