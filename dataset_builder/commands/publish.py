"""``blind-refusal dataset publish``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from dataset_builder.wording import counted

if TYPE_CHECKING:
    from dataset_builder.build.publish import Published


@click.command(
    cls=Helpful,
    examples=(
        "dataset publish build/dataset --repo acme/blind-refusal --dry-run",
        "dataset publish build/dataset --repo acme/blind-refusal --tag v1.0.0",
    ),
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--repo", required=True, metavar="NS/NAME", help="The dataset repo; it is created where there is none.")
@click.option("--private", is_flag=True, help="Create the repo for your eyes only.")
@click.option("--tag", metavar="vX.Y.Z", help="Tag the commit that holds this build.")
@click.option("--create-pr", is_flag=True, help="Open a pull request instead of committing to main.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@token_env
def publish(
    folder: Path, repo: str, private: bool, tag: str | None, create_pr: bool, dry_run: bool, token_env: str
) -> None:
    """Publish the dataset that was built in DIR to the Hugging Face Hub, in one commit.

    Publishing the same build again does nothing. HF_ENDPOINT names another Hub.
    """
    from dataset_builder.build.publish import publish as publish_folder
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.naming import without_scheme
    from dataset_builder.hub.patience import Patience
    from dataset_builder.output import report, tell

    hub = Hub(token_env=token_env, patience=Patience(notice=tell))
    done = publish_folder(
        folder,
        without_scheme(repo),
        private=private,
        tag=tag,
        create_pr=create_pr,
        dry_run=dry_run,
        hub=hub,
        progress=tell,
    )
    report(repo=done.repo, url=done.pr_url or done.url, commit=done.sha, changed=done.changed, sent=list(done.added))
    click.echo("\n".join(_lines(done)))


def _lines(done: Published) -> list[str]:
    """What was done, or would be, a line each."""
    would = "would " if done.dry_run else ""
    lines = [f"{done.repo} does not exist: {would}create it"] if done.created and done.dry_run else []
    if done.dry_run:
        lines += [f"would send {name}" for name in done.added] + [f"would delete {name}" for name in done.deleted]
    if not done.changed:
        lines.append(f"{done.url} holds this build already: nothing to commit")
    elif not done.dry_run:
        lines.append(
            f"{counted(len(done.added), 'file')} sent ({done.size:,} bytes), {len(done.deleted)} deleted, in one commit"
        )
    if done.foreign:
        lines.append(f"left alone, as no build put them there: {', '.join(done.foreign)}")
    if done.checked:
        lines.append(f"downloaded config {done.checked} again: as sent")
    if done.tag:
        lines.append(f"would tag it {done.tag}" if done.dry_run else f"tagged {done.tag}")
    if done.dry_run:
        return [*lines, "dry run: nothing was sent"]
    return [*lines, done.pr_url or f"{done.url} at {done.sha}"]
