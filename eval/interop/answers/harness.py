"""Samples of lm-evaluation-harness, as ``--log_samples`` writes them: the answer before any filter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.models.answer import read_kept
from dataset_builder.storage.sheets import Row
from dataset_builder.wording import counted
from eval.interop.answers.collected import Collected, Told, name_of, number
from eval.interop.answers.table import CASE

_QUERY: Final = "user_query"
_LIMITS: Final = ("max_gen_toks", "max_tokens", "max_new_tokens", "max_completion_tokens")


class NoSuchAnswerError(InputError):
    """A sample has fewer answers than the epoch that was asked for."""


def collected(row: Row, epoch: int) -> tuple[Collected, int, list[str]]:
    """The answer of one epoch in a sample, how many answers the sample has, and what ended answers early.

    Raises InputError where the sample does not hold what the harness writes, NoSuchAnswerError where it has no
    answer of that epoch.
    """
    doc = row.values.get("doc")
    if not isinstance(doc, dict):
        raise InputError("doc is no object")
    case_id = name_of(doc, CASE, "doc (the task's documents have to be the cases of the dataset)")
    answers = _texts(row.values.get("resps"))
    if not answers:
        raise InputError("resps holds no text")
    if epoch > len(answers):
        raise NoSuchAnswerError(f"holds {counted(len(answers), 'answer')}, and none of epoch {epoch}")
    prompt, options = _asked(row.values.get("arguments"))
    query, system = _messages(prompt)
    limit = next((n for name in _LIMITS if (n := number(options.get(name))) is not None), None)
    until = options.get("until")
    stops = [one for one in until if isinstance(one, str) and one] if isinstance(until, list) else []
    choice = {"index": 0, "message": {"content": answers[epoch - 1]}, "finish_reason": None}
    one = Collected(
        where=row.where,
        case_id=case_id,
        answer=read_kept({"choices": [choice]}),
        query=doc.get(_QUERY) if query is None and isinstance(doc.get(_QUERY), str) else query,
        told=Told(_temperature(options), int(limit) if limit else None, system),
    )
    return one, len(answers), stops


def _texts(resps: Any) -> list[str]:
    """The answers in ``resps``: a list for each request, and each has one request, with an answer a repeat."""
    first = resps[0] if isinstance(resps, list) and resps else None
    found = first if isinstance(first, list) else resps if isinstance(resps, list) else []
    return [text for text in found if isinstance(text, str)]


def _asked(arguments: Any) -> tuple[Any, dict[str, Any]]:
    """What was sent and with which options, of ``arguments`` in the forms of its versions."""
    if isinstance(arguments, dict):
        arguments = next(iter(arguments.values()), None)
        if isinstance(arguments, dict):
            arguments = list(arguments.values())
    elif isinstance(arguments, list) and arguments and isinstance(arguments[0], list):
        arguments = arguments[0]
    if not isinstance(arguments, list) or not arguments:
        return None, {}
    options = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], dict) else {}
    return arguments[0], options


def _messages(prompt: Any) -> tuple[str | None, str | None]:
    """The query and the system prompt in a prompt; a chat may be written out as JSON."""
    if isinstance(prompt, str) and prompt.lstrip().startswith("[{"):
        try:
            prompt = json.loads(prompt)
        except (ValueError, RecursionError):
            return prompt, None
    if isinstance(prompt, list):
        parts = [(one.get("role"), one.get("content")) for one in prompt if isinstance(one, dict)]
        texts = [content for role, content in parts if role == "user" and isinstance(content, str)]
        system = [content for role, content in parts if role == "system" and isinstance(content, str)]
        # What run.json holds has to be text that UTF-8 can hold.
        return (texts[-1] if texts else None), "\n\n".join(system).encode("utf-8", "replace").decode() or None
    return (prompt, None) if isinstance(prompt, str) else (None, None)


def _temperature(options: dict[str, Any]) -> float | None:
    """The temperature; without sampling it is 0 whatever stands there."""
    return 0.0 if options.get("do_sample") is False else number(options.get("temperature"))


def answers_each(rows: Iterable[Row]) -> int:
    """The most answers that any of these samples has."""
    return max((len(_texts(row.values.get("resps"))) for row in rows), default=1)
