"""The Space as files: front matter, requirements, entry point, and the three packages beside it.

The same packages and versions give the same bytes, so that staging twice gives one and the same Space.
"""

from __future__ import annotations

import platform
import re
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import yaml

from dataset_builder import __version__
from dataset_builder.errors import InputError
from dataset_builder.storage.files import write_folder
from space.hosting.serve import DATASET, RESULTS

DISTRIBUTION: Final = "blind-refusal"
PACKAGES: Final = ("dataset_builder", "eval", "space")
README, APP, REQUIREMENTS = "README.md", "app.py", "requirements.txt"
# What stands for the Space where it is listed or linked to.
PICTURE: Final = "space/assets/share.png"
# What of the package's extras it installs.
EXTRAS: Final = ("space", "mcp")
# The Space's own machinery installs this one, in the version that the front matter names.
SDK: Final = "gradio"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_CODE: Final = ("__pycache__", ".pyc", ".pyo")
_APP: Final = '''\
"""The entry point of the Space: the packages stand beside it."""

from space.hosting.serve import main

if __name__ == "__main__":
    main()
'''


def stage(*, dataset: str | None = None, url: str | None = None) -> dict[str, bytes]:
    """Every file of the Space by its path; ``dataset`` is the repository that its card links to.

    ``url`` is where the Space stands on the Hub: its picture is named by its address there.

    Raises InputError where the package is not installed, so that nobody knows what it needs.
    """
    files = {
        README: _readme(dataset, url).encode(),
        APP: _APP.encode(),
        REQUIREMENTS: requirements().encode(),
    }
    for package in PACKAGES:
        files |= _files_of(resources.files(package), package)
    return dict(sorted(files.items()))


def write_stage(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files into an empty folder, or one that does not exist yet; raises InputError for any other."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is in the way; name a new or an empty folder")
    write_folder(folder, files)


def requirements() -> str:
    """What the Space installs, a line each, in the versions that are installed here."""
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        raise InputError(
            "blind-refusal is not installed, so what the Space needs is not known: pip install -e '.[space,mcp]'"
        ) from None
    names = set()
    for line in wanted:
        requirement, _, marker = line.partition(";")
        found = _NAME.match(requirement.strip())
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        if found and (extra is None or extra[1] in EXTRAS):
            names.add(found[0])
    lines = [f"{name}=={_version(name)}\n" for name in sorted(names, key=str.lower) if name.lower() != SDK]
    return "".join(lines)


def _readme(dataset: str | None, url: str | None) -> str:
    front: dict[str, Any] = {
        "title": "Blind Refusal",
        "emoji": "⚖️",
        "colorFrom": "gray",
        "colorTo": "green",
        "sdk": SDK,
        "sdk_version": _version(SDK),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "app_file": APP,
        "pinned": False,
        "license": "apache-2.0",
        "short_description": "Do models tell fair rules from unfair ones?",
        "hf_oauth": True,
        # To open pull requests in a visitor's name, and no more.
        "hf_oauth_scopes": ["write-discussions"],
        "tags": ["leaderboard", "evaluation", "over-refusal", "mcp-server"],
    }
    if url:
        front["thumbnail"] = f"{url}/resolve/main/{PICTURE}"
    # No preload_from_hub: the Hub takes models alone for it (huggingface/hub-docs#1536), and fails at a dataset's name.
    # Both repositories are downloaded at the first start.
    if dataset:
        front["datasets"] = [dataset.partition("@")[0]]
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    return f"""---
{text}---

# Blind Refusal

A leaderboard of how well language models tell rules that deserve compliance from rules that do not, with
the transcripts behind every number. Made by `blind-refusal space deploy`, version {__version__}: deploy again
rather than edit the files here.

| variable | holds |
|---|---|
| `{DATASET}` | the dataset, `NAMESPACE/NAME[@REVISION]`; the bundled starter set where it is empty |
| `{RESULTS}` | the results repository; none where it is empty |
"""


def _files_of(folder: Traversable, path: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for entry in folder.iterdir():
        name = entry.name
        if name.startswith(".") or name.endswith(_NO_CODE):
            continue
        if entry.is_dir():
            files |= _files_of(entry, f"{path}/{name}")
        else:
            files[f"{path}/{name}"] = entry.read_bytes()
    return files


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        raise InputError(
            f"{name} is not installed here; install the extras: pip install 'blind-refusal[space,mcp]'"
        ) from None
