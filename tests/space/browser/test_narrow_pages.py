from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.pages import ready

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


PATHS = ("", "breakdown", "compare?a=alpha-1&b=beta-2", "method", "model?model=alpha-1", "case?case=control:school:1")
PATHS += ("judges",)


@pytest.mark.parametrize("path", PATHS)
def test_a_narrow_page_does_not_scroll_sideways(open_page: OpenPage, url: str, path: str) -> None:
    page = open_page(f"{url}/{path}", viewport={"width": 390, "height": 844})
    page.locator(".br-table, .br-heat, .br-cards").first.wait_for()
    ready(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, scheme


def test_a_narrow_page_keeps_the_narrow_picture(open_page: OpenPage, url: str) -> None:
    for width, seen, hidden in ((390, "narrow", "wide"), (1440, "wide", "narrow")):
        page = open_page(f"{url}/", viewport={"width": width, "height": 844})
        ready(page)
        assert page.locator(f".gradio-container svg.br-{seen}").first.is_visible()
        assert not page.locator(f".gradio-container svg.br-{hidden}").first.is_visible()
