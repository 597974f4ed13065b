"""``blind-refusal eval aggregate``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", metavar="RESULTS", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    default=["build/dataset"],
    show_default=True,
    metavar="DIR|REPO[@REV]",
    help="Whose cases were answered; give it once for each dataset.",
)
def aggregate(results: Path, datasets: tuple[str, ...]) -> None:
    """Rebuild the leaderboard of a results folder from its submissions.

    RESULTS is a folder that `eval submit --results` made, or a copy of a results repository. Doing it
    again changes nothing; every submission is listed with its place or with the reason why it has none.
    """
    from eval.aggregate import aggregate as aggregate_folder
    from eval.dataset import locate_dataset

    done = aggregate_folder(results, [locate_dataset(one) for one in datasets])
    for board in done.leaderboard.boards:
        click.echo(f"{board.judge} (rubric {board.rubric}), {board.n_cases:,} cases of {board.dataset}:")
        for row in board.rows:
            value = row.metrics[board.ranked_by]
            shown = "no value" if value.estimate is None else f"{100 * value.estimate:6.1f}"
            click.echo(f"  {row.rank or '-':>3}  {shown}  {row.model}  ({row.status})")
    for one in done.leaderboard.excluded:
        click.echo(f"left out: {one.bundle}{f' by {one.judge}' if one.judge else ''}: {one.status}: {one.reason}")
    click.echo(f"{results}: {'rebuilt' if done.changed else 'nothing has changed'}")
