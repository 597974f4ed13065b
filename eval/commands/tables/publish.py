"""``blind-refusal judge publish``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from dataset_builder.wording import counted

if TYPE_CHECKING:
    from eval.judges.encoder.publishing import PublishedEncoder


@click.command(
    cls=Helpful,
    examples=(
        "judge publish --repo acme/blind-refusal-judge --dry-run",
        "judge publish trained/ --repo acme/blind-refusal-judge",
    ),
)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--repo", required=True, metavar="NS/NAME", help="The model repo; it is created where there is none.")
@click.option("--private", is_flag=True, help="Create the repo for your eyes only.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@token_env
def publish(folder: Path | None, repo: str, private: bool, dry_run: bool, token_env: str) -> None:
    """Publish a trained judge to the Hugging Face Hub as a model, in one commit.

    DIR holds the encoder's weights and manifest; without it, those of this installation are sent. They go with a card
    of their figures and an ONNX graph. Publishing the same again does nothing. HF_ENDPOINT names another Hub.
    """
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.naming import without_scheme
    from dataset_builder.hub.patience import Patience
    from dataset_builder.output import report, tell
    from eval.judges.encoder.artefact import SHIPPED
    from eval.judges.encoder.publishing import publish_encoder

    done = publish_encoder(
        folder or SHIPPED,
        without_scheme(repo),
        hub=Hub(token_env=token_env, patience=Patience(notice=tell)),
        private=private,
        dry_run=dry_run,
        progress=tell,
    )
    report(repo=done.repo, url=done.url, commit=done.sha, changed=bool(done.added), sent=list(done.added))
    click.echo("\n".join(_lines(done)))


def _lines(done: PublishedEncoder) -> list[str]:
    """What was done, or would be, a line each."""
    if done.dry_run:
        lines = [f"{done.repo} does not exist: would create it"] if done.created else []
        lines += [f"would send {name}" for name in done.added]
        lines += [] if done.added else [f"{done.url} holds {done.rubric} already: nothing to commit"]
        return [*lines, "dry run: nothing was sent"]
    if not done.added:
        return [f"{done.url} holds {done.rubric} already: nothing to commit"]
    return [
        f"{counted(len(done.added), 'file')} sent ({done.size:,} bytes), in one commit",
        f"judge with it: --judge encoder:{done.repo}@{done.sha}",
    ]
