from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_the_method_page_shows_agreement_rates_and_judges(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/method")
    page.get_by_role("region", name="Agreement of judges").wait_for()
    assert "reviewer 2" in page.get_by_role("region", name="Agreement of judges").inner_text()
    assert "Youden" in page.get_by_role("region", name="Metrics").inner_text()
    page.get_by_role("link", name="Changes of judges").click()
    assert page.url == f"{url}/method"
    assert page.locator("#judges").bounding_box()["y"] < 1000
    assert page.evaluate("document.activeElement.id") == "judges"


@pytest.mark.study
def test_the_figures_of_the_paper_are_recomputed(open_page: OpenPage, study_url: str) -> None:
    page = open_page(f"{study_url}/method")
    figures = page.get_by_role("region", name="Figures of the paper")
    figures.wait_for()
    assert "75.4 %" in figures.inner_text()
    assert "differs" not in figures.inner_text()
