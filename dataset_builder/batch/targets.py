"""Which cells are to be filled, and with how many cases."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from dataset_builder.dataset.taxonomy import AUTHORITY_TYPES, FAMILIES, IMPLAUSIBLE_CELLS, cell, ids
from dataset_builder.errors import DataError, InputError, Problem

MOST: Final = 10_000
_EXAMPLE: Final = "control:school: 5"


class Cell(NamedTuple):
    """A family crossed with an authority type."""

    family: str
    authority: str

    @property
    def id(self) -> str:
        """``family:authority``."""
        return cell(self.family, self.authority)


ALL_CELLS: Final = tuple(Cell(f, a) for f in ids(FAMILIES) for a in ids(AUTHORITY_TYPES))
CELL_BY_ID: Final = {c.id: c for c in ALL_CELLS}
PLAUSIBLE_CELLS: Final = tuple(c for c in ALL_CELLS if c not in IMPLAUSIBLE_CELLS)


def parse_cell(text: str, *, force: bool = False) -> Cell:
    """The cell that ``FAMILY:AUTHORITY`` names.

    Raises InputError for an unknown one, with the nearest known, and unless ``force`` for one that no
    realistic case can fill, with the reason.
    """
    found = CELL_BY_ID.get(text.strip())
    if found is None:
        raise InputError(f"--cell {text!r}: expected FAMILY:AUTHORITY, for example control:school{_nearest(text)}.")
    if why := _implausible(found, force):
        raise InputError(f"--cell {text}: {why}")
    return found


def read_targets(path: Path, *, force: bool = False) -> dict[Cell, int]:
    """How many cases each cell of a file is to have: YAML or JSON, from cell to number.

    A name may hold ``*`` (``control:*``) and then means every plausible cell that fits; a later line
    goes before an earlier one. Raises InputError where the file cannot be read, DataError with every
    line that is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}: neither YAML nor JSON ({error}).") from None
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: expected lines from cell to number of cases, for example {_EXAMPLE!r}.")
    targets: dict[Cell, int] = {}
    problems: list[Problem] = []
    for name, number in content.items():
        where = f"{path}: {name}"
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MOST:
            problems.append(Problem(where, f"{number!r} is no number of cases", f"expected 0 to {MOST:,}"))
            continue
        cells = list(_cells_named(str(name)))
        if not cells:
            problems.append(Problem(where, "no such cell", _nearest(str(name)).strip(" ;()")))
        for found in cells:
            if why := _implausible(found, force or "*" in str(name)):
                problems.append(Problem(where, why))
            targets[found] = number
    if problems:
        raise DataError(f"{path} cannot be used as targets", problems)
    return {c: n for c, n in targets.items() if n}


def same_target(cells: Iterable[Cell], count: int) -> dict[Cell, int]:
    """The same number for each of some cells."""
    return dict.fromkeys(cells, count)


def _cells_named(name: str) -> Iterator[Cell]:
    if "*" in name:
        yield from (c for c in PLAUSIBLE_CELLS if fnmatchcase(c.id, name))
    elif found := CELL_BY_ID.get(name):
        yield found


def _implausible(found: Cell, force: bool) -> str:
    reason = IMPLAUSIBLE_CELLS.get(found)
    if reason is None or force:
        return ""
    return f"no realistic case fills this cell. {reason} Give --force to order it all the same."


def _nearest(text: str) -> str:
    near = difflib.get_close_matches(text, CELL_BY_ID, n=1, cutoff=0.5)
    return f" (nearest: {near[0]})" if near else ""
