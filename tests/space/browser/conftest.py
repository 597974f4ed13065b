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
# A slow machine must not fail a test that is right.
PATIENCE = 60_000


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = os.environ.get("BLIND_REFUSAL_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: install it, or set BLIND_REFUSAL_CHROMIUM to its path")
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Any]:
    """One a module and not one a session: while Playwright is up, no other test of the process can run asyncio."""
    from playwright.sync_api import expect, sync_playwright

    # What a page is expected to show is waited for, as long as for anything else.
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def space_url(tmp_path_factory: pytest.TempPathFactory, chromium_path: str) -> Iterator[str]:
    """A server over the small dataset with the hostile cases. Asks for the browser first, so that it may skip."""
    folder: Path = tmp_path_factory.mktemp("space")
    built = build_space_dataset(folder / "dataset")
    with serving(built.path, write_results(built.path, folder / "results"), folder / "cache") as address:
        yield address


@pytest.fixture(scope="session")
def study_url(tmp_path_factory: pytest.TempPathFactory, chromium_path: str, study_dataset: Path) -> Iterator[str]:
    """A server over the study's dataset."""
    folder: Path = tmp_path_factory.mktemp("study-space")
    with serving(study_dataset, write_results(study_dataset, folder / "results"), folder / "cache") as address:
        yield address


@pytest.fixture(scope="session")
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
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a context of its own; at the end no page may have logged an error or called another host."""
    contexts: list[Any] = []
    faults: list[str] = []

    def go(address: str, **options: Any) -> Any:
        options.setdefault("viewport", {"width": 1440, "height": 1000})
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
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
    for context in contexts:
        context.close()
    assert not_cut_off(faults) == []


def not_cut_off(faults: list[str]) -> list[str]:
    """Faults but for what gradio's client logs when a page is left or closed while an event is still on its way."""
    if any("AbortError: signal is aborted" in fault for fault in faults):
        return [fault for fault in faults if "AbortError" not in fault and "onnection errored out" not in fault]
    return faults
