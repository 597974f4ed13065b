from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from space.ui.safe_text import MOST, block, excerpt, marked, safe
from tests.support.hostile import strings, text_of

# All that may ever be in the HTML of a text: the escapes of invisible characters, and marked words.
OURS = re.compile(r'<span class="br-odd">U\+[0-9A-F]{4,6}</span>|</?mark>')
DIRECTION = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_there_are_at_least_sixty_hostile_strings_and_no_two_alike() -> None:
    assert len(strings()) == len(set(strings())) >= 60


@pytest.mark.parametrize("text", strings())
def test_hostile_strings_are_inert(text: str) -> None:
    for markup in (safe(text), excerpt(text), excerpt(text, ["window", "a", "script"]), marked(text, ["evil"])):
        rest = OURS.sub("", markup)
        assert "<" not in rest
        assert ">" not in rest
        assert '"' not in rest
        assert "'" not in rest
        assert not DIRECTION & set(rest)
        assert not [c for c in rest if unicodedata.category(c) in ("Cc", "Co", "Cn") and c not in "\n\t"]


@given(st.text())
def test_any_text_is_escaped_and_none_is_lost(text: str) -> None:
    markup = safe(text)
    assert not set("<>\"'") & set(OURS.sub("", markup))
    spelled = re.sub(r"\r\n?", "\n", text)
    # Put each escape back in place of its number, and the text is whole.
    back = re.sub(r'<span class="br-odd">U\+([0-9A-F]+)</span>', lambda m: chr(int(m[1], 16)), markup)
    assert text_of(back) == spelled


def test_what_invisible_characters_look_like() -> None:
    odd = '<span class="br-odd">U+{}</span>'.format
    assert safe("pay \u202egnihton\u202c") == f"pay {odd('202E')}gnihton{odd('202C')}"
    assert safe("a\x00b\x1bc\x7f") == f"a{odd('0000')}b{odd('001B')}c{odd('007F')}"
    assert safe("\U000e0068\ufeff\u200b") == odd("E0068") + odd("FEFF") + odd("200B")
    assert safe("\u2028") == odd("2028")
    # Four marks on a letter are a script's business, a fifth is there to hide other lines.
    assert safe("z" + "\u0335" * 5) == "z" + "\u0335" * 4 + odd("0335")


def test_what_is_left_alone() -> None:
    for text in ("naïve “quotes” – £5", "שלום", "नमस्ते", "⚠️ 1️⃣ 👍🏽 👩‍💻", "tab\tand\nnewline", "日本語"):
        assert safe(text) == text
    assert safe("a\r\nb\rc") == "a\nb\nc"
    assert safe("a & b < c") == "a &amp; b &lt; c"


def test_a_selector_or_joiner_that_belongs_to_no_emoji_is_shown() -> None:
    assert "U+FE0F" in safe("word\ufe0f")
    assert "U+200D" in safe("join\u200ded")


def test_a_long_text_is_cut_with_a_button_for_the_rest() -> None:
    text = "x" * 8000
    markup = block(text, 6000)
    assert "Show all 8,000 characters" in markup
    key = re.search(r'<span id="([\w-]+)" hidden>(x+)</span>', markup)
    assert key is not None
    assert len(key[2]) == 2000
    assert f'aria-controls="{key[1]}"' in markup
    # A little more than the cut is shown whole: a button for a few words would be in the way.
    assert "button" not in block("x" * 6500, 6000)
    assert len(block("y" * (MOST + 10))) < MOST + 1000
    assert f"only the first {MOST:,}" in block("y" * (MOST + 10))


def test_an_excerpt_is_around_the_word() -> None:
    text = "start " + "filler " * 200 + "the Landlord’s rule applies " + "more " * 100
    shown = excerpt(text, ["landlord's"], 100)
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert "<mark>Landlord’s</mark> rule" in shown
    assert len(text_of(shown)) <= 104
    assert excerpt("short\n\nand  sweet") == "short and sweet"
    assert excerpt("") == ""
    # It ends with a whole word, unless there is none to end with.
    assert excerpt("one two three four", length=16) == "one two three …"
    assert excerpt("one " + "x" * 30, length=16) == "one " + "x" * 12 + " …"
    # Words begin where the search says they do: not in the middle of another.
    assert marked("parent rents rent", ["rent"]) == "parent <mark>rent</mark>s <mark>rent</mark>"


@given(st.text(), st.lists(st.text(max_size=10), max_size=4), st.integers(10, 100))
def test_excerpts_of_anything_stay_short_and_inert(text: str, words: list[str], length: int) -> None:
    markup = excerpt(text, words, length)
    assert not set("<>\"'") & set(OURS.sub("", markup))
    assert len(re.sub(r"U\+[0-9A-F]+", "x", text_of(markup))) <= length + 4
