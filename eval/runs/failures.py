"""A run that brought nothing: why, and what helps."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    CONTEXT_LIMIT,
    CONTROL_MARKS,
    EMPTY,
    PROVIDER_ERROR,
    TOOL_CALL,
    TRUNCATED,
    UNKNOWN_FINISH,
)
from dataset_builder.wording import counted
from eval.runs.folder import RunFolder

_SHOWN: Final = 3
# Of a server's error; all of it stands in the run.
_MOST_CHARACTERS: Final = 200
_FITS: Final = re.compile(r"--max-tokens \d+")

# One way out for each status of a case without a whole answer.
WAYS_OUT: Final = {
    PROVIDER_ERROR: "mend what the server says, then the same command with --retry-errors",
    CONTENT_FILTER: "another provider of the same model, whose filter lets these requests through",
    EMPTY: "the same command with --retry-errors; if it stays so, check the server's chat template",
    TRUNCATED: "a new run with a higher --max-tokens",
    UNKNOWN_FINISH: "the same command with --retry-errors",
    TOOL_CALL: "switch off tools on the server, then a new run",
    CONTROL_MARKS: "check the server's chat template and reasoning parser, then a new run",
    CONTEXT_LIMIT: "a new run with a lower --max-tokens, or a model with a longer context",
}


def why_all_failed(run: RunFolder) -> list[str]:
    """Where a run has been asked and no case of it has a whole answer: the most frequent reasons, a way out each.

    Empty for any other run.
    """
    answers = run.answers.values()
    if not answers or any(answer.ok for answer in answers):
        return []
    times = Counter((answer.status, _short(answer.error)) for answer in answers)
    errors = {(answer.status, _short(answer.error)): answer.error or "" for answer in answers}
    told = [f"{run.path}: no whole answer to any of {counted(len(answers), 'case')}, so there is nothing to score."]
    for (status, error), n in times.most_common(_SHOWN):
        what = f"{status} ({error})" if error else status
        told.append(f"  {counted(n, 'time')} {what}. What helps: {_way_out(status, errors[status, error])}.")
    if len(times) > _SHOWN:
        told.append(f"  and {counted(len(times) - _SHOWN, 'other reason')}; each stands in the run's responses.jsonl.")
    return told


def _way_out(status: str, error: str) -> str:
    """What helps, with the number of tokens where the error names one that fits."""
    fits = _FITS.search(error) if status == CONTEXT_LIMIT else None
    return f"a new run with {fits[0]}, or a model with a longer context" if fits else WAYS_OUT[status]


def _short(error: str | None) -> str:
    line = " ".join((error or "").split()).rstrip(".")
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} …"
