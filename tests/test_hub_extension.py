"""``hf blind-refusal``: what the Hub's command runs as its extension, through the `hf` that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "hf-blind-refusal"


def test_the_package_brings_the_program_that_hf_looks_for() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts[NAME] == scripts["blind-refusal"]


def test_hf_runs_it(tmp_path: Path) -> None:
    # As `hf extensions install` leaves it: a folder with a manifest, and the console script of the package.
    program = tmp_path / "bin" / NAME
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom space.cli import main\n\nmain()\n")
    program.chmod(0o755)
    facts = {"owner": "acme", "repo": NAME, "repo_id": f"acme/{NAME}", "short_name": "blind-refusal", "type": "python"}
    folder = tmp_path / ".local" / "share" / "hf" / "extensions" / NAME
    folder.mkdir(parents=True)
    manifest = facts | {"executable_path": str(program), "installed_at": "2026-11-30T12:00:00+00:00"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    env = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_UPDATE_CHECK": "1"}

    def hf(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", "from huggingface_hub.cli.hf import main; main()", *arguments]
        return subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    shown = hf("blind-refusal", "eval", "score", "--help")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Examples:\n  hf blind-refusal eval score runs/mine --by family\n")
    assert "Usage: hf blind-refusal eval score [OPTIONS] RUN|DATASET" in shown.stdout
    # What it says in JSON, its messages and its exit code come through.
    wrong = hf("blind-refusal", "dataset", "check", "nowhere", "--json")
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["command"] == "dataset check"
    assert wrong.stderr.startswith("error: nowhere: no such folder")
