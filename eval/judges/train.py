"""Training the embedded judge anew: ``python -m eval.judges.train [--dataset DIR | --source ARCHIVE]``.

It measures the judge on families of models (and on cells) that it has not seen, then fits the
weights that are shipped on everything, and writes the weights, what the held-out fits said of the
families that they had not seen, and the manifest together. The same data on the same machine give
the same bytes. One process; about twenty minutes on one core, most of
it for the held-out figures.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from dataset_builder.errors import BlindRefusalError
from dataset_builder.records import Records
from dataset_builder.sources import STUDY, read_source

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--dataset", help="A built dataset (DIR or NAMESPACE/NAME[@REVISION]) with answers and verdicts.")
@click.option("--source", default=STUDY, show_default=True, help="The study's archive, if there is no --dataset.")
@click.option("--out", type=_FOLDER, help="Where the three files go; into the package if not given.")
@click.option("--heldout", type=_FILE, help="Keep the held-out logits here, and use them again.")
def main(dataset: str | None, source: str, out: Path | None, heldout: Path | None) -> None:
    """Train the embedded judge and write its weights, held-out verdicts and manifest."""
    # More threads add numbers up in another order, and the bytes would differ. Numpy reads this once.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    from eval.judges.build_weights import train
    from eval.judges.embedded import MANIFEST_FILE, WEIGHTS_FILE
    from eval.judges.heldout_judge import HELDOUT_FILE

    try:
        trained = train(_records(dataset, source), heldout=heldout, told=click.echo)
    except BlindRefusalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    folder = out or WEIGHTS_FILE.parent
    folder.mkdir(parents=True, exist_ok=True)
    # The manifest names the others' hashes, so whoever opens a part of them is told.
    _write(folder / WEIGHTS_FILE.name, trained.weights)
    _write(folder / HELDOUT_FILE.name, trained.heldout)
    _write(folder / MANIFEST_FILE.name, trained.manifest)
    click.echo(f"{folder / WEIGHTS_FILE.name}: {len(trained.weights)} bytes; figures in {folder / MANIFEST_FILE.name}")


def _records(dataset: str | None, source: str) -> Records:
    if dataset is None:
        return read_source(source).records
    from dataset_builder.check_folder import read_records
    from eval.dataset import open_dataset

    return read_records(open_dataset(dataset))


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


if __name__ == "__main__":
    main()
