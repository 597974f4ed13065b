"""A server over the small dataset, one over the study's, and pages in Debian's Chromium that tolerate no error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.dataset.opened import locate_dataset
from tests.support.results_folder import write_results_folder, write_set
from tests.support.small_dataset import build_small
from tests.support.space_data import build_space_dataset, write_results
from tests.support.space_server import serving

ARGUMENTS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]
# No page reaches another host, whatever it asks for.
ARGUMENTS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
# A slow machine must not fail a test that is right.
PATIENCE = 60_000
WIDE = {"width": 1440, "height": 1000}


@pytest.fixture(scope="package")
def chromium_path() -> str:
    path = os.environ.get("BLIND_REFUSAL_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: install it, or set BLIND_REFUSAL_CHROMIUM to its path")
    return path


@pytest.fixture(scope="package")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Chromium keeps: gradio's scripts, fetched and compiled, which take half of the time of a first load."""
    return tmp_path_factory.mktemp("chromium")


@pytest.fixture(scope="package")
def chromium(chromium_path: str, profile: Path) -> Iterator[Any]:
    """Chromium, as the context of all pages that may share what it keeps.

    One a module and not one a session: while Playwright is up, no other test of the process can run asyncio.
    """
    from playwright.sync_api import expect, sync_playwright

    # What a page is expected to show is waited for, as long as for anything else.
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium_path,
            args=ARGUMENTS,
            viewport=WIDE,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(PATIENCE)
        yield context
        context.close()


@pytest.fixture(scope="package")
def browser(chromium: Any) -> Any:
    """For contexts of their own, which share nothing."""
    return chromium.browser


@pytest.fixture(scope="package")
def space_url(tmp_path_factory: pytest.TempPathFactory, chromium_path: str) -> Iterator[str]:
    """A server over the small dataset with the hostile cases. Asks for the browser first, so that it may skip."""
    folder: Path = tmp_path_factory.mktemp("space")
    built = build_space_dataset(folder / "dataset")
    with serving(built.path, write_results(built.path, folder / "results"), folder / "cache") as address:
        yield address


@pytest.fixture(scope="package")
def study_url(tmp_path_factory: pytest.TempPathFactory, chromium_path: str, study_dataset: Path) -> Iterator[str]:
    """A server over the study's dataset."""
    folder: Path = tmp_path_factory.mktemp("study-space")
    with serving(study_dataset, write_results(study_dataset, folder / "results"), folder / "cache") as address:
        yield address


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory, chromium_path: str) -> Iterator[str]:
    """A server over a results folder with a submitted run and three judges, which no test changes."""
    folder: Path = tmp_path_factory.mktemp("results-pages")
    dataset = locate_dataset(build_small(folder / "dataset").path)
    # In a thread of its own: a judge runs an event loop, and Playwright may have one in this thread.
    with ThreadPoolExecutor() as pool:
        results = pool.submit(write_results_folder, dataset, folder / "results").result()
    write_set(dataset.built.cases_hash, results)
    with serving(dataset.built.path, results, folder / "cache") as address:
        yield address


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address as somebody new; at the end no page may have logged an error or asked another host."""
    pages: list[Any] = []
    faults: list[str] = []

    def go(address: str, *, viewport: dict[str, int] = WIDE, color_scheme: str = "light") -> Any:
        page = chromium.new_page()
        pages.append(page)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme)
        forget(page, address)
        page.on("console", lambda said: said.type == "error" and faults.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: faults.append(f"page: {error}"))
        page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("http://127.0.0.1:", "data:", "blob:"))
                or faults.append(f"request: {request.url}")
            ),
        )
        page.goto(address)
        page.wait_for_selector("h1")
        return page

    yield go
    for page in pages:
        page.close()
    assert not_cut_off(faults) == []


def forget(page: Any, address: str) -> None:
    """Leave nothing of what a reader's browser keeps for a site but the files that it fetched."""
    origin = "/".join(address.split("/")[:3])
    page.context.clear_cookies()
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    session.detach()


def not_cut_off(faults: list[str]) -> list[str]:
    """Faults but for what gradio's client logs when a page is left or closed while an event is still on its way."""
    if any("AbortError: signal is aborted" in fault for fault in faults):
        return [fault for fault in faults if "AbortError" not in fault and "onnection errored out" not in fault]
    return faults
