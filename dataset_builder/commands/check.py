"""``blind-refusal dataset check``."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted


@click.command(
    cls=Helpful,
    examples=(
        "dataset check build/dataset",
        "dataset check build/extended --held-back build/private",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--held-back",
    "companion",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The private companion of a build: no case of it may stand in FOLDER, in any wording.",
)
def check(folder: Path, companion: Path | None) -> None:
    """List everything that is wrong with a built FOLDER: schema, counts, keys, labels, hashes.

    Exit code 0 if nothing is, 2 if something is.
    """
    from dataclasses import asdict

    from dataset_builder.build.check import check_folder, find_leaks
    from dataset_builder.dataset.manifest import read_manifest
    from dataset_builder.dataset.opened import BuiltDataset
    from dataset_builder.output import report

    problems = check_folder(folder)
    if companion is not None and not problems:
        problems = find_leaks(BuiltDataset.open(folder), BuiltDataset.open(companion))
    report(folder=folder, problems=[asdict(problem) for problem in problems])
    for problem in problems:
        click.echo(str(problem))
    if problems:
        click.echo(f"{folder}: {counted(len(problems), 'problem')}", err=True)
        raise SystemExit(2)
    manifest = read_manifest(folder)
    rows = sum(entry.rows or 0 for entry in manifest.files.values())
    click.echo(f"{folder}: {len(manifest.files)} files, {counted(rows, 'row')}, nothing wrong")
    if companion is not None:
        held = len(BuiltDataset.open(companion).cases())
        click.echo(f"none of the {counted(held, 'case')} of {companion} stands in it")
