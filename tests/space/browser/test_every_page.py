"""Every page, loaded once: at three widths, dark and light, folded and open, and then on paper.

At each width sizes, whole words and nothing out of sight; printed to PDF and read again, all of it is there, in ink on
white.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from pypdf import PdfReader

from space.pages import PAGES
from tests.space.browser.conftest import WIDE
from tests.support.pages import ready
from tests.support.sizes import WIDTHS, measured

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
STATES = {
    "transcripts": "transcripts?case=control:school:1&of=alpha-1",
    "compare": "compare?a=alpha-1&b=beta-2",
    "cases": "cases?subtype=obsolete",
    "model": "model?model=alpha-1",
    "case": "case?case=control:school:1",
}
PATHS = [*(STATES.get(page.address, page.address) for page in PAGES), "transcripts?case=control:school:1"]
PATHS += ["transcripts?q=school"]
# Shorter words are in others.
LONG = 4
# Every text of ours that a reader can unfold, but for what is of use on a screen alone.
TEXTS = """() => [...document.querySelectorAll('.gradio-container .br')].map((one) => {
  const copy = one.cloneNode(true);
  const screen = 'button, svg, .br-masthead nav, .br-skip, .br-link-bar, .br-pager, .br-ways, .br-choices, .br-actions,'
    + '.br-on-screen, .br-show-all, .br-to-list, .br-disagree, .br-spare, .br-pair-cards, .br-hidden, '
    + '[style*="display: none"]';
  for (const part of copy.querySelectorAll(screen)) part.remove();
  for (const part of copy.querySelectorAll('*')) part.append(' ');
  return one.checkVisibility() && !one.parentElement.closest('.br') ? copy.textContent : '';
}).join(' ')"""


def squeezed(text: str) -> str:
    """A text without what a line on paper may change."""
    return re.sub(r"[\s\u00ad\u200b]+", "", unicodedata.normalize("NFKC", text))


def printed(page: Any) -> str:
    return squeezed("".join(one.extract_text() for one in PdfReader(io.BytesIO(page.pdf(format="A4"))).pages))


@pytest.mark.parametrize("path", PATHS)
def test_a_page_at_every_width_and_on_paper(open_page: OpenPage, url: str, path: str) -> None:
    """Loaded on a phone, and then made wider, as each load takes seconds."""
    page = open_page(f"{url}/{path}", viewport={"width": WIDTHS[0], "height": 844}, color_scheme="dark")
    if path == "submit":
        page.get_by_text("Bundle (zip)").first.wait_for()
        page.locator(".br-at-once").wait_for(state="detached")
    else:
        ready(page)
    page.wait_for_load_state("networkidle")
    at_widths(page, path)
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="dark")
    on_paper(page, path)


def at_widths(page: Any, path: str) -> None:
    found = measured(page, WIDTHS[0])
    if path == "":
        assert page.locator(".gradio-container svg.br-narrow").first.is_visible()
        assert not page.locator(".gradio-container svg.br-wide").first.is_visible()
    page.evaluate("void (window.__folded = [...document.querySelectorAll('details:not([open])')])")
    page.evaluate("for (const one of window.__folded) one.open = true")
    found += measured(page, WIDTHS[0])
    page.emulate_media(color_scheme="light")
    for width in WIDTHS[1:]:
        found += measured(page, width)
    if path == "":
        assert page.locator(".gradio-container svg.br-wide").first.is_visible()
    assert found == []
    # What was folded is so again, as a reader prints it.
    page.evaluate("for (const one of window.__folded) one.open = false")


def on_paper(page: Any, path: str) -> None:
    if path == "":
        page.get_by_role("link", name="Show every column").click()
        page.locator("thead th", has_text="Judge's kappa").wait_for()
    # An answer that is cut on the screen, with a button that shows the rest.
    page.evaluate(
        "document.querySelector('.gradio-container h1').insertAdjacentHTML('afterend', "
        "'<div class=\"br-text\">begun<span hidden>andended</span></div>')"
    )
    words = Counter(word for word in unicodedata.normalize("NFKC", page.evaluate(TEXTS)).split() if len(word) >= LONG)
    paper = printed(page)
    assert "begunandended" in paper
    assert len(words) > 20
    # What is there to be clicked is of no use.
    assert [
        one for one in ("Zoomintothepicture", "Showeverycolumn", "Showfewercolumns", "Readall") if one in paper
    ] == []
    # A figure is drawn as wide as the screen.
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    widths = (
        "[...document.querySelectorAll('.js-plotly-plot .main-svg')].map((one) => one.getBoundingClientRect().width)"
    )
    assert all(0 < width < 700 for width in page.evaluate(widths))
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    # A cell that takes several lines is not read in one, so that words are counted.
    assert {word: (n, found) for word, n in words.items() if (found := paper.count(word)) < n} == {}
    page.emulate_media(media="print", color_scheme="dark")
    colours = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('h1')).color]"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(27, 29, 32)"]
