from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from tests.support.pages import ROWS, ready, wait_for_models
from tests.support.results_folder import SUBMITTED, add_to_results_folder, write_results_folder
from tests.support.small_dataset import build_small
from tests.support.space_server import serving
from tests.support.submissions import good_bundle

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


@dataclass(frozen=True)
class Watched:
    """A server that looks at its results folder, which is empty at first, twice a second."""

    address: str
    dataset: OpenedDataset
    results: Path


@pytest.fixture
def watched(chromium_path: str, tmp_path: Path) -> Iterator[Watched]:
    dataset = locate_dataset(build_small(tmp_path / "dataset").path)
    (results := tmp_path / "results").mkdir()
    with serving(dataset.built.path, results, tmp_path / "cache", "--poll", "0.5") as address:
        yield Watched(address, dataset, results)


# The server is asked for before the pages, so that they are closed before it stops: an open page keeps calling it.
def test_results_appear_without_a_restart_from_none_on_and_broken_ones_do_not(
    watched: Watched, open_page: OpenPage
) -> None:
    dataset, results = watched.dataset, watched.results
    page = open_page(watched.address)
    expect(page.get_by_text("There are no results here yet").first).to_be_visible()
    page.get_by_role("link", name="Submit").first.click()
    expect(page.get_by_role("heading", name="Install", exact=False).first).to_be_visible()
    page.go_back()
    write_results_folder(dataset, results)
    _reload_until(page, ROWS)
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    kept = (results / "leaderboard.json").read_bytes()
    (results / "leaderboard.json").write_text("{}")
    noticed = open_page(watched.address)
    _reload_until(noticed, ".br-notice")
    expect(noticed.locator(".br-notice")).to_contain_text("could not be read", use_inner_text=True)
    wait_for_models(noticed, SUBMITTED, "alpha-1", "beta-2")
    (results / "leaderboard.json").write_bytes(kept)

    (withdrawn,) = (results / "submissions").glob("acme__model-1*")
    shutil.rmtree(withdrawn)
    add_to_results_folder(dataset, results, [good_bundle(dataset, "acme/newer-2")])
    _reload_until(page, "a[href*='acme__newer-2']")
    ready(page)
    expect(page.locator(f"{ROWS} th", has_text="acme/newer-2")).to_be_visible()
    changes = page.locator(".br-changes")
    expect(changes.locator("summary")).to_contain_text("What changed since the version before: 1 came, 1 went")
    changes.locator("summary").click()
    expect(changes.locator("li", has_text="acme/newer-2 came at")).to_contain_text("A new run, whose answers were")
    went = changes.locator("li", has_text=f"{SUBMITTED} went from")
    expect(went).to_contain_text("It is no longer among the results.")
    # What is no longer there is no link; what is there leads to its page.
    expect(went.locator("a")).to_have_count(0)
    expect(changes.locator("a[href*='acme__newer-2']")).to_have_count(1)
    page.get_by_role("link", name="Show every column").click()
    link = page.locator(f"{ROWS} a[href^='transcripts'][href*='acme__newer-2']")
    link.wait_for()
    link.click()
    page.wait_for_url("**/transcripts?*")
    page.locator(".br-count").wait_for()
    assert "model=acme__newer-2" in page.url
    expect(page.locator("[role=alert], .br-gone")).to_have_count(0)


def _reload_until(page: Any, selector: str) -> None:
    """Load the page again until it is there; how long the server takes to look is its own affair."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        # An event that a reload cuts off is logged as an error.
        page.wait_for_load_state("networkidle")
        page.reload()
        ready(page)
        if page.locator(selector).count():
            return
    raise AssertionError(f"never saw {selector}")
