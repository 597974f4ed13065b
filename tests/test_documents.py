"""The guides' code is run and its output compared with what they show."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
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


def test_every_attack_names_tests_that_are_there() -> None:
    """A row of docs/trust.md names files, and tests in them; ``::name`` is of the file named before it."""
    there = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py")}
    file, found = "", 0
    for name, test in re.findall(
        r"`(test_\w+\.py)?(?:::)?(test_\w+)?`", (DOCS / "trust.md").read_text(encoding="utf-8")
    ):
        file = name or file
        if name or test:
            assert file in there, name
            assert not test or f"def {test}(" in there[file], f"{file}::{test}"
            found += 1
    assert found > 40


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


_EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
there = {"metadata": {"path": sys.argv[2]}}
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=there).execute()
nbformat.write(notebook, sys.argv[3])
"""


def test_the_notebook(tmp_path: Path) -> None:
    """Ten cells of code, run in a kernel of Jupyter, none of which fails."""
    here = tmp_path / "here"
    here.mkdir()
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    names = [str(DOCS / "quickstart.ipynb"), str(here), str(tmp_path / "run.ipynb")]
    done = subprocess.run(
        [sys.executable, "-c", _EXECUTE, *names], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in json.loads((tmp_path / "run.ipynb").read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 10
    shown = [json.dumps(cell["outputs"]) for cell in cells]
    evaluated, judged, compared, plotted, submitted = shown[2], shown[5], shown[6], shown[8], shown[9]
    assert "<svg" in evaluated
    assert "112/112" in evaluated
    assert "Fill in response_type" in judged
    assert "help equally where help is due" in compared
    assert "application/vnd.plotly" in plotted
    assert "bundle.json" in submitted
    assert (here / "runs" / "cautious" / "run.json").is_file()
    # Committed without output: what is shown is what the reader's machine says.
    source = json.loads((DOCS / "quickstart.ipynb").read_text())["cells"]
    assert all(not cell["outputs"] for cell in source if cell["cell_type"] == "code")


def test_the_guide_to_the_terminal(tmp_path: Path) -> None:
    run_document(DOCS / "terminal.md", tmp_path, least=2)


def test_the_guide_to_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_document(DOCS / "tables.md", tmp_path, least=2)


def test_the_twelve_tasks(tmp_path: Path) -> None:
    """Offline, and in order; the blocks that need the study are run by the test below."""
    pytest.importorskip("pty", reason="needs a pseudo-terminal")
    run_document(DOCS / "tasks.md", tmp_path, least=19)


@pytest.mark.study
def test_the_tasks_with_the_study(study_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_STUDY", str(study_archive))
    run_document(DOCS / "tasks.md", tmp_path, needs="study", least=5)
