"""Fits that have not seen some model families, and what they say of these: made by several processes, and kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.storage.files import new_file
from eval.judges.encoder_training.reading import open_read
from eval.judges.encoder_training.recipe import RECIPE

Floats = NDArray[np.float64]
# Families that are held out at once: a fit for each family would take twice as long, and a family that is held out
# with others is judged by weights that saw less, so its figures are no better for it.
GROUPS: Final = (("gpt",), ("claude", "qwen"), ("gemini", "grok"), ("glm", "nemotron"))
# What a fit that has seen everything holds out.
NOBODY: Final = ()
_SHARE_SEED: Final = 3


class Job(NamedTuple):
    """One fit: the families that it has not seen, and the share of the others' answers that it is made of.

    With ``cells`` it has seen no answer to that group of cells either, and is asked about these alone.
    """

    families: tuple[str, ...]
    share: float = 1.0
    cells: int | None = None

    @property
    def name(self) -> str:
        """The name of its file."""
        of_share = f"-{self.share}" if self.share < 1 else ""
        return "-".join(self.families or ("everything",)) + of_share + ("" if self.cells is None else f"-{self.cells}")


class Found(NamedTuple):
    """The tuned tensors by name, and the scores (n, SCORES) of all answers: NaN of those that it is not asked about.

    ``first`` are the scores by the first window alone.
    """

    tensors: dict[str, NDArray[np.float32]]
    scores: Floats
    first: Floats


class Work(NamedTuple):
    """What all fits share: a folder with the states and, by ``key``, the fits that are made; the answers' labels.

    ``cell_group`` is the group of cells of an answer's case.
    """

    folder: Path
    key: str
    family: NDArray[np.str_]
    cell_group: NDArray[np.int64]
    response_type: NDArray[np.int8]
    engages: NDArray[np.bool_]
    harm: NDArray[np.bool_]


def held_out(
    work: Work, jobs: Sequence[Job], processes: int, told: Callable[[str], None] = lambda _: None
) -> dict[Job, Found]:
    """The fits of some jobs, each by one process on one core; those that are kept are used again."""
    missing = [job for job in jobs if _kept(work, job) is None]
    if missing:
        _keep_states(work, told)
    if processes > 1 and len(missing) > 1:
        # Not forked: the threads of torch do not outlive that.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for done in [pool.submit(_make, work, job) for job in missing]:
                told(f"fitted without {done.result()}")
    else:
        for job in missing:
            told(f"fitted without {_make(work, job, told)}")
    return {job: found for job in jobs if (found := _kept(work, job)) is not None}


def asked_of(job: Job, family: NDArray[np.str_], cell_group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The answers that a fit is asked about, shape (n,)."""
    held = np.isin(family, job.families)
    return held if job.cells is None else held & (cell_group == job.cells)


def rows_of(job: Job, family: NDArray[np.str_], cell_group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The answers that a fit is made of, shape (n,)."""
    rows = ~np.isin(family, job.families)
    if job.cells is not None:
        rows &= cell_group != job.cells
    if job.share < 1:
        seen = np.flatnonzero(rows)
        some = np.random.default_rng(_SHARE_SEED).permutation(seen)[: round(job.share * len(seen))]
        rows = np.zeros_like(rows)
        rows[some] = True
    return rows


def _keep_states(work: Work, told: Callable[[str], None]) -> None:
    """What the lower layers say of all tokens, which every fit begins from."""
    import torch

    from eval.judges.encoder.base import base_tensors
    from eval.judges.encoder_training.activations import keep_states
    from eval.judges.encoder_training.network import Lower, floats_of

    for old in set(work.folder.glob("states-*.bin")) - {states_file(work)}:
        # Of other answers or another base, and many GB.
        old.unlink()
    torch.set_num_threads(processors())
    lower = Lower(floats_of(base_tensors()), RECIPE.first)
    keep_states(lower, open_read(read_file(work.folder)), states_file(work), told)


def _make(work: Work, job: Job, told: Callable[[str], None] = lambda _: None) -> str:
    """Make one fit and keep it; returns its name."""
    import torch

    from eval.judges.encoder.base import base_tensors
    from eval.judges.encoder_training.activations import open_states
    from eval.judges.encoder_training.fit import Kept, Labels, fit, scores_of
    from eval.judges.encoder_training.network import floats_of

    # Two fits on a core each are faster than one on two.
    torch.set_num_threads(1)
    labels = Labels(work.response_type.astype(np.int64), work.engages, work.harm)
    kept = Kept(open_read(read_file(work.folder)), open_states(states_file(work)))
    upper = fit(floats_of(base_tensors()), kept, labels, rows_of(job, work.family, work.cell_group), told=told)
    held = asked_of(job, work.family, work.cell_group)
    scores, first = np.full((2, len(held), upper.heads.out_features), np.nan)
    scores[held], first[held] = scores_of(upper, kept, held)
    keep(work, job, Found(upper.named(), scores, first))
    return job.name


def keep(work: Work, job: Job, found: Found) -> None:
    """Write a fit where it is looked for."""
    file = work.folder / f"{job.name}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {f"tensor:{name}": tensor for name, tensor in found.tensors.items()}
    with new_file(file) as unfinished, unfinished.open("wb") as out:
        np.savez(out, key=np.array(work.key), scores=found.scores, first=found.first, **arrays)


def _kept(work: Work, job: Job) -> Found | None:
    file = work.folder / f"{job.name}.npz"
    if not file.exists():
        return None
    with np.load(file, allow_pickle=False) as arrays:
        if str(arrays["key"]) != work.key or "first" not in arrays:
            return None
        tensors = {name.removeprefix("tensor:"): arrays[name] for name in arrays.files if name.startswith("tensor:")}
        return Found(tensors, arrays["scores"], arrays["first"])


def states_file(work: Work) -> Path:
    """Where the states of the lower layers are, named by all that they follow from."""
    known = json.loads(work.key)
    basis = json.dumps([known["read"], known["base"], known["recipe"]["first"]])
    return work.folder / f"states-{hashlib.sha256(basis.encode()).hexdigest()[:16]}.bin"


def read_file(folder: Path) -> Path:
    """Where all that is read is."""
    return folder / "read.npz"


def processors() -> int:
    """How many processors there are for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
