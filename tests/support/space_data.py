"""What the Space is served from in tests: the small dataset, its results, and the hostile strings as cases."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Case, Records, Response
from eval.results.answer_set import load_answers
from eval.results.build import build_results
from eval.runs.verdict import hash_text
from eval.scores.scores import compute_scores
from tests.support.answers import make_case
from tests.support.hostile import strings
from tests.support.small_dataset import MODELS, build_small, response, small_records

# Answered by the first model with the string itself, by the second in plain words.
HOSTILE_MODEL, PLAIN_MODEL = MODELS


def hostile_cases() -> list[Case]:
    """A case for each hostile string, which stands in every free text of it."""
    return [
        make_case(
            f"hostile-{number:03}",
            "content_defeat",
            "club",
            defeat_subtype="obsolete",
            policy=text,
            defeat_condition=text,
            structural_facts=[text, text],
            user_query=text,
        )
        for number, text in enumerate(strings())
    ]


def space_records() -> Records:
    """The small study with the hostile cases behind it."""
    small = small_records()
    cases = hostile_cases()
    answers: dict[str, list[Response]] = {model: list(rows) for model, rows in small.responses.items()}
    for case, text in zip(cases, strings(), strict=True):
        hostile = response(case, HOSTILE_MODEL, "de")
        answers[HOSTILE_MODEL].append(
            msgspec.structs.replace(hostile, response=text, response_hash=hash_text(text), verdict_reasoning=text)
        )
        answers[PLAIN_MODEL].append(response(case, PLAIN_MODEL, "r"))
    return Records(cases=[*small.cases, *cases], responses=answers, verdict_reviews=small.verdict_reviews)


def build_space_dataset(out: Path) -> BuiltDataset:
    """Build it into a folder."""
    return build_small(out, space_records())


def write_results(dataset: Path, out: Path) -> Path:
    """Results of every model of a dataset, one ``results.json`` in a folder each."""
    found = load_answers(str(dataset))
    scores = compute_scores(found.answers, resamples=100)
    for one in build_results(scores, found.provenance()):
        folder = out / one.provenance.model.name
        folder.mkdir(parents=True)
        (folder / "results.json").write_bytes(one.to_json())
    return out
