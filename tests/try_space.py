"""Stage the Space, install what it asks for in a clean environment, start it there and read its first page.

Run by the weekly workflow, and by hand: ``python tests/try_space.py``. With ``--newest`` everything is the newest
release that pyproject.toml admits, gradio included; without it the versions that the staged files name.
It is a program and not a test, as it needs the registry and some minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# By its own folder: another distribution may have put a package `tests` into the environment.
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from space_server import running  # noqa: E402

from space.hosting.stage import APP, README, REQUIREMENTS, stage, write_stage  # noqa: E402

# The Space's own machinery installs gradio with these.
EXTRAS = "oauth"
# Words of the first page, in its HTML as a browser without scripts gets it, or in the page's configuration.
EXPECTED = ("Blind Refusal", "Leaderboard", "Transcripts")


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def wanted(folder: Path, *, newest: bool) -> list[str]:
    """What is installed, gradio as the Space's machinery installs it."""
    if newest:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return [*project["dependencies"], *project["optional-dependencies"]["space"]]
    front = (folder / README).read_text(encoding="utf-8")
    version = next(line.partition(": ")[2] for line in front.splitlines() if line.startswith("sdk_version: "))
    return [f"gradio[{EXTRAS}]=={version.strip(chr(39))}", *(folder / REQUIREMENTS).read_text().split()]


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as reply:
        return str(reply.read().decode())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_stage(folder / "space", stage())
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", *wanted(folder / "space", newest="--newest" in sys.argv))
        script = "from importlib.metadata import version; print(version('gradio'))"
        gradio = run(python, "-c", script).strip()
        os.chdir(folder / "space")
        # Nothing but the staged files and that environment may be found.
        os.environ.pop("PYTHONPATH", None)

        def start(port: int) -> tuple[list[str], dict[str, str]]:
            where = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1"}
            return [str(python), APP], {**where, "XDG_CACHE_HOME": str(folder / "cache")}

        with running(start, folder, 240) as address:
            page = read(address) + read(f"{address}/config")
        missing = [word for word in EXPECTED if word not in page]
        if missing:
            sys.exit(f"the first page under gradio {gradio} lacks {missing}")
    print(f"the staged Space serves its first page under gradio {gradio}, {len(page):,} characters")


if __name__ == "__main__":
    main()
