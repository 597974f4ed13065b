"""What the lower layers say of every token, computed once and kept: they stay as they are, so all fits share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dataset_builder.storage.files import new_file
from eval.judges.encoder_training.network import WIDTH, Lower
from eval.judges.encoder_training.reading import Read, padded

# Windows that the lower layers read at once: few, so that what they compute stays near the processor.
_AT_ONCE: Final = 8
# Answers whose states are written at once.
_PART: Final = 256


def states_of(lower: Lower, read: Read, rows: Sequence[int]) -> NDArray[np.int16]:
    """The states of all tokens of some answers that stand together, shape (tokens, WIDTH), bfloat16 seen as int16."""
    first, last = read.answers[rows[0]], read.answers[rows[-1] + 1]
    begin = read.bounds[first]
    found = np.zeros((read.bounds[last] - begin, WIDTH), np.int16)
    # Those of one length together, so that little is padded.
    order = first + np.argsort(np.diff(read.bounds[first : last + 1]), kind="stable")
    for start in range(0, len(order), _AT_ONCE):
        some = order[start : start + _AT_ONCE]
        parts = (read.ids, read.types, np.ones(1, np.bool_))
        ids, types, tokens = (torch.from_numpy(padded(read, some, part)) for part in parts)
        states = lower(ids.long(), types.long(), tokens.bool()).view(torch.int16).numpy()
        for row, window in enumerate(some):
            at, until = read.bounds[window] - begin, read.bounds[window + 1] - begin
            found[at:until] = states[row, : until - at]
    return found


def keep_states(lower: Lower, read: Read, file: Path, told: Callable[[str], None]) -> None:
    """Write all states to a file, unless it is there."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as unfinished, unfinished.open("wb") as out:
        for start in range(0, read.n, _PART):
            out.write(states_of(lower, read, range(start, min(start + _PART, read.n))).tobytes())
            if start % (16 * _PART) == 0:
                told(f"lower layers: {start} of {read.n} answers")


def open_states(file: Path) -> NDArray[np.int16]:
    """The states of ``keep_states``, shape (tokens, WIDTH), left on disk."""
    return np.memmap(file, np.int16, "r").reshape(-1, WIDTH)
