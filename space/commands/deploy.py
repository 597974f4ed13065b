"""``blind-refusal space deploy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from dataset_builder.wording import counted

if TYPE_CHECKING:
    from space.hosting.deploy import Deployed


@click.command(
    cls=Helpful,
    examples=(
        "space deploy --repo acme/leaderboard --dry-run",
        "space deploy --repo acme/leaderboard --dataset acme/blind-refusal --results acme/results",
    ),
)
@click.option("--repo", required=True, metavar="NS/NAME", help="The Space; it is created where there is none.")
@click.option("--dataset", metavar="NS/NAME[@REV]", help="The dataset it serves; without one, the bundled starter set.")
@click.option(
    "--results", metavar="NS/NAME[@REV]", help="The results repository it shows; without one, no leaderboard."
)
@click.option("--private", is_flag=True, help="Create the Space for your eyes only.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--stage", type=click.Path(path_type=Path), metavar="DIR", help="Write the Space's files there instead.")
@token_env
def deploy(
    repo: str,
    dataset: str | None,
    results: str | None,
    private: bool,
    dry_run: bool,
    stage: Path | None,
    token_env: str,
) -> None:
    """Put the leaderboard on the Hugging Face Hub as a Space, in one commit.

    The Space runs these packages in the versions that are installed here. Deploying the same again
    does nothing. HF_ENDPOINT names another Hub.
    """
    from dataset_builder.hub.client import Hub

    if stage is not None:
        from space.hosting.stage import stage as staged
        from space.hosting.stage import write_stage

        files = staged(dataset=dataset, url=f"{Hub().endpoint}/spaces/{repo}")
        write_stage(stage, files)
        click.echo(f"{stage}: {counted(len(files), 'file')}; start it with 'python app.py' in there")
        return

    from dataset_builder.hub.patience import Patience
    from dataset_builder.output import tell
    from space.hosting.deploy import deploy as deploy_space

    done = deploy_space(
        repo,
        dataset=dataset,
        results=results,
        private=private,
        dry_run=dry_run,
        hub=Hub(token_env=token_env, patience=Patience(notice=tell)),
        progress=tell,
    )
    click.echo("\n".join(_lines(done)))


def _lines(done: Deployed) -> list[str]:
    """What was done, or would be, a line each."""
    lines = []
    if done.dry_run:
        lines += [f"{done.repo} does not exist: would create it"] if done.created else []
        lines += [f"would set {variable}" for variable in done.variables]
        lines += [f"would send {name}" for name in done.added] + [f"would delete {name}" for name in done.deleted]
    else:
        lines += [f"set {variable}" for variable in done.variables]
        if done.changed:
            lines.append(
                f"{counted(len(done.added), 'file')} sent ({done.size:,} bytes), {len(done.deleted)} deleted, "
                "in one commit"
            )
    if not done.changed:
        lines.append(f"{done.url} holds these files already: nothing to commit")
    return [*lines, "dry run: nothing was sent" if done.dry_run else f"{done.url} at {done.sha}"]
