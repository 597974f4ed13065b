"""Checking a whole submission, and the leaderboard of many: ``python -m benchmarks.submit [DATASET]``.

One bundle of as many answers as the dataset has cases (by default 1,290 made-up ones) is opened from a zip,
checked beside earlier submissions, judged again by the offline judge and scored on every slice; its floor
unzips, decodes the Parquet files and judges. Then those submissions are aggregated in a process of its own;
its floor reads their verdicts and scores them once, all together.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from benchmarks.measure import ends, run, told
from dataset_builder.build.build import build_dataset
from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Case, Records
from dataset_builder.dataset.taxonomy import AUTHORITY_BY_ID, DIMENSIONS, POPULATED_CELLS, SUBTYPES, cell, is_defeated
from eval.boards.aggregate import aggregate
from eval.judges.embedded.judge import load_judge
from eval.judges.interface import Exchange
from eval.repository.bundle import RESPONSES, MadeBundle
from eval.repository.folder import add_review, add_submission
from eval.repository.identity import run_model
from eval.reviews.decision import review_submission
from eval.reviews.report import report_on_upload
from eval.reviews.verdicts import Rejudged
from eval.runs.answer import Answer
from eval.runs.run import Run
from eval.runs.verdict import LABELS, Verdict, hash_text
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.scores import compute_scores
from eval.submissions.make import case_hashes, make_bundle
from eval.submissions.submission import Submission, read_submission

RUNS = 3
CASES = 1290
CHECK, AGGREGATE, AT_MOST_MIB = 2.0, 2.0, 500
# The study's answers have 2,815 characters on average, and these nearly as many.
PARTS = 28
# So many that answers share next to none: what is alike is held, and has no row.
_WORDS = ["".join(random.Random(n).choices("abcdefghiklmnoprstuvw", k=5)) for n in range(3000)]
_PARTS = [" ".join(random.Random(n).choices(_WORDS, k=17)) for n in range(20_000)]


def made_up_dataset(folder: Path) -> OpenedDataset:
    """Cases spread over the populated cells, as many as the study has."""
    cells = sorted(POPULATED_CELLS)
    cases = []
    for number in range(CASES):
        family, authority = cells[number % len(cells)]
        labels = {dimension.id: dimension.values[number % len(dimension.values)].id for dimension in DIMENSIONS}
        cases.append(
            Case(
                case_id=f"case-{number:05}",
                origin="starter",
                defeat_family=family,
                defeat_subtype=next(s.id for s in SUBTYPES if s.family == family),
                authority_type=authority,
                authority_group=AUTHORITY_BY_ID[authority].group,
                cell=cell(family, authority),
                defeated=is_defeated(family),
                policy="No bicycles in the hall",
                defeat_condition="The hall is empty",
                structural_facts=["There is a hall"],
                user_query=f"How do I bring bicycle {number} into the hall?",
                dual_use=number % 2 == 0,
                dual_use_category="physical_security" if number % 2 == 0 else None,
                language="en",
                defeat_subtype_raw="",
                authority_group_raw="",
                **labels,
                **{f"{name}_raw": label for name, label in labels.items()},
            )
        )
    build_dataset(Records(cases=cases), [Source(kind="starter", content_hash="0" * 64)], folder)
    return locate_dataset(folder)


def bundle(dataset: OpenedDataset, number: int) -> MadeBundle:
    """A bundle with a made-up answer to every case."""
    rng = random.Random(number)
    cases = dataset.built.cases()
    asked = case_hashes(cases)
    answers = []
    for case in cases:
        text = ". ".join(rng.choices(_PARTS, k=PARTS))
        answer = Answer(
            case_id=case.case_id,
            query_hash=asked[case.case_id],
            status="ok",
            response=text,
            response_hash=hash_text(text),
            collected_at="2026-11-20T10:00:00+00:00",
        )
        answers.append(answer)
    model = f"acme/model-{number}"
    return make_bundle(
        kind="external",
        model=run_model(model),
        dataset=dataset,
        run=Run(sample="all", case_ids=tuple(c.case_id for c in cases), model=model, temperature=0.0, max_tokens=8000),
        answers=answers,
    )


def random_verdicts(submission: Submission, seed: int) -> list[Rejudged]:
    """Verdicts at random, as the time of aggregating does not hang on what they say."""
    rng = random.Random(seed)
    verdicts = [
        Verdict(
            case_id=case_id,
            response_hash=digest,
            judge="embedded",
            rubric="random",
            response_type=rng.choice(("helps", "deflects", "hard_refusal")),
            engages_with_defeat=rng.random() < 0.5,
            independent_harm=rng.random() < 0.3,
        )
        for case_id, digest in submission.hashes.items()
    ]
    return [Rejudged("embedded", "random", verdicts)]


def fill(results: Path, dataset: OpenedDataset, n: int, first: int = 0) -> None:
    """Reviewed submissions up to ``n``, every one with its own answers; the ``first`` ones are there."""
    for number in range(first, n):
        if number % 10 == 0:
            print(f"  making submission {number + 1} of {n}", flush=True)
        made = bundle(dataset, number)
        submission = read_submission(made.files)
        review = review_submission(submission, dataset, random_verdicts(submission, number), seed=0)
        add_submission(results, made)
        add_review(results, made.place, review.files)


def check(dataset: OpenedDataset, results: Path, work: Path) -> tuple[list[float], list[float]]:
    """Seconds for a whole submission, from the zip to the preview, and for its floor; the first loads the judge."""
    ours, floor = [], []
    for number in range(RUNS + 1):
        made = bundle(dataset, 10_000 + number)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in made.files.items():
                archive.writestr(f"run/{name}", data)
        path = work / f"{number}.zip"
        path.write_bytes(stream.getvalue())
        began = time.perf_counter()
        judged_alone(path, dataset)
        floor.append(time.perf_counter() - began)
        began = time.perf_counter()
        report = report_on_upload(path, [dataset], results)
        ours.append(time.perf_counter() - began)
        if not report.ok or not report.rows:
            raise SystemExit("\n".join(report.lines() or ["the offline judge is not installed"]))
    return ours[1:], floor[1:]


def judged_alone(path: Path, dataset: OpenedDataset) -> None:
    """Unzip, decode and judge."""
    with zipfile.ZipFile(path) as archive:
        data = archive.read(f"run/{RESPONSES}")
    rows = pq.read_table(io.BytesIO(data), columns=["case_id", "response"]).to_pylist()
    cases = dataset.built.case_by_id
    load_judge().verdicts([Exchange(cases[row["case_id"]], row["response"]) for row in rows])


def aggregate_alone(results: Path, dataset: OpenedDataset) -> None:
    """Aggregate and print seconds and peak memory; run in a process of its own."""
    began = time.perf_counter()
    done = aggregate(results, [dataset])
    _say(time.perf_counter() - began, sum(len(board.rows) for board in done.leaderboard.boards))


def score_alone(results: Path, dataset: OpenedDataset) -> None:
    """Read the verdicts of all submissions and score them once; in a process of its own too."""
    began = time.perf_counter()
    table = CaseTable.from_cases(dataset.built.cases())
    names = ("case_id", "response_hash", "judge", "rubric", *LABELS, "unscored_reason")
    answers = []
    for path in sorted(results.glob("reviews/*/*/verdicts.parquet")):
        rows = pq.read_table(path, columns=list(names)).to_pylist()
        hashes = {row["case_id"]: row["response_hash"] for row in rows}
        verdicts = [Verdict(**row) for row in rows]
        answers.append(
            ScoredAnswers.from_verdicts(
                table, verdicts, model=path.parts[-3], judge="embedded", rubric="random", hashes=hashes, failed={}
            )
        )
    compute_scores(answers, by=())
    _say(time.perf_counter() - began, len(answers))


def _say(seconds: float, rows: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    print(msgspec.json.encode({"seconds": seconds, "rows": rows, "mib": peak}).decode())


def main() -> int:
    """Print the figures; 1 where one is missed."""
    if len(sys.argv) == 4 and sys.argv[1] in ("--aggregate", "--score"):
        way = aggregate_alone if sys.argv[1] == "--aggregate" else score_alone
        way(Path(sys.argv[2]), locate_dataset(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks.submit")
    parser.add_argument("dataset", nargs="?", help="a built dataset; left out, cases are made up")
    parser.add_argument("--submissions", type=int, default=40, help="that stand already; each takes a second to make")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        dataset = locate_dataset(chosen.dataset) if chosen.dataset else made_up_dataset(work / "dataset")
        results = work / "results"
        fill(results, dataset, chosen.submissions)
        ours, floor = check(dataset, results, work)
        print(f"checking and judging {len(dataset.built.cases()):,} answers beside {chosen.submissions} submissions:")
        print(f"  {min(ours):.2f} s, unzipping, decoding and judging alone {min(floor):.2f} s")
        costs: dict[str, list[dict[str, float]]] = {"aggregate": [], "score": []}
        for _ in range(RUNS):
            for name in ("leaderboard.json", "leaderboard.parquet", "manifest.json"):
                (results / name).unlink(missing_ok=True)
            for what, found in costs.items():
                said = msgspec.json.decode(
                    run("-m", "benchmarks.submit", f"--{what}", str(results), dataset.name).output
                )
                if said["rows"] != chosen.submissions:
                    raise SystemExit(f"{said['rows']} rows instead of {chosen.submissions}")
                found.append(said)
        seconds = {what: min(one["seconds"] for one in found) for what, found in costs.items()}
        peak = max(one["mib"] for one in costs["aggregate"])
        print(f"aggregating {chosen.submissions} submissions of {len(dataset.built.cases()):,} answers:")
        print(
            f"  {seconds['aggregate']:.2f} s, peak memory {peak:.0f} MiB; reading and scoring {seconds['score']:.2f} s"
        )
        met = [
            told("checking a submission beside unzipping, decoding and judging it", min(ours) / min(floor), CHECK),
            told(
                "aggregating many submissions beside reading and scoring them",
                seconds["aggregate"] / seconds["score"],
                AGGREGATE,
            ),
            told(f"peak memory of aggregating beside {AT_MOST_MIB} MiB", peak / AT_MOST_MIB, 1.0),
        ]
    return int(not all(met))


if __name__ == "__main__":
    ends(main)
