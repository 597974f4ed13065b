"""Checking a whole submission, and the leaderboard of many: ``python -m benchmarks.submit [DATASET]``.

One bundle of as many answers as the dataset has cases (by default 1,290 made-up ones) is opened from a zip,
checked beside 200 earlier submissions, judged again by the offline judge and scored on every slice. Then
those 200 submissions are aggregated in a process of its own, whose peak memory is its whole.
"""

from __future__ import annotations

import io
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import msgspec

from dataset_builder.build.build import build_dataset
from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Case, Records
from dataset_builder.dataset.taxonomy import AUTHORITY_BY_ID, DIMENSIONS, POPULATED_CELLS, SUBTYPES, cell, is_defeated
from eval.boards.aggregate import aggregate
from eval.repository.bundle import MadeBundle
from eval.repository.folder import add_review, add_submission
from eval.repository.identity import run_model
from eval.reviews.decision import review_submission
from eval.reviews.report import report_on_upload
from eval.reviews.verdicts import Rejudged
from eval.runs.answer import Answer
from eval.runs.run import Run
from eval.runs.verdict import Verdict, hash_text
from eval.submissions.make import case_hashes, make_bundle
from eval.submissions.submission import Submission, read_submission

RUNS = 3
SUBMISSIONS = 200
CASES = 1290
AT_MOST_CHECK_S, AT_MOST_AGGREGATE_S, AT_MOST_MIB = 4.0, 5.0, 500
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


def fill(results: Path, dataset: OpenedDataset) -> None:
    """200 reviewed submissions, every one with its own answers."""
    for number in range(SUBMISSIONS):
        made = bundle(dataset, number)
        submission = read_submission(made.files)
        review = review_submission(submission, dataset, random_verdicts(submission, number), seed=0)
        add_submission(results, made)
        add_review(results, made.place, review.files)


def check(dataset: OpenedDataset, results: Path, work: Path) -> list[float]:
    """Seconds for a whole submission, from the zip to the preview; the first one also loads the judge."""
    times = []
    for number in range(RUNS + 1):
        made = bundle(dataset, 10_000 + number)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in made.files.items():
                archive.writestr(f"run/{name}", data)
        path = work / f"{number}.zip"
        path.write_bytes(stream.getvalue())
        began = time.perf_counter()
        report = report_on_upload(path, [dataset], results)
        times.append(time.perf_counter() - began)
        if not report.ok or not report.rows:
            raise SystemExit("\n".join(report.lines() or ["the offline judge is not installed"]))
    return times


def aggregate_alone(results: Path, dataset: OpenedDataset) -> None:
    """Aggregate and print seconds and peak memory; run in a process of its own."""
    began = time.perf_counter()
    done = aggregate(results, [dataset])
    seconds = time.perf_counter() - began
    rows = sum(len(board.rows) for board in done.leaderboard.boards)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(msgspec.json.encode({"seconds": seconds, "rows": rows, "mib": peak}).decode())


def main() -> None:
    """Print the figures; exit code 1 where one is above its limit."""
    if len(sys.argv) == 4 and sys.argv[1] == "--aggregate":
        aggregate_alone(Path(sys.argv[2]), locate_dataset(sys.argv[3]))
        return
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        dataset = locate_dataset(sys.argv[1]) if len(sys.argv) > 1 else made_up_dataset(work / "dataset")
        results = work / "results"
        fill(results, dataset)
        first, *times = check(dataset, results, work)
        print(f"checking and judging {len(dataset.built.cases()):,} answers beside {SUBMISSIONS} submissions:")
        print(
            f"  {statistics.median(times):.2f} s (median of {RUNS}; the first, with loading the judge, {first:.2f} s)"
        )
        seconds, peaks = [], []
        for _ in range(RUNS):
            for name in ("leaderboard.json", "leaderboard.parquet", "manifest.json"):
                (results / name).unlink(missing_ok=True)
            command = [sys.executable, "-m", "benchmarks.submit", "--aggregate", str(results), dataset.name]
            told = msgspec.json.decode(subprocess.run(command, check=True, capture_output=True).stdout)
            if told["rows"] != SUBMISSIONS:
                raise SystemExit(f"{told['rows']} rows instead of {SUBMISSIONS}")
            seconds.append(told["seconds"])
            peaks.append(told["mib"])
        print(f"aggregating {SUBMISSIONS} submissions of {len(dataset.built.cases()):,} answers:")
        print(f"  {statistics.median(seconds):.2f} s (median of {RUNS}), peak memory {max(peaks):.0f} MiB")
        limits = (
            max(first, statistics.median(times)) <= AT_MOST_CHECK_S,
            statistics.median(seconds) <= AT_MOST_AGGREGATE_S,
            max(peaks) <= AT_MOST_MIB,
        )
        told = "kept" if all(limits) else "NOT KEPT"
        print(f"at most {AT_MOST_CHECK_S:g} s, {AT_MOST_AGGREGATE_S:g} s and {AT_MOST_MIB} MiB: {told}")
        sys.exit(0 if all(limits) else 1)


if __name__ == "__main__":
    main()
