"""``blind-refusal space serve``."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.helping import Helpful


@click.command(
    cls=Helpful,
    examples=(
        "space serve --dataset build/dataset --results results",
        "space serve --dataset acme/blind-refusal --results acme/results",
    ),
)
@click.option(
    "--dataset", required=True, metavar="DIR|NS/NAME[@REV]", help="A built dataset: a folder, or NAMESPACE/NAME."
)
@click.option(
    "--results", metavar="DIR|NS/NAME[@REV]", help="A results folder or repo; without one only cases and answers."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--store-cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the prepared transcripts are kept; by default the user's cache folder.",
)
@click.option("--poll", default=60.0, show_default=True, type=click.FloatRange(0.1), help="Seconds between two looks.")
def serve(dataset: str, results: str | None, host: str, port: int, store_cache: Path | None, poll: float) -> None:
    """Show the leaderboard and the transcripts in a browser.

    The transcripts are prepared once for each version of the dataset and kept in the cache. New
    results are shown as they appear, without a restart.
    """
    from space.hosting.serve import serve as run

    run(dataset, results, host=host, port=port, store_cache=store_cache, poll=poll)
