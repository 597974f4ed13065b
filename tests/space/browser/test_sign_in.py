"""The Submit page in a Space: signed in by OpenID Connect, to a pull request on the Hub; all of it on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.hub.client import Hub
from dataset_builder.hub.pull_requests import open_requests
from eval.repository.hub import ResultsRepo
from eval.reviews.maintainer import aggregate_repo
from tests.space.browser.conftest import PATIENCE
from tests.space.browser.test_accessibility import serious
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.sign_in_server import SECRET, SignInServer
from tests.support.small_dataset import build_small
from tests.support.space_server import hosting
from tests.support.submissions import good_bundle
from tests.support.zipped import zipped

# It starts a server of its own, which a busy machine takes its time over.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
REPO = "alice/blind-refusal-results"
DROP, OUT, IN = "input[type=file]", "Sign in with Hugging Face", "Logout (bob)"


@pytest.fixture
def dataset(tmp_path: Path) -> OpenedDataset:
    return locate_dataset(build_small(tmp_path / "dataset").path)


@pytest.fixture
def space(hub: HubServer, dataset: OpenedDataset, tmp_path: Path, chromium_path: str) -> Iterator[str]:
    """A Space over alice's empty results repository, with a sign-in that lets bob in."""
    alice = Hub(token=ALICE.token)
    alice.ensure_repo(REPO, "dataset")
    aggregate_repo(ResultsRepo(alice, REPO), [dataset])
    with ExitStack() as stack:
        sign_in = stack.enter_context(SignInServer(BOB))
        told = {
            "BLIND_REFUSAL_DATASET": str(dataset.built.path),
            "BLIND_REFUSAL_RESULTS": REPO,
            "BLIND_REFUSAL_CACHE": str(tmp_path / "cache"),
            "GRADIO_TEMP_DIR": str(tmp_path / "uploads"),
            # The Space has no account of its own.
            "HF_TOKEN": "",
        }
        environment = told | hub.environment(str(tmp_path / "home"), token=None) | sign_in.environment()
        yield stack.enter_context(hosting(environment, tmp_path))
        assert sign_in.refused == []
    said = "".join(path.read_text() for path in tmp_path.glob("serve-*.log"))
    assert not any(secret in said for secret in (BOB.token, SECRET))


@pytest.fixture
def page(space: str, browser: Any) -> Iterator[Any]:
    """The Submit page, cut off from the Hub's frame that gradio loads around every Space."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(PATIENCE)
    context.route(lambda url: not url.startswith("http://127.0.0.1:"), lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{space}/submit")
    page.get_by_role("button", name=OUT).wait_for()
    yield page
    context.close()


def asked_of(hub: HubServer) -> list[tuple[str, str]]:
    """Who opened which pull request."""
    return [(one.author, one.title) for one in open_requests(Hub(token=ALICE.token), REPO, "dataset")]


def test_a_visitor_signs_in_and_hands_in_a_run_and_a_request(
    page: Any, hub: HubServer, dataset: OpenedDataset, tmp_path: Path
) -> None:
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
    assert not list((tmp_path / "uploads").rglob("*.zip"))

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
