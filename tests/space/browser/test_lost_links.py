from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import open_filters, ready

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_a_link_to_a_board_that_is_gone_says_so_and_leads_to_the_nearest(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/")
    ready(page)
    first = page.locator(".br-above b").inner_text()
    page.goto(f"{url}/?board=embedded-weights-OLD")
    ready(page)
    told = page.get_by_role("status").filter(has_text="embedded-weights-OLD")
    told.wait_for()
    expect(told).to_contain_text("which is not here", use_inner_text=True)
    expect(page.locator(".br-above b")).to_have_text(first, use_inner_text=True)
    nearest = told.get_by_role("link")
    if nearest.count():
        name = nearest.inner_text()
        nearest.click()
        page.wait_for_url(f"**/?board={name}*")
        ready(page)
        expect(page.get_by_role("status").filter(has_text="which is not here")).to_have_count(0)


@pytest.mark.parametrize(
    "path",
    [
        *("breakdown?model=no-such", "compare?a=no-such", "transcripts?judge=no-such", "cases?subtype=no-such"),
        *("case?case=no-such", "judges?a=no-such", "pairs?board=no-such", "compare?page=no-such"),
    ],
)
def test_other_pages_say_it_too(url: str, open_page: OpenPage, path: str) -> None:
    page = open_page(f"{url}/{path}")
    ready(page)
    page.get_by_role("status").filter(has_text="“no-such”, which is not here").wait_for()
    # Everything else of the page is there.
    expect(page.locator("h1")).to_have_count(1)


def test_what_is_past_the_end_or_too_long_is_said(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/")
    for path, said in (
        ("compare?page=99", "There is no page 99: this is the last one."),
        ("judges?page=99", "There is no page 99: this is the last one."),
        ("cases?subtype=just_and_reasonable&start=40", "after the first 40, and there is nothing"),
        ("transcripts?after=99999999", "a place in this list at which nothing stands"),
        (f"transcripts?q={'rent ' * 50}", "is longer than 200 characters. Only the first of them are read."),
        (f"?q={'x' * 101}", "Only the first 100 characters are searched for."),
    ):
        page.goto(f"{url}/{path}")
        ready(page)
        expect(page.locator(".gradio-container")).to_contain_text(said, use_inner_text=True)
    # What is typed is cut at the same place, and said too.
    page.goto(f"{url}/")
    ready(page)
    open_filters(page)
    page.get_by_label("Search").fill("y" * 150)
    expect(page.locator(".br-above")).to_contain_text("Only the first 100 characters", use_inner_text=True)


def test_a_case_that_is_gone_offers_the_nearest_by_its_name(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/transcripts?case=control:school:11&of=alpha-1")
    ready(page)
    told = page.locator(".br-open").get_by_role("status")
    expect(told).to_contain_text("There is no case control:school:11 here", use_inner_text=True)
    told.get_by_role("link", name="control:school:1", exact=True).click()
    page.locator(".br-answered", has_text="alpha-1").wait_for()
    # A case that is there, and a model that did not answer it.
    page.goto(f"{url}/transcripts?case=nothing-like-it&after=zebra")
    ready(page)
    page.get_by_role("status").filter(has_text="asks for the place “zebra”, which is not here").wait_for()
    gone = page.locator(".br-open")
    expect(gone).to_contain_text("There is no case nothing-like-it here", use_inner_text=True)
    expect(gone.get_by_role("link", name="kinds of cases")).to_be_visible()


def test_an_unknown_address_leads_on(chromium: Any, url: str) -> None:
    # Chromium logs an address that is not found as an error of its own, so that open_page would complain.
    page = chromium.new_page()
    page.goto(f"{url}/no/such/page")
    assert page.title().startswith("Not found")
    page.get_by_role("link", name="Transcripts").click()
    page.wait_for_url(f"{url}/transcripts")
    ready(page)
    page.close()
