from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import HOLD, ROWS, models, pick, wait_for_models
from tests.support.results_folder import SUBMITTED
from tests.support.small_dataset import JUDGE
from tests.support.submissions import OURS

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


def open_filters(page: Any) -> None:
    page.get_by_role("button", name="Filters and columns").click()


def test_the_first_screen_asks_and_answers(open_page: OpenPage, url: str) -> None:
    page = open_page(url, viewport={"width": 1440, "height": 900})
    page.locator(ROWS).first.wait_for()
    assert page.title() == "Leaderboard · Blind refusal"
    for part in (page.locator("h1"), page.locator(".br-answer"), page.locator(".br-ways a").first):
        box = part.bounding_box()
        assert box["y"] + box["height"] < 500
    said = page.locator(".br-answer").inner_text()
    assert re.search(r"refuse or evade \d+\.\d % of the time", said)
    # By our judge of these tests nothing that refuses engages; by the dataset's own some do.
    assert page.get_by_text("Read one: it sees the problem").count() == 0
    pick(page, "Judge", f"{JUDGE}: 72 cases")
    page.get_by_role("link", name="Read one: it sees the problem and refuses").click()
    page.locator("article.br-open", has_text=f"(judge: {JUDGE})").wait_for()


def test_sorting_searching_filtering_and_choosing_columns(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    page.locator("thead").get_by_role("link", name="Engagement", exact=True).click()
    page.wait_for_function("location.search.includes('sort=engagement_rate')")
    head = page.locator("thead th[aria-sort]")
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(text.split()[0]) for text in page.locator(f"{ROWS} td:nth-child(6)").all_inner_texts()]
    assert values == sorted(values, reverse=True)

    page.get_by_label("Search", exact=False).first.fill("BETA")
    wait_for_models(page, "beta-2")
    assert page.get_by_text(re.compile("^1 of 3 models")).count() == 1
    page.get_by_label("Search", exact=False).first.fill("")
    page.wait_for_function("document.querySelectorAll('table.br-board tbody tr').length === 3")

    open_filters(page)
    pick(page, "Status", "Community")
    page.wait_for_function("document.querySelectorAll('table.br-board tbody tr').length < 3")
    assert "status=community" in page.url
    before = page.locator("thead th").count()
    page.get_by_role("button", name="Remove", exact=False).first.wait_for()
    pick(page, "Columns", "Hard refusal")
    page.wait_for_function(f"document.querySelectorAll('table.br-board thead th').length === {before + 1}")
    assert "columns=hard_refusal_rate" in page.url


def test_one_judge_at_a_time(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    assert f"judged by {OURS}" in page.get_by_text(re.compile("judged by")).inner_text()
    pick(page, "Judge", f"{JUDGE}: 72 cases")
    wait_for_models(page, "alpha-1", "beta-2")
    said = page.get_by_text(re.compile("judged by")).inner_text()
    assert f"judged by {JUDGE}" in said
    assert "reviewer 1" in said


def test_corrected_rates_stand_beside_raw_ones(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    pick(page, "Judge", f"{JUDGE}: 72 cases")
    wait_for_models(page, "alpha-1", "beta-2")
    assert page.locator(".br-corrected").count() == 0
    page.get_by_label("Show corrected rates").check()
    page.locator(".br-corrected").first.wait_for()
    assert "corrected=1" in page.url
    cell = page.locator(f"{ROWS} td", has=page.locator(".br-corrected")).first
    assert cell.locator(".br-ci").count() == 2


def test_a_copied_link_opens_to_the_same_state_elsewhere(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    pick(page, "Judge", f"{JUDGE}: 72 cases")
    wait_for_models(page, "alpha-1", "beta-2")
    page.locator("thead").get_by_role("link", name="Model").click()
    page.wait_for_function("location.search.includes('sort=model')")
    page.locator("thead").get_by_role("link", name="Model").click()
    wait_for_models(page, "beta-2", "alpha-1")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url
    fresh = open_page(copied)
    wait_for_models(fresh, "beta-2", "alpha-1")
    assert fresh.locator("table.br-board").inner_text() == page.locator("table.br-board").inner_text()


def test_the_downloads_hold_what_the_table_shows(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/?q=a-&sort=model&down=1")
    wait_for_models(page, "beta-2", "alpha-1")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert waiting.value.suggested_filename == "blind-refusal-leaderboard.csv"
    assert [row["model"] for row in rows] == models(page)
    heads = [text.strip(" ↑↓") for text in page.locator("thead th").all_inner_texts()]
    for name, metric in (("Discrimination", "discrimination"), ("Blind refusal", "blind_refusal_rate")):
        cells = page.locator(f"{ROWS} td:nth-child({heads.index(name) + 1})").all_inner_texts()
        for cell, row in zip(cells, rows, strict=True):
            ends = [f"{100 * float(row[f'{metric}{end}']):.1f}" for end in ("", "_low", "_high")]
            numbers = re.findall(r"\d+\.\d", cell)
            assert numbers == [end.lstrip("-") for end in ends]
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download JSON").click()
    told = json.loads(Path(waiting.value.path()).read_text())
    assert [row["model"] for row in told["boards"][0]["rows"]] == models(page)


def test_the_citation_can_be_copied(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.get_by_text("Cite", exact=True).click()
    page.get_by_role("button", name="Copy BibTeX").click()
    page.locator(".br-cited", has_text="Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("@article{")


def test_the_models_column_stays_when_the_table_scrolls(open_page: OpenPage, url: str) -> None:
    page = open_page(url, viewport={"width": 390, "height": 844})
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    first = page.locator(f"{ROWS} th").first
    before = first.bounding_box()["x"]
    page.evaluate("document.querySelector('.br-scroll').scrollLeft = 300")
    assert page.evaluate("document.querySelector('.br-scroll').scrollLeft") == 300
    assert first.bounding_box()["x"] == pytest.approx(before, abs=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_signature_plot_is_drawn(open_page: OpenPage, url: str, scheme: str) -> None:
    page = open_page(url, color_scheme=scheme)
    page.locator("#signature .js-plotly-plot .point").first.wait_for()
    assert page.locator("#signature .point").count() == 3
    assert "target" in page.locator("#signature .infolayer").text_content()
    colour = page.evaluate("getComputedStyle(document.querySelector('#signature .annotation-text')).fill")
    light = sum(map(int, re.findall(r"\d+", colour)[:3])) > 300
    assert light is (scheme == "dark")


def test_an_address_of_nonsense_opens_the_plain_page(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/?board=%3Cscript%3E&sort=__class__&columns=nothing&family=x&down=maybe")
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    other = open_page(f"{url}/breakdown?model=nobody&by=__init__&metric=x")
    other.locator("#breakdown-bars .js-plotly-plot").wait_for()


def test_the_keyboard_sorts(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    page.get_by_role("region", name="Leaderboard").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Discrimination"
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('sort=discrimination')")
    assert page.locator("thead th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_a_search_that_comes_late_does_not_undo_a_click(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.evaluate(HOLD)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    page.evaluate("window.__hold = 'beta'")
    page.get_by_label("Search", exact=False).first.fill("beta")
    page.wait_for_function("window.__held.length === 1")
    page.locator("thead").get_by_role("link", name="Model").click()
    page.wait_for_function("location.search.includes('sort=model')")
    with page.expect_response(re.compile("queue/join")) as sent:
        page.evaluate("(window.__hold = null, window.__held.forEach((go) => go()))")
    assert sent.value.ok
    # Answered after the late search, as events of a reader are answered in turn.
    page.locator("thead").get_by_role("link", name="Model").click()
    page.wait_for_function("location.search.includes('down=1')")
    assert models(page) == sorted(models(page), key=str.casefold, reverse=True)
    assert len(models(page)) == 3
    assert page.get_by_label("Search", exact=False).first.input_value() == ""


@pytest.mark.study
def test_a_newcomer_finds_an_engaged_refusal_in_three_clicks(open_page: OpenPage, study_url: str) -> None:
    """From the first screen alone, each way at most three clicks; the second goes by the ranking."""
    page = open_page(study_url, viewport={"width": 1440, "height": 900})
    page.locator(ROWS).nth(17).wait_for()
    assert page.locator(ROWS).count() == 18
    ways = (
        [page.get_by_role("link", name="Read one: it sees the problem and refuses")],
        [page.locator(ROWS).nth(3).locator("a[title='Read these answers']"), page.locator("a.br-item").first],
    )
    for clicks in ways:
        page.goto(study_url)
        first = clicks[0].bounding_box()
        assert first["y"] + first["height"] <= 900, "on the first screen, without scrolling"
        assert len(clicks) <= 3
        for link in clicks:
            link.click()
        article = page.locator("article.br-open")
        article.wait_for()
        verdict = article.locator("p > .br-verdict").inner_text().lower()
        assert re.match(r"(deflects|hard refusal) · engages", verdict.replace("\n", " ")), verdict
        assert "What defeats the rule" in article.inner_text()
