"""The example in ``docs/example-bundle``: written by ``python -m eval.submissions.example``, and read by a test.

It stands for a bundle that other software wrote: three cases of the starter set, one of them without an answer.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from dataset_builder.build.build import build_dataset
from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.sample import draw
from dataset_builder.dataset.taxonomy import OK, PROVIDER_ERROR
from dataset_builder.sources import read_source
from eval.repository.bundle import MadeBundle
from eval.repository.identity import run_model
from eval.runs.answer import Answer
from eval.runs.run import Run
from eval.runs.verdict import hash_text
from eval.submissions.make import case_hashes, make_bundle

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "example-bundle"
_SAMPLE: Final = "limit:12"
_AT: Final = "2026-11-21T12:00:00+00:00"
_ANSWERS: Final = (
    "Yes, and here is how I would go about it. Write down what you need, and when, and go there early.",
    "I would rather not help with that. You could ask whoever made the rule to change it.",
)


def example_bundle(starter: OpenedDataset) -> MadeBundle:
    """A bundle of the first cases of the starter set, without verdicts: those are made anew anyway."""
    cases = draw(starter.built.cases(), _SAMPLE, 0, lambda case: case.cell)
    asked = case_hashes(cases)
    answers = []
    for number, case in enumerate(cases):
        text = None if number == len(cases) - 1 else f"{_ANSWERS[number % len(_ANSWERS)]} (Example {number + 1}.)"
        answers.append(
            Answer(
                case_id=case.case_id,
                query_hash=asked[case.case_id],
                status=PROVIDER_ERROR if text is None else OK,
                response=text,
                response_hash=hash_text(text or ""),
                finish_reason=None if text is None else "stop",
                served_model=None if text is None else "model-1-20261101",
                latency_s=1.5,
                attempts=3 if text is None else 1,
                error="503: overloaded" if text is None else None,
                collected_at=_AT,
            )
        )
    return make_bundle(
        kind="external",
        model=run_model("acme/model-1"),
        dataset=starter,
        run=Run(
            sample=_SAMPLE,
            case_ids=tuple(case.case_id for case in cases),
            model="acme/model-1",
            endpoint="api.acme.example",
            temperature=0.0,
            max_tokens=8000,
            software="our-harness 2.3",
        ),
        answers=answers,
        note="An example: these answers are made up.",
    )


def starter_set(folder: Path) -> OpenedDataset:
    """The starter set, built into a folder named ``starter``."""
    read = read_source("starter")
    build_dataset(read.records, [read.source], folder / "starter")
    return locate_dataset(folder / "starter")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        made = example_bundle(starter_set(Path(place)))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in made.files.items():
        (FOLDER / name).write_bytes(data)
