from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.pages import HOLD, ROWS, models, open_filters, pick, ready, wait_for_models
from tests.support.results_folder import SUBMITTED
from tests.support.submissions import OURS

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
# What a person calls the dataset's judge, `judge-1`.
TITLE = "Judge 1 · 72 cases"


def test_the_first_screen_asks_and_answers(open_page: OpenPage, url: str) -> None:
    page = open_page(url, viewport={"width": 1440, "height": 900})
    page.locator(ROWS).first.wait_for()
    assert page.title() == "Leaderboard · Blind refusal"
    ready(page)
    for part in (page.locator("h1"), page.locator(".br-answer"), page.locator("svg.br-wide")):
        box = part.bounding_box()
        assert box["y"] + box["height"] < 800
    said = page.locator(".br-answer").inner_text()
    assert re.search(r"refuse or evade \d+\.\d % of the time", said)
    heads = [text.strip(" ↑↓") for text in page.locator("thead th").all_inner_texts()]
    assert heads == ["Place", "Model", "Discrimination", "Helps where it should", "Helps where it should not"]
    expect(page.locator(f"{ROWS} .br-scale")).to_have_count(9)
    page.get_by_role("link", name="Show every column").click()
    page.locator("thead th", has_text="Judge's kappa").wait_for()
    page.get_by_role("link", name="Show fewer columns").click()
    page.locator("thead th", has_text="Judge's kappa").wait_for(state="detached")
    assert "columns" not in page.url


def test_sorting_searching_filtering_and_choosing_columns(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    page.locator("thead").get_by_role("link", name="Helps where it should", exact=True).click()
    page.wait_for_function("location.search.includes('sort=help_rate')")
    head = page.locator("thead th[aria-sort]")
    expect(head).to_have_attribute("aria-sort", "descending")
    values = [float(text.split()[0]) for text in page.locator(f"{ROWS} td:nth-child(4)").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    open_filters(page)

    page.get_by_role("textbox", name="Search").fill("BETA")
    wait_for_models(page, "beta-2")
    expect(page.get_by_text(re.compile("^1 of 3 models"))).to_have_count(1)
    page.get_by_role("textbox", name="Search").fill("")
    page.wait_for_function("document.querySelectorAll('table.br-board tbody tr').length === 3")

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
    ready(page)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    judge = page.locator(".br-above b")
    expect(judge).to_have_text("Offline judge", use_inner_text=True)
    assert judge.get_attribute("title").startswith(f"{OURS}, rubric ")
    # The other boards are a click away, as a person would call them.
    page.locator(".br-above").get_by_role("link", name=TITLE).click()
    wait_for_models(page, "alpha-1", "beta-2")
    expect(page.locator(".br-above b")).to_have_text("Judge 1", use_inner_text=True)
    page.get_by_text("How to read these figures").click()
    expect(page.locator("details", has_text="How to read these figures")).to_contain_text(
        "reviewer 1", use_inner_text=True
    )


def test_corrected_rates_stand_beside_raw_ones(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    open_filters(page)
    pick(page, "Judge", TITLE)
    wait_for_models(page, "alpha-1", "beta-2")
    expect(page.locator(".br-corrected")).to_have_count(0)
    page.get_by_label("Show corrected rates").check()
    page.locator(".br-corrected").first.wait_for()
    assert "corrected=1" in page.url
    cell = page.locator(f"{ROWS} td", has=page.locator(".br-corrected")).first
    expect(cell.locator(".br-ci")).to_have_count(2)


def test_a_copied_link_opens_to_the_same_state_elsewhere(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    open_filters(page)
    pick(page, "Judge", TITLE)
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
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert waiting.value.suggested_filename == "blind-refusal-leaderboard.csv"
    assert [row["model"] for row in rows] == models(page)
    heads = [text.strip(" ↑↓") for text in page.locator("thead th").all_inner_texts()]
    for name, metric in (("Discrimination", "discrimination"), ("Helps where it should", "help_rate")):
        cells = page.locator(f"{ROWS} td:nth-child({heads.index(name) + 1})").all_inner_texts()
        for cell, row in zip(cells, rows, strict=True):
            ends = [f"{100 * float(row[f'{metric}{end}']):.1f}" for end in ("", "_low", "_high")]
            numbers = re.findall(r"\d+\.\d", cell)
            assert numbers == [end.lstrip("-") for end in ends]
    with page.expect_download() as waiting:
        page.get_by_role("link", name="JSON").click()
    told = json.loads(Path(waiting.value.path()).read_text())
    assert [row["model"] for row in told["data"]] == models(page)


def test_the_citation_can_be_copied(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    ready(page)
    page.get_by_text("Cite", exact=True).click()
    page.get_by_role("button", name="Copy BibTeX").click()
    page.locator(".br-cited", has_text="Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("@article{")


def test_the_models_column_stays_when_the_table_scrolls(open_page: OpenPage, url: str) -> None:
    page = open_page(url, viewport={"width": 800, "height": 844})
    ready(page)
    page.get_by_role("link", name="Show every column").click()
    page.locator("thead th", has_text="Judge's kappa").wait_for()
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    first = page.locator(f"{ROWS} th").first
    page.evaluate("document.querySelector('.br-scroll').scrollLeft = 300")
    assert page.evaluate("document.querySelector('.br-scroll').scrollLeft") > 0
    assert first.bounding_box()["x"] < 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_is_there_with_the_page_and_plotly_only_where_one_zooms(
    open_page: OpenPage, url: str, scheme: str
) -> None:
    fetched: list[str] = []
    page = open_page(url, color_scheme=scheme)
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(url)
    ready(page)
    drawing = page.locator("svg.br-wide")
    expect(drawing.locator("a.br-point")).to_have_count(3)
    assert "alpha-1" in drawing.text_content()
    colour = page.evaluate("getComputedStyle(document.querySelector('.br-point text')).fill")
    light = sum(map(int, re.findall(r"\d+", colour)[:3])) > 300
    assert light is (scheme == "dark")
    page.wait_for_load_state("networkidle")
    assert not [one for one in fetched if "lotly" in one]
    page.get_by_role("link", name="Zoom into the picture").click()
    page.locator("#signature .js-plotly-plot .point").first.wait_for()
    assert [one for one in fetched if "lotly" in one]
    assert "zoom=1" in page.url


def test_the_page_is_there_before_any_script(browser: Any, url: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{url}/?sort=model&down=1")
    assert models(page) == ["beta-2", "alpha-1", SUBMITTED]
    expect(page.locator("svg.br-narrow")).to_be_visible()
    page.locator("thead").get_by_role("link", name="Place").click()
    assert models(page)[0] == SUBMITTED
    context.close()


def test_what_was_there_first_goes_and_the_reader_stays(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    ready(page)
    page.locator(".br-at-once").wait_for(state="detached")
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("table.br-board")).to_have_count(1)


def test_an_address_of_nonsense_opens_the_plain_page(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/?board=%3Cscript%3E&sort=__class__&columns=nothing&family=x&down=maybe")
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    other = open_page(f"{url}/breakdown?model=nobody&by=__init__&metric=x")
    other.locator("#breakdown-bars .js-plotly-plot").wait_for()


def test_the_keyboard_sorts(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    ready(page)
    page.get_by_role("region", name="Leaderboard").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Discrimination"
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('sort=discrimination')")
    expect(page.locator("thead th[aria-sort]")).to_have_attribute("aria-sort", "descending")


def test_a_search_that_comes_late_does_not_undo_a_click(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.evaluate(HOLD)
    open_filters(page)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    page.evaluate("window.__hold = 'beta'")
    page.get_by_role("textbox", name="Search").fill("beta")
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
    expect(page.get_by_role("textbox", name="Search")).to_have_value("")


@pytest.mark.study
def test_a_newcomer_reads_a_case_that_makes_the_point_and_opens_it_in_one_click(
    open_page: OpenPage, study_url: str
) -> None:
    page = open_page(study_url, viewport={"width": 1440, "height": 900})
    ready(page)
    expect(page.locator(ROWS)).to_have_count(18)
    assert re.search(r"This happens in \d\d\.\d % of all requests", page.locator(".br-answer").inner_text())
    # Over time, models whose makers do not say when they came out are hollow points.
    fills = page.locator(".br-point circle:not(.br-reach)").evaluate_all(
        "all => all.map(one => [!!one.closest('.br-hollow'), getComputedStyle(one).fill])"
    )
    hollow, full = ({fill for is_hollow, fill in fills if is_hollow is kind} for kind in (True, False))
    assert len(hollow) == 1
    assert hollow.isdisjoint(full)
    first = page.locator(".br-ask").inner_text()
    page.get_by_role("link", name="Another one").click()
    page.wait_for_function("location.search.includes('example=1')")
    page.wait_for_function("(before) => document.querySelector('.br-ask').innerText !== before", arg=first)
    said = page.locator(".br-said mark").inner_text()
    link = page.get_by_role("link", name="Read it whole")
    box = link.bounding_box()
    assert box["y"] + box["height"] <= 900, "on the first screen, without scrolling"
    link.click()
    article = page.locator("article.br-open")
    article.wait_for()
    # Waited for: the page that is served stands there until gradio has drawn its own.
    told = re.compile(r"^\s*(deflects|hard refusal)\s*·\s*engages", re.IGNORECASE)
    expect(article.locator("p > .br-verdict")).to_have_text(told, use_inner_text=True)
    expect(article).to_contain_text(said, use_inner_text=True)


@pytest.mark.parametrize("height", [1000, 560])
def test_an_open_list_leaves_its_label_to_be_read(open_page: OpenPage, url: str, height: int) -> None:
    """Also where there is little room below, so that the list opens upwards."""
    page = open_page(url, viewport={"width": 1024, "height": height})
    open_filters(page)
    for name in ("Judge", "Columns"):
        field = page.get_by_role("combobox", name=name, exact=True)
        field.scroll_into_view_if_needed()
        # Where it stands when nothing moves it any more.
        field.click(trial=True)
        field.press("ArrowDown")
        options = page.get_by_role("listbox")
        options.first.wait_for()
        page.wait_for_function(
            """name => {
                const list = document.querySelector("[role=listbox]")?.getBoundingClientRect();
                const label = [...document.querySelectorAll(".br-fold span[data-testid='block-info']")]
                    .find(one => one.textContent.includes(name)).getBoundingClientRect();
                return list && (list.top >= label.bottom || list.bottom <= label.top);
            }""",
            arg=name,
        )
        field.press("Escape")
        options.first.wait_for(state="hidden")


def test_every_page_leads_to_paper_licence_and_data(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    ready(page)
    paper = page.locator(".br-colophon").get_by_role("link", name="Paper")
    expect(paper).to_have_attribute("href", "https://arxiv.org/abs/2604.06233")
    page.locator(".br-colophon").get_by_role("link", name="Licence and how to cite").click()
    page.wait_for_url("**/method#licence")
    expect(page.locator("#licence")).to_be_in_viewport()
