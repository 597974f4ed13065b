"""``blind-refusal board aggregate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from dataset_builder.wording import counted
from eval.commands.options import datasets, results_option

if TYPE_CHECKING:
    from eval.repository.leaderboard import Board, Leaderboard
    from eval.scores.terminal import FittedTable


@click.command(
    cls=Helpful,
    examples=(
        "board aggregate --results results --dataset build/dataset",
        "board aggregate --results acme/results --dataset acme/blind-refusal",
    ),
)
@results_option()
@datasets("Whose cases were answered")
@click.option("--full", is_flag=True, help="Show every column, however narrow the terminal.")
@token_env
def aggregate(results: str, datasets: tuple[str, ...], full: bool, token_env: str) -> None:
    """Rebuild the leaderboard from the submissions and their reviews alone.

    A repository gets one commit. Doing it again changes nothing; every submission is listed with its place
    or with the reason why it has none.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from eval.boards.aggregate import aggregate as aggregate_folder
    from eval.boards.aggregate import outdated
    from eval.repository.hub import ResultsRepo, results_repo
    from eval.reviews.maintainer import aggregate_repo

    opened = [locate_dataset(one) for one in datasets]
    if results_repo(results) is None:
        done = aggregate_folder(Path(results), opened)
        made, changed = done.leaderboard, done.changed
    else:
        from dataset_builder.hub.client import Hub

        repo = ResultsRepo(Hub(token_env=token_env), results)
        made, changed = aggregate_repo(repo, opened, lambda line: click.echo(f"does not count: {line}", err=True))
    _show(made, full=full)
    for line in outdated(made):
        click.echo(f"{line} 'blind-refusal board check --results {results} --again' judges them again.", err=True)
    click.echo(f"{results}: {'rebuilt' if changed else 'nothing has changed'}")


def _show(made: Leaderboard, *, full: bool) -> None:
    from eval.agreement.help_error import help_error_in_words
    from eval.boards.rows import rank_remarks
    from eval.scores.terminal import console

    out = console(full=full)
    for board in made.boards:
        table = _table(board)
        for row in board.rows:
            table.notes += [f"{row.model}: {told}" for told in rank_remarks(row, board.ranked_by)]
        if found := help_error_in_words(board.help_error):
            table.notes.append(f"{board.judge}: {found}")
        out.print(table)
    for one in made.excluded:
        click.echo(f"left out: {one.bundle}{f' by {one.judge}' if one.judge else ''}: {one.status}: {one.reason}")


def _table(board: Board) -> FittedTable:
    """A board, a row a model: its place, the value that gives it, and what kind of row it is."""
    from eval.scores.terminal import Column, FittedTable, Value, interval
    from eval.stats.metrics import CONTROL_HELP_RATE, HELP_RATE, METRIC_BY_ID

    ranked = METRIC_BY_ID[board.ranked_by]
    shown = list(dict.fromkeys((ranked, HELP_RATE, CONTROL_HELP_RATE)))
    columns = [
        Column("Rank"),
        Column("Model", words=True, name=True),
        *(Column(metric.title, rank=place) for place, metric in enumerate(shown)),
        Column("Status", words=True),
    ]
    cases = counted(board.n_cases, "case")
    table = FittedTable(f"{board.judge} (rubric {board.rubric}), {cases} of {board.dataset}", columns)
    for row in board.rows:
        limits = "" if row.rank_low is None else f"[{row.rank_low}–{row.rank_high}]"
        rank = Value(str(row.rank), limits) if row.rank else Value("–")
        table.add_row(rank, row.model, *(interval(row.metrics[metric.id]) for metric in shown), row.status)
    return table
