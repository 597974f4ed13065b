"""The bundled starter set: our own cases, at least one for each populated cell.

Its labels are canonical as written, so every raw column repeats the canonical one.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

import msgspec

from dataset_builder.dataset.plain_case import PlainCase, whole_case
from dataset_builder.dataset.records import Records
from dataset_builder.dataset.taxonomy import FAMILIES
from dataset_builder.errors import BlindRefusalError

ORIGIN: Final = "starter"


_FILE: Final = msgspec.json.Decoder(list[PlainCase], strict=True)


def read_starter() -> Records:
    """The cases of the starter set, by family as the taxonomy orders them, then as filed.

    Raises:
        BlindRefusalError: a bundled file is missing or does not decode; the installation is damaged.
    """
    cases = []
    for family in FAMILIES:
        content = _content(family.id)
        try:
            cases += [whole_case(row, family.id, ORIGIN) for row in _FILE.decode(content)]
        except (msgspec.MsgspecError, KeyError) as error:
            raise _damaged(family.id, error) from error
    return Records(cases=cases)


def starter_hash() -> str:
    """SHA-256, in hex, of the bundled files' names and contents.

    Raises:
        BlindRefusalError: a bundled file is missing; the installation is damaged.
    """
    digest = hashlib.sha256()
    for family in FAMILIES:
        content = _content(family.id)
        digest.update(f"{_name(family.id)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _name(family: str) -> str:
    return f"{family}.json"


def _content(family: str) -> bytes:
    try:
        return files("dataset_builder.sources.starter_cases").joinpath(_name(family)).read_bytes()
    except OSError as error:
        raise _damaged(family, error) from error


def _damaged(family: str, error: Exception) -> BlindRefusalError:
    return BlindRefusalError(
        f"bundled file dataset_builder/sources/starter_cases/{_name(family)} cannot be read: {error}; "
        "install the package anew"
    )
