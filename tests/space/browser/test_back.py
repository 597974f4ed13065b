"""Back and Forward undo and redo each step of a reader, on the page that they are on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import models, open_filters, pick, ready, wait_for_models
from tests.support.results_folder import SUBMITTED

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def walk(page: Any, steps: list[Callable[[], object]], look: Callable[[], Any]) -> None:
    """Take the steps, go all the way back and forward again: each address shows what it showed, without a new load."""
    page.evaluate("window.__kept = true")
    seen = [(page.url, look())]
    for step in steps:
        step()
        page.wait_for_function(f"location.href !== {seen[-1][0]!r}")
        # The page has answered the step.
        page.wait_for_function("document.querySelector('a.br-state')?.href === location.href")
        seen.append((page.url, look()))
    for way, places in (("back", reversed(seen[:-1])), ("forward", seen[1:])):
        for address, shown in places:
            page.evaluate(f"history.{way}()")
            page.wait_for_function(f"location.href === {address!r}")
            page.wait_for_function(f"document.querySelector('a.br-state')?.href === {address!r}")
            assert look() == shown, f"{way} to {address}"
    assert page.evaluate("window.__kept") is True


def test_the_leaderboard(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")

    def search() -> None:
        open_filters(page)
        # However many letters, one step.
        page.get_by_role("textbox", name="Search").press_sequentially("a-1", delay=150)
        wait_for_models(page, "alpha-1")

    walk(
        page,
        [
            lambda: (page.locator("thead").get_by_role("link", name="Model").click(), page.wait_for_url("**sort=m**")),
            search,
            lambda: page.get_by_role("link", name="show all").click(),
            lambda: page.locator(".br-above a", has_text="Judge 1").click(),
        ],
        lambda: (models(page), page.locator(".br-above b").inner_text()),
    )  # fmt: skip
    expect(page.get_by_role("textbox", name="Search")).to_have_value("")


def test_the_transcripts(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/transcripts")
    ready(page)

    def search() -> None:
        page.get_by_label("Search in request, rule and answer").press_sequentially("school", delay=120)
        # Half of the word finds as many.
        page.wait_for_function("location.search.includes('q=school')")
        page.locator(".br-count", has_text="27 answers").wait_for()

    def key() -> str:
        return str(page.evaluate("document.querySelector('.br-open')?.dataset.key ?? ''"))

    walk(
        page,
        [
            lambda: page.get_by_label("Pages of results").first.get_by_role("link", name="Next").click(),
            search,
            lambda: page.locator("a.br-item").nth(1).click(),
            lambda: page.get_by_role("link", name="Close").click(),
        ],
        lambda: (page.locator(".br-count").inner_text(), page.locator("a.br-item").first.inner_text(), key()),
    )  # fmt: skip


def test_the_breakdown_and_the_comparison(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/breakdown")
    ready(page)
    rate = page.get_by_role("combobox", name="Rate", exact=True)
    walk(
        page,
        [lambda: pick(page, "Models", "beta-2"), lambda: pick(page, "Rate", "Engagement")],
        lambda: (rate.input_value(), page.locator(".br-heat").inner_text()),
    )
    page = open_page(f"{url}/compare?a=alpha-1&b=beta-2")
    ready(page)
    second = page.get_by_role("combobox", name="Model B", exact=True)
    walk(
        page,
        [lambda: pick(page, "Model B", SUBMITTED), lambda: page.get_by_label("Only A helps").check()],
        lambda: second.input_value(),
    )


def test_a_model_a_case_two_judges_the_cases_and_the_moves(open_page: OpenPage, url: str) -> None:
    def opened(path: str) -> Any:
        page = open_page(f"{url}/{path}")
        ready(page)
        return page

    page = opened("model?model=alpha-1")
    further = page.locator(".br-pager a[rel=next]")
    walk(page, [further.click, page.locator(".br-pager a[rel=prev]").click], page.locator("h1").inner_text)
    page = opened("case?case=content_defeat:school:0")
    walk(page, [lambda: page.keyboard.press("ArrowRight")] * 2, page.locator("h1").inner_text)
    page = opened("judges?a=judge-1&b=people%3Areviewer_1")
    cells = page.locator(".br-confusion td:not(.br-same) a")
    walk(
        page, [cells.first.click, cells.last.click], lambda: page.locator(".br-confusion td.br-here").all_inner_texts()
    )
    page = opened("cases")
    examples = page.get_by_role("link", name="examples", exact=True)
    walk(page, [examples.first.click, examples.last.click], page.locator("article").all_inner_texts)
    page = opened("arms")
    rates = ("Helps where it should", "Helps where it should not")
    steps = [page.get_by_role("link", name=rate, exact=True).click for rate in rates]
    walk(page, steps, page.get_by_role("region", name="Moves between arms").inner_text)


def test_on_a_phone_back_leads_to_where_the_reader_was(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/transcripts?case=content_defeat:union:0", viewport={"width": 390, "height": 844})
    ready(page)

    def leave(link: Any, below: int) -> int:
        """Follow a link that stands so far below the top of the window; where the window was."""
        link.evaluate("(link, below) => scrollTo(0, scrollY + link.getBoundingClientRect().top - below)", below)
        y = int(page.evaluate("scrollY"))
        link.click()
        return y

    # Two lines of text are the same place.
    back = "([there, y]) => document.querySelector(there) && Math.abs(scrollY - y) < 50"
    # All models on a case, one answer and back, without a load of the page.
    y = leave(page.locator(".br-card h3 a").last, 300)
    assert y > 600
    page.locator(".br-answered").wait_for()
    page.evaluate("history.back()")
    page.wait_for_function(back, arg=[".br-side", y])
    # One answer, its model's page and back, which loads the answer's page anew.
    page.locator(".br-card h3 a").last.click()
    link = page.locator(".br-answered a")
    link.wait_for()
    y = leave(link, 500)
    assert y > 100
    page.wait_for_url("**/model?*")
    ready(page)
    page.go_back()
    ready(page)
    page.wait_for_function(back, arg=[".br-answered", y])
