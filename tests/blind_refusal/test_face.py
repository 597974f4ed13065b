"""The module ``blind_refusal``: what it hands on, and what it does not import before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import blind_refusal

ROOT = Path(__file__).resolve().parents[2]


def test_every_name_is_there() -> None:
    for name in blind_refusal.__all__:
        assert getattr(blind_refusal, name) is not None
        assert name in dir(blind_refusal)
    with pytest.raises(AttributeError, match=r"no attribute 'evaluat'; it has evaluate, load_run"):
        blind_refusal.evaluat  # type: ignore[attr-defined] # noqa: B018


def test_importing_it_imports_nothing_heavy() -> None:
    script = (
        "import sys, blind_refusal\n"
        "heavy = 'pandas numpy pyarrow scipy gradio datasets httpx plotly rich tqdm'.split()\n"
        "print(sorted(set(heavy) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_a_result_needs_no_extra() -> None:
    """gradio and plotly come with an extra; only ``plot`` needs one of them."""
    script = (
        "import sys\n"
        "from blind_refusal import Comparison, Result, compare, evaluate, load_dataset, load_run\n"
        "print(sorted(set('gradio plotly openai inspect_ai starlette'.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_all_packages_are_typed() -> None:
    for package in ("blind_refusal", "dataset_builder", "eval", "space"):
        assert (ROOT / package / "py.typed").is_file(), package
