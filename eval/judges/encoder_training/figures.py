"""Figures that the encoder's card has beside those of the embedded judge's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from dataset_builder.dataset.kappa import cohen_kappa
from eval.judges.embedded.weights import Floats
from eval.judges.encoder_training.combine import ENCODER_ENGAGES, ENCODER_HARM, TYPES
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


def area_under_curve(scores: Floats, yes: NDArray[np.bool_]) -> float:
    """How often a yes has a higher score than a no; ties count half."""
    ranks, n = rankdata(scores), int(yes.sum())
    return float((ranks[yes].sum() - n * (n + 1) / 2) / (n * (len(yes) - n)))


def _kappa(truth: NDArray[Any], said: NDArray[Any]) -> float | None:
    found = cohen_kappa(truth.tolist(), said.tolist()).kappa
    return None if np.isnan(found) else round(float(found), 3)
