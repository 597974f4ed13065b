from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.dataset import OpenedDataset, locate_dataset
from tests.support.results_folder import SUBMITTED, add_to_results_folder, write_results_folder
from tests.support.small_dataset import JUDGE, build_small
from tests.support.space_server import serving
from tests.support.submissions import OURS, good_bundle

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
ROWS = "table.br-board tbody tr"


class Served:
    """A server over a results folder that tests may add to."""

    def __init__(self, address: str, dataset: OpenedDataset, results: Path) -> None:
        self.address, self.dataset, self.results = address, dataset, results


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("results-pages")
    dataset = locate_dataset(build_small(folder / "dataset").path)
    results = write_results_folder(dataset, folder / "results")
    with serving(dataset.built.path, results, folder / "cache", "--poll", "0.5") as address:
        yield Served(address, dataset, results)


@pytest.fixture
def url(served: Served) -> str:
    return served.address


def models(page: Any) -> list[str]:
    return [str(text) for text in page.locator(f"{ROWS} th").all_inner_texts()]


def wait_for_models(page: Any, *names: str) -> None:
    script = """([selector, names]) => {
      const found = [...document.querySelectorAll(selector)].map((e) => e.textContent.trim());
      return JSON.stringify(found) === JSON.stringify(names);
    }"""
    page.wait_for_function(script, arg=[f"{ROWS} th", list(names)])


def pick(page: Any, label: str, option: str) -> None:
    """Pick an option of a dropdown, once what the page does of itself is over."""
    page.wait_for_load_state("networkidle")
    field = page.get_by_role("combobox", name=label, exact=True)
    field.click()
    if field.get_attribute("readonly") is None:
        field.fill(option)
        field.press("Enter")
    else:
        page.get_by_role("option", name=option).first.click()
    field.press("Escape")


def open_filters(page: Any) -> None:
    page.get_by_role("button", name="Filters and columns").click()


def test_the_first_screen_asks_and_answers(open_page: OpenPage, url: str) -> None:
    page = open_page(url, viewport={"width": 1440, "height": 900})
    page.locator(ROWS).first.wait_for()
    assert page.title() == "Leaderboard · Blind refusal"
    for part in (page.locator("h1"), page.locator(".br-answer"), page.get_by_text("Read one: it sees the problem")):
        box = part.bounding_box()
        assert box["y"] + box["height"] < 500
    said = page.locator(".br-answer").inner_text()
    assert re.search(r"refuse or evade \d+\.\d % of the time", said)


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


@pytest.mark.parametrize("path", ["", "breakdown", "compare?a=alpha-1&b=beta-2", "method"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_does_not_scroll_sideways(open_page: OpenPage, url: str, path: str, scheme: str) -> None:
    page = open_page(f"{url}/{path}", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.locator(".br-table, .br-heat").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_signature_plot_is_drawn(open_page: OpenPage, url: str, scheme: str) -> None:
    page = open_page(url, color_scheme=scheme)
    page.locator("#signature .js-plotly-plot .point").first.wait_for()
    assert page.locator("#signature .point").count() == 3
    assert "target" in page.locator("#signature .infolayer").text_content()
    colour = page.evaluate("getComputedStyle(document.querySelector('#signature .annotation-text')).fill")
    light = sum(map(int, re.findall(r"\d+", colour)[:3])) > 300
    assert light is (scheme == "dark")


def test_the_breakdown_follows_its_controls(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/breakdown")
    page.locator("#breakdown-bars .js-plotly-plot").wait_for()
    pick(page, "Models", "alpha-1")
    pick(page, "Models", "beta-2")
    page.wait_for_function("location.search.includes('model=beta-2')")
    page.wait_for_function("document.querySelectorAll('#breakdown-bars .barlayer .trace').length === 2")
    pick(page, "Broken down by", "Authority group")
    page.wait_for_function("location.search.includes('by=authority_group')")
    pick(page, "Rate", "Engagement")
    page.wait_for_function("location.search.includes('metric=engagement_rate')")
    page.get_by_role("button", name="The figures").click()
    table = page.get_by_role("region", name="The figures")
    table.wait_for()
    assert "Semi-voluntary" in table.inner_text()
    assert "Share of answers to defeated rules that examine" in page.inner_text("body")
    fresh = open_page(page.url)
    fresh.wait_for_function("document.querySelectorAll('#breakdown-bars .barlayer .trace').length === 2")


def test_a_cell_of_the_map_opens_its_answers(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/breakdown?model=beta-2")
    cell = page.locator(".br-heat a[href*='authority=school'][href*='family=control']")
    cell.wait_for()
    # Three cases a cell: grey, with the number.
    assert "br-few" in cell.get_attribute("class")
    assert cell.locator("small").inner_text() in ("2", "3")
    cell.click()
    page.wait_for_url("**/transcripts?*")
    page.locator(".br-count", has_text="3 answers").wait_for()
    assert set(page.locator(".br-model").all_inner_texts()) == {"beta-2"}


def test_two_models_are_compared_and_both_answers_open(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/compare")
    page.get_by_role("region", name="Paired differences").wait_for()
    pick(page, "Judge", f"{JUDGE}: 72 cases")
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
    page.wait_for_url("**/transcripts?case=*")
    page.locator(".br-card").nth(1).wait_for()
    assert page.locator(".br-card").count() == 2
    fresh = open_page(shown)
    fresh.locator("table.br-parted").wait_for()
    assert fresh.locator("table.br-parted tbody td:nth-child(3)").all_inner_texts() == who


def test_what_cannot_be_compared_says_why(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/compare?a=alpha-1&b=alpha-1")
    page.locator(".br-notice", has_text="one and the same model").wait_for()


def test_the_method_page_shows_agreement_rates_and_judges(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/method")
    page.get_by_role("region", name="Agreement of judges").wait_for()
    assert "reviewer 2" in page.get_by_role("region", name="Agreement of judges").inner_text()
    assert "Youden" in page.get_by_role("region", name="Metrics").inner_text()
    page.get_by_role("link", name="Changes of judges").click()
    assert page.url == f"{url}/method"
    assert page.locator("#judges").bounding_box()["y"] < 1000
    assert page.evaluate("document.activeElement.id") == "judges"


def test_an_address_of_nonsense_opens_the_plain_page(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/?board=%3Cscript%3E&sort=__class__&columns=nothing&family=x&down=maybe")
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    other = open_page(f"{url}/breakdown?model=nobody&by=__init__&metric=x")
    other.locator("#breakdown-bars .js-plotly-plot").wait_for()


@pytest.mark.parametrize("path", ["", "breakdown?model=alpha-1&model=beta-2&by=subtype", "compare?a=alpha-1&b=beta-2"])
def test_axe_finds_no_serious_fault_in_full_pages(open_page: OpenPage, url: str, path: str) -> None:
    from axe_core_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        page = open_page(f"{url}/{path}", color_scheme=scheme)
        page.locator(".js-plotly-plot").first.wait_for()
        page.wait_for_load_state("networkidle")
        found = Axe().run(page)["violations"]
        assert [
            f"{fault['id']}: {node['target'][0]} {node['html'][:200]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ] == []


def test_new_results_appear_without_a_restart_and_broken_ones_do_not(
    open_page: OpenPage, served: Served, tmp_path: Path
) -> None:
    """Last, as it changes what is served."""
    page = open_page(served.address)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    kept = (served.results / "leaderboard.json").read_bytes()
    (served.results / "leaderboard.json").write_text("{}")
    noticed = open_page(served.address)
    _reload_until(noticed, ".br-notice")
    assert "could not be read" in noticed.locator(".br-notice").inner_text()
    wait_for_models(noticed, SUBMITTED, "alpha-1", "beta-2")
    (served.results / "leaderboard.json").write_bytes(kept)

    add_to_results_folder(served.dataset, served.results, [good_bundle(served.dataset, "acme/newer-2")])
    _reload_until(page, "a[href*='acme__newer-2']")
    assert "acme/newer-2" in models(page)
    link = page.locator(f"{ROWS} a[href^='transcripts'][href*='acme__newer-2']")
    assert link.count() == 1
    link.click()
    page.wait_for_url("**/transcripts?*")
    page.locator(".br-count").wait_for()
    assert page.locator("#filter-model").get_by_text("acme__newer-2").count() == 1
    shutil.rmtree(tmp_path, ignore_errors=True)


def _reload_until(page: Any, selector: str, tries: int = 40) -> None:
    for _ in range(tries):
        page.wait_for_load_state("networkidle")
        page.reload()
        page.locator(ROWS).first.wait_for()
        if page.locator(selector).count():
            return
        page.wait_for_timeout(300)
    raise AssertionError(f"never saw {selector}")


@pytest.mark.study
def test_a_newcomer_finds_an_engaged_refusal_in_three_clicks(open_page: OpenPage, study_url: str) -> None:
    page = open_page(study_url)
    page.locator(ROWS).nth(17).wait_for()
    assert page.locator(ROWS).count() == 18
    page.get_by_role("link", name="Read one: it sees the problem and refuses").click()
    article = page.locator("article.br-open")
    article.wait_for()
    said = article.inner_text().lower()
    assert "engages" in said
    assert "deflects" in said or "hard refusal" in said
    assert "control" not in page.locator("article.br-open .br-note").first.inner_text().lower()


@pytest.mark.study
def test_every_page_works_with_the_study(open_page: OpenPage, study_url: str) -> None:
    page = open_page(f"{study_url}/breakdown?model=grok-4&by=subtype")
    page.locator("#breakdown-bars .point").first.wait_for()
    assert page.locator(".br-heat a").count() == 84
    page = open_page(f"{study_url}/compare?a=glm-5&b=grok-4")
    page.locator("table.br-parted tbody tr").nth(19).wait_for()
    page.get_by_role("link", name="Next").first.click()
    page.wait_for_function("location.search.includes('page=2')")
    page = open_page(f"{study_url}/method")
    figures = page.get_by_role("region", name="Figures of the paper")
    figures.wait_for()
    assert "75.4 %" in figures.inner_text()
    assert "differs" not in figures.inner_text()
