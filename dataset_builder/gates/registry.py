"""The gates by name."""

from __future__ import annotations

from typing import Final

from dataset_builder.errors import InputError
from dataset_builder.gates import dual_use, operational_validity, reasonable_judge
from dataset_builder.gates.gate import Gate

ALL_GATES: Final = (operational_validity.GATE, reasonable_judge.GATE, dual_use.GATE)
GATE_BY_ID: Final = {gate.id: gate for gate in ALL_GATES}


def gates_named(names: str | None) -> tuple[Gate, ...]:
    """The gates of a list with commas, in the order in which they are asked; all of them for None.

    Raises InputError for an unknown one.
    """
    if names is None:
        return ALL_GATES
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in GATE_BY_ID]
    if unknown or not wanted:
        raise InputError(f"--gate {names!r}: expected some of {', '.join(GATE_BY_ID)}, with commas between them.")
    return tuple(gate for gate in ALL_GATES if gate.id in wanted)
