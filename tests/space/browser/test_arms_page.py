from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import ready

pytestmark = pytest.mark.browser


def test_from_the_comparison_to_how_far_models_move(open_page: Callable[..., Any], url: str) -> None:
    page = open_page(f"{url}/compare?a=alpha-1&b=beta-2")
    ready(page)
    page.get_by_role("link", name="How far models move under another framing").click()
    page.wait_for_url("**/arms")
    ready(page)
    expect(page.locator("h1")).to_have_text("How far models move", use_inner_text=True)
    expect(page).to_have_title("How far models move · Blind refusal")
    moves = page.get_by_role("region", name="Moves between arms")
    row = moves.get_by_role("row").filter(has_text="keen")
    expect(row).to_contain_text("+12.5", use_inner_text=True)
    expect(row.get_by_role("img", name="12.5 points, 2.0 to 23.0")).to_be_visible()
    expect(page.get_by_role("region", name="Stability")).to_contain_text("87.5", use_inner_text=True)
    # Another rate is a step of its own, which Back undoes.
    before = page.url
    page.get_by_role("link", name="Helps where it should", exact=True).click()
    page.wait_for_url("**/arms?*metric=help_rate*")
    expect(moves.get_by_role("row").filter(has_text="keen")).to_contain_text("–", use_inner_text=True)
    page.go_back()
    page.wait_for_url(before)
    expect(row).to_contain_text("+12.5", use_inner_text=True)

    # On a phone a row is a card, and each figure says what it is.
    page.set_viewport_size({"width": 390, "height": 844})
    expect(moves.locator("thead")).not_to_be_visible()
    label = moves.locator("td[data-label='Moves by']").first
    assert label.evaluate("(one) => getComputedStyle(one, '::before').content") == '"Moves by"'
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_set_and_a_rate_that_are_gone_are_named(open_page: Callable[..., Any], url: str) -> None:
    page = open_page(f"{url}/arms?set=framing&metric=help")
    ready(page)
    told = page.get_by_role("status").filter(has_text="which is not here")
    expect(told).to_contain_text("“framing”", use_inner_text=True)
    expect(told).to_contain_text("“help”", use_inner_text=True)
    expect(page.get_by_role("region", name="Moves between arms")).to_be_visible()
