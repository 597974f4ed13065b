"""A part that is not installed: one sentence that says how to install it, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dataset_builder.errors import InputError
from dataset_builder.extras import EXTRAS, needed_extras
from tests.support.small_dataset import build_small

ROOT = Path(__file__).resolve().parents[3]
# Python refuses to import what is None here, as if it were not installed.
_WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
from space.cli import main
main()
"""


def without(missing: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", _WITHOUT.format(missing=missing), *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_command_without_its_extra(tmp_path: Path) -> None:
    path = str(build_small(tmp_path / "small").path)
    served = without(["gradio", "plotly", "starlette"], "space", "serve", "--dataset", path, "--port", "65111")
    assert (served.returncode, served.stdout) == (2, "")
    (line,) = served.stderr.splitlines()
    assert line.startswith("error: This needs the extra `space` (")
    assert line.endswith("pip install 'blind-refusal[space]'")
    log = tmp_path / "log.eval"
    log.write_bytes(b"")
    imported = without(["inspect_ai"], "eval", "import", str(log))
    assert imported.returncode == 2
    assert "Traceback" not in imported.stderr
    assert "pip install 'blind-refusal[inspect]'" in imported.stderr


@pytest.mark.parametrize("name", EXTRAS)
def test_every_dependency_of_an_extra_has_its_command(name: str) -> None:
    with pytest.raises(InputError, match=rf"pip install 'blind-refusal\[{EXTRAS[name]}\]'"), needed_extras():
        raise ModuleNotFoundError(f"No module named '{name}.part'", name=f"{name}.part")


def test_another_missing_module_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError), needed_extras():
        raise ModuleNotFoundError("No module named 'eval.nowhere'", name="eval.nowhere")
