"""``blind-refusal eval reproduce``."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--dataset", default="build/dataset", show_default=True, metavar="DIR|REPO", help="A dataset built from the study."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def reproduce(dataset: str, as_json: bool) -> None:
    """The paper's figures beside those that the dataset gives, with a sentence on each difference.

    Exit code 1 if a figure differs and no known explanation holds. Rates by family,
    authority, dual use and model follow; their values in the paper are not available here.
    """
    from eval.dataset import open_dataset
    from eval.reproduction import reproduce as recompute
    from eval.reproduction import unexplained

    figures = recompute(open_dataset(dataset))
    failed = unexplained(figures)
    if as_json:
        import msgspec

        from eval.reproduction_tables import as_plain

        click.echo(msgspec.json.format(msgspec.json.encode(as_plain(figures)), indent=1))
    else:
        from eval.reproduction_tables import reproduction_tables
        from eval.score_tables import console

        out = console()
        for part in reproduction_tables(figures):
            out.print(part)
    if failed:
        raise SystemExit(1)
