"""Files of other programs that people give where a run or a log is expected: recognised by their first line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.storage.foreign import BOM, refuse_pointer

WAYS_IN: Final = (
    "Read are the folders of runs and bundles (docs/submitting.md). 'blind-refusal eval import' makes a run of a table "
    "of answers, of samples of lm-evaluation-harness, of a batch's output, and of a log of our Inspect task"
)
_MOST: Final = 2**22
_SAMPLES: Final = "samples of lm-evaluation-harness"
_OPENAI: Final = "output of an OpenAI batch"
_ANTHROPIC: Final = "output of an Anthropic batch"
TABLE: Final = "answers in a table"
# What 'eval import' makes a run of.
TAKEN_IN: Final = frozenset({_SAMPLES, _OPENAI, _ANTHROPIC, TABLE})
# What it is, and the keys that tell.
_FORMS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    (_SAMPLES, frozenset(["doc_id", "doc", "resps"])),
    (_SAMPLES, frozenset(["doc_id", "doc", "arguments"])),
    (_OPENAI, frozenset(["custom_id", "response"])),
    (_ANTHROPIC, frozenset(["custom_id", "result"])),
    ("requests of an OpenAI batch", frozenset(["custom_id", "body"])),
    ("results of lm-evaluation-harness", frozenset(["results", "config", "versions"])),
    ("an Every Eval Ever record", frozenset(["evaluation_id", "evaluation_results"])),
    ("answers of a run of ours, which is the whole folder", frozenset(["case_id", "query_hash", "status"])),
    (
        "verdicts of a run of ours, which is the whole folder",
        frozenset(["case_id", "response_hash", "judge", "rubric"]),
    ),
    (TABLE, frozenset(["case_id", "response"])),
)


def refuse_other_form(path: Path) -> None:
    """Raise InputError where a file is a pointer of Git LFS, or of a form that is known and not read here."""
    if not path.is_file():
        return
    refuse_pointer(path)
    form = form_of(path)
    if form in TAKEN_IN:
        raise InputError(f"{path}: {form}. Make a run of it: blind-refusal eval import {path} --model NAME")
    if form is not None:
        raise InputError(f"{path}: {form}, and not read here. {WAYS_IN}.")


def form_of(path: Path) -> str | None:
    """What a file of JSON or JSON lines is, in words; None where that is not known."""
    with path.open("rb") as file:
        start = file.read(_MOST).removeprefix(BOM)
    first = next((line for line in start.split(b"\n") if line.strip()), b"")
    found: Any = None
    for text in (first, start):
        try:
            found = json.loads(text)
            break
        except (ValueError, RecursionError):
            continue
    if isinstance(found, list) and found:
        found = found[0]
    if found is None and {b"case_id", b"response"} <= set(re.split(rb"[^a-z_]+", first.lower())):
        return TABLE
    keys = frozenset(found) if isinstance(found, dict) else frozenset()
    return next((form for form, needed in _FORMS if needed <= keys), None)
