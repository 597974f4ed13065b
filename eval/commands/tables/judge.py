"""``blind-refusal judge``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted, plural
from dataset_builder.work.options import model_options
from eval.commands.options import judge_max_tokens
from eval.judging.registry import DEFAULT_JUDGE

if TYPE_CHECKING:
    from dataset_builder.work.choice import ModelChoice
    from eval.tables.work import Done, TableWork

_SHOWN = 20


@click.command(
    cls=Helpful,
    examples=(
        "judge answers.parquet",
        "judge chats.jsonl --out labels/ --column messages=dialogue",
        "judge hf://datasets/acme/chats/data/test-*.parquet --out labels/",
        "judge answers.csv --judge model:openrouter/openai/gpt-5.4 --budget 5",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="IN…")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE|DIR", help="Where to; beside IN if not given.")
@click.option(
    "--judge", default=DEFAULT_JUDGE, show_default=True, metavar="JUDGE",
    help="embedded, encoder[:NAMESPACE/NAME@REVISION], model:ID or cascade:ID.",
)  # fmt: skip
@click.option(
    "--column", "pairs", multiple=True, metavar="ROLE=NAME",
    help="Which column is the request, response, messages, rule, ground, facts, family or authority.",
)  # fmt: skip
@click.option("--prefix", default="", metavar="TEXT", help="Put before the names of the added columns.")
@click.option("--explain/--no-explain", default=True, show_default=True, help="Name the words that weighed most.")
@model_options("the judge's", router="judge-")
@judge_max_tokens()
def judge(
    inputs: tuple[str, ...],
    out: Path | None,
    judge: str,
    pairs: tuple[str, ...],
    prefix: str,
    explain: bool,
    choice: ModelChoice,
    max_tokens: int | None,
) -> None:
    """Label the answers in any file: Parquet, JSON lines, CSV, logs of Inspect, or a dataset on the Hub.

    Each row needs a request and an answer, or a chat (a column of messages, whose last answer is judged). What is known
    of the rule is read too. The rows come back with response_type, engages_with_defeat, independent_harm,
    probabilities and reasons behind their own columns. Stopped or killed, the same command goes on from there.
    """
    from dataset_builder.errors import InputError
    from dataset_builder.hub.naming import SCHEME
    from dataset_builder.output import report
    from dataset_builder.work.session import stoppable
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.tables.columns import read_choice
    from eval.tables.files import find_files
    from eval.tables.judge import TableSettings
    from eval.tables.work import open_works, unjudged

    settings = TableSettings(
        judge=judge, columns=read_choice(pairs), prefix=prefix, explain=explain, choice=choice, max_tokens=max_tokens
    )
    if out is None and (remote := next((name for name in inputs if name.startswith(SCHEME)), None)):
        raise InputError(f"{remote}: give --out DIR, as labels cannot go beside files of the Hub.")
    files = find_files(inputs)
    works, wrong = open_works(files, out, settings)
    sessions = [None if work.done() else work.session() for work in works]
    click.echo(f"Judge: {works[0].judge.name}, rubric {works[0].judge.rubric}")
    for told in dict.fromkeys(work.columns.told() for work in works):
        click.echo(f"Read: {told}")
    written = []
    for work, session in zip(works, sessions, strict=True):
        if session is None:
            click.echo(f"{work.target}: judged already.")
        else:
            session.confirm()
            try:
                with stoppable("Every part" if session.estimate is None else "Every verdict"):
                    stopped = work.run(session)
            except InputError as error:
                # A part of the file that cannot be read; the other files can.
                wrong.append(error)
                continue
            finally:
                _tell_damage(work)
            if stopped is not None:
                raise StoppedEarlyError(stopped)
        if done := work.done():
            written.append({"file": work.target, "rows": done.rows, **done.labels, "unscored": done.unscored})
            _tell(work, done)
    report(judge=works[0].judge.name, rubric=works[0].judge.rubric, written=written)
    if wrong:
        raise unjudged(wrong, len(files))


def _tell(work: TableWork, done: Done) -> None:
    """What the labels are, on a few lines."""
    from eval.tables.rows import REASONS

    scored = sum(done.labels.values())
    shares = ", ".join(f"{label} {n:,} ({n / scored:.0%})" for label, n in sorted(done.labels.items()))
    click.echo(f"{work.target}: {counted(done.rows, 'row')}; {shares or 'none could be judged'}")
    if done.unscored:
        order = sorted(done.unscored.items(), key=lambda one: -one[1])
        click.echo(f"Unscored: {'; '.join(_placed(reason, n, done.unscored_rows[reason]) for reason, n in order)}")
        for reason in done.unscored:
            if reason in REASONS:
                click.echo(f"  {reason}: {REASONS[reason]}")
    if done.cost:
        click.echo(f"Cost: ${done.cost:.4f}")


def _placed(reason: str, n: int, rows: list[int]) -> str:
    """A reason with the rows that have it."""
    more = ", …" if n > len(rows) else ""
    return f"{reason} {n:,} ({plural(n, 'row')} {', '.join(f'{row:,}' for row in rows)}{more})"


def _tell_damage(work: TableWork) -> None:
    for place in work.damaged[:_SHOWN]:
        click.echo(f"{place}: not a JSON object; unscored as unreadable_row", err=True)
    if len(work.damaged) > _SHOWN:
        click.echo(f"… and {counted(len(work.damaged) - _SHOWN, 'more row')} that cannot be read.", err=True)
