"""``blind-refusal eval score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.results.answer_set import AnswerSet
    from eval.results.row import LeaderboardRow
    from eval.runs.folder import RunFolder
    from eval.scores.scores import Scores


@click.command(
    cls=Helpful,
    examples=(
        "eval score runs/mine --by family",
        "eval score runs/mine --beside study",
        "eval score build/dataset --judge heldout",
    ),
)
@click.argument("target", metavar="RUN|DATASET")
@click.option(
    "--judge", help="Whose verdicts, where there are several judges'. `heldout` for a DATASET: see docs/judging.md."
)
@click.option("--by", metavar="NAME,…", help="Slices to show: family, authority, legality, … Default: overall alone.")
@click.option(
    "--dataset", metavar="DIR|NS/NAME[@REV]", help="The dataset of a run, where it is not the one that the run names."
)
@click.option(
    "--beside",
    metavar="study|MODEL,…",
    help="For a RUN: rank it with the study's models, or with some of them, by the run's judge.",
)
@click.option(
    "--correct",
    "method",
    type=click.Choice(["ppi", "rogan-gladen"]),
    help="Show rates corrected for the judge's errors too: of a RUN by --labels, of a DATASET by its reviewers.",
)
@click.option(
    "--labels",
    metavar="FILE|JUDGE",
    help="For a RUN: a sample labelled better, as a sheet, verdicts, or who judged some answers.",
)
@click.option("--partial", is_flag=True, help="With --labels FILE: leave out labels that match no answer of the run.")
@click.option("--full", is_flag=True, help="Show every rate and column.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line a model and slice, with all metrics, as CSV.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write results.json and its kin there.")
@click.option("--dataset-id", metavar="NS/NAME", help="With --out: the dataset's repository, if it is a folder.")
@click.option("--organization", help="With --out: who evaluated, for the Every Eval Ever record.")
@click.option("--resamples", type=click.IntRange(100), default=10_000, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", default=0, show_default=True, help="Seed of the resamples.")
def score(
    target: str,
    judge: str | None,
    by: str | None,
    dataset: str | None,
    beside: str | None,
    method: str | None,
    labels: str | None,
    partial: bool,
    full: bool,
    as_json: bool,
    as_csv: bool,
    out: Path | None,
    dataset_id: str | None,
    organization: str | None,
    resamples: int,
    seed: int,
) -> None:
    """Rates with intervals: of a RUN's model, or of all published models of a DATASET as a leaderboard.

    DATASET is a built folder or NAMESPACE/NAME[@REVISION] on the Hub. Numbers are
    percentages; [a, b] is a 95 % interval, clustered by cell (family x authority).
    """
    from eval.results.answer_set import load_answers
    from eval.results.build import build_results
    from eval.scores.scores import compute_scores
    from eval.scores.slices import check_by

    if as_json and as_csv:
        raise click.UsageError("--json and --csv cannot be combined.")
    names = check_by([name.strip() for name in by.split(",") if name.strip()]) if by else ()
    runs = _runs_with_answers(target)
    if runs and (method is None) != (labels is None):
        raise click.UsageError("--correct and --labels belong together.")
    if not runs and labels is not None:
        raise click.UsageError("--labels is for a RUN; a DATASET's rates are corrected by its reviewers' labels.")
    if beside is not None and not runs:
        raise click.UsageError("--beside is for a RUN; a DATASET's models stand beside each other anyway.")
    if beside is not None and as_csv:
        raise click.UsageError("--beside and --csv cannot be combined; --json holds the ranking.")
    found = load_answers(target, judge=judge, dataset=dataset, runs=runs)
    ranked = _ranked_beside(found, beside, resamples, seed) if beside is not None else []
    if runs and method is not None:
        _correct(found, method, str(labels), partial=partial)
    # Files hold every slice, whatever is shown.
    scores = compute_scores(found.answers, by=None if out else names, resamples=resamples, seed=seed)
    if out:
        _write(out, found, scores, dataset_id, organization)
    if as_json:
        provenance = found.provenance()
        agreement = found.known_agreement()
        results = build_results(
            scores, provenance, corrected=found.corrected(), judge_agreement=agreement, stable=found.stable()
        )
        _print_json(found, scores, [one.to_json() for one in results], ranked)
    elif as_csv:
        _print_csv(scores)
    else:
        _print_tables(found, scores, names, ranked, method=method, full=full)


def _ranked_beside(found: AnswerSet, beside: str, resamples: int, seed: int) -> list[LeaderboardRow]:
    from eval.results.beside import STUDY
    from eval.results.summary import rows_beside

    models = None if beside == STUDY else [name.strip() for name in beside.split(",") if name.strip()]
    return rows_beside(found, models, sampled=True, resamples=resamples, seed=seed)


def _runs_with_answers(target: str) -> list[RunFolder]:
    """The run that is named, or its epochs; none for a dataset. Exits with 1 and the reasons where all of it failed."""
    from eval.results.answer_set import is_run
    from eval.runs.folder import open_runs
    from eval.runs.tally import nothing_to_judge

    if not is_run(target):
        return []
    runs = open_runs(Path(target))
    if told := nothing_to_judge(runs):
        for line in told:
            click.echo(line, err=True)
        raise SystemExit(1)
    return runs


def _correct(found: AnswerSet, method: str, labels: str, *, partial: bool) -> None:
    from eval.agreement.sample import ADVISED_LABELS

    n = found.correct(method, labels, partial=partial)
    if n < ADVISED_LABELS:
        click.echo(
            f"Warning: {n} labelled answers. Below {ADVISED_LABELS} the intervals of corrected rates cover less than "
            "they promise; label more.",
            err=True,
        )


def _write(out: Path, found: AnswerSet, scores: Scores, dataset_id: str | None, organization: str | None) -> None:
    from eval.interop.export import folder_name, write_results
    from eval.results.build import build_results
    from eval.results.row import leaderboard

    agreement = found.known_agreement()
    rows = {row.model: row for row in leaderboard(scores, None, agreement)}
    results = build_results(
        scores, found.provenance(), corrected=found.corrected(), judge_agreement=agreement, stable=found.stable()
    )
    for one in results:
        model = one.provenance.model.name
        folder = out if found.run is not None else out / folder_name(model)
        paths = write_results(folder, one, rows[model], dataset_id=dataset_id, organization=organization)
        click.echo(f"wrote {', '.join(str(path) for path in paths)}", err=True)


def _print_json(found: AnswerSet, scores: Scores, results: list[bytes], ranked: Sequence[LeaderboardRow] = ()) -> None:
    import msgspec

    from eval.results.row import leaderboard
    from eval.scores.slices import OVERALL

    if found.run is not None and not ranked:
        click.echo(results[0], nl=False)
        return
    board = [{"by": OVERALL, "value": OVERALL, "without_dual_use": False, **row.flat()} for row in ranked] or [
        {"by": part.by, "value": part.value, "without_dual_use": part.without_dual_use, **row.flat()}
        for part in scores.parts
        for row in leaderboard(scores, part)
    ]
    content = {"leaderboard": board, "results": [msgspec.Raw(one) for one in results]}
    click.echo(msgspec.json.encode(content))


def _print_csv(scores: Scores) -> None:
    import csv
    import sys

    from dataset_builder.storage.sheets import cell
    from eval.results.row import leaderboard

    writer = None
    for part in scores.parts:
        for row in leaderboard(scores, part):
            line = {"by": part.by, "value": part.value, "without_dual_use": part.without_dual_use, **row.flat()}
            if writer is None:
                writer = csv.DictWriter(sys.stdout, list(line), lineterminator="\n")
                writer.writeheader()
            writer.writerow({name: cell(value) for name, value in line.items()})


def _print_tables(
    found: AnswerSet,
    scores: Scores,
    names: tuple[str, ...],
    ranked: Sequence[LeaderboardRow],
    *,
    method: str | None,
    full: bool,
) -> None:
    from dataset_builder.output import report
    from eval.agreement.known import caveat, has_learned_from
    from eval.agreement.ranking import ranking_lines
    from eval.agreement.report import corrected_table
    from eval.judges.model.rubric import RESPONSE_TYPE
    from eval.judging.developers import own_developer_lines
    from eval.judging.registry import HELD_OUT_OF
    from eval.results.routes import routes_of, scores_by_route, served_by
    from eval.results.row import leaderboard
    from eval.results.summary import summary, summary_of
    from eval.results.tables import (
        account,
        agreement_line,
        leaderboard_table,
        matrix_table,
        metrics_table,
        slices_table,
    )
    from eval.scores.slices import OVERALL, Slice, title
    from eval.scores.terminal import Sentence, console
    from eval.stats.metrics import METRIC_BY_ID

    rows = leaderboard(scores)
    if found.run is not None:
        place = found.run.path.parent if len(found.epochs) > 1 else found.run.path
        out = console(full=full, option="--full" if full else f"blind-refusal eval score {place} --full")
        told = summary(rows[0], ranked) if ranked else summary_of(found, rows[0])
        report(summary=told, discrimination=rows[0].metrics["discrimination"].estimate)
        out.print(Sentence(told))
        out.print()
        if ranked:
            n = counted(len(found.answers[0].cases), "case")
            out.print(leaderboard_table(ranked, f"{rows[0].model} beside the study's models on the same {n}"))
        heading = f"{rows[0].model} on {found.dataset.spec}, judged by {scores.judge} (rubric {scores.rubric})"
        table = metrics_table(rows[0], heading, full=full)
    else:
        out = console(full=full)
        table = leaderboard_table(rows, f"{found.dataset.spec}, judged by {scores.judge}")
    table.notes += own_developer_lines(scores.judge, (row.model for row in rows))
    out.print(table)
    what = "case" if len(found.epochs) > 1 else "answer"
    out.print(account((side for row in rows for side in (row.defeated, row.control)), what))
    for one in found.stable().values():
        out.print(one.line(), markup=False)
    shown = {name: [p for p in scores.parts if p.by == name and not p.without_dual_use] for name in names}
    for known in found.known_agreement():
        if known.field == RESPONSE_TYPE:
            out.print(agreement_line(scores.judge, known))
    if rankings := found.rankings():
        out.print("Beside the study's verdicts:")
        for line in ranking_lines(rankings):
            out.print(line)
    if found.run is not None and (beside := found.beside_study()):
        hashes = {one.case_id: one.response_hash for one in found.run.answers.values()}
        seen = has_learned_from(scores.judge, hashes)
        told = f" Its weights learned from these very answers: see --judge {HELD_OUT_OF[scores.judge]}." if seen else ""
        out.print(beside.line() + told)
    if more := caveat(scores.judge):
        out.print(more)
    out.print()
    plain = Slice(OVERALL, OVERALL, without_dual_use=True)
    if plain in scores.parts and found.run is None:
        out.print(leaderboard_table(leaderboard(scores, plain), "Cases without the dual-use flag"))
    for name, parts in shown.items():
        heading = f"By {name.replace('_', ' ')}"
        if found.run is not None:
            out.print(slices_table([(title(p), leaderboard(scores, p)[0]) for p in parts], heading))
            continue
        columns = [(title(part), leaderboard(scores, part)) for part in parts]
        for metric in dict.fromkeys(scores.parts[part].ranked_by.id for part in parts):
            some = [c for c, part in zip(columns, parts, strict=True) if scores.parts[part].ranked_by.id == metric]
            out.print(matrix_table(some, METRIC_BY_ID[metric], heading))
    if method is not None:
        for model, rates in found.corrected(method).items():
            out.print(corrected_table(rates, f"{model}: corrected for the judge's errors"))
    if found.run is not None:
        # Of several epochs each has its own, shown where that one is scored.
        routes = routes_of(found.run.answers.values()) if len(found.epochs) == 1 else {}
        if served := served_by(routes):
            out.print(f"Answers {served}.", markup=False)
        if by_route := scores_by_route(found.answers[0], routes):
            out.print(slices_table(list(by_route.items()), "By route"))
    if found.run is not None and (departures := found.run.record.departures):
        out.print(f"Departs from the study's protocol: {'; '.join(departures)}.")
