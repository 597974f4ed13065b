"""What judges are called as a person would say it: ``GPT-5.4`` for ``gpt-5.4-2026-03-05``."""

from __future__ import annotations

import re
from typing import Final

_DATE: Final = re.compile(r"[-@]20\d\d-?[01]\d-?[0-3]\d$")
_ACRONYMS: Final = {"gpt": "GPT", "glm": "GLM", "oss": "OSS", "llm": "LLM"}
_BY_NAME: Final = {
    "embedded": "Offline judge",
    "heldout": "Offline judge, held out",
    "encoder": "Encoder",
    "encoder-heldout": "Encoder, held out",
    "published": "The study's judge",
}


def spoken(judge: str) -> str:
    """A judge's name in words: without provider and date, acronyms in capitals; any other text stays as it is."""
    if judge in _BY_NAME:
        return _BY_NAME[judge]
    kind, _, rest = judge.partition(":")
    if kind == "human":
        return f"People ({rest})" if rest else "People"
    if rest and kind in _BY_NAME:
        return _BY_NAME[kind]
    if rest and kind == "cascade":
        return f"{_BY_NAME['embedded']}, in doubt {spoken(rest)}"
    if rest and kind == "council":
        return f"Council of {', '.join(spoken(one) for one in rest.split('+'))}"
    name = _DATE.sub("", (rest or judge).rsplit("/", 1)[-1])
    if not re.fullmatch(r"[a-z][a-z0-9.]*(?:-[a-z0-9.]+)+", name):
        return name
    first, *others = name.split("-")
    words = [_ACRONYMS.get(first, first.capitalize())]
    for word in others:
        is_number = word[0].isdigit()
        if is_number and words[-1][-1].isdigit() and len(word) <= 2:
            words[-1] += f".{word}"
        elif is_number and words[-1] in _ACRONYMS.values():
            words[-1] += f"-{word}"
        else:
            words.append(_ACRONYMS.get(word, word if is_number else word.capitalize()))
    return " ".join(words)
