"""The pages of docs/: each says whom it is for and stands in the tables of contents, and the site has no dead link."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_first_line_says_whom_the_page_is_for(page: Path) -> None:
    title, blank, first, after, *_ = page.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"# .+", title)
    assert (blank, after) == ("", "")
    assert re.fullmatch(r"\*For .+\.\*|\*For everyone: .+\.\*", first), first


def _named(nav: Any) -> Iterator[str]:
    for entry in nav:
        yield from [entry] if isinstance(entry, str) else _named(next(iter(entry.values())))


def test_every_page_stands_in_the_tables_of_contents() -> None:
    names = [page.name for page in PAGES]
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(_named(config["nav"])) == names
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for name in names:
        # The page of Python names and the index are the site's own.
        assert name in ("index.md", "api.md") or f"](docs/{name})" in readme, f"{name} is not in the README"
        assert name == "index.md" or f"]({name})" in index, f"{name} is not in docs/index.md"


def test_the_readme_has_three_ways_in_each_with_a_block_that_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for way in ("Look", "Load", "Evaluate"):
        (part,) = re.findall(rf"^## {way}$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
        assert len(re.findall(r"^<!-- runs", part, re.MULTILINE)) >= 1, way
    assert text.index("![") < text.index("## Look"), "the picture comes first"
    assert len(text.splitlines()) < 150


def test_the_site_builds_with_strict_links(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs the extra `docs`")
    pytest.importorskip("mkdocstrings", reason="needs the extra `docs`")
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
    assert "Score a model on the benchmark" in names or "evaluate" in names
