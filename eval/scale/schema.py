"""What both engines need to know of the files: which they are, and what they look like with labels."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from eval.tables.judge import ADDED

PARQUET_FILES: Final = "**/*.parquet"


def judged_schema(schema: pa.Schema, prefix: str = "") -> pa.Schema:
    """The columns of a table with the labels behind them."""
    for field in ADDED:
        schema = schema.append(field.with_name(prefix + field.name))
    return schema.remove_metadata()
