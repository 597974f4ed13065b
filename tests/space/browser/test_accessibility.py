from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from space.pages import PAGES

pytestmark = pytest.mark.browser

# What axe finds inside gradio's own components, each with the rule and the selector that it names.
EXCEPTED: dict[str, tuple[str, ...]] = {}
SERIOUS = ("serious", "critical")
STATES = ("transcripts?case=control:school:1", "transcripts?reviewed=yes&case=control:school:1&of=beta-2")


@pytest.mark.parametrize("path", [*(page.address for page in PAGES), *STATES, "cases?subtype=obsolete"])
def test_axe_finds_no_serious_fault(open_page: Callable[..., Any], space_url: str, path: str) -> None:
    light = open_page(f"{space_url}/{path}")
    light.wait_for_load_state("networkidle")
    dark = open_page(f"{space_url}/{path}", color_scheme="dark")
    dark.wait_for_load_state("networkidle")
    # Between the two schemes only colours differ.
    assert serious(light) + serious(dark, {"runOnly": ["color-contrast"]}) == []


def test_axe_would_find_one(open_page: Callable[..., Any], space_url: str) -> None:
    page = open_page(f"{space_url}/submit")
    page.evaluate("document.querySelector('h1').innerHTML += '<img src=\"data:,\"><button></button>'")
    assert {fault.split(":")[0] for fault in serious(page)} == {"image-alt", "button-name"}


def serious(page: Any, options: dict[str, Any] | None = None) -> list[str]:
    """Serious and critical faults of a page as axe-core words them, without those excepted."""
    from axe_core_python.sync_playwright import Axe

    return [
        f"{fault['id']}: {node['target'][0]} {node['html'][:160]}"
        for fault in Axe().run(page, options=options)["violations"]
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
        if not any(part in str(node["target"]) + node["html"] for part in EXCEPTED.get(fault["id"], ()))
    ]
