"""Encoders whose heads are random: over the real base, in a folder as a trained one is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from eval.judges.embedded.judge import manifest
from eval.judges.encoder.artefact import MANIFEST, WEIGHTS, pack
from eval.judges.encoder.base import MINILM, PACKAGE, SHA256
from eval.judges.encoder.combining import SIZES
from eval.judges.encoder.windows import SETTINGS

# The words decide alone, as the embedded judge's do; or the encoder's scores alone.
WORDS_ALONE: Final = {name: np.array([1.0, *[0.0] * (size - 1)]) for name, size in SIZES.items()}
ENCODER_ALONE: Final = {name: np.array([0.0, 1.0, *[0.0] * (size - 2)]) for name, size in SIZES.items()}


def head(seed: int = 0, **changes: Any) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    weight = random.normal(0, 0.1, (5, 3 * MINILM.width)).astype(np.float32)
    return {"head_weight": weight, "head_bias": np.zeros(5, np.float32), **changes}


def write_encoder(folder: Path, arrays: dict[str, Any], tuned: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A folder with these heads and factors; ``changes`` are of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    data = pack(tuned or {}, arrays)
    (folder / WEIGHTS).write_bytes(data)
    told = {
        "version": 1,
        "words": manifest()["rubric"],
        "weights": {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)},
        "base": {"package": PACKAGE, "sha256": SHA256},
        "windows": SETTINGS._asdict(),
        **changes,
    }
    (folder / MANIFEST).write_text(json.dumps(told))
    return folder
