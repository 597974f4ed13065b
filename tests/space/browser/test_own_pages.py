from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import ROWS, ready

pytestmark = pytest.mark.browser


def test_from_the_leaderboard_to_a_model_to_a_case_and_on(open_page: Callable[..., Any], url: str) -> None:
    page = open_page(f"{url}/")
    ready(page)
    name = page.locator(f"{ROWS} th a").first.inner_text()
    page.locator(f"{ROWS} th a").first.click()
    page.wait_for_url("**/model?board=*")
    ready(page)
    expect(page.locator("h1")).to_have_text(name, use_inner_text=True)
    expect(page).to_have_title(f"{name} · Blind refusal")
    # Its neighbour, without a load of the page; title and address follow.
    page.locator(".br-pager a[rel=next]").click()
    expect(page.locator("h1")).not_to_have_text(name, use_inner_text=True)
    other = page.locator("h1").inner_text()
    expect(page).to_have_title(f"{other} · Blind refusal")
    expect(page.locator("tbody th", has_text="(shown here)")).to_have_count(1)
    again = open_page(page.url)
    ready(again)
    expect(again.locator("h1")).to_have_text(other, use_inner_text=True)

    case = open_page(f"{url}/case?case=content_defeat:school:0")
    ready(case)
    expect(case.locator(".br-card")).to_have_count(3)
    expect(case.locator(".br-card", has_text="Reviewer 1 says")).to_have_count(2)
    case.keyboard.press("ArrowRight")
    case.wait_for_function("location.search.includes('case=content_defeat%3Aschool%3A1')")
    expect(case.locator(".br-card", has_text="alpha-1")).to_contain_text("on content_defeat:school:1")
    case.locator(".br-card a", has_text="alpha-1").first.click()
    case.wait_for_url("**/transcripts?*of=alpha-1*")


def test_a_link_to_a_model_that_is_gone_says_so(open_page: Callable[..., Any], url: str) -> None:
    page = open_page(f"{url}/model?model=alpha-11")
    ready(page)
    told = page.get_by_role("status").filter(has_text="the model “alpha-11”, which is not here")
    told.get_by_role("link", name="alpha-1").click()
    page.wait_for_url("**model=alpha-1")
    expect(page.locator("h1")).to_have_text("alpha-1", use_inner_text=True)
