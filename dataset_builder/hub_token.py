"""The Hub's token: where it is taken from, and how it is kept out of every text."""

from __future__ import annotations

import os
import re
from typing import Final

from huggingface_hub import get_token

from dataset_builder.errors import InputError

TOKEN_ENV: Final = "HF_TOKEN"  # noqa: S105 - the variable's name
MASK: Final = "[token]"
_LOOKS_LIKE_ONE: Final = re.compile(r"hf_[A-Za-z0-9_]{6,}")
_SHOWN: Final = 300


class Secret:
    """A token, which no text of this object holds."""

    __slots__ = ("_value", "origin")

    def __init__(self, value: str | None, origin: str) -> None:
        self._value = value
        self.origin = origin

    def __repr__(self) -> str:
        return f"Secret({self.origin!r})"

    def __bool__(self) -> bool:
        return bool(self._value)

    def reveal(self) -> str | None:
        """The token itself, for the library that sends it."""
        return self._value

    def scrub(self, text: str) -> str:
        """A text in one printable line of at most 300 characters, without this token or what looks like one."""
        if self._value:
            text = text.replace(self._value, MASK)
        text = _LOOKS_LIKE_ONE.sub(MASK, text)
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def find_token(token: str | None, token_env: str) -> Secret:
    """The token to sign in with: ``token``, else the variable's, else (for HF_TOKEN) the stored one.

    Raises InputError where another variable is named and empty, or where it holds what no token can.
    """
    value = token or os.environ.get(token_env, "").strip() or None
    origin = token_env
    if value is None and token_env != TOKEN_ENV:
        raise InputError(
            f"the environment variable {token_env} is not set; put the token there, or leave out --token-env"
        )
    if value is None and (stored := get_token()):
        value, origin = stored.strip(), "the store of 'hf auth login'"
    if value and not (value.isascii() and value.isprintable() and " " not in value):
        raise InputError(f"the token in {origin} holds characters that no token has; was more than the token copied?")
    return Secret(value, origin)
