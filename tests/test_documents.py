"""The guides' code is run and its output compared with what they show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import ROOT, run_document

DOCS = ROOT / "docs"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLIND_REFUSAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_the_five_lines_of_the_readme(tmp_path: Path) -> None:
    run_document(ROOT / "README.md", tmp_path, kind="python")


def test_the_guide_to_python(tmp_path: Path) -> None:
    run_document(DOCS / "python.md", tmp_path, least=2)


@pytest.mark.study
def test_the_guide_to_python_with_the_study(
    study_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_STUDY", str(study_archive))
    run_document(DOCS / "python.md", tmp_path, needs="study")
