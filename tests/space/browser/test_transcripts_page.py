from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from space.ui.safe_text import safe
from tests.support.hostile import strings, text_of
from tests.support.pages import HOLD, pick, ready, settled
from tests.support.small_dataset import JUDGE
from tests.support.space_data import HOSTILE_MODEL, PLAIN_MODEL

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def count(page: Any) -> str:
    return str(page.locator(".br-count").inner_text())


def wait_for_count(page: Any, text: str) -> None:
    page.locator(".br-count", has_text=re.compile(f"^{re.escape(text)}")).wait_for()


def open_filters(page: Any) -> None:
    """Unfold the judge and the filters, if they are not."""
    ready(page)
    if not page.locator("#filter-model input").is_visible():
        page.get_by_role("button", name="Judge and filters").click()
        page.locator("#filter-model input").wait_for()
        settled(page)


def choose(page: Any, facet: str, option: str) -> None:
    """Pick an option of a filter as the keyboard does."""
    open_filters(page)
    field = page.locator(f"#filter-{facet} input")
    field.click()
    field.fill(option)
    field.press("Enter")
    field.press("Escape")


def test_search_filter_page_and_open(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts")
    ready(page)
    total = 2 * (72 + len(strings()))
    wait_for_count(page, f"{total} answers")
    assert page.title() == "Transcripts · Blind refusal"

    # Every one of 9 cases about a school has two answers.
    page.get_by_label("Search in request, rule and answer").fill("scho")
    wait_for_count(page, "18 answers")
    expect(page.locator(".br-pager")).to_have_count(0)
    choose(page, "model", PLAIN_MODEL)
    wait_for_count(page, "9 answers")
    assert set(page.locator(".br-model").all_inner_texts()) == {PLAIN_MODEL}
    assert "q=scho&model=beta-2" in page.url

    page.locator("a.br-item").nth(2).click()
    article = page.locator("article.br-open")
    article.wait_for()
    expect(article).to_contain_text(f"{PLAIN_MODEL} answered", use_inner_text=True)
    assert page.evaluate("document.activeElement.tagName") == "H2"
    opened = page.url
    article.get_by_role("link", name="Next", exact=True).click()
    page.wait_for_function(f"location.href !== {opened!r}")
    # The neighbour within what was searched, not the other model's answer.
    assert f"of={PLAIN_MODEL}" in page.url
    expect(page.locator(".br-count")).to_have_text("9 answers", use_inner_text=True)
    page.go_back()
    page.wait_for_function(f"location.href === {opened!r}")
    page.locator("article.br-open").wait_for()
    # The page is read before its controls are there.
    page.wait_for_function("document.querySelector('.br-search textarea, .br-search input')?.value === 'scho'")


def test_pages_forward_and_back(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts")
    page.locator("a.br-item").first.wait_for()
    first = page.locator("a.br-item").first.get_attribute("href")
    pager = page.get_by_role("navigation", name="Pages of results").first
    pager.get_by_role("link", name="Next").click()
    page.wait_for_function(f"document.querySelector('a.br-item').getAttribute('href') !== {first!r}")
    assert "after=" in page.url
    page.get_by_role("navigation", name="Pages of results").first.get_by_role("link", name="Previous").click()
    page.wait_for_function("location.search.startsWith('?before=')")
    shown = page.locator("a.br-item").first
    page.wait_for_function("!document.querySelector('.br-pager a')?.textContent.includes('First')")
    expect(shown).not_to_be_empty()
    page.get_by_role("navigation", name="Pages of results").first.get_by_role("link", name="Last").click()
    page.locator(".br-case", has_text="hostile").or_(page.locator(".br-case")).first.wait_for()


def test_side_by_side_and_one_answer(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts?case=control:school:1")
    cards = page.locator(".br-card")
    cards.first.wait_for()
    expect(cards).to_have_count(2)
    assert page.locator(".br-card h3").all_inner_texts() == [HOSTILE_MODEL, PLAIN_MODEL]
    cards.nth(1).get_by_role("link").click()
    page.get_by_text(f"{PLAIN_MODEL} answered").wait_for()
    page.get_by_role("link", name="All models on this case").click()
    cards.first.wait_for()
    page.get_by_role("link", name="Close").click()
    page.wait_for_function("!document.querySelector('.br-open')")


def test_the_judge_can_be_chosen_and_stays(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/transcripts?model=alpha-1&case=content_defeat:school:0&of=alpha-1")
    page.locator("article.br-open", has_text="(judge: Offline judge)").wait_for()
    open_filters(page)
    pick(page, "Judge", "Judge 1")
    page.wait_for_function(f"location.search.includes('judge={JUDGE}')")
    # Another judge, another list: what was open is closed, and the filters count this judge's verdicts.
    expect(page.locator("article.br-open")).to_have_count(0)
    page.locator("a.br-item").first.click()
    article = page.locator("article.br-open", has_text="(judge: Judge 1)")
    article.wait_for()
    table = article.locator("table", has_text="Reviewer 1")
    assert [cell.strip() for cell in table.locator("tbody th").all_inner_texts()] == [
        "Judge 1",
        "Offline judge",
        "Reviewer 1",
        "Reviewer 2",
    ]
    choose(page, "type", "Hard refusal")
    page.wait_for_function("location.search.includes('type=hard_refusal')")
    refused = count(page)
    pick(page, "Judge", "Offline judge")
    page.wait_for_function("!location.search.includes('judge=')")
    # It calls every answer of this model a short no: 72 but for the one that there is not.
    wait_for_count(page, "71 answers")
    assert refused != "71 answers"


def test_a_search_that_comes_late_does_not_close_what_was_opened(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts")
    page.evaluate(HOLD)
    page.locator("a.br-item").first.wait_for()
    page.evaluate("""window.__hold = '"data":["school"'""")
    box = page.get_by_label("Search in request, rule and answer")
    box.fill("school")
    page.wait_for_function("window.__held.length === 1")
    page.locator("a.br-item").nth(1).click()
    page.locator("article.br-open").wait_for()
    opened = page.url
    with page.expect_response(re.compile("queue/join")):
        page.evaluate("(window.__hold = null, window.__held.forEach((go) => go()))")
    # The next event is answered after the late one, and finds the page as the click left it.
    page.get_by_role("link", name="Next", exact=True).last.click()
    page.wait_for_function(f"location.href !== {opened!r}")
    page.locator("article.br-open").wait_for()
    expect(box).to_have_value("")
    assert count(page) == f"{2 * (72 + len(strings()))} answers"


def test_human_labels_stand_beside_the_judges(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts?reviewed=yes")
    page.locator("a.br-item").first.click()
    table = page.locator("article table", has_text="Reviewer 1")
    table.wait_for()
    assert [cell.strip() for cell in table.locator("tbody th").all_inner_texts()] == [
        "Judge 1",
        "Reviewer 1",
        "Reviewer 2",
    ]


def test_a_copied_link_opens_the_same_state_elsewhere(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts")
    page.locator(".br-count").wait_for()
    page.get_by_label("Search in request, rule and answer").fill("school")
    wait_for_count(page, "18 answers")
    choose(page, "family", "Control")
    wait_for_count(page, "6 answers")
    page.locator("a.br-item").nth(3).click()
    page.locator("article.br-open").wait_for()
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied.").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url

    other = open_page(link)
    open_filters(other)
    other.locator("article.br-open").wait_for()
    assert count(other) == "6 answers"
    for selector in ("article.br-open", ".br-list", "#filter-family"):
        assert other.locator(selector).first.inner_text() == page.locator(selector).first.inner_text()
    expect(other.get_by_label("Search in request, rule and answer")).to_have_value("school")


def test_a_hostile_address_opens_the_plain_page(open_page: OpenPage, space_url: str) -> None:
    page = open_page(
        f"{space_url}/transcripts?model=<script>&after=-5&case=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E&of=x"
    )
    ready(page)
    page.get_by_text("There is no case").wait_for()
    expect(page.locator("article img")).to_have_count(0)
    assert count(page) == f"{2 * (72 + len(strings()))} answers"


def test_hostile_strings_are_shown_and_do_nothing(open_page: OpenPage, space_url: str) -> None:
    """Each stands in a rule, request, answer, reasoning, list and search; none runs, links or turns the text around."""
    page = open_page(
        f"{space_url}/transcripts?model={HOSTILE_MODEL}&subtype=obsolete&case=hostile-000&of={HOSTILE_MODEL}&plain=1"
    )
    ready(page)
    page.locator("article.br-open").wait_for()
    page.evaluate("window.__alive = true")
    before = page.evaluate(ELEMENTS)
    for number, text in enumerate(strings()):
        key = f"hostile-{number:03}"
        # The page's own way: a click on a link to another state, repeated as a click is ignored while one is answered.
        page.wait_for_function(
            GO, arg=[f"subtype=obsolete&case={key}&of={HOSTILE_MODEL}&plain=1", f"{key} {HOSTILE_MODEL}"], polling=100
        )
        shown = page.evaluate(
            "[...document.querySelectorAll('article.br-open .br-panel > .br-text')].map(e => e.textContent)"
        )
        expected = text_of(safe(text))
        assert shown == [expected, expected, expected], text
        assert not DIRECTION.search("".join(shown))
        inside = page.evaluate(
            "[...document.querySelectorAll('article.br-open .br-text *, article.br-open h2 *')].map(e => e.outerHTML)"
        )
        assert all(re.fullmatch(r'<span class="br-odd">U\+[0-9A-F]+</span>', one) for one in inside), text
    assert page.evaluate(ELEMENTS) == before
    for text in strings():
        page.get_by_label("Search in request, rule and answer").fill(text.replace("\n", " ").replace("\r", " ")[:200])
    # The last string has been searched once nothing but it stands in the address.
    page.wait_for_function("location.search.includes('toString')")
    assert page.evaluate("window.__alive") is True
    assert page.evaluate("window.__ran") is None
    assert page.title() == "Transcripts · Blind refusal"


# What must not come to be: counted over the whole document.
ELEMENTS = """['script', 'style', 'iframe', 'img', 'object', 'embed', 'form', 'base', 'meta', 'link', 'video',
  'template', 'math', '.br-masthead', '.br-state', '.br-copy'].map((name) => document.querySelectorAll(name).length)"""
NAME = """(() => { const e = document.activeElement;
  return [e.className, e.ariaLabel, ...[...(e.labels || [])].map((l) => l.innerText)].join(' '); })()"""
GO = """([go, key]) => {
  if (document.querySelector('article.br-open')?.dataset.key === key) return true;
  const link = document.querySelector('.br-pager a[data-go]');
  link.dataset.go = go;
  link.click();
  return false;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_and_in_both_schemes(open_page: OpenPage, space_url: str, scheme: str) -> None:
    for path in (
        "transcripts",
        "transcripts?case=hostile-061",
        "transcripts?case=control:school:1&of=beta-2",
        "cases?subtype=obsolete",
    ):
        page = open_page(f"{space_url}/{path}", viewport={"width": 390, "height": 844}, color_scheme=scheme)
        page.locator(".br-state").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 24, 26)"}[scheme]
        page.close()


def test_the_keyboard_reaches_search_filters_and_results(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts")
    ready(page)
    reached = []
    for _ in range(45):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(NAME))
    joined = "\n".join(reached)
    assert reached[0].startswith("br-skip")
    for part in ("br-copy", "Search in request", "label-wrap", "br-item"):
        assert part in joined, part


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_a_link_opens_on_the_answer_with_its_verdict_beside_or_above(
    open_page: OpenPage, space_url: str, width: int, height: int
) -> None:
    page = open_page(
        f"{space_url}/transcripts?reviewed=yes&case=control:school:1&of=beta-2",
        viewport={"width": width, "height": height},
    )
    ready(page)
    answered, judged, words = (page.locator(one) for one in (".br-answered", ".br-judged", ".br-words .br-panel"))
    page.wait_for_function("document.querySelector('.br-answered').getBoundingClientRect().top < innerHeight * 0.75")
    assert 0 <= answered.bounding_box()["y"] < height * 0.75
    verdict, answer = judged.bounding_box(), words.bounding_box()
    if width == 1440:
        assert verdict["x"] >= answer["x"] + answer["width"]
    else:
        assert verdict["y"] < answer["y"]
    expect(page.locator("#filter-model")).to_be_hidden()
    # Where the list stands under the answer, a line right below the heading leads to it.
    to_list = page.get_by_role("link", name="To the list of answers")
    if width > 760:
        expect(to_list).to_be_hidden()
        return
    assert to_list.bounding_box()["y"] < height
    to_list.click()
    expect(page.locator(".br-count")).to_be_focused()
    expect(page.locator(".br-count")).to_be_in_viewport()
    # No step of the reader's, so that Back leaves the page as before.
    assert "#" not in page.url


def test_keys_walk_and_close_and_the_answer_can_be_shown_as_plain_text(open_page: OpenPage, space_url: str) -> None:
    page = open_page(f"{space_url}/transcripts?model={PLAIN_MODEL}&case=control:school:1&of={PLAIN_MODEL}")
    ready(page)
    article = page.locator("article.br-open")
    expect(page.locator(".br-words .br-formatted")).to_have_count(1)
    page.get_by_role("link", name="Show it as plain text").click()
    page.locator(".br-words .br-formatted").wait_for(state="detached")
    assert "plain=1" in page.url
    keys = [article.get_attribute("data-key")]
    for key in ("j", "ArrowRight"):
        page.keyboard.press(key)
        page.wait_for_function("(before) => document.querySelector('.br-open').dataset.key !== before", arg=keys[-1])
        keys.append(article.get_attribute("data-key"))
    page.keyboard.press("k")
    page.wait_for_function("(key) => document.querySelector('.br-open').dataset.key === key", arg=keys[1])
    # In the search they are letters.
    page.get_by_label("Search in request, rule and answer").press_sequentially("jk")
    expect(page.get_by_label("Search in request, rule and answer")).to_have_value("jk")
    page.go_back()
    ready(page)
    article.wait_for()
    page.keyboard.press("Escape")
    article.wait_for(state="detached")


def test_a_submitted_model_is_called_by_its_name(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/transcripts?case=control:school:1")
    ready(page)
    names = page.locator(".br-card h3").all_inner_texts()
    assert "acme/model-1" in names
    assert not [name for name in names if "__" in name]


def test_a_reader_disagrees_and_takes_it_back(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/transcripts?case=content_defeat:union:0&of=alpha-1")
    ready(page)
    rows = page.locator("article.br-open tbody th", has_text="Reader reader")
    page.get_by_role("button", name="I disagree with this verdict").click()
    page.get_by_role("button", name="Keep my label").click()
    page.get_by_text("Say first what the answer does").wait_for()
    expect(rows).to_have_count(0)
    page.locator(".br-disagree").get_by_label("Helps", exact=True).check()
    page.get_by_role("button", name="Keep my label").click()
    page.get_by_text("Kept in the results folder").wait_for()
    expect(rows).to_have_count(1)
    expect(page.locator("article.br-open")).to_contain_text("that the answer does something else than this judge says")
    # Who opens it later sees it too, and nobody has two.
    page.locator(".br-disagree").get_by_label("Deflects", exact=True).check()
    page.get_by_role("button", name="Keep my label").click()
    expect(rows.locator("xpath=..")).to_contain_text("Deflects")
    page.reload()
    ready(page)
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="I disagree with this verdict").click()
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("Your label is taken back").wait_for()
    expect(rows).to_have_count(0)
    # Where several answers stand side by side there is none to label.
    page.get_by_role("link", name="All models on this case").click()
    page.locator(".br-card").first.wait_for()
    expect(page.get_by_role("button", name="I disagree with this verdict")).to_be_hidden()


@pytest.mark.study
def test_the_study_is_searched(open_page: OpenPage, study_url: str) -> None:
    page = open_page(f"{study_url}/transcripts?type=deflects&engages=yes&family=content_defeat")
    page.locator("a.br-item").first.click()
    article = page.locator("article.br-open")
    article.wait_for()
    article.get_by_text("Why the judge says so").first.wait_for()
    page.get_by_role("link", name="All models on this case").click()
    page.locator(".br-card").nth(17).wait_for()
    expect(page.locator(".br-card")).to_have_count(18)
