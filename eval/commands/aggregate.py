"""``blind-refusal eval aggregate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval.commands.options import datasets, token_env

if TYPE_CHECKING:
    from eval.repository.leaderboard import Leaderboard


@click.command()
@click.argument("results", metavar="RESULTS|REPO")
@datasets("Whose cases were answered")
@token_env
def aggregate(results: str, datasets: tuple[str, ...], token_env: str) -> None:
    """Rebuild the leaderboard from the submissions and their reviews alone.

    RESULTS is a folder that `eval submit --results` made; REPO a results repository on the Hub, which gets
    one commit. Doing it again changes nothing; every submission is listed with its place or with the
    reason why it has none.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from eval.boards.aggregate import aggregate as aggregate_folder
    from eval.boards.aggregate import outdated
    from eval.repository.hub import ResultsRepo, names_repo
    from eval.reviews.maintainer import aggregate_repo

    opened = [locate_dataset(one) for one in datasets]
    if not names_repo(results):
        done = aggregate_folder(Path(results), opened)
        made, changed = done.leaderboard, done.changed
    else:
        from dataset_builder.hub.client import Hub

        made, changed = aggregate_repo(ResultsRepo(Hub(token_env=token_env), results), opened)
    _show(made)
    for line in outdated(made):
        click.echo(f"{line} 'blind-refusal eval review {results} --again' judges them again.", err=True)
    click.echo(f"{results}: {'rebuilt' if changed else 'nothing has changed'}")


def _show(made: Leaderboard) -> None:
    from eval.boards.rows import rank_remarks

    for board in made.boards:
        click.echo(f"{board.judge} (rubric {board.rubric}), {board.n_cases:,} cases of {board.dataset}:")
        for row in board.rows:
            value = row.metrics[board.ranked_by]
            shown = "no value" if value.estimate is None else f"{100 * value.estimate:6.1f}"
            click.echo(f"  {row.rank or '-':>3}  {shown}  {row.model}  ({row.status})")
            for told in rank_remarks(row, board.ranked_by):
                click.echo(f"               {told}")
    for one in made.excluded:
        click.echo(f"left out: {one.bundle}{f' by {one.judge}' if one.judge else ''}: {one.status}: {one.reason}")
