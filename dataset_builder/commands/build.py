"""``blind-refusal dataset build``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--source",
    default="study",
    show_default=True,
    metavar="study|starter|generated:DIR|PATH|URL",
    help="The study's published archive (or the one that BLIND_REFUSAL_STUDY names), the bundled starter cases, "
    "or an archive or folder of the study's layout.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/dataset"),
    show_default=True,
    help="The folder to make; an older build there is replaced whole.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def build(source: str, out: Path, quiet: bool) -> None:
    """Build the dataset from a source into a folder that load_dataset opens."""
    from dataset_builder.build import build_dataset
    from dataset_builder.progress import download_progress
    from dataset_builder.sources import read_source
    from dataset_builder.summary import summary

    with download_progress("study archive", quiet=quiet) as progress:
        read = read_source(source, progress=progress)
    manifest = build_dataset(read.records, [read.source], out)
    if not quiet:
        click.echo(summary(manifest, out))
