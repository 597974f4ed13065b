from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eval.aggregate import aggregate
from eval.bundle_schema import BUNDLE, RESPONSES
from eval.dataset import OpenedDataset, locate_dataset
from eval.submitting import submit_locally
from tests.space.browser.test_accessibility import serious
from tests.support.small_dataset import build_small
from tests.support.space_server import serving
from tests.support.submissions import edited, good_bundle

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
PRESENT = "acme/model-1"
HOSTILE = "<img src=x onerror=alert(1)>"
DROP = "input[type=file]"
# Whether the keyboard is on the button that opens the files: gradio hides the input itself beside it.
ON_DROP = """document.activeElement.matches("button, [role=button]")
    && document.activeElement.parentElement.querySelector("input[type=file]") !== null"""


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
        with serving(dataset.built.path, results, folder / "cache", "--poll", "0.5") as address:
            yield Served(address, dataset, results, folder / "uploads")


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"run/{name}", data)
    return path


def test_a_good_bundle_is_shown_confirmed_and_stands_on_the_leaderboard(
    open_page: OpenPage, served: Served, tmp_path: Path
) -> None:
    page = open_page(f"{served.address}/submit")
    made = good_bundle(served.dataset, "acme/model-2", judged_by=())
    upload = zipped(tmp_path / "bundle.zip", made.files)
    # Whoever has no mouse reaches the area.
    page.locator(DROP).wait_for(state="attached")
    page.wait_for_load_state("networkidle")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(ON_DROP):
            break
    assert page.evaluate(ON_DROP)
    page.locator(DROP).set_input_files(upload)

    page.get_by_role("heading", name="Preview").wait_for()
    assert page.get_by_text("Status:").is_visible()
    region = page.get_by_role("region", name="Preview by embedded")
    rows = region.locator("tbody tr")
    assert sorted(rows.locator("th").all_inner_texts()) == [PRESENT, "acme/model-2 (this submission)"]
    assert region.locator("tr.br-new td.num").first.inner_text() in ("1", "2")
    # Each of the four rates has its interval.
    assert region.locator("tr.br-new .br-ci").count() == 4
    assert serious(page) == []
    # Nothing is written before it is confirmed.
    assert not (served.results / "submissions" / made.place).exists()
    assert served.kept() == ["bundle.zip"]
    page.get_by_role("button", name="Submit it").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Submitted").wait_for()
    assert (served.results / "submissions" / made.place / BUNDLE).is_file()
    assert served.kept() == []
    assert not page.get_by_role("button", name="Submit it").is_visible()

    board = open_page(served.address)
    for _ in range(20):
        if board.get_by_text("acme/model-2").count():
            break
        board.wait_for_timeout(500)
        board.reload()
        board.wait_for_selector("h1")
        board.wait_for_selector("table.br-board")
    assert board.get_by_text("acme/model-2").count()


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
    assert page.locator(".br-findings img").count() == 0
    assert not page.get_by_role("button", name="Submit it").is_visible()
    assert served.kept() == []
    assert not (served.results / "submissions" / "acme__model-3").exists()

    # The next try starts from a clean page; what is discarded is gone too.
    page.locator(DROP).set_input_files(
        zipped(tmp_path / "good.zip", good_bundle(served.dataset, "acme/model-4", judged_by=()).files)
    )
    page.get_by_role("heading", name="Preview").wait_for()
    assert page.get_by_role("heading", name="Refused").count() == 0
    page.get_by_role("button", name="Discard it").click()
    page.get_by_role("heading", name="Preview").wait_for(state="detached")
    assert served.kept() == []
