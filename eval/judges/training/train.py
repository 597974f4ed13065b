"""Training the embedded judge anew: ``python -m eval.judges.training.train [--dataset DIR | --source ARCHIVE]``.

It measures the judge on families of models (and on cells) that it has not seen, then fits the
weights that are shipped on everything, and writes the weights, what the held-out fits said of the
families that they had not seen, and the manifest together. The same data on the same machine give
the same bytes. One process; about twenty minutes on one core, most of
it for the held-out figures.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import numpy as np

from dataset_builder.dataset.records import Records
from dataset_builder.errors import BlindRefusalError
from dataset_builder.extras import needed_extras
from dataset_builder.sources import STUDY, read_source
from dataset_builder.storage.files import write_file
from eval.judges.embedded import features, judge, second_look, topic
from eval.judges.embedded.held_out import HELDOUT_FILE, pack_heldout
from eval.judges.embedded.judge import WEIGHTS_FILE, rubric_of
from eval.judges.embedded.weights import COLUMNS, ENGAGES_IN_CASE, HARM_IN_CASE, Weights, pack, type_probabilities
from eval.judges.training.data import CELL_GROUPS, Examples, Matrices, feature_matrices, read_examples
from eval.judges.training.figures import all_scores
from eval.judges.training.fit import FEWEST, ITERATIONS, RECIPES, fit, weights_of
from eval.judges.training.folds import (
    DESIGNS,
    FAMILY,
    HeldOut,
    Keep,
    held_out,
    heldout_probabilities,
    looked_at_again,
    slopes,
)
from eval.judges.training.forgeries import forge
from eval.judges.training.robustness import robustness
from eval.judges.training.topics import GATES, fit_space, held_out_judges, occurrences
from eval.runs.verdict import hash_text

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--dataset", help="A built dataset (DIR or NAMESPACE/NAME[@REVISION]) with answers and verdicts.")
@click.option("--source", default=STUDY, show_default=True, help="The study's archive, if there is no --dataset.")
@click.option("--out", type=_FOLDER, help="Where the three files go; into the package if not given.")
@click.option("--heldout", type=_FOLDER, help="Keep the held-out fits here as they are made, and use them again.")
def main(dataset: str | None, source: str, out: Path | None, heldout: Path | None) -> None:
    """Train the embedded judge and write its weights, held-out verdicts and manifest."""
    from eval.judges.embedded.held_out import HELDOUT_FILE
    from eval.judges.embedded.judge import MANIFEST_FILE, WEIGHTS_FILE

    try:
        with needed_extras():
            import sklearn  # noqa: F401 - to be told before the work begins
        trained = train(_records(dataset, source), heldout=heldout, told=click.echo)
    except BlindRefusalError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    folder = out or WEIGHTS_FILE.parent
    # The manifest names the others' hashes, so whoever opens a part of them is told.
    write_file(folder / WEIGHTS_FILE.name, trained.weights)
    write_file(folder / HELDOUT_FILE.name, trained.heldout)
    write_file(folder / MANIFEST_FILE.name, trained.manifest)
    click.echo(f"{folder / WEIGHTS_FILE.name}: {len(trained.weights)} bytes; figures in {folder / MANIFEST_FILE.name}")


def _records(dataset: str | None, source: str) -> Records:
    if dataset is None:
        return read_source(source).records
    from dataset_builder.build.check import read_records
    from dataset_builder.dataset.opened import open_dataset

    return read_records(open_dataset(dataset))


# From the study's records to the embedded judge's three files, as bytes.


Told = Callable[[str], None]
# What the package may carry.
LARGEST: Final = 4_000_000
_SETTINGS: Final = ("BITS", "CASE_BITS", "BODY_CHARS", "TAIL_CHARS", "HEAD_WORDS", "TAIL_WORDS", "GRAMS")


class Trained(NamedTuple):
    """The three files as bytes."""

    weights: bytes
    heldout: bytes
    manifest: bytes


def train(records: Records, *, heldout: Path | None = None, told: Told = lambda _: None) -> Trained:
    """Weights, held-out verdicts and manifest, from the study's records.

    ``heldout`` is a folder to keep the held-out fits in, which take most of the time; those that
    were made from the same data and settings are used again. Raises InputError where the records
    hold no verdicts.
    """
    examples = read_examples(records)
    told(f"{len(examples)} answers with verdicts, of {len(np.unique(examples.model))} models")
    matrices = feature_matrices(examples)
    held = _heldout(matrices, examples, heldout, told)
    judges, gates = held_out_judges(unseen(held[FAMILY], examples), examples, forge(examples), told)
    chances = {design: heldout_probabilities(found.logits, examples) for design, found in held.items()}
    # By families and cells the figures are of the words alone.
    yes = chances[FAMILY] = looked_at_again(chances[FAMILY], judges, examples)
    scores = all_scores(chances, examples, records.verdict_reviews) | robustness(judges, examples, told)
    told("fitting on everything")
    everything = np.ones(len(examples), np.bool_)
    found = fit(matrices, examples, everything, told=told)
    space = fit_space(examples, everything, occurrences(examples.texts))
    data = pack(weights_of(found, slopes(held[FAMILY].logits, examples, everything), space, gates))
    if len(data) > LARGEST:
        raise BlindRefusalError(
            f"the weights take {len(data)} bytes, more than the {LARGEST} that the package may carry"
        )
    verdicts = pack_heldout(
        list(examples.family),
        list(examples.case_id),
        list(map(hash_text, examples.texts)),
        type_probabilities(yes),
        yes[:, ENGAGES_IN_CASE] > 0.5,
        yes[:, HARM_IN_CASE] > 0.5,
    )
    manifest = _manifest(examples, data, verdicts, scores)
    text = json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return Trained(data, verdicts, text.encode())


def settings(examples: Examples) -> dict[str, Any]:
    """All that decides the weights, but for the code itself."""
    return {
        "training_data": {
            "sha256": examples.sha256,
            "answers": len(examples),
            "cases": len(np.unique(examples.case_id)),
            "models": sorted(map(str, np.unique(examples.model))),
            "families": sorted(map(str, np.unique(examples.family))),
            "cell_groups": CELL_GROUPS,
        },
        "features": {"version": features.VERSION, **{name.lower(): getattr(features, name) for name in _SETTINGS}},
        "second_look": {
            "firm": second_look.FIRM,
            "nearly": judge.NEARLY,
            "left_out": second_look.LEFT_OUT,
            "less_ahead": second_look.LESS_AHEAD,
            "less_behind": second_look.LESS_BEHIND,
            "less_related": second_look.LESS_RELATED,
            "later": judge.LATER,
            "known_words": second_look.KNOWN_WORDS,
            "dimensions": topic.DIMENSIONS,
            "near": topic.NEAR,
            "near_apart": topic.NEAR_APART,
            "rare": topic.RARE,
            "gates": [{"measures": names, "keeps_out": kinds, "outside": share} for names, kinds, share in GATES],
        },
        "fits": {
            "fewest_answers": FEWEST,
            "iterations": ITERATIONS,
            **{COLUMNS[column]: [recipe._asdict() for recipe in recipes] for column, recipes in RECIPES.items()},
        },
    }


def _manifest(examples: Examples, data: bytes, verdicts: bytes, scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "judge": "embedded",
        "rubric": rubric_of(data),
        "weights": _file(WEIGHTS_FILE, data),
        "heldout_verdicts": _file(HELDOUT_FILE, verdicts),
        **settings(examples),
        "versions": {"python": platform.python_version(), "numpy": version("numpy"), "scipy": version("scipy")},
        "heldout": scores,
    }


def _file(path: Path, data: bytes) -> dict[str, Any]:
    return {"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def unseen(held: HeldOut, examples: Examples) -> dict[str, Weights]:
    """The weights of each family's held-out fit, with a space of their own and gates that let everything in."""
    words = occurrences(examples.texts)
    found = {}
    for name, fitted in held.fits.items():
        others = examples.family != name
        slope = slopes(held.logits, examples, others)
        found[name] = weights_of(fitted, slope, fit_space(examples, others, words), second_look.Gates.open())
    return found


def _heldout(matrices: Matrices, examples: Examples, folder: Path | None, told: Told) -> dict[str, HeldOut]:
    keep = None if folder is None else kept_in(folder, examples)
    return {design: held_out(matrices, examples, design, told, keep) for design in DESIGNS}


def kept_in(folder: Path, examples: Examples) -> Keep:
    """Where the held-out fits of some examples are kept."""
    # Of the settings those that decide a fit: a change of the second look leaves the fits as they are.
    decide = {name: value for name, value in settings(examples).items() if name != "second_look"}
    return Keep(folder, json.dumps(decide, sort_keys=True))


if __name__ == "__main__":
    # More threads add numbers up in another order, and the bytes would differ. Numpy reads this as it is loaded: it is
    # too late for this process.
    if any(os.environ.get(name) != "1" for name in _THREADS):
        try:
            import sklearn  # noqa: F401 - before this process is given up
        except ImportError:
            # Says what to install.
            main()
        os.execve(  # noqa: S606 - this program again
            sys.executable,
            [sys.executable, "-m", "eval.judges.training.train", *sys.argv[1:]],
            os.environ | dict.fromkeys(_THREADS, "1"),
        )
    main()
