"""``blind-refusal eval agreement``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--dataset", required=True, metavar="DIR|REPO", help="A dataset built from the study.")
@click.option(
    "--verdicts", type=click.Path(path_type=Path), help="Verdicts of another judge on its answers (JSON lines)."
)
@click.option("--judge", help="The judge in question, where --verdicts holds several. Default: the study's.")
@click.option("--against", type=click.Choice(["study", "reviewer_1", "reviewer_2"]), help="Default: all that apply.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def agreement(dataset: str, verdicts: tuple[Path, ...], judge: str | None, against: str | None, as_json: bool) -> None:
    """How a judge agrees with the study's judge and the reviewers, and these with each other.

    Cohen's kappa and percent agreement with 95 % intervals, the table of labels, precision,
    recall and negative predictive value for each label, Krippendorff's alpha of all, and for
    the study's judge the help rates corrected for its errors.
    """
    from eval.agreement_report import agreement_report, report_plain, report_tables
    from eval.dataset import open_dataset

    report = agreement_report(open_dataset(dataset), verdicts=verdicts, judge=judge, against=against)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report_plain(report)), indent=1))
        return
    from eval.score_tables import console

    out = console()
    for part in report_tables(report):
        out.print(part)
