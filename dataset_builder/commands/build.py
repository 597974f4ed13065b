"""``blind-refusal dataset build``."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.helping import Helpful


@click.command(
    cls=Helpful,
    examples=(
        "dataset build  # the study's cases and answers, fetched",
        "dataset build --source starter --out build/starter",
        "dataset build --add generated:build/batch --out build/extended",
    ),
)
@click.option(
    "--source",
    default="study",
    show_default=True,
    metavar="SOURCE",
    help="study: its published archive, or the one that BLIND_REFUSAL_STUDY names; starter: the bundled cases; "
    "generated:DIR; or an archive or folder of the study's layout, by path or URL.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/dataset"),
    show_default=True,
    help="The folder to make; an older build there is replaced whole.",
)
@click.option(
    "--add", multiple=True, metavar="generated:DIR", help="Generated cases to add to the source; may be repeated."
)
@click.option(
    "--hold-out",
    "share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Hold back about this share of the generated cases, in a private companion of the build.",
)
@click.option("--hold-out-seed", default=0, show_default=True, help="Decides which; keep it from release to release.")
@click.option(
    "--hold-out-dir", type=click.Path(path_type=Path), metavar="DIR", help="The companion.  [default: OUT-held-back]"
)
@click.option(
    "--namespace", default="NAMESPACE", metavar="NAME", help="The account on the Hub that the card's links name."
)
def build(
    source: str,
    out: Path,
    add: tuple[str, ...],
    share: float | None,
    hold_out_seed: int,
    hold_out_dir: Path | None,
    namespace: str,
) -> None:
    """Build the dataset from a source into a folder that load_dataset opens.

    The same sources give the same bytes. Cases that are held back are marked, and those that stay, by a
    canary string.
    """
    from dataset_builder.build.build import build_dataset, summary
    from dataset_builder.build.extend import extend, hold_out
    from dataset_builder.output import report
    from dataset_builder.sources import GENERATED, read_source
    from dataset_builder.storage.progress import download_progress

    with download_progress("study archive") as progress:
        read = read_source(source, progress=progress)
    added = [read_source(name) for name in add]
    sources = [read.source, *(other.source for other in added)]
    records, canary = extend(read, added).records, None
    if share is not None:
        records, private, canary = hold_out(records, share, hold_out_seed)
        companion = hold_out_dir or out.with_name(out.name + "-held-back")
        theirs = [one for one in sources if one.kind == GENERATED]
        held = build_dataset(private, theirs, companion, canary=canary, held_back=True, namespace=namespace)
        click.echo(summary(held, companion))
        click.echo("these are held back: keep them private\n")
    manifest = build_dataset(records, sources, out, canary=canary, namespace=namespace)
    report(folder=out, cases_hash=manifest.cases_hash, files={name: one.rows for name, one in manifest.files.items()})
    click.echo(summary(manifest, out))
