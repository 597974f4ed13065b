"""Figures that the encoder's card has beside those of the embedded judge's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from dataset_builder.dataset.kappa import cohen_kappa
from eval.judges.embedded.weights import Floats
from eval.judges.encoder.combining import Combination
from eval.judges.encoder_training.combine import ENCODER_ENGAGES, ENCODER_HARM, TYPES, as_read, said_by_words
from eval.judges.encoder_training.folds import Found, Job
from eval.judges.training.data import Examples


def alone(scores: Floats, examples: Examples) -> dict[str, float | None]:
    """Kappa of the response type by the encoder without the words, by family and over all."""
    said = scores[:, TYPES].argmax(axis=1)
    parts = {str(name): examples.family == name for name in np.unique(examples.family)}
    return {
        name: _kappa(examples.response_type[mine], said[mine])
        for name, mine in {**parts, "all": np.ones(len(said), np.bool_)}.items()
    }


def point(found: Found, job: Job, examples: Examples) -> dict[str, Any]:
    """One point of the curve: how good the encoder alone is by a share of the answers."""
    mine = np.isin(examples.family, job.families)
    scores, truth = found.scores[mine], examples.response_type[mine]
    margin = scores[:, 0] - np.logaddexp(scores[:, 1], scores[:, 2])
    return {
        "family": "+".join(job.families),
        "share": job.share,
        "answers": round(job.share * int((~mine).sum())),
        "kappa": _kappa(truth, scores[:, TYPES].argmax(axis=1)),
        "area_under_curve": round(float(area_under_curve(margin, truth == 0)), 4),
        "engagement_kappa": _kappa(examples.engages[mine], scores[:, ENCODER_ENGAGES] > 0),
        "harm_kappa": _kappa(examples.harm[mine], scores[:, ENCODER_HARM] > 0),
    }


def new_cells(
    families: tuple[Floats, Floats],
    families_and_cells: tuple[Floats, Floats],
    factors: Mapping[str, Mapping[str, Floats]],
    examples: Examples,
) -> list[dict[str, Any]]:
    """Kappa of answers whose family was held out, and of the same answers where their cells were held out as well.

    Both have the words' probabilities (n, columns) and the encoder's scores (n, SCORES), the latter NaN but for the
    answers that count. ``factors`` are by family. All is read, and the second look is left out.
    """
    asked = ~np.isnan(families_and_cells[1][:, 0])
    said = {name: np.zeros((2, len(examples)), np.int64) for name in ("response_type", "engagement", "harm")}
    said |= {f"{name}, words alone": found.copy() for name, found in said.items()}
    for family, given in factors.items():
        mine = asked & (examples.family == family)
        combination = Combination.of(given)
        for at, (words, scores) in enumerate((families, families_and_cells)):
            by_words = said_by_words(words[mine], np.ones(int(mine.sum()), np.bool_))
            for end, found in (("", combination.both(by_words, scores[mine])), (", words alone", by_words)):
                said[f"response_type{end}"][at, mine] = found.types.argmax(axis=1)
                said[f"engagement{end}"][at, mine] = found.engages > 0
                said[f"harm{end}"][at, mine] = found.harm > 0
    truth = {"response_type": examples.response_type, "engagement": examples.engages, "harm": examples.harm}
    rows = []
    for family in (*factors, "all"):
        mine = asked & ((examples.family == family) | (family == "all"))
        if not mine.any():
            continue
        kappas = {
            name: [_kappa(truth[name.partition(",")[0]][mine].astype(np.int64), guess[mine]) for guess in both]
            for name, both in said.items()
        }
        rows.append({"family": family, "n": int(mine.sum()), "kappa": kappas})
    return rows


def reading(
    words: Floats,
    scores: Floats,
    first: Floats,
    factors: Mapping[str, Mapping[str, Floats]],
    examples: Examples,
    windows: NDArray[np.int64],
) -> dict[str, Any]:
    """How much is read of the answers of families that were held out, and what it changes.

    ``factors`` are by family; the second look, which decides on help, is left out.
    """
    read, kappas, changed = np.zeros(len(windows)), dict[str, list[float | None]](), np.zeros(3, np.int64)
    labels = np.zeros((2, 3, len(windows)), np.int64)
    for family, given in factors.items():
        mine = examples.family == family
        combination, said = Combination.of(given), said_by_words(words[mine], np.ones(int(mine.sum()), np.bool_))
        part = as_read(said, scores[mine], first[mine], combination)
        stopped = (part == first[mine]).all(axis=1)
        read[mine] = np.where(np.isnan(part[:, 0]), 0, np.where(stopped, 1, windows[mine]))
        for at, some in enumerate((scores[mine], part)):
            found = combination.both(said, some)
            labels[at][:, mine] = found.types.argmax(axis=1), found.engages > 0, found.harm > 0
    truth = (examples.response_type, examples.engages, examples.harm)
    for name, given_labels in zip(("whole", "as_needed"), labels, strict=True):
        kappas[name] = [_kappa(right.astype(np.int64), one) for right, one in zip(truth, given_labels, strict=True)]
    changed = (labels[0] != labels[1]).sum(axis=1)
    return {
        "windows": round(float(windows.mean()), 2),
        "windows_read": round(float(read.mean()), 2),
        "not_read": round(float((read == 0).mean()), 3),
        "one_of_several": round(float(((read == 1) & (windows > 1)).mean()), 3),
        "changed": changed.tolist(),
        "kappa": kappas,
    }


def area_under_curve(scores: Floats, yes: NDArray[np.bool_]) -> float:
    """How often a yes has a higher score than a no; ties count half."""
    ranks, n = rankdata(scores), int(yes.sum())
    return float((ranks[yes].sum() - n * (n + 1) / 2) / (n * (len(yes) - n)))


def _kappa(truth: NDArray[Any], said: NDArray[Any]) -> float | None:
    found = cohen_kappa(truth.tolist(), said.tolist()).kappa
    return None if np.isnan(found) else round(float(found), 3)
