"""The form of a set's file as JSON Schema, for editors: ``python -m eval.sets.schema`` writes it into ``docs``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from eval.sets.file import SetFile


def set_schema() -> dict[str, Any]:
    """The schema of a set's file."""
    found = msgspec.json.schema(SetFile)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A set of runs", **found}


if __name__ == "__main__":
    SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "set.schema.json"
    SCHEMA.write_bytes(msgspec.json.format(msgspec.json.encode(set_schema()), indent=2) + b"\n")
