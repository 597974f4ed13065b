"""The gates' classifiers that come with the package: no key, no network, and no say in what is kept.

Trained on the study's own gate verdicts (``python -m dataset_builder.gates.train``). They make a cheap
first pass: dual use is flagged to be looked at, and the reasonable judge's score puts cases in order.
How well they do on cells that they never saw is in the manifest, and ``dataset measure-gate --model
embedded`` prints it. There is none for operational validity, of which no verdicts are public.
"""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from dataset_builder.batch.folder import GenerationFolder, hash_of
from dataset_builder.batch.gate_records import DUAL_USE, FIRST_PASS, REASONABLE_JUDGE, GateRecord
from dataset_builder.batch.lines import GeneratedLine
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.plain_case import PlainCase
from dataset_builder.errors import BlindRefusalError, InputError
from dataset_builder.gates.gate import Gate
from dataset_builder.storage.files import now
from dataset_builder.wording import counted

# Hashed words and labels of a case, for the classifiers that make a first pass over cases.


VERSION: Final = "1"
BITS: Final = 15
SLOTS: Final = 1 << BITS
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# The request is read by words and pairs of words, the notes by words alone.
_FIELDS: Final = (("q", 2), ("p", 1), ("d", 1), ("f", 1))


def slots_of(case: PlainCase, family: str) -> NDArray[np.int32]:
    """The distinct slots of a case, sorted."""
    texts = {
        "q": case.user_query,
        "p": case.policy,
        "d": case.defeat_condition or "",
        "f": " ".join(case.structural_facts),
    }
    features: set[str] = {f"family={family}", f"authority={case.authority_type}", f"subtype={case.defeat_subtype}"}
    features |= {f"{d}={getattr(case.dimensions, d)}" for d in taxonomy.DIMENSION_BY_ID}
    for field, longest in _FIELDS:
        words = _WORD.findall(texts[field].replace("’", "'").lower())
        for size in range(1, longest + 1):
            features |= {f"{field}:{' '.join(words[i : i + size])}" for i in range(len(words) - size + 1)}
    hashed = {zlib.crc32(feature.encode("utf-8", "surrogatepass")) >> (32 - BITS) for feature in features}
    return np.array(sorted(hashed), np.int32)


def scores_of(cases: Sequence[NDArray[np.int32]], weights: NDArray[np.float32], bias: float) -> NDArray[np.float64]:
    """Uncalibrated logits, shape (cases,): the sum of a case's weights divided by the root of their number."""
    return np.array([weights[s].sum(dtype=np.float64) / np.sqrt(max(1, s.size)) + bias for s in cases])


MODEL: Final = "embedded"
TRAINED: Final = (REASONABLE_JUDGE, DUAL_USE)
WEIGHTS_FILE: Final = Path(__file__).with_name("embedded_gates.npz")
MANIFEST_FILE: Final = Path(__file__).with_name("embedded_gates.json")


@dataclass(frozen=True, eq=False)
class GateWeights:
    """Weights by slot for one gate; the calibrated logit of a yes is slope x (score + bias) + offset."""

    weights: NDArray[np.float32]
    bias: float
    slope: float
    offset: float

    def probabilities(self, cases: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
        """Calibrated probabilities of a yes (a pass; for dual use a flag), shape (cases,)."""
        logits = self.slope * scores_of(cases, self.weights, self.bias) + self.offset
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


def pack(weights: dict[str, GateWeights]) -> bytes:
    """The weights of all gates as the bytes of a file; the same weights always give the same bytes."""
    arrays: dict[str, Any] = {}
    for gate in sorted(weights):
        one = weights[gate]
        arrays[gate] = one.weights.astype(np.float16)
        arrays[f"{gate}_scalars"] = np.array([one.bias, one.slope, one.offset])
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def unpack(data: bytes, sha256: str) -> dict[str, GateWeights]:
    """The weights of a packed file; raises BlindRefusalError where it is not what its manifest names."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BlindRefusalError(
            "the gates' weights are not those their manifest names: the installation is damaged; install the package "
            "again, or train both files anew with 'python -m dataset_builder.gates.train'"
        )
    found = {}
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        for gate in TRAINED:
            bias, slope, offset = map(float, file[f"{gate}_scalars"])
            found[gate] = GateWeights(file[gate].astype(np.float32), bias, slope, offset)
            if found[gate].weights.shape != (SLOTS,):
                raise BlindRefusalError("the gates' weights have another shape than this version reads")
    return found


@cache
def load_gates() -> dict[str, GateWeights]:
    """The weights of this installation, opened once a process."""
    return unpack(WEIGHTS_FILE.read_bytes(), manifest()["weights"]["sha256"])


def manifest() -> dict[str, Any]:
    """What is known of the weights: data, settings, versions and held-out figures."""
    found: dict[str, Any] = msgspec.json.decode(MANIFEST_FILE.read_bytes())
    return found


def first_pass(folder: GenerationFolder, lines: Sequence[GeneratedLine], gates: Sequence[Gate]) -> Iterator[str]:
    """Append a first-pass verdict on each case that has none, and say in lines what came out.

    The folder is open for writing. Raises InputError for a gate that has no classifier.
    """
    for gate in gates:
        if gate.id not in TRAINED:
            raise InputError(
                f"--model embedded: there is no classifier for the gate {gate.id}. "
                f"Expected --gate {','.join(TRAINED)}, or one of them."
            )
    version = f"weights-{manifest()['weights']['sha256'][:12]}"
    known = {record.key for record in folder.gates}
    for gate in gates:
        todo = [line for line in lines if (line.case_id, hash_of(line), gate.id, MODEL, version) not in known]
        chances = load_gates()[gate.id].probabilities([slots_of(line, line.defeat_family) for line in todo])
        yes = chances >= 0.5
        for line, chance, said in zip(todo, chances, yes, strict=True):
            folder.gates.append(
                GateRecord(
                    case_id=line.case_id,
                    case_hash=hash_of(line),
                    gate=gate.id,
                    stage=FIRST_PASS,
                    model=MODEL,
                    prompt=version,
                    passed=bool(said) if gate.blocking else not said,
                    flagged=None if gate.blocking else bool(said),
                    reasoning=f"Trained weights give {chance:.3f} for a {'pass' if gate.blocking else 'flag'}.",
                    probability=float(chance),
                    judged_at=now(),
                )
            )
        if gate.blocking:
            yield f"{gate.id}: {counted(len(todo), 'case')} scored" + (
                f", median {np.median(chances):.2f}" if todo else ""
            )
        else:
            yield f"{gate.id}: {counted(len(todo), 'case')} looked at, {int(yes.sum()):,} flagged"


def heldout_lines(gates: Sequence[Gate]) -> Iterator[str]:
    """The held-out figures in words."""
    held = manifest()["heldout"]
    yield f"embedded, on cells of the study that its weights were not fitted on ({held['folds']} folds of cells):"
    for gate in gates:
        figures = held["gates"].get(gate.id)
        if figures is None:
            yield f"{gate.id}: no classifier, as no verdicts of the study are public"
            continue
        yield (
            f"{gate.id}: area under the curve {figures['auc']:.3f}; kappa {figures['kappa']:.3f} "
            f"({figures['kappa_low']:.3f} to {figures['kappa_high']:.3f}), {100 * figures['observed']:.1f} % agree, "
            f"n = {figures['n']:,}, of which {figures['yes']:,} {figures['labels'][0]}"
        )
        for share, found in figures["fails_found"].items():
            yield f"  the lowest-scored {share} % hold {100 * found:.0f} % of those that the study's gate failed"
