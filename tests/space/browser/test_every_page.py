"""Every page at three widths, dark and light, folded and open: sizes, whole words, nothing out of sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from space.pages import PAGES
from tests.support.pages import ready
from tests.support.sizes import WIDTHS, measured

pytestmark = pytest.mark.browser
STATES = {
    "transcripts": "transcripts?case=control:school:1&of=alpha-1",
    "compare": "compare?a=alpha-1&b=beta-2",
    "cases": "cases?subtype=obsolete",
    "model": "model?model=alpha-1",
    "case": "case?case=control:school:1",
}
PATHS = [*(STATES.get(page.address, page.address) for page in PAGES), "transcripts?case=control:school:1"]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_at_every_width(open_page: Callable[..., Any], url: str, path: str) -> None:
    """Loaded once, on a phone, and then made wider, as each load takes seconds."""
    page = open_page(f"{url}/{path}", viewport={"width": WIDTHS[0], "height": 844}, color_scheme="dark")
    if path == "submit":
        page.get_by_text("Bundle (zip)").first.wait_for()
        page.locator(".br-at-once").wait_for(state="detached")
    else:
        ready(page)
    page.wait_for_load_state("networkidle")
    found = measured(page, WIDTHS[0])
    if path == "":
        assert page.locator(".gradio-container svg.br-narrow").first.is_visible()
        assert not page.locator(".gradio-container svg.br-wide").first.is_visible()
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found += measured(page, WIDTHS[0])
    page.emulate_media(color_scheme="light")
    for width in WIDTHS[1:]:
        found += measured(page, width)
    if path == "":
        assert page.locator(".gradio-container svg.br-wide").first.is_visible()
    assert found == []
