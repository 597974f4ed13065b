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


def test_two_judges_down_to_an_answer_and_two_models_to_their_comparison(
    open_page: Callable[..., Any], url: str
) -> None:
    page = open_page(f"{url}/judges?a=judge-1&b=people%3Areviewer_1")
    ready(page)
    cell = page.locator(".br-confusion td:not(.br-same) a").first
    n = int(cell.inner_text())
    cell.click()
    page.wait_for_function("location.search.includes('says=')")
    expect(page.locator(".br-confusion td.br-here a")).to_have_text(str(n))
    expect(page.locator(".br-parting a")).to_have_count(min(n, 20))
    page.locator(".br-parting a").first.click()
    page.wait_for_url("**/transcripts?*case=*")

    pairs = open_page(f"{url}/pairs")
    ready(pairs)
    pairs.locator(".br-matrix .br-pair").first.click()
    pairs.wait_for_url("**/compare?*a=*")
    phone = open_page(f"{url}/pairs", viewport={"width": 390, "height": 844})
    ready(phone)
    expect(phone.locator(".br-matrix")).not_to_be_visible()
    phone.locator(".br-pair-card summary").first.click()
    expect(phone.locator(".br-pair-card li a").first).to_be_visible()
