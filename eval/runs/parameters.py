"""What a user says a request is to carry, read and checked before anything is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dataset_builder.dataset.sample import parse_chosen
from dataset_builder.errors import InputError
from dataset_builder.models.in_process.named import InProcess
from dataset_builder.storage.sheets import read_text
from dataset_builder.work.choice import ModelChoice

_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Headers that the client sets itself.
_OURS: Final = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host", "user-agent"}
)
# Fields of a request that have an option of their own, or that decide what an answer is.
_OPTIONS: Final[Mapping[str, str]] = {
    "model": "--model",
    "temperature": "--temperature",
    "max_tokens": "--max-tokens",
    "max_completion_tokens": "--max-tokens",
    "top_p": "--top-p",
    "stop": "--stop",
    "seed": "--seed",
    "stream": "--stream",
    "reasoning_effort": "--reasoning",
    "messages": "--system-prompt",
}
_ONE_ANSWER: Final = frozenset({"n", "best_of"})
_LONGEST_BODY: Final = 2000


def parameters(choice: ModelChoice, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the options of ``request_options`` and ``--where`` and ``--cases`` say, as ``RunOptions`` takes it.

    What is not theirs passes as it is. Raises InputError for a value that cannot be meant.
    """
    rest = dict(given)
    how = {name: rest.pop(name) for name in ("stream", "rpm", "tpm")}
    headers = tuple(parse_header(one) for one in rest.pop("headers"))
    process = InProcess(**{name: rest.pop(name) for name in ("completion", "batch_size", "dtype", "device")})
    prompt, body = rest.pop("system_prompt"), rest.pop("extra_body")
    return {
        "choice": replace(choice, headers=headers, in_process=process, **how),
        "system_prompt": None if prompt is None else text_or_file(prompt, "--system-prompt"),
        "extra_body": None if body is None else parse_extra_body(text_or_file(body, "--extra-body")),
        "chosen": parse_chosen(rest.pop("where"), rest.pop("cases_file")),
        **rest,
    }


def text_or_file(value: str, option: str) -> str:
    """A text, or what the file behind an @ holds. Raises InputError where that cannot be read, or nothing is in it."""
    text = read_text(Path(value[1:]), option).strip() if value.startswith("@") else value
    if not text.strip():
        raise InputError(f"{option} {value!r}: is empty. Leave it out, or give a text or @FILE.")
    return text


def parse_extra_body(text: str) -> str:
    """Further fields of a request as canonical JSON.

    Raises InputError for what is no JSON object, is too long to be recorded, or says what an option says.
    """
    example = """for example '{"chat_template_kwargs": {"enable_thinking": false}}'"""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise InputError(f"--extra-body: no JSON ({error}). Expected an object, {example}.") from None
    if not isinstance(found, dict) or not found:
        raise InputError(f"--extra-body: expected a JSON object with at least one field, {example}.")
    for name in found:
        if name in _OPTIONS:
            raise InputError(f"--extra-body: {name!r} has an option of its own, {_OPTIONS[name]}.")
        if name in _ONE_ANSWER:
            raise InputError(f"--extra-body: {name!r} asks for several answers, and one is judged. Leave it out.")
    canonical = json.dumps(found, sort_keys=True)
    if len(canonical) > _LONGEST_BODY:
        raise InputError(f"--extra-body: {len(canonical):,} characters; at most {_LONGEST_BODY:,} can be recorded.")
    return canonical


def parse_header(text: str) -> tuple[str, str]:
    """``NAME=VARIABLE`` as a header's name and the environment variable of its value.

    Raises InputError for another form, and for a header that the client sets itself.
    """
    name, _, variable = (part.strip() for part in text.partition("="))
    if not _HEADER.fullmatch(name) or not _VARIABLE.fullmatch(variable):
        raise InputError(
            f"--header: expected NAME=VARIABLE, a header and the environment variable that holds its value "
            f"(the value itself would stay in the shell's history), got {name[:40]!r}."
        )
    if name.lower() in _OURS:
        instead = " Give the key's variable with --api-key-env." if name.lower() == "authorization" else ""
        raise InputError(f"--header {name}: is set by this program.{instead}")
    return name, variable


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")
