from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_the_method_page_shows_agreement_rates_and_judges(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/method")
    page.get_by_role("region", name="Agreement of judges").wait_for()
    expect(page.get_by_role("region", name="Agreement of judges")).to_contain_text("reviewer 2", use_inner_text=True)
    expect(page.get_by_role("region", name="Metrics")).to_contain_text("Youden", use_inner_text=True)
    page.get_by_role("link", name="Changes of judges").click()
    assert page.url == f"{url}/method"
    assert page.locator("#judges").bounding_box()["y"] < 1000
    assert page.evaluate("document.activeElement.id") == "judges"


@pytest.mark.study
def test_the_figures_of_the_paper_are_recomputed(open_page: OpenPage, study_url: str) -> None:
    page = open_page(f"{study_url}/method")
    figures = page.get_by_role("region", name="Figures of the paper")
    figures.wait_for()
    expect(figures).to_contain_text("75.4 %", use_inner_text=True)
    expect(figures).not_to_contain_text("differs", use_inner_text=True)
