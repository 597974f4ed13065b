"""``blind-refusal eval compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful

if TYPE_CHECKING:
    from eval.scores.answers import ScoredAnswers


@click.command(
    cls=Helpful,
    examples=(
        "eval compare runs/mine grok-4-fast",
        "eval compare runs/before runs/after --by family,authority",
        "eval compare glm-5 grok-4-fast gpt-5-4 --dataset build/dataset",
    ),
)
@click.argument("a")
@click.argument("b")
@click.argument("more", nargs=-1, metavar="[C]...")
@click.option("--dataset", metavar="DIR|NS/NAME[@REV]", help="Where the models are.  [default: the run's dataset]")
@click.option("--judge", help="Whose verdicts, where there are several judges'.")
@click.option("--by", metavar="NAME,…", default="family", show_default=True, help="Slices beside overall.")
@click.option("--cases", type=click.IntRange(0), default=20, show_default=True, help="Discordant cases to list a side.")
@click.option("--metric", default="discrimination", show_default=True, help="With three or more: what to compare.")
@click.option("--full", is_flag=True, help="Show every column, however narrow the terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def compare(
    a: str,
    b: str,
    more: tuple[str, ...],
    dataset: str | None,
    judge: str | None,
    by: str,
    cases: int,
    metric: str,
    full: bool,
    as_json: bool,
) -> None:
    """Paired differences between A and B on the cases that both are scored on.

    A and B are folders of runs, or models of the dataset by name: `compare runs/my grok-4-fast`. A model of the
    study is seen by the judge of the run; by the offline one, with weights that had not seen it. Differences
    are A minus B in percentage points with 95 % intervals clustered by cell; p-values are corrected by Holm
    and, for screening, by Benjamini and Hochberg, over all rows together. With three or
    more, every two of them are compared on one metric.
    """
    from eval.results.answer_set import load_models, told_apart
    from eval.scores.comparison import compare as compare_answers
    from eval.scores.epochs import stability
    from eval.scores.slices import check_by

    names = check_by([name.strip() for name in by.split(",") if name.strip()])
    specs = (a, b, *more)
    answers = told_apart(specs, load_models(specs, judge=judge, dataset=dataset))
    if more:
        _compare_pairs(answers, metric, as_json=as_json, full=full)
        return
    found = compare_answers(answers[0], answers[1], by=names)
    if as_json:
        import msgspec

        from eval.results.more_tables import as_plain

        stable = {one.model: told.as_plain() for one in answers if (told := stability(one))}
        plain = as_plain(found) | ({"stability": stable} if stable else {})
        click.echo(msgspec.json.format(msgspec.json.encode(plain), indent=1))
        return
    from eval.results.more_tables import comparison_table, conclusion, discordant_lines
    from eval.scores.terminal import console

    out = console(full=full)
    out.print(comparison_table(found, full=full))
    for line in discordant_lines(found, cases):
        out.print(line)
    for one in answers:
        if told := stability(one):
            out.print(f"{one.model}: {told.line()}", markup=False)
    _print_caveat(answers[0].judge)
    out.print(conclusion(found))


def _compare_pairs(answers: list[ScoredAnswers], metric: str, *, as_json: bool, full: bool) -> None:
    from dataset_builder.errors import InputError
    from eval.scores.comparison import compare_pairs
    from eval.stats.metrics import METRIC_BY_ID

    if metric not in METRIC_BY_ID:
        raise InputError(f"There is no metric {metric!r}; there are: {', '.join(METRIC_BY_ID)}.")
    found = compare_pairs(answers, METRIC_BY_ID[metric])
    if as_json:
        import msgspec

        from eval.results.more_tables import difference_plain

        click.echo(msgspec.json.format(msgspec.json.encode([difference_plain(row) for row in found]), indent=1))
        return
    from eval.results.more_tables import pairs_conclusion, pairs_table
    from eval.scores.terminal import console

    console(full=full).print(pairs_table(found))
    _print_caveat(answers[0].judge)
    console().print(pairs_conclusion(found))


def _print_caveat(judge: str) -> None:
    from eval.agreement.known import caveat
    from eval.scores.terminal import console

    if told := caveat(judge):
        console().print(told)


# ``blind-refusal eval reproduce``.


@click.command(
    cls=Helpful,
    examples=("eval reproduce --dataset build/dataset",),
)
@click.option(
    "--dataset",
    default="build/dataset",
    show_default=True,
    metavar="DIR|NS/NAME[@REV]",
    help="A dataset built from the study.",
)
@click.option("--full", is_flag=True, help="Show every column, however narrow the terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def reproduce(dataset: str, full: bool, as_json: bool) -> None:
    """The paper's figures beside those that the dataset gives, with a sentence on each difference.

    Exit code 1 if a figure differs and no known explanation holds. Rates by family,
    authority, dual use and model follow; their values in the paper are not available here.
    """
    from dataset_builder.dataset.opened import open_dataset
    from eval.results.reproduction import reproduce as recompute
    from eval.results.reproduction import unexplained

    figures = recompute(open_dataset(dataset))
    failed = unexplained(figures)
    if as_json:
        import msgspec

        from eval.results.more_tables import figures_as_plain

        click.echo(msgspec.json.format(msgspec.json.encode(figures_as_plain(figures)), indent=1))
    else:
        from eval.results.more_tables import reproduction_tables
        from eval.scores.terminal import console

        out = console(full=full)
        for part in reproduction_tables(figures):
            out.print(part)
    if failed:
        raise SystemExit(1)
