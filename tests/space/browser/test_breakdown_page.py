from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import pick

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_the_breakdown_follows_its_controls(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/breakdown")
    page.locator("#breakdown-bars .js-plotly-plot").wait_for()
    pick(page, "Models", "alpha-1")
    pick(page, "Models", "beta-2")
    page.wait_for_function("location.search.includes('model=beta-2')")
    page.wait_for_function("document.querySelectorAll('#breakdown-bars .barlayer .trace').length === 2")
    pick(page, "Broken down by", "Authority group")
    page.wait_for_function("location.search.includes('by=authority_group')")
    pick(page, "Rate", "Engagement")
    page.wait_for_function("location.search.includes('metric=engagement_rate')")
    page.get_by_role("button", name="The figures").click()
    table = page.get_by_role("region", name="The figures")
    table.wait_for()
    expect(table).to_contain_text("Semi-voluntary", use_inner_text=True)
    assert "Share of answers to defeated rules that examine" in page.inner_text("body")
    # Its data is of the models that are shown, and a second link is of all.
    files = [one.get_attribute("href") for one in page.locator(".br-files a").all()]
    asked = "by=authority_group&metric=engagement_rate"
    assert files == [
        f"data/breakdown.{kind}?{models}{asked}"
        for models in ("model=alpha-1&model=beta-2&", "")
        for kind in ("csv", "json", "parquet")
    ]
    fresh = open_page(page.url)
    fresh.wait_for_function("document.querySelectorAll('#breakdown-bars .barlayer .trace').length === 2")


def test_a_cell_of_the_map_opens_its_answers(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/breakdown?model=beta-2")
    cell = page.locator(".br-heat a[href*='authority=school'][href*='family=control']")
    cell.wait_for()
    # Three cases a cell: grey, with the number.
    assert "br-few" in cell.get_attribute("class")
    assert cell.locator("small:not(.br-ci)").inner_text() in ("2", "3")
    cell.click()
    page.wait_for_url("**/transcripts?*")
    page.locator(".br-count", has_text="3 answers").wait_for()
    assert set(page.locator(".br-model").all_inner_texts()) == {"beta-2"}


def test_a_cell_without_dual_use_opens_only_such_cases(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/breakdown?model=beta-2&plain=1")
    cell = page.locator(".br-heat a[href*='authority=school'][href*='family=control']")
    # Of the three cases of a cell only the middle one carries no flag.
    expect(cell.locator("small:not(.br-ci)")).to_have_text("1", use_inner_text=True)
    cell.click()
    page.locator(".br-count", has_text="1 answer").wait_for()
    assert "dual_use=not_flagged" in page.url


@pytest.mark.study
def test_the_map_has_every_cell_of_the_study(open_page: OpenPage, study_url: str) -> None:
    page = open_page(f"{study_url}/breakdown?model=grok-4&by=subtype")
    page.locator("#breakdown-bars .point").first.wait_for()
    expect(page.locator(".br-heat a")).to_have_count(84)
