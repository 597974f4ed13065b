"""Build the wheel and the source archive, install the wheel in a clean environment, and use it from elsewhere.

Run by ``make wheel``. It is a program and not a test, as it needs the registry and a minute.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Files that are no Python and that the packages cannot do without.
DATA_SUFFIXES = {".json", ".j2", ".npz", ".md", ".css", ".js", ".yaml", ".toml", ".txt", ".typed", ".html"}
DATA_SUFFIXES |= {".gz", ".png", ".svg"}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--sdist", "--outdir", folder / "dist", ROOT, cwd=folder)
        (wheel,) = (folder / "dist").glob("*.whl")
        packed = set(zipfile.ZipFile(wheel).namelist())
        tracked = run("git", "ls-files", "dataset_builder", "eval", "space", "blind_refusal", cwd=ROOT).split()
        missing = [f for f in tracked if Path(f).suffix in DATA_SUFFIXES | {".py"} and f not in packed]
        if missing:
            sys.exit(f"the wheel lacks {missing}")
        venv.create(folder / "env", with_pip=True)
        binaries = folder / "env" / "bin"
        run(binaries / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
        command = binaries / "blind-refusal"
        print(run(command, "--version", cwd=folder), end="")
        print(run(command, "dataset", "build", "--source", "starter", "--out", folder / "starter", cwd=folder), end="")
        print(run(command, "dataset", "check", folder / "starter", cwd=folder), end="")
        # -P keeps the current folder off the path, so that nothing but the wheel can be imported.
        script = "import dataset_builder, eval, space, blind_refusal as b; print(b.evaluate.__module__, b.__file__)"
        where = run(binaries / "python", "-P", "-c", script, cwd=ROOT).split()[-1]
        if not Path(where).is_relative_to(folder):
            sys.exit(f"the wheel was not what was imported, but {where}")
    print(f"{wheel.name}: {len(packed)} files, installs and runs from another folder")


if __name__ == "__main__":
    main()
