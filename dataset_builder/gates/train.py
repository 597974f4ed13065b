"""Training the gates' classifiers anew: ``python -m dataset_builder.gates.train [--source ARCHIVE]``.

Measures them on cells held out, then fits the weights that are shipped on everything, and writes
weights and manifest together. The same data on the same machine give the same bytes. Under a minute.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import click

from dataset_builder.errors import BlindRefusalError
from dataset_builder.sources import STUDY, read_source


@click.command()
@click.option("--source", default=STUDY, show_default=True, help="The study's archive.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where the files go, if not the package.")
def main(source: str, out: Path | None) -> None:
    """Train the gates' classifiers and write their weights and manifest."""
    from dataset_builder.gates.embedded import MANIFEST_FILE, MODEL, WEIGHTS_FILE, pack
    from dataset_builder.gates.embedded_features import BITS, VERSION
    from dataset_builder.gates.training import train_gates
    from dataset_builder.generation.folder import replace_file

    try:
        weights, about = train_gates(read_source(source).records)
    except BlindRefusalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    data = pack(weights)
    folder = out or WEIGHTS_FILE.parent
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "model": MODEL,
        "weights": {"file": WEIGHTS_FILE.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        "features": {"version": VERSION, "bits": BITS},
        "versions": {"python": platform.python_version(), "numpy": version("numpy"), "scipy": version("scipy")},
        **about,
    }
    replace_file(folder / WEIGHTS_FILE.name, data)
    replace_file(folder / MANIFEST_FILE.name, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    click.echo(f"{folder / WEIGHTS_FILE.name}: {len(data):,} bytes; figures in {folder / MANIFEST_FILE.name}")


if __name__ == "__main__":
    main()
