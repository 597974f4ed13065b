"""``blind-refusal eval submit``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("target", metavar="RUN|DATASET")
@click.option("--results", type=click.Path(path_type=Path), metavar="DIR", help="A results folder of your own.")
@click.option("--dataset", metavar="DIR|REPO[@REV]", help="The run's dataset, where it is not the one that it names.")
@click.option("--model-repo", metavar="ORG/MODEL", help="The model's own repository on the Hub.")
@click.option("--note", help="A remark for readers of the leaderboard.")
def submit(target: str, results: Path | None, dataset: str | None, model_repo: str | None, note: str | None) -> None:
    """Submit a finished RUN, or the answers that came with a DATASET, to a leaderboard.

    With --results it goes into a folder on this machine: no account, no network. Then
    `eval aggregate` rebuilds the leaderboard.
    """
    from eval.submitting import bundles_of, submit_locally

    if results is None:
        raise click.UsageError("Where to? Give --results DIR.")
    found, bundles = bundles_of(target, dataset, model_repo=model_repo, note=note)
    done = submit_locally(bundles, found, results, progress=lambda place: click.echo(f"reviewing {place}", err=True))
    for one in done:
        judges = ", ".join(f"{judge.judge} ({judge.status})" for judge in one.review.judges) or "no judge"
        click.echo(f"{'added' if one.new else 'stands already'}: {one.made.place}: {one.review.status}; {judges}")
        for reason in one.review.reasons:
            click.echo(f"  {reason}")
