"""Files of other programs that people give where a run or a log is expected: recognised by their first line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.storage.foreign import BOM, refuse_pointer

WAYS_IN: Final = (
    "Read are the folders that 'blind-refusal eval run' makes, logs of Inspect of the task blind_refusal (.eval or "
    ".json, with 'blind-refusal eval import-log'), and bundles (docs/submitting.md)"
)
_MOST: Final = 2**22
# What it is, and the keys that tell.
_FORMS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("samples of lm-evaluation-harness", frozenset(["doc_id", "doc", "resps"])),
    ("samples of lm-evaluation-harness", frozenset(["doc_id", "doc", "arguments"])),
    ("output of an OpenAI batch", frozenset(["custom_id", "response"])),
    ("requests of an OpenAI batch", frozenset(["custom_id", "body"])),
    ("results of lm-evaluation-harness", frozenset(["results", "config", "versions"])),
    ("an Every Eval Ever record", frozenset(["evaluation_id", "evaluation_results"])),
    ("answers of a run of ours, which is the whole folder", frozenset(["case_id", "query_hash", "status"])),
    ("verdicts of a run of ours, which is the whole folder", frozenset(["case_id", "judge", "rubric"])),
)


def refuse_other_form(path: Path) -> None:
    """Raise InputError where a file is a pointer of Git LFS, or of a form that is known and not read here."""
    if not path.is_file():
        return
    refuse_pointer(path)
    form = form_of(path)
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
    keys = frozenset(found) if isinstance(found, dict) else frozenset()
    return next((form for form, needed in _FORMS if needed <= keys), None)
