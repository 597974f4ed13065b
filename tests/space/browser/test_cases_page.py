from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.hostile import strings

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def test_taxonomy_examples_and_their_answers(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/cases")
    total = 72 + len(strings())
    page.get_by_text(f"{total} cases").first.wait_for()
    expect(page.locator("pre")).to_contain_text(
        'load_dataset("path/to/dataset", "cases", split="test")', use_inner_text=True
    )
    row = page.locator("tr", has_text="The rule answered a need that is long gone")
    expect(row.locator(".num")).to_have_text(str(len(strings())), use_inner_text=True)
    row.get_by_role("link", name="examples").click()
    page.locator("article h2", has_text="Obsolete").wait_for()
    assert page.url.endswith("/cases?subtype=obsolete")
    expect(page.locator("article section")).to_have_count(5)
    # On a wide screen the examples stand beside the taxonomy, in sight.
    box = page.locator("article h2").bounding_box()
    assert 600 < box["x"] < 1400
    assert box["y"] < 1000
    page.locator("article").get_by_role("link", name="Next").click()
    page.get_by_text(f"6 to 10 of {len(strings())}").wait_for()

    other = open_page(page.url)
    other.get_by_text(f"6 to 10 of {len(strings())}").wait_for()
    other.get_by_role("link", name="What the models answered").first.click()
    other.locator(".br-card").first.wait_for()
    assert "/transcripts?case=hostile-005" in other.url


def test_on_a_phone_the_taxonomy_begins_folded(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/cases", viewport={"width": 390, "height": 844})
    page.locator("details.br-unfolded").first.wait_for()
    expect(page.locator("details.br-unfolded[open]")).to_have_count(0)
    page.locator("details.br-unfolded > summary").first.click()
    expect(page.locator("details.br-unfolded[open]")).to_have_count(1)
