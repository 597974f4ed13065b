"""``blind-refusal eval review``."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted


@click.command(
    cls=Helpful,
    examples=(
        "eval review runs/mine --sample 60",
        "eval review runs/mine --report",
    ),
)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--dataset", metavar="DIR|NS/NAME[@REV]", help="The run's dataset, if it is not where the run says.")
@click.option("--reviewers", type=click.IntRange(1, 9), default=2, show_default=True, help="How many review.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N answers, spread evenly over the cells.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option("--port", type=click.IntRange(1, 65535), default=7862, show_default=True, help="Port to listen on.")
@click.option("--report", is_flag=True, help="Print how the reviewers agree, and write their labels.")
def review(
    run: Path, dataset: str | None, reviewers: int, sample: int | None, sample_seed: int, port: int, report: bool
) -> None:
    """Serve a page on this machine, on which people label the answers of a RUN.

    Each reviewer has an address and sees neither the model nor its judges' nor anybody else's labels.
    Every label is kept as it is given, as a verdict of human:reviewer_1 (and so on) in the run: see
    eval score --labels, and eval agreement --verdicts.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.review.sheet import reviewer_names
    from eval.judges.human.page import LABELS_FILE, QUESTIONS, all_answers, label_items, published, run_labels
    from eval.runs.folder import RunFolder

    folder = RunFolder.open(run)
    if report:
        import msgspec

        from dataset_builder.review.report import report_lines, review_agreement
        from dataset_builder.storage.files import write_file

        answers = all_answers(folder)
        lines = list(report_lines(review_agreement(answers, QUESTIONS), answers))
        rows = published(folder, answers)
        write_file(run / LABELS_FILE, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        for line in lines:
            click.echo(line)
        click.echo(f"\n{counted(len(rows), 'label')} in {run / LABELS_FILE}, as the dataset publishes them")
        return
    from dataset_builder.review.serving import serve_review

    opened = locate_dataset(dataset or folder.record.source)
    items = label_items(folder, opened, sample, sample_seed)
    names = reviewer_names(reviewers)
    click.echo(f"{counted(len(items), 'answer')} to label. Stop with Ctrl-C; every label is kept.")
    with folder.writing():
        serve_review("Labels of answers", items, QUESTIONS, run_labels(folder), names, port=port, say=click.echo)
    click.echo(f"Next: blind-refusal eval review {run} --report")
