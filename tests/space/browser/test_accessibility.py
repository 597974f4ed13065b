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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [*(page.address for page in PAGES), *STATES, "cases?subtype=obsolete"])
def test_axe_finds_no_serious_fault(open_page: Callable[..., Any], space_url: str, path: str, scheme: str) -> None:
    from axe_core_python.sync_playwright import Axe

    page = open_page(f"{space_url}/{path}", color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    found = Axe().run(page)["violations"]
    faults = [
        f"{fault['id']}: {node['target'][0]} {node['html'][:160]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
        if not any(part in str(node["target"]) + node["html"] for part in EXCEPTED.get(fault["id"], ()))
    ]
    assert faults == []
