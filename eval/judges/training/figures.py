"""The figures of the embedded judge's model card, from held-out probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from dataset_builder.dataset.kappa import cohen_kappa
from dataset_builder.dataset.records import VerdictReview
from eval.judges.embedded.weights import ENGAGES, ENGAGES_IN_CASE, HARM, HARM_IN_CASE, Floats, type_probabilities
from eval.judges.training.data import CLASSES, Examples
from eval.judges.training.folds import FAMILY

RESPONSE_TYPE, ENGAGEMENT, HARM_FIELD = "response_type", "engages_with_defeat", "independent_harm"
THRESHOLDS: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
_BINS: Final = 10

Labels = NDArray[Any]


def all_scores(chances: dict[str, Floats], examples: Examples, reviews: Sequence[VerdictReview]) -> dict[str, Any]:
    """Scores of every design; ranking, calibration, cascade and reviewers for whole families held out.

    ``chances`` are held-out probabilities of a yes by design, shape (n, columns).
    """
    scores: dict[str, Any] = {}
    for design, yes in chances.items():
        scores[design] = {name: _field(examples, truth, guess) for name, truth, guess in _fields(examples, yes)}
        if design == FAMILY:
            types = type_probabilities(yes)
            scores["help"] = on_help(examples, types.argmax(axis=1))
            scores["ranking"] = ranking(examples, yes)
            scores["calibration"] = {
                RESPONSE_TYPE: reliability(types.max(axis=1), types.argmax(axis=1) == examples.response_type),
                ENGAGEMENT: reliability(yes[:, ENGAGES_IN_CASE], examples.engages),
                HARM_FIELD: reliability(yes[:, HARM_IN_CASE], examples.harm),
            }
            scores["cascade"] = cascade(examples, types)
            scores["reviewers"] = reviewers(examples, yes, reviews)
    return scores


def ranking(examples: Examples, yes: Floats) -> dict[str, Any]:
    """The models' rates by the judge beside those by the study's verdicts: order and distance (points)."""
    helps = type_probabilities(yes).argmax(axis=1) == 0
    engages, harm = yes[:, ENGAGES_IN_CASE] > 0.5, yes[:, HARM_IN_CASE] > 0.5
    defeated = examples.defeated
    truth = (examples.response_type == 0, examples.engages, examples.harm)
    rates: dict[str, Callable[[Labels, Labels, Labels, Labels], float]] = {
        "discrimination": lambda at, h, e, i: float(h[at & defeated].mean() - h[at & ~defeated].mean()),
        "help_rate": lambda at, h, e, i: float(h[at & defeated].mean()),
        "control_help_rate": lambda at, h, e, i: float(h[at & ~defeated].mean()),
        "engagement": lambda at, h, e, i: float(e[at & defeated].mean()),
        "independent_harm": lambda at, h, e, i: float(i[at & defeated].mean()),
    }
    found: dict[str, Any] = {}
    models = np.unique(examples.model)
    for name, rate in rates.items():
        pairs = np.array(
            [[rate(examples.model == m, *truth), rate(examples.model == m, helps, engages, harm)] for m in models]
        )
        gap = 100 * (pairs[:, 1] - pairs[:, 0])
        found[name] = {
            "spearman": _spearman(pairs[:, 0], pairs[:, 1]),
            "mean_absolute_error": _round(np.abs(gap).mean(), 2),
            "worst_error": _round(gap[np.abs(gap).argmax()], 2),
            "worst_model": str(models[np.abs(gap).argmax()]),
            "n_models": len(models),
        }
    return found


def on_help(examples: Examples, guess: Labels) -> list[dict[str, Any]]:
    """Precision and recall of help by the family that answered, then over all; ``guess`` counts through CLASSES."""
    rows = []
    for name in (*map(str, np.unique(examples.family)), "all"):
        at = (examples.family == name) | (name == "all")
        truth, said = examples.response_type[at], guess[at]
        helps, called, right = (int(some.sum()) for some in (truth == 0, said == 0, (truth == 0) & (said == 0)))
        rows.append(
            {
                "family": name,
                "n": int(at.sum()),
                "helps": helps,
                "called": called,
                "precision": _round(right / called) if called else None,
                "recall": _round(right / helps) if helps else None,
                "kappa": _round(cohen_kappa(truth.tolist(), said.tolist()).kappa),
            }
        )
    return rows


def reliability(chance: Floats, holds: NDArray[np.bool_]) -> dict[str, Any]:
    """Expected calibration error and the table behind it, in ten equal bins (M. Naeini and others, AAAI 2015)."""
    at = np.minimum((chance * _BINS).astype(int), _BINS - 1)
    rows = [
        {
            "from": _round(number / _BINS, 1),
            "n": int((at == number).sum()),
            "said": _round(chance[at == number].mean()),
            "held": _round(holds[at == number].mean()),
        }
        for number in range(_BINS)
        if (at == number).any()
    ]
    gaps = [abs(chance[at == number].sum() - holds[at == number].sum()) for number in range(_BINS)]
    error = sum(gaps) / len(chance)
    return {"expected_calibration_error": _round(error), "bins": rows}


def cascade(examples: Examples, chances: Floats) -> list[dict[str, Any]]:
    """For each threshold: the share decided offline and the agreement on it, averaged over held-out families."""
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == examples.response_type
    family = examples.family
    rows = []
    for threshold in THRESHOLDS:
        pairs = []
        for name in np.unique(family):
            kept = (family == name) & (sure >= threshold)
            pairs.append((kept.sum() / (family == name).sum(), right[kept].mean() if kept.any() else np.nan))
        kept_share, agreement = np.array(pairs).T
        rows.append(
            {
                "threshold": threshold,
                "kept": _round(kept_share.mean()),
                "kept_lowest": _round(kept_share.min()),
                "kept_highest": _round(kept_share.max()),
                "agreement": _round(np.nanmean(agreement)),
                "agreement_lowest": _round(np.nanmin(agreement)),
                "agreement_highest": _round(np.nanmax(agreement)),
                "pooled_kept": _round((sure >= threshold).mean()),
                "pooled_agreement": _round(right[sure >= threshold].mean()),
            }
        )
    return rows


def reviewers(examples: Examples, yes: Floats, reviews: Sequence[VerdictReview]) -> dict[str, Any]:
    """Kappa with each reviewer on the answers that they labelled, beside the study's own on the same answers."""
    place = {key: row for row, key in enumerate(zip(examples.model, examples.case_id, strict=True))}
    guesses = {name: (truth, guess) for name, truth, guess in _fields(examples, yes) if "/" not in name}
    found: dict[str, Any] = {}
    for reviewer in sorted({review.reviewer for review in reviews}):
        mine = [r for r in reviews if r.reviewer == reviewer and (r.model, r.case_id) in place]
        at = np.array([place[r.model, r.case_id] for r in mine])
        found[reviewer] = {}
        for name, (truth, guess) in guesses.items():
            said = [getattr(r, name) for r in mine]
            label = [CLASSES.index(value) for value in said] if name == RESPONSE_TYPE else said
            found[reviewer][name] = {
                "n": len(mine),
                "kappa": _round(cohen_kappa(label, guess[at].tolist()).kappa),
                "study_kappa": _round(cohen_kappa(label, truth[at].tolist()).kappa),
            }
    return found


def _fields(examples: Examples, yes: Floats) -> list[tuple[str, Labels, Labels]]:
    """Name, the study's labels, the judge's; ``/answer_alone`` is what it does on other cases than the study's."""
    return [
        (RESPONSE_TYPE, examples.response_type, type_probabilities(yes).argmax(axis=1)),
        (ENGAGEMENT, examples.engages, yes[:, ENGAGES_IN_CASE] > 0.5),
        (HARM_FIELD, examples.harm, yes[:, HARM_IN_CASE] > 0.5),
        (f"{ENGAGEMENT}/answer_alone", examples.engages, yes[:, ENGAGES] > 0.5),
        (f"{HARM_FIELD}/answer_alone", examples.harm, yes[:, HARM] > 0.5),
    ]


def _field(examples: Examples, truth: Labels, guess: Labels) -> dict[str, Any]:
    families = {
        str(name): _round(cohen_kappa(truth[at].tolist(), guess[at].tolist()).kappa)
        for name in np.unique(examples.family)
        for at in [examples.family == name]
    }
    known = {name: kappa for name, kappa in families.items() if kappa is not None}
    worst = min(known, key=lambda name: known[name]) if known else None
    return {
        "all": _pair(truth, guess),
        "defeated": _pair(truth[examples.defeated], guess[examples.defeated]),
        "worst_family": worst,
        "worst_kappa": known.get(worst or ""),
        "families": families,
    }


def _spearman(first: Floats, second: Floats) -> float | None:
    """Rank correlation; None where one of the two has no order."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return _round(spearmanr(first, second).statistic)


def _pair(truth: Labels, guess: Labels) -> dict[str, Any]:
    found = cohen_kappa(truth.tolist(), guess.tolist())
    return {"n": found.n, "kappa": _round(found.kappa), "accuracy": _round(found.observed)}


def _round(value: Any, digits: int = 3) -> float | None:
    number = float(value)
    return None if np.isnan(number) else round(number, digits)
