from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.pages import ready

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


@pytest.mark.parametrize("path", ["", "breakdown", "compare?a=alpha-1&b=beta-2", "method"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_does_not_scroll_sideways(open_page: OpenPage, url: str, path: str, scheme: str) -> None:
    page = open_page(f"{url}/{path}", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.locator(".br-table, .br-heat").first.wait_for()
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
