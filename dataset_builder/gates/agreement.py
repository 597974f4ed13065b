"""How a gate model agrees with the study's own gate verdicts, case by case."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset_builder.batch.gate_records import DUAL_USE, FULL, REASONABLE_JUDGE, GateRecord, newest
from dataset_builder.batch.lines import GeneratedLine
from dataset_builder.dataset.kappa import Kappa, cohen_kappa, confusion, kappa_interval
from dataset_builder.dataset.plain_case import PlainCase, PlainDimensions
from dataset_builder.dataset.records import Records
from dataset_builder.dataset.sample import stratified
from dataset_builder.dataset.validate import UNGATED
from dataset_builder.errors import InputError
from dataset_builder.gates.gate import Gate

# The gates of which the study published a verdict on every generated case.
MEASURABLE = (REASONABLE_JUDGE, DUAL_USE)
_LABELS: Mapping[str, tuple[str, str]] = {REASONABLE_JUDGE: ("passes", "fails"), DUAL_USE: ("flagged", "clear")}


@dataclass(frozen=True)
class GateAgreement:
    """One gate: kappa with its 95 % interval, and the table (rows: the study's verdict, columns: the model's).

    ``labels`` name rows and columns, the yes first. ``missing`` verdicts of the model were unreadable and count in
    none of the figures.
    """

    gate: str
    labels: tuple[str, str]
    kappa: Kappa
    low: float
    high: float
    table: NDArray[np.int64]
    missing: int

    def lines(self) -> Iterator[str]:
        """The agreement in words."""
        (yes, no), table = self.labels, self.table
        yield (
            f"{self.gate}: kappa {self.kappa.kappa:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}), "
            f"{100 * self.kappa.observed:.1f} % agree, n = {self.kappa.n:,}"
        )
        yield f"  {'':>14}  model {yes:>8}  model {no:>8}"
        for row, label in enumerate(self.labels):
            yield f"  {f'study {label}':>14}  {table[row, 0]:>14,}  {table[row, 1]:>14,}"
        if self.missing:
            yield f"  {self.missing:,} without a readable verdict of the model, left out"


def study_lines(records: Records, gates: Sequence[Gate], size: int | None, seed: int) -> list[GeneratedLine]:
    """The study's generated cases that its gates judged, all or a stratified sample.

    Raises InputError where the records hold no such verdicts, or for a gate that the study published none of.
    """
    for gate in gates:
        if gate.id not in MEASURABLE:
            raise InputError(
                f"--gate {gate.id}: the study published no verdicts of this gate. Expected --gate "
                f"{','.join(MEASURABLE)}, or one of them."
            )
    judged = {v.case_id for v in records.gates if v.stage == FULL and v.gate in MEASURABLE and not v.error}
    cases = [case for case in records.generated if case.case_id in judged]
    if not cases:
        raise InputError("--source: it holds no gate verdicts; expected the study.")
    chosen = cases if size is None else stratified(cases, lambda case: case.cell, size, seed)
    return [
        GeneratedLine(
            **{name: getattr(case, name) for name in PlainCase.__struct_fields__ if name != "dimensions"},
            dimensions=PlainDimensions(**{name: getattr(case, name) for name in PlainDimensions.__struct_fields__}),
            defeat_family=case.defeat_family,
            outcome=UNGATED,
            generator=case.generator,
        )
        for case in chosen
    ]


def gate_agreement(records: Records, verdicts: Iterable[GateRecord], gates: Sequence[Gate]) -> list[GateAgreement]:
    """The agreement of each gate over the cases that both judged."""
    study = {(v.gate, v.case_id): v for v in records.gates if v.stage == FULL and not v.error}
    found = []
    last = newest(verdicts)
    for gate in gates:
        labels = _LABELS[gate.id]
        first: list[str] = []
        second: list[str] = []
        missing = 0
        for case_id, name, _ in sorted(last):
            record, theirs = last[case_id, name, _], study.get((gate.id, case_id))
            if name != gate.id or theirs is None:
                continue
            if record.error is not None:
                missing += 1
                continue
            first.append(labels[not _yes(gate.id, theirs.passed, theirs.flagged)])
            second.append(labels[not _yes(gate.id, record.passed, record.flagged)])
        found.append(agreement_of(gate.id, labels, first, second, missing))
    return found


def agreement_of(
    gate: str, labels: tuple[str, str], first: Sequence[str], second: Sequence[str], missing: int = 0
) -> GateAgreement:
    """Kappa with the large-sample interval of Fleiss, Cohen and Everitt (1969), and the table."""
    table = confusion(first, second, labels)
    kappa = cohen_kappa(first, second)
    return GateAgreement(gate, labels, kappa, *kappa_interval(table), table, missing)


def _yes(gate: str, passed: bool | None, flagged: bool | None) -> bool:
    return bool(flagged if gate == DUAL_USE else passed)


def as_json(found: Sequence[GateAgreement]) -> str:
    """The agreements as JSON."""
    rows = [
        {
            "gate": a.gate,
            "labels": a.labels,
            "n": a.kappa.n,
            "kappa": None if np.isnan(a.kappa.kappa) else a.kappa.kappa,
            "kappa_low": None if np.isnan(a.low) else a.low,
            "kappa_high": None if np.isnan(a.high) else a.high,
            "observed": None if np.isnan(a.kappa.observed) else a.kappa.observed,
            "table": a.table.tolist(),
            "missing": a.missing,
        }
        for a in found
    ]
    return json.dumps(rows, indent=1)
