"""A Space with sign-in, by OpenID Connect, to pull requests on the Hub; all of it on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.hub.client import Hub
from dataset_builder.hub.pull_requests import open_requests
from eval.cli import board
from eval.judges.human.readers import read_labels
from eval.repository.hub import ResultsRepo
from eval.reviews.maintainer import aggregate_repo
from space.pages import PAGES
from space.pages.transcripts.disagree import TITLE
from tests.space.browser.conftest import forget
from tests.space.browser.test_accessibility import serious
from tests.support.hub_server import ALICE, BOB, HubServer, alices_hub
from tests.support.sign_in_server import SECRET, SignInServer
from tests.support.small_dataset import build_small
from tests.support.space_server import hosting
from tests.support.submissions import good_bundle
from tests.support.zipped import zipped

# It starts a server of its own, which a busy machine takes its time over.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
REPO = "alice/blind-refusal-results"
NOTE = "<script>alert(1)</script>It <b>talks</b> around it."
DROP, OUT, IN = "input[type=file]", "Sign in with Hugging Face", "Logout (bob)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sign-in")


@pytest.fixture(scope="module")
def dataset(folder: Path) -> OpenedDataset:
    return locate_dataset(build_small(folder / "dataset").path)


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    """The Hub of both tests, so that one Space is started."""
    with alices_hub() as server:
        yield server


@pytest.fixture(scope="module")
def space(hub: HubServer, dataset: OpenedDataset, folder: Path, chromium_path: str) -> Iterator[str]:
    """A Space over alice's empty results repository, with a sign-in that lets bob in."""
    alice = Hub(token=ALICE.token)
    alice.ensure_repo(REPO, "dataset")
    aggregate_repo(ResultsRepo(alice, REPO), [dataset])
    # So that there is an older version too.
    alice.commit(REPO, "dataset", message="A note", add={"NOTE.md": b"Read me."})
    with ExitStack() as stack:
        sign_in = stack.enter_context(SignInServer(BOB))
        told = {
            "BLIND_REFUSAL_DATASET": str(dataset.built.path),
            "BLIND_REFUSAL_RESULTS": REPO,
            "BLIND_REFUSAL_CACHE": str(folder / "cache"),
            "GRADIO_TEMP_DIR": str(folder / "uploads"),
            # The Space has no account of its own.
            "HF_TOKEN": "",
        }
        environment = told | hub.environment(str(folder / "home"), token=None) | sign_in.environment()
        yield stack.enter_context(hosting(environment, folder))
        assert sign_in.refused == []
    said = "".join(path.read_text() for path in folder.glob("serve-*.log"))
    assert not any(secret in said for secret in (BOB.token, SECRET))


@pytest.fixture
def page(space: str, chromium: Any) -> Iterator[Any]:
    """A page which asks no other host than this machine: no typeface, no bar of the Hub's over the page."""
    page = chromium.new_page()
    forget(page, space)
    elsewhere: list[str] = []

    def note(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            elsewhere.append(request.url)

    page.on("request", note)
    yield page
    page.close()
    assert elsewhere == []


@pytest.mark.parametrize("address", [one.address for one in PAGES])
def test_no_page_of_a_space_asks_another_host(page: Any, space: str, address: str) -> None:
    page.goto(f"{space}/{address}")
    # Gradio has drawn the page, and the script that draws the Hub's bar has run.
    page.locator(".gradio-container h1").first.wait_for()
    page.locator(".br-at-once").wait_for(state="detached")
    assert page.evaluate("window.__gradio_space__") is None
    assert page.locator("#huggingface-space-header").count() == 0


def asked_of(hub: HubServer) -> list[tuple[str, str]]:
    """Who opened which pull request."""
    return [(one.author, one.title) for one in open_requests(Hub(token=ALICE.token), REPO, "dataset")]


def test_a_visitor_signs_in_and_hands_in_a_run_and_a_request(
    page: Any, space: str, hub: HubServer, dataset: OpenedDataset, folder: Path, tmp_path: Path
) -> None:
    page.goto(f"{space}/submit")
    page.get_by_role("button", name=OUT).wait_for()
    made = good_bundle(dataset, "bob/model-1", judged_by=())
    upload = zipped(tmp_path / "bundle.zip", made.files)
    page.locator(DROP).set_input_files(upload)
    page.get_by_text("Sign in first: the pull request is opened by your account.").wait_for()
    page.get_by_text("Nothing waits in it").wait_for()

    page.get_by_role("button", name=OUT).click()
    page.get_by_role("button", name=IN).wait_for()
    page.locator(DROP).set_input_files(upload)
    page.get_by_role("heading", name="Preview").wait_for()
    page.get_by_text("by the account bob").wait_for()
    assert serious(page) == []
    assert asked_of(hub) == []
    # The Hub refuses once; the upload stays, so that one may try again.
    hub.fail(r"POST /api/datasets/.*/commit/", status=403, message="not now")
    page.get_by_role("button", name="Submit it").click()
    page.get_by_text("not now").wait_for()
    page.get_by_role("button", name="Submit it").click()
    page.get_by_role("heading", name="Sent").wait_for()
    assert asked_of(hub) == [("bob", f"Submit {made.place}")]
    page.get_by_text("opened by bob").wait_for()
    page.get_by_role("button", name="Submit it").wait_for(state="hidden")
    assert not list((folder / "uploads").rglob("*.zip"))

    page.get_by_role("button", name="Ask for it").click()
    page.get_by_text("Name the model, with its provider first").wait_for()
    page.get_by_label("Model, with its provider first").fill("openrouter/z-ai/glm-5")
    page.get_by_role("button", name="Ask for it").click()
    page.get_by_text("The request:").wait_for()
    asked, handed_in = sorted(asked_of(hub))
    assert asked[0] == "bob"
    assert re.fullmatch(r"Ask for openrouter/z-ai/glm-5 \(\d{8}T\d{6}Z-[0-9a-f]{10}\)", asked[1])
    assert handed_in == ("bob", f"Submit {made.place}")
    assert BOB.token not in page.content()

    page.get_by_role("button", name=IN).click()
    page.get_by_role("button", name=OUT).wait_for()
    page.locator(DROP).set_input_files(upload)
    page.get_by_text("Sign in first").wait_for()
    assert len(asked_of(hub)) == 2


def labels(folder: Path) -> list[tuple[str, str | None, str | None]]:
    """What readers say on alice's repository."""
    copy, _ = ResultsRepo(Hub(token=ALICE.token), REPO).copy(("labels/*",), dest=folder)
    return [(one.judge, one.response_type, one.reasoning) for one in read_labels(copy)]


def merge(dataset: OpenedDataset) -> str:
    """What alice reads when she lets in what waits, in a process's own words."""
    words = ["check", "--results", REPO, "--dataset", str(dataset.built.path), "--merge"]
    # In a thread of its own: Playwright has an event loop in this one.
    with ThreadPoolExecutor() as pool:
        return pool.submit(CliRunner().invoke, board, words, catch_exceptions=False).result().output


def test_a_reader_who_disagrees_signs_in_on_the_way_and_is_counted(
    page: Any, space: str, hub: HubServer, dataset: OpenedDataset, tmp_path: Path
) -> None:
    before = len(asked_of(hub))
    oldest = list(Hub(token=ALICE.token).history(REPO, "dataset"))[1]
    older = f"{space}/at/{oldest}-{dataset.built.cases_hash[:12]}"
    answer = f"{older}/transcripts?q=help&type=helps&case=control%3Aschool%3A1&of=alpha-1"
    page.goto(answer)
    page.get_by_role("button", name=TITLE).click()
    page.get_by_text("Your label goes to the newest results").wait_for()
    form = page.locator(".br-disagree")
    form.get_by_label("Deflects").check()
    page.get_by_role("button", name="Keep my label").click()
    link = page.get_by_role("link", name="Sign in with Hugging Face")
    link.wait_for()
    # What is changed after the question comes along too.
    form.get_by_label("It names a harm apart from the rule").check()
    form.get_by_label("Why (if you like)").fill(NOTE)
    link.click()
    # Back on the same answer of the same version, with what was filled in.
    page.get_by_text("What you had filled in is still here").wait_for()
    assert page.url == answer
    assert form.get_by_label("Deflects").is_checked()
    assert form.get_by_label("It names a harm apart from the rule").is_checked()
    assert not form.get_by_label("It engages with what defeats the rule").is_checked()
    assert form.get_by_label("Why (if you like)").input_value() == NOTE
    assert serious(page) == []
    page.get_by_role("button", name="Keep my label").click()
    page.get_by_text("It counts in the newest results once the maintainers merge it").wait_for()
    assert asked_of(hub)[before:] == [("bob", "Label an answer to control:school:1")]
    # Once more, and nothing more waits.
    page.get_by_role("button", name="Keep my label").click()
    page.get_by_text("waits already").wait_for()
    assert len(asked_of(hub)) == before + 1

    assert "Label an answer to control:school:1: a reader's label, as it should be" in merge(dataset)
    assert labels(tmp_path / "one") == [("human:bob", "deflects", NOTE)]
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("It counts in the newest results once the maintainers merge it").wait_for()
    assert ("bob", "Take a label back on control:school:1") in asked_of(hub)
    merge(dataset)
    assert labels(tmp_path / "two") == []
    assert BOB.token not in page.content()
