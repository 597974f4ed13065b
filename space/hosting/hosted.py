"""The Space where others host it: settings come from variables, as the Hub gives them to a Space."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from dataset_builder.errors import BlindRefusalError

DATASET: Final = "BLIND_REFUSAL_DATASET"
RESULTS: Final = "BLIND_REFUSAL_RESULTS"
# Set by the Hub in every Space.
_SPACE: Final = "SPACE_ID"


def main() -> None:
    """Serve what the variables name: everywhere in a Space, on this machine alone elsewhere."""
    from space.hosting.serve import serve

    in_space = bool(os.environ.get(_SPACE))
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if in_space else "127.0.0.1")  # noqa: S104 - a container
    port = os.environ.get("GRADIO_SERVER_PORT", "")
    try:
        dataset = os.environ.get(DATASET) or str(starter_dataset())
        serve(dataset, os.environ.get(RESULTS) or None, host=host, port=int(port) if port.isdigit() else 7860)
    except BlindRefusalError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def starter_dataset() -> Path:
    """The bundled starter set as a built dataset in the user's cache, built if it is not there."""
    from dataset_builder.build.build import build_dataset
    from dataset_builder.dataset.manifest import FILE_NAME
    from dataset_builder.net.fetch import cache_folder
    from dataset_builder.sources import STARTER, read_source

    read = read_source(STARTER)
    folder = cache_folder() / "space" / (read.source.content_hash or "")[:16] / "starter-set"
    if not (folder / FILE_NAME).is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        build_dataset(read.records, [read.source], folder)
    return folder
