from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from space.pages import PAGES

pytestmark = pytest.mark.browser

# What axe finds inside gradio's own components, each with the rule and the selector that it names.
# A plot that has not come yet is a div with a label, for a moment.
EXCEPTED: dict[str, tuple[str, ...]] = {"aria-allowed-attr": ('aria-label="Empty value"',)}
SERIOUS = ("serious", "critical")
STATES = ("transcripts?case=control:school:1", "transcripts?reviewed=yes&case=control:school:1&of=beta-2")
# Pages about one thing; what they are called is hostile, or plain.
OF_ONE = ("model?model=alpha-1", "case?case=hostile-005", "judges", "pairs")
LISTED = [page.address for page in PAGES if page.listed]


@pytest.mark.parametrize("path", [*LISTED, *STATES, *OF_ONE, "cases?subtype=obsolete"])
def test_axe_finds_no_serious_fault(open_page: Callable[..., Any], space_url: str, path: str) -> None:
    assert faults(open_page, f"{space_url}/{path}") == []


FULL = ("?zoom=1", "breakdown?model=alpha-1&model=beta-2&by=subtype", "compare?a=alpha-1&b=beta-2")


@pytest.mark.parametrize("path", FULL)
def test_nor_where_there_are_figures(open_page: Callable[..., Any], url: str, path: str) -> None:
    assert faults(open_page, f"{url}/{path}", ".js-plotly-plot") == []


def test_nor_how_far_models_move(open_page: Callable[..., Any], url: str) -> None:
    assert faults(open_page, f"{url}/arms", ".br-table") == []


def faults(open_page: Callable[..., Any], address: str, drawn: str = "h1") -> list[str]:
    """On a wide light screen and on a narrow dark one, once what is to be there is drawn and all that folds is open."""
    page = open_page(address)
    # Filled once the link to its state is there; Submit has no states.
    page.locator("a.br-state" if not address.endswith("submit") else "h1").first.wait_for()
    page.locator(".br-at-once").wait_for(state="detached")
    page.locator(drawn).first.wait_for()
    page.wait_for_load_state("networkidle")
    for name in ("Search and filter", "Judge and filters", "The figures"):
        for fold in page.get_by_role("button", name=name, exact=True).all():
            fold.click()
    unfold = "for (const one of document.querySelectorAll('details')) one.open = true"
    page.evaluate(unfold)
    found = serious(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    # Colours change over a moment.
    still = "!document.getAnimations().some((one) => one.transitionProperty)"
    page.wait_for_function(f"document.querySelector('.dark') && {still}")
    page.evaluate(unfold)
    return found + serious(page)


def test_axe_would_find_one(open_page: Callable[..., Any], space_url: str) -> None:
    page = open_page(f"{space_url}/submit")
    page.evaluate("document.querySelector('h1').innerHTML += '<img src=\"data:,\"><button></button>'")
    assert {fault.split(":")[0] for fault in serious(page)} == {"image-alt", "button-name"}


def serious(page: Any) -> list[str]:
    """Serious and critical faults of a page as axe-core words them, without those excepted."""
    from axe_core_python.sync_playwright import Axe

    return [
        f"{fault['id']}: {node['target'][0]} {node['html'][:160]}"
        for fault in Axe().run(page, options={"resultTypes": ["violations"]})["violations"]
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
        if not any(part in str(node["target"]) + node["html"] for part in EXCEPTED.get(fault["id"], ()))
    ]
