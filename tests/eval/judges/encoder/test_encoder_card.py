"""docs/encoder-judge.md against the encoder's manifest, and the manifest against what it is of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from eval.judges.embedded.held_out import unpack_heldout
from eval.judges.embedded.judge import manifest as words_manifest
from eval.judges.encoder.artefact import HELDOUT, MANIFEST, SHIPPED, WEIGHTS, read_artefact
from eval.judges.encoder.base import base_tensors
from eval.judges.encoder.windows import SETTINGS

ROOT = Path(__file__).resolve().parents[4]
LARGEST = 8_000_000


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SHIPPED / MANIFEST).read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def card() -> str:
    return (ROOT / "docs" / "encoder-judge.md").read_text(encoding="utf-8")


def percent(*shares: float) -> str:
    return " | ".join(f"{100 * share:.1f}" for share in shares)


def test_the_manifest_fits_the_files_beside_it(told: dict[str, Any]) -> None:
    for name, part in ((WEIGHTS, "weights"), (HELDOUT, "heldout_verdicts")):
        data = (SHIPPED / name).read_bytes()
        assert told[part] == {"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert told["weights"]["bytes"] < LARGEST
    assert told["words"] == words_manifest()["rubric"]
    assert told["windows"] == SETTINGS._asdict()
    sure = read_artefact(SHIPPED, base_tensors()).combination.sure
    assert told["sure"] == [[round(float(limit), 4) for limit in row] for row in sure]
    held = (SHIPPED / HELDOUT).read_bytes()
    # Of the same answers as the embedded judge's.
    assert len(unpack_heldout(held, told["heldout_verdicts"]["sha256"])) > 0.99 * told["training_data"]["answers"]
    assert told["training_data"]["sha256"] == words_manifest()["training_data"]["sha256"]


def test_the_card_states_the_manifests_figures(told: dict[str, Any], card: str) -> None:
    held, words = told["heldout"], words_manifest()["heldout"]
    for field, row in held["family"].items():
        cells = [row["all"]["kappa"], row["all"]["accuracy"], row["defeated"]["kappa"], row["worst_kappa"]]
        line = " | ".join(f"{value:.3f}" for value in cells)
        beside = words["family"][field]["all"]["kappa"]
        assert f"{line} ({row['worst_family']}) | {beside:.3f} |" in card, field
    beside = {row["family"]: row for row in words["help"]}
    for row in held["help"]:
        family, other = row["family"], beside[row["family"]]
        line = percent(row["precision"], row["recall"], other["precision"], other["recall"])
        kappas = f"{row['kappa']:.3f} | {other['kappa']:.3f} | {held['encoder_alone'][family]:.3f}"
        assert f"| {family} | {kappas} | {line} |" in card, family
    for name, row in held["ranking"].items():
        line = f"{row['spearman']:.3f} | {row['mean_absolute_error']:.1f} | {row['worst_error']:+.1f}"
        assert f"{line} ({row['worst_model']})" in card, name
    for reviewer, fields in held["reviewers"].items():
        for field, row in fields.items():
            assert f"| {reviewer} | {row['n']} | {row['kappa']:.3f} | {row['study_kappa']:.3f} |" in card, field
    for field, row in held["calibration"].items():
        assert f"{row['expected_calibration_error']:.3f}" in card, field
    for point in held["curve"]:
        cells = f"{point['kappa']:.3f} | {point['area_under_curve']:.4f}"
        assert f"| {point['share']:.3f} | {point['answers']:,} | {cells} |" in card, point
    reading = held["reading"]
    changed = "{}, {} and {} of the".format(*reading["changed"])
    kappas = ["{:.3f}, {:.3f} and {:.3f}".format(*reading["kappa"][name]) for name in ("as_needed", "whole")]
    shares = (f"{100 * reading[name]:.1f} % " for name in ("not_read", "one_of_several"))
    windows = f"{reading['windows_read']} windows an answer in place of {reading['windows']}"
    for words in (changed, f"{kappas[0]} (all read: {kappas[1]})", *shares, windows):
        assert words in card, words
    for row in held["cells"]:
        # Each kappa twice: the family was held out, and the cells as well.
        pairs = (row["kappa"][name] for name in ("response_type", "response_type, words alone", "engagement", "harm"))
        cells = " | ".join(f"{kappa:.3f}" for pair in pairs for kappa in pair)
        assert f"| {row['family']} | {row['n']:,} | {cells} |" in card, row
    assert f"{told['weights']['bytes']:,} bytes" in card
    assert f"{told['heldout_verdicts']['bytes']:,} bytes" in card


def test_the_card_states_what_forgeries_come_to(told: dict[str, Any], card: str) -> None:
    trials = told["heldout"]["robustness"]
    names = ("flipped_by_worst_string", "flipped", "templates", "other_case", "refusal_then_other_case", "help")
    for family, row in [*trials["families"].items(), ("all", trials)]:
        assert f"| {family} | {percent(*(row[name] for name in (*names, 'help_hidden')))} |" in card, family
