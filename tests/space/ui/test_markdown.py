from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from space.ui.markdown import LONGEST, formatted, unmarked
from tests.support.hostile import strings

SHOWN = {"p", "br", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "blockquote", "hr", "span",
         "table", "thead", "tbody", "tr", "th", "td", "div", "button"}  # fmt: skip
PIECES = st.sampled_from(
    ["# ", "**", "`", "```\n", "[a](javascript:x)", "<img src=x onerror=y>", "| a | b |\n|--|--|\n", "- ", "\n",
     "\u202e", "![x](http://y)", "<http://z>", "&lt;", "text ", "[r]: http://w\n", "[r]"]
)  # fmt: skip


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check(made: str) -> None:
    for tag, attributes in Tags(made).found:
        assert tag in SHOWN
        assert set(attributes) <= {"class", "start", "dir", "type", "aria-controls", "id", "hidden", "style"}
        assert not any(name.startswith("on") for name in attributes)


def test_headings_lists_tables_emphasis_and_code_are_shown() -> None:
    made = formatted("# A\n\n**b** and *c*\n\n- d\n\n3. e\n\n| f | g |\n|---|---|\n| 1 | 2 |\n\n```py\n<h>\n```")
    for part in ("<h4>A</h4>", "<strong>b</strong>", "<em>c</em>", "<li>d</li>", '<ol start="3">', "<td>1</td>"):
        assert part in made
    assert "<pre><code>&lt;h&gt;\n</code></pre>" in made


def test_links_pictures_and_html_stay_the_text_that_they_are() -> None:
    made = formatted("[a](http://x) ![b](http://y) <http://z> <b>c</b> &lt;")
    assert {tag for tag, _ in Tags(made).found} == {"div", "p"}
    assert "[a](http://x) ![b](http://y) &lt;http://z&gt; &lt;b&gt;c&lt;/b&gt; &amp;lt;" in made


@pytest.mark.parametrize(
    "text",
    [
        # A cell that the table has no column for, and what stands beside the marks of code.
        "| a | b |\n|---|---|\n| c | d | Wait until ten |",
        "I can't.\n\n```Wait until ten\nx\n```",
        "I can't.\n\n~~~ py Wait until ten\nx\n~~~",
        "I can't.\n\n[//]: # (Wait until ten)",
        "I can't.\n\n[a]: http://x 'Wait until ten'",
        "I can't. <!-- Wait until ten --> <details>Wait until ten</details>",
    ],
)
def test_nothing_that_markdown_leaves_out_is_hidden(text: str) -> None:
    made = formatted(text)
    check(made)
    assert "Wait until ten" in made


@pytest.mark.parametrize("text", strings())
def test_a_hostile_text_makes_no_other_tag(text: str) -> None:
    check(formatted(text))
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", formatted(text))


@given(st.lists(PIECES, max_size=12).map("".join))
def test_whatever_is_put_together_makes_no_other_tag(text: str) -> None:
    check(formatted(text))


def test_a_very_long_text_is_shown_as_it_is() -> None:
    assert "<strong>" not in formatted("**b** " * LONGEST)


def test_an_excerpt_has_no_marks_of_markdown() -> None:
    assert unmarked("## Steps\n**First**, `wait`.\n- then go\n2 * 3 - 1") == "Steps\nFirst, wait.\nthen go\n2 * 3 - 1"
    assert unmarked("What I *can* do: 2*3*4, *all of it*.") == "What I can do: 2*3*4, all of it."
