"""``blind-refusal dataset review``."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted


@click.command(
    cls=Helpful,
    examples=(
        "dataset review build/batch --sample 60",
        "dataset review build/batch --report",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--reviewers", type=click.IntRange(1, 9), default=2, show_default=True, help="How many review.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N cases, spread evenly over the cells.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option("--port", type=click.IntRange(1, 65535), default=7861, show_default=True, help="Port to listen on.")
@click.option("--report", is_flag=True, help="Print how the reviewers agree, and write what they decided.")
def review(folder: Path, reviewers: int, sample: int | None, sample_seed: int, port: int, report: bool) -> None:
    """Serve a page on this machine, on which people review the cases in DIR that passed the gates.

    Each reviewer has an address and sees neither the writer nor anybody else's labels. Every label is
    kept as it is given, in DIR/case_reviews.jsonl, as the dataset publishes it.
    """
    from dataset_builder.batch.folder import GenerationFolder
    from dataset_builder.review.cases import QUESTIONS, all_answers, case_labels, review_items
    from dataset_builder.review.report import report_lines, review_agreement
    from dataset_builder.review.sheet import reviewer_names
    from dataset_builder.storage.files import write_file

    opened = GenerationFolder.open(folder)
    if report:
        from dataset_builder.generation.report import write_report

        with opened.writing():
            answers = all_answers(opened)
        lines = list(report_lines(review_agreement(answers, QUESTIONS), answers))
        write_file(folder / "review.md", ("\n".join(lines) + "\n").encode())
        for line in (*lines, "", *write_report(opened).lines()):
            click.echo(line)
        return
    from dataset_builder.review.serving import serve_review

    names = reviewer_names(reviewers)
    items = review_items(opened, sample, sample_seed)
    click.echo(f"{counted(len(items), 'case')} to review. Stop with Ctrl-C; every label is kept.")
    with opened.writing():
        serve_review("Review of cases", items, QUESTIONS, case_labels(opened), names, port=port, say=click.echo)
    click.echo(f"Next: blind-refusal dataset review {folder} --report")
