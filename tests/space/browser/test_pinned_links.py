"""A link that pins older versions, from a server over the loopback Hub: pages, files, endpoints, and wrong links."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import expect

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from tests.support.hub_server import HubServer, alices_hub
from tests.support.pages import wait_for_models
from tests.support.pinned_hub import DATASET, NEWER, RESULTS, Versions, put_versions
from tests.support.results_folder import SUBMITTED
from tests.support.small_dataset import build_small
from tests.support.space_server import running

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pinned-links")


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with alices_hub() as server:
        yield server


@pytest.fixture(scope="module")
def made(hub: HubServer, folder: Path) -> Versions:
    dataset: OpenedDataset = locate_dataset(build_small(folder / "dataset").path)
    # In a thread of its own: a judge runs an event loop, and Playwright may have one in this thread.
    with ThreadPoolExecutor() as pool:
        return pool.submit(put_versions, dataset, folder).result()


@pytest.fixture(scope="module")
def space(hub: HubServer, made: Versions, folder: Path, chromium_path: str) -> Iterator[str]:
    # Not as the Hub runs it, where gradio brings a header of the Hub's along.
    def start(port: int) -> tuple[list[str], dict[str, str]]:
        words = ["space", "serve", "--dataset", DATASET, "--results", RESULTS, "--port", str(port)]
        words += ["--store-cache", str(folder / "cache")]
        command = [sys.executable, "-c", "from space.cli import main; main()", *words]
        return command, hub.environment(str(folder / "home"), token=None)

    with running(start, folder, 240) as address:
        yield address


def test_a_pinned_link_shows_that_version_in_place(space: str, made: Versions, open_page: OpenPage) -> None:
    page = open_page(f"{space}/?at={made.old_results}-{made.dataset}&sort=model")
    banner = page.locator(".br-older")
    banner.wait_for()
    expect(banner).to_contain_text(f"You read version {made.old_results[:12]} of the results", use_inner_text=True)
    expect(banner).to_contain_text(f"the newest is {made.results[:12]}", use_inner_text=True)
    below = f"{space}/at/{made.old_results}-{made.dataset}/"
    # Gradio's own calls go there too: what it draws is of that version, and stays so from event to event.
    page.wait_for_function("!document.querySelector('.br-at-once')")
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    assert page.url == f"{below}?sort=model"
    page.get_by_role("link", name="Show every column").click()
    page.wait_for_function("location.search.includes('columns=')")
    wait_for_models(page, SUBMITTED, "alpha-1", "beta-2")
    page.get_by_role("link", name="Breakdown", exact=True).click()
    page.wait_for_url(f"{below}breakdown*")
    page.locator(".br-older").wait_for()
    page.get_by_role("link", name="Read the newest").click()
    page.wait_for_url(f"{space}/breakdown*")
    page.goto(space)
    wait_for_models(page, SUBMITTED, NEWER, "alpha-1", "beta-2")
    assert page.locator(".br-older").count() == 0


def test_files_and_endpoints_stand_below_it_too(space: str, made: Versions) -> None:
    below = f"{space}/at/{made.old_results}-{made.old_dataset}"
    with httpx.Client(timeout=240) as http:
        old = http.get(f"{below}/data/leaderboard.json").json()
        new = http.get(f"{space}/data/leaderboard.json").json()
        assert [one["meta"]["results"] for one in (old, new)] == [made.old_results, made.results]
        assert {row["model"] for row in new["data"]} - {row["model"] for row in old["data"]} == {NEWER}
        client = Client(f"{below}/", verbose=False, analytics_enabled=False)
        assert client.predict(api_name="/leaderboard")["data"] == old["data"]
        # The tags of a page name its own address; what is handed in goes to the newest.
        page = http.get(f"{below}/model?model=alpha-1").text
        assert f'property="og:url" content="{below}/model?' in page
        assert "of the dataset" in page
        assert http.get(f"{below}/submit").headers["location"] == "/submit"
        assert http.get(below).headers["location"] == f"{below.removeprefix(space)}/"
        assert http.get(f"{space}/at/{made.newest}/cases").headers["location"] == "/cases"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("at/{unknown}-{dataset}/", 404, "have no version"),
        ("at/{strange}-{dataset}/model?model=alpha-1", 404, "have no version"),
        ("at/main-{dataset}/", 404, "There is no such version here"),
        ("at/{unknown}-{dataset}/data/cases.csv", 404, "have no version"),
        ("at/..-{dataset}/", 404, "There is no such page"),
        ("at/%3Cscript%3E-{dataset}/", 404, "There is no such page"),
        ("?at=%3Cscript%3Ealert(1)%3C/script%3E", 200, "window.gradio_config"),
        ("?at=//evil.example-aaaa", 200, "window.gradio_config"),
    ],
)
def test_a_wrong_link_says_so_and_leads_to_the_newest(
    space: str, made: Versions, path: str, status: int, said: str
) -> None:
    asked = path.format(unknown="f" * 40, strange=made.strange, dataset=made.dataset)
    answer = httpx.get(f"{space}/{asked}", headers={"Accept": "text/html"}, timeout=240)
    assert answer.status_code == status
    assert said in answer.text
    assert "alert(1)" not in answer.text
    if "no version" in said and "data/" not in asked:
        place = asked.partition(f"{made.dataset}/")[2]
        assert f'<a href="/{place}">Read the newest version</a>' in answer.text
