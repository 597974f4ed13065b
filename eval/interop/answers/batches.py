"""Output of batches that somebody kept: which case a line is of, when it came, and what it says."""

from __future__ import annotations

from typing import Any

from dataset_builder.models.batches.lines import NAME, anthropic_line, openai_line
from dataset_builder.storage.sheets import Row
from eval.interop.answers.collected import Collected, name_of, time_of


def from_openai(row: Row) -> Collected:
    """A line of an OpenAI batch's output or errors. Raises InputError as ``openai_line``."""
    case_id = name_of(row.values, NAME, "this line")
    response = row.values.get("response")
    body = response.get("body") if isinstance(response, dict) else None
    return Collected(row.where, case_id, openai_line(row.values), at=_time(body))


def from_anthropic(row: Row) -> Collected:
    """A line of the results of an Anthropic Message Batch. Raises InputError as ``anthropic_line``."""
    case_id = name_of(row.values, NAME, "this line")
    return Collected(row.where, case_id, anthropic_line(row.values))


def _time(body: Any) -> str | None:
    if not isinstance(body, dict):
        return None
    return time_of(body.get("created")) or time_of(body.get("created_at"))
