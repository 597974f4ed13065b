"""``blind-refusal dataset diff``."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.helping import Helpful


@click.command(
    cls=Helpful,
    examples=("dataset diff build/dataset build/extended",),
)
@click.argument("old", type=click.Path(path_type=Path), metavar="OLD")
@click.argument("new", type=click.Path(path_type=Path), metavar="NEW")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def diff(old: Path, new: Path, as_json: bool) -> None:
    """List what changed from one built dataset to another: cases added, removed and changed, and other rows."""
    from dataset_builder.build.diff import diff_datasets
    from dataset_builder.dataset.opened import BuiltDataset

    found = diff_datasets(BuiltDataset.open(old), BuiltDataset.open(new))
    if as_json:
        import json

        click.echo(json.dumps(found.plain(), indent=1))
        return
    for line in found.lines():
        click.echo(line)
