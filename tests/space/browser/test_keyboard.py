"""From the first screen to an answer, its case, its model and back, by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import ready

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
MOST_TABS = 80
# What has the focus: its words, whether it is in sight, and whether one sees that it has it.
FOCUSED = """() => {
  const e = document.activeElement, box = e.getBoundingClientRect();
  const parts = e.matches('input') ? [e, e.closest('.wrap, label, .block')] : [e];
  const around = parts.map((one) => getComputedStyle(one));
  return {
    is: `${e.tagName.toLowerCase()} ${(e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 60)}`,
    seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    ring: around.some((s) => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none'),
  };
}"""


def tab_to(page: Any, text: str, *, exact: bool = False) -> None:
    """Press Tab until a link or a control with this text has the focus; each on the way shows that it has it."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        now = page.evaluate(FOCUSED)
        assert now["seen"], now
        assert now["ring"], now
        if text in now["is"] and (not exact or now["is"] == f"a {text}"):
            return
    raise AssertionError(f"{text} is not within {MOST_TABS} tabs")


def key_of(page: Any) -> str:
    return str(page.evaluate("document.querySelector('.br-open')?.dataset.key ?? ''"))


def wait_for_another(page: Any, key: str) -> str:
    page.wait_for_function(f"(document.querySelector('.br-open')?.dataset.key ?? '') !== {key!r}")
    return key_of(page)


def test_a_reader_without_a_mouse(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/")
    ready(page)
    # The order is that of the page: nothing is put before its place.
    assert page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0
    tab_to(page, "Skip to content")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "br-main"
    tab_to(page, "Read any answer")
    page.keyboard.press("Enter")
    page.wait_for_url("**/transcripts*")
    ready(page)

    # The first answer of the list, walked from and closed again.
    tab_to(page, "Skip to content")
    page.keyboard.press("Enter")
    tab_to(page, "alpha-1")
    page.keyboard.press("Enter")
    first = wait_for_another(page, "")
    page.wait_for_function("document.activeElement.tagName === 'H2'")
    for onwards, back in (("j", "k"), ("ArrowRight", "ArrowLeft")):
        page.keyboard.press(onwards)
        other = wait_for_another(page, first)
        page.keyboard.press(back)
        assert wait_for_another(page, other) == first
    page.keyboard.press("Escape")
    assert wait_for_another(page, first) == ""
    # Where one came from has the focus again.
    page.wait_for_function("document.activeElement.matches('a.br-item')")
    page.keyboard.press("Enter")
    assert wait_for_another(page, "") == first
    page.wait_for_function("document.activeElement.tagName === 'H2'")

    # Its case, by the fold that names it.
    tab_to(page, "Facts and codes of this case")
    page.keyboard.press("Enter")
    tab_to(page, first.split(" ")[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**/case?*")
    ready(page)
    one = wait_for_another(page, "")
    page.keyboard.press("ArrowRight")
    wait_for_another(page, one)
    tab_to(page, "alpha-1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/transcripts?*of=alpha-1*")
    ready(page)

    # Its model, and the first screen again.
    tab_to(page, "alpha-1", exact=True)
    page.keyboard.press("Enter")
    page.wait_for_url("**/model?*")
    ready(page)
    expect(page.locator("h1")).to_have_text("alpha-1", use_inner_text=True)
    tab_to(page, "All models")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?board=*")
    ready(page)


@pytest.mark.study
def test_three_clicks_take_a_newcomer_to_an_answer_that_makes_the_point(open_page: OpenPage, study_url: str) -> None:
    page = open_page(f"{study_url}/", viewport={"width": 390, "height": 844})
    ready(page)
    # One: the case of the first screen, whose answer says what is wrong with the rule, and refuses.
    page.get_by_role("link", name="Read it whole").click()
    page.wait_for_url("**/transcripts?*case=*of=*")
    ready(page)
    judged = page.locator(".br-judged")
    expect(judged).to_contain_text("engages", use_inner_text=True)
    assert "Helps" not in judged.locator("p").first.inner_text()
    answered = page.locator(".br-answered")
    expect(answered).to_be_in_viewport()
    expect(page.get_by_role("heading", name="Why the judge says so")).to_be_attached()
    # Two: what all models say to it. Three: one of them, whole.
    page.get_by_role("link", name="All models on this case").click()
    page.locator(".br-side .br-card").first.wait_for()
    page.locator(".br-side .br-card h3 a").first.click()
    page.locator(".br-reading").wait_for()
