from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from eval.boards.aggregate import aggregate
from eval.repository.bundle import BUNDLE, RESPONSES
from eval.reviews.submitter import submit_locally
from tests.space.browser.test_accessibility import serious
from tests.support.small_dataset import build_small
from tests.support.space_server import serving
from tests.support.submissions import edited, good_bundle
from tests.support.zipped import zipped

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
PRESENT = "acme/model-1"
HOSTILE = "<img src=x onerror=alert(1)>"
DROP = "input[type=file]"
OPENS = "Click to upload or drop files"


class Served:
    """A server over a results folder of its own, and where it keeps what is dropped on it."""

    def __init__(self, address: str, dataset: OpenedDataset, results: Path, uploads: Path) -> None:
        self.address, self.dataset, self.results, self.uploads = address, dataset, results, uploads

    def kept(self) -> list[str]:
        """The uploads that lie on the server's disk."""
        return [path.name for path in self.uploads.rglob("*.zip")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("submit-page")
    dataset = locate_dataset(build_small(folder / "dataset").path)
    # By the judge that the server has, so that both stand on one board.
    results = folder / "results"
    made = good_bundle(dataset, PRESENT, judged_by=())
    # In a thread of its own: the judge runs an event loop, and Playwright has one in this thread.
    with ThreadPoolExecutor() as pool:
        pool.submit(submit_locally, [made], dataset, results).result()
    aggregate(results, [dataset])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        # It never looks by itself while a test runs: what is submitted has to be shown without that.
        with serving(dataset.built.path, results, folder / "cache", "--poll", "3600") as address:
            yield Served(address, dataset, results, folder / "uploads")


def choose(page: Any, key: str, upload: Path) -> None:
    """Drop a file on the area by the keyboard alone."""
    # Playwright takes files for a page that it knows to be listened to, and it learns that a little later.
    page.on("filechooser", lambda chooser: None)
    page.get_by_role("button", name=OPENS).wait_for()
    tab_to(page, OPENS)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press(key)
    chooser.value.set_files(upload)


def tab_to(page: Any, name: str) -> None:
    """Go on with the keyboard alone until the button of that name has it."""
    button = page.get_by_role("button", name=name)
    for _ in range(40):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")


def test_a_good_bundle_is_shown_confirmed_and_stands_on_the_leaderboard(
    open_page: OpenPage, served: Served, tmp_path: Path
) -> None:
    page = open_page(f"{served.address}/submit")
    made = good_bundle(served.dataset, "acme/model-2", judged_by=())
    upload = zipped(tmp_path / "bundle.zip", made.files)
    # All of it without a mouse.
    choose(page, "Enter", upload)

    page.get_by_role("heading", name="Preview").wait_for()
    expect(page.get_by_text("Status:")).to_be_visible()
    region = page.get_by_role("region", name="Preview by Offline judge")
    rows = region.locator("tbody tr")
    assert sorted(rows.locator("th").all_inner_texts()) == [PRESENT, "acme/model-2 (this submission)"]
    assert region.locator("tr.br-new td.num").first.inner_text() in ("1", "2")
    # Each of the four rates has its interval.
    expect(region.locator("tr.br-new .br-ci")).to_have_count(4)
    assert serious(page) == []
    # Nothing is written before it is confirmed.
    assert not (served.results / "submissions" / made.place).exists()
    # Nor does what was dropped lie where gradio would send it to whoever names its path.
    assert served.kept() == []
    tab_to(page, "Submit it")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Submitted").wait_for()
    assert (served.results / "submissions" / made.place / BUNDLE).is_file()
    assert served.kept() == []
    page.get_by_role("button", name="Submit it").wait_for(state="hidden")

    # Its row is there at once, and the page says where.
    link = page.get_by_role("link", name="The leaderboard by Offline judge")
    assert "board=embedded" in link.get_attribute("href")
    link.press("Enter")
    page.locator("table.br-board").get_by_text("acme/model-2").wait_for()


def test_space_opens_the_files_too_and_what_was_dropped_can_be_taken_back(
    open_page: OpenPage, served: Served, tmp_path: Path
) -> None:
    page = open_page(f"{served.address}/submit")
    made = good_bundle(served.dataset, "acme/model-5", judged_by=())
    choose(page, "Space", zipped(tmp_path / "bundle.zip", made.files))
    page.get_by_role("heading", name="Preview").wait_for()
    tab_to(page, "Discard it")
    page.keyboard.press("Space")
    page.get_by_role("heading", name="Preview").wait_for(state="detached")
    page.get_by_role("button", name=OPENS).wait_for()
    assert served.kept() == []
    assert not (served.results / "submissions" / made.place).exists()


def test_all_problems_of_a_forged_bundle_are_listed_and_inert(
    open_page: OpenPage, served: Served, tmp_path: Path
) -> None:
    def forge(rows: list[dict[str, Any]]) -> None:
        rows[0]["case_id"] = HOSTILE
        rows[1]["response_hash"] = "0" * 64

    files = edited(good_bundle(served.dataset, "acme/model-3").files, RESPONSES, forge)
    page = open_page(f"{served.address}/submit")
    page.locator(DROP).set_input_files(zipped(tmp_path / "forged.zip", files))
    page.get_by_role("heading", name="Refused").wait_for()
    problems = page.locator(".br-findings tbody tr")
    texts = " ".join(problems.all_inner_texts())
    assert page.get_by_role("heading", name="Refused").inner_text() == f"Refused: {problems.count()} problems"
    assert problems.count() >= 2
    assert HOSTILE in texts
    expect(page.locator(".br-findings img")).to_have_count(0)
    expect(page.get_by_role("button", name="Submit it")).to_be_hidden()
    assert served.kept() == []
    assert not (served.results / "submissions" / "acme__model-3").exists()

    # The next try starts from a clean page; what is discarded is gone too.
    page.locator(DROP).set_input_files(
        zipped(tmp_path / "good.zip", good_bundle(served.dataset, "acme/model-4", judged_by=()).files)
    )
    page.get_by_role("heading", name="Preview").wait_for()
    expect(page.get_by_role("heading", name="Refused")).to_have_count(0)
    page.get_by_role("button", name="Discard it").click()
    page.get_by_role("heading", name="Preview").wait_for(state="detached")
    assert served.kept() == []


def test_another_session_can_neither_read_nor_confirm_nor_drop_an_upload(
    open_page: OpenPage, served: Served, tmp_path: Path
) -> None:
    """As a program that calls what the two buttons call, under another session and with the owner's path."""
    page = open_page(f"{served.address}/submit")
    made = good_bundle(served.dataset, "acme/model-9", judged_by=())
    received: list[str] = []
    page.on("response", lambda answer: received.append(answer.text()) if "gradio_api/upload?" in answer.url else None)
    page.locator(DROP).set_input_files(zipped(tmp_path / "bundle.zip", made.files))
    page.get_by_role("heading", name="Preview").wait_for()
    path = json.loads(received[0])[0]

    with httpx.Client(base_url=served.address, timeout=60) as stranger:
        assert stranger.get(f"/gradio_api/file={path}").status_code in (403, 404)
        calls = [one for one in stranger.get("/config").json()["dependencies"] if len(one["outputs"]) == 4]
        answered = 0
        for one in calls:
            data = [{"path": path, "meta": {"_type": "gradio.FileData"}}] * len(one["inputs"])
            asked = {"data": data, "fn_index": one["id"], "session_hash": "stranger"}
            if stranger.post("/gradio_api/queue/join", json=asked).status_code == 200:
                stranger.get("/gradio_api/queue/data", params={"session_hash": "stranger"})
                answered += 1
        # Dropping, clearing, confirming and discarding.
        assert answered >= 3
    assert not (served.results / "submissions" / made.place).exists()
    page.get_by_role("button", name="Submit it").click()
    page.get_by_role("heading", name="Submitted").wait_for()
    assert (served.results / "submissions" / made.place / BUNDLE).is_file()
