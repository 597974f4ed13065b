from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import pick

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_two_models_are_compared_and_both_answers_open(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/compare")
    page.get_by_role("region", name="Paired differences").wait_for()
    pick(page, "Judge", "Judge 1 · 72 cases")
    page.locator("thead th", has_text="beta-2").first.wait_for()
    page.locator("#differences .js-plotly-plot .point").first.wait_for()
    text = page.get_by_role("region", name="Paired differences").inner_text()
    assert "Defeated by its content" in text
    page.get_by_label("Only A helps").check()
    page.wait_for_function("location.search.includes('only=a')")
    table = page.locator("table.br-parted")
    page.wait_for_function("!document.querySelector('table.br-parted tbody').innerText.includes('beta-2')")
    who = table.locator("tbody td:nth-child(3)").all_inner_texts()
    assert len(set(who)) == 1
    shown = page.url
    table.locator("tbody a").first.click()
    page.wait_for_url(re.compile(r"/transcripts\?.*case="))
    page.locator(".br-card").nth(1).wait_for()
    expect(page.locator(".br-card")).to_have_count(2)
    # The answers open with the verdicts that were compared.
    expect(page.locator("article.br-open")).to_contain_text("(judge: Judge 1)", use_inner_text=True)
    fresh = open_page(shown)
    fresh.locator("table.br-parted").wait_for()
    assert fresh.locator("table.br-parted tbody td:nth-child(3)").all_inner_texts() == who


def test_what_cannot_be_compared_says_why(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/compare?a=alpha-1&b=alpha-1")
    page.locator(".br-notice", has_text="one and the same model").wait_for()


@pytest.mark.study
def test_the_cases_of_the_study_are_paged(open_page: OpenPage, study_url: str) -> None:
    page = open_page(f"{study_url}/compare?a=glm-5&b=grok-4")
    page.locator("table.br-parted tbody tr").nth(19).wait_for()
    page.get_by_role("link", name="Next").first.click()
    page.wait_for_function("location.search.includes('page=2')")
