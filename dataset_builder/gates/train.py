"""Training the gates' classifiers anew: ``python -m dataset_builder.gates.train [--source ARCHIVE]``.

Measures them on cells held out, then fits the weights that are shipped on everything, and writes
weights and manifest together. The same data on the same machine give the same bytes. Under a minute.
Needs the extra ``train``; what it makes is read without it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dataset_builder.batch.gate_records import DUAL_USE, FULL, REASONABLE_JUDGE
from dataset_builder.dataset.records import Records
from dataset_builder.dataset.taxonomy import cell
from dataset_builder.errors import BlindRefusalError
from dataset_builder.extras import needed_extras
from dataset_builder.gates.agreement import agreement_of, study_lines
from dataset_builder.gates.embedded import SLOTS, TRAINED, GateWeights, slots_of
from dataset_builder.gates.registry import GATE_BY_ID
from dataset_builder.sources import STUDY, read_source


@click.command()
@click.option("--source", default=STUDY, show_default=True, help="The study's archive.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where the files go, if not the package.")
def main(source: str, out: Path | None) -> None:
    """Train the gates' classifiers and write their weights and manifest."""
    from dataset_builder.gates.embedded import BITS, MANIFEST_FILE, MODEL, VERSION, WEIGHTS_FILE, pack
    from dataset_builder.storage.files import write_file

    try:
        with needed_extras():
            import sklearn  # noqa: F401 - to be told before the work begins
        weights, about = train_gates(read_source(source).records)
    except BlindRefusalError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    data = pack(weights)
    folder = out or WEIGHTS_FILE.parent
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "model": MODEL,
        "weights": {"file": WEIGHTS_FILE.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        "features": {"version": VERSION, "bits": BITS},
        "versions": {
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "scikit-learn": version("scikit-learn"),
        },
        **about,
    }
    write_file(folder / WEIGHTS_FILE.name, data)
    write_file(folder / MANIFEST_FILE.name, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    click.echo(f"{folder / WEIGHTS_FILE.name}: {len(data):,} bytes; figures in {folder / MANIFEST_FILE.name}")


# Fitting the gates' classifiers on the study's verdicts, and measuring them on cells held out.
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FOLDS: Final = 10
# Of the values tried (1e-2 to 3e-5), held-out figures are flat from 3e-4 down.
PENALTY: Final = 1e-4
LABELS: Final = {REASONABLE_JUDGE: ("passes", "fails"), DUAL_USE: ("flagged", "clear")}


@dataclass(frozen=True, eq=False)
class GateExamples:
    """Cases with one gate's verdict: features (n, slots), the yes of each (n,), and the fold of its cell (n,)."""

    features: sp.csr_array
    yes: Bools
    fold: NDArray[np.int64]
    sha256: str


def read_examples(records: Records, gate: str) -> GateExamples:
    """The cases that the study's gate judged. Raises InputError where there are none."""
    verdicts = {v.case_id: v for v in records.gates if v.stage == FULL and v.gate == gate and not v.error}
    lines = [x for x in study_lines(records, [GATE_BY_ID[gate]], None, 0) if x.case_id in verdicts]
    slots = [slots_of(line, line.defeat_family) for line in lines]
    yes = np.array(
        [bool(verdicts[x.case_id].flagged if gate == DUAL_USE else verdicts[x.case_id].passed) for x in lines]
    )
    cells = [cell(line.defeat_family, line.authority_type) for line in lines]
    fold_of = {name: number % FOLDS for number, name in enumerate(sorted(set(cells)))}
    facts = [[x.case_id, bool(y), s.tolist()] for x, y, s in zip(lines, yes, slots, strict=True)]
    return GateExamples(
        _matrix(slots),
        yes,
        np.array([fold_of[name] for name in cells]),
        hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
    )


def fit(examples: GateExamples, rows: Bools) -> tuple[NDArray[np.float32], float]:
    """Weights and bias of a logistic regression whose mean loss bears a penalty on squares."""
    features, yes = examples.features[rows], examples.yes[rows]
    weights, bias = _fit(features, yes, 1 / (PENALTY * yes.size))
    return weights.astype(np.float32), bias


def _fit(features: sp.csr_array | Floats, yes: Bools, strength: float) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression

    # More threads add numbers up in another order, and gain nothing on vectors of this length.
    with threadpool_limits(1):
        found = LogisticRegression(C=strength, tol=1e-7, max_iter=1000).fit(features, yes)
    return found.coef_[0], float(found.intercept_[0])


def heldout_logits(examples: GateExamples) -> Floats:
    """The logit of each case by weights that were fitted without its cell."""
    logits = np.full(examples.yes.size, np.nan)
    for number in range(FOLDS):
        out = examples.fold == number
        weights, bias = fit(examples, ~out)
        logits[out] = examples.features[out] @ weights + bias
    return logits


def train_gate(examples: GateExamples) -> tuple[GateWeights, Floats]:
    """Weights fitted on everything and calibrated on held-out logits; and those logits."""
    held = heldout_logits(examples)
    weights, bias = fit(examples, np.ones(examples.yes.size, np.bool_))
    slope, offset = platt(held, examples.yes)
    return GateWeights(weights, bias, slope, offset), held


def heldout_figures(gate: str, examples: GateExamples, logits: Floats) -> dict[str, Any]:
    """What the held-out logits are worth; each fold is calibrated on the others."""
    from sklearn.metrics import roc_auc_score

    yes = examples.yes
    chances = np.empty_like(logits)
    for number in range(FOLDS):
        out = examples.fold == number
        slope, offset = platt(logits[~out], yes[~out])
        chances[out] = _sigmoid(slope * logits[out] + offset)
    labels = LABELS[gate]
    study, ours = ([labels[0] if one else labels[1] for one in some] for some in (yes, chances >= 0.5))
    found = agreement_of(gate, labels, study, ours)
    order = np.argsort(chances, kind="stable")
    lowest = {str(share): order[: round(share / 100 * yes.size)] for share in (10, 20, 30)}
    fails = (
        {}
        if gate == DUAL_USE
        else {s: round(float((~yes[rows]).sum() / (~yes).sum()), 4) for s, rows in lowest.items()}
    )
    return {
        "n": int(yes.size),
        "yes": int(yes.sum()),
        "labels": list(labels),
        "auc": round(float(roc_auc_score(yes, chances)), 4),
        "kappa": round(found.kappa.kappa, 4),
        "kappa_low": round(found.low, 4),
        "kappa_high": round(found.high, 4),
        "observed": round(found.kappa.observed, 4),
        "table": found.table.tolist(),
        "fails_found": fails,
    }


def platt(logits: Floats, yes: Bools) -> tuple[float, float]:
    """Slope and offset that make logits calibrated: a logistic regression on them, without penalty (J. Platt, 1999)."""
    slope, offset = _fit(logits[:, None], yes, np.inf)
    return float(slope[0]), offset


def train_gates(records: Records) -> tuple[dict[str, GateWeights], dict[str, Any]]:
    """The weights of every gate, and what is to be said of them in the manifest."""
    weights, figures, data = {}, {}, {}
    for gate in TRAINED:
        examples = read_examples(records, gate)
        weights[gate], held = train_gate(examples)
        figures[gate] = heldout_figures(gate, examples, held)
        data[gate] = {"sha256": examples.sha256, "cases": int(examples.yes.size)}
    about = {"training_data": data, "penalty": PENALTY, "heldout": {"folds": FOLDS, "by": "cell", "gates": figures}}
    return weights, about


def _matrix(slots: list[NDArray[np.int32]]) -> sp.csr_array:
    bounds = np.concatenate(([0], np.cumsum([s.size for s in slots])))
    values = np.concatenate([np.full(s.size, 1 / np.sqrt(max(1, s.size))) for s in slots])
    return sp.csr_array((values, np.concatenate(slots), bounds), shape=(len(slots), SLOTS))


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))


if __name__ == "__main__":
    main()
