"""Secrets, the Hub's token and a provider's key: where they are taken from, and how they are kept out of every text."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from huggingface_hub import get_token

from dataset_builder.errors import InputError

TOKEN_ENV: Final = "HF_TOKEN"  # noqa: S105 - the variable's name
_TOKEN_MASK: Final = "[token]"  # noqa: S105 - what stands in its place
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
            text = text.replace(self._value, _TOKEN_MASK)
        text = _LOOKS_LIKE_ONE.sub(_TOKEN_MASK, text)
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


# A provider's key: read from an environment variable by name, sent in one header, shown nowhere.


AUTHORIZATION: Final = "Authorization"
_KEY_MASK: Final = "[key]"
# A shorter value is a placeholder such as "EMPTY", which may well be a word of an answer.
MIN_SECRET_CHARS: Final = 12
# What a provider quotes of a key that it rejects, usually with its middle starred out.
_QUOTED_KEY: Final = re.compile(r"\b(?:sk|hf|gsk|key|pk|r8)[-_][A-Za-z0-9_*.-]{6,}")

_HTTP_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


class ApiKey:
    """The value of one environment variable, which no text, log or pickle of this object holds.

    It is sent in the header ``name``, by default as the key of an OpenAI-compatible server. Raises InputError where
    the variable is missing, empty or holds what no header can carry.
    """

    __slots__ = ("_value", "env", "name")

    def __init__(self, env: str, name: str = AUTHORIZATION, option: str = "--api-key-env") -> None:
        value = os.environ.get(env, "").strip()
        if not value:
            what = f"No value for the header {name}" if option == "--header" else "No key"
            needs = "that value" if option == "--header" else "your provider's key"
            raise InputError(
                f"{what}: the environment variable {env} is not set. Set it to {needs}, "
                f"or name another variable with {option}."
            )
        if not (value.isascii() and value.isprintable()) or (name == AUTHORIZATION and " " in value):
            raise InputError(
                f"The key in the environment variable {env} holds characters that a header cannot carry "
                "(spaces, line breaks or letters outside ASCII). Was more than the key copied?"
            )
        self.env = env
        self.name = name
        self._value = value

    def __repr__(self) -> str:
        return f"ApiKey({self.env!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not to be stored")

    def reveal(self) -> str:
        """The key itself, for a library that sends it to where it is kept."""
        return self._value

    def header(self) -> dict[str, str]:
        """The header that carries the key."""
        return {self.name: f"Bearer {self._value}" if self.name == AUTHORIZATION else self._value}

    def scrub(self, text: str) -> str:
        """A text from the provider that is to be kept, without the key."""
        return text.replace(self._value, _KEY_MASK) if len(self._value) >= MIN_SECRET_CHARS else text

    def scrub_error(self, text: str) -> str:
        """An error's text without the key, however short it is, and without what looks like one."""
        return _QUOTED_KEY.sub(_KEY_MASK, text.replace(self._value, _KEY_MASK))

    @contextmanager
    def kept_from_logs(self) -> Iterator[None]:
        """Mask the key in what the HTTP libraries log: at the level DEBUG they log a server's headers as they came."""

        def mask(record: logging.LogRecord) -> bool:
            record.msg, record.args = self.scrub_error(record.getMessage()), ()
            return True

        loggers = [logging.getLogger(name) for name in _HTTP_LOGGERS]
        for logger in loggers:
            logger.addFilter(mask)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(mask)


def scrub(keys: Iterable[ApiKey], text: str) -> str:
    """A text that is to be kept, without any of the keys."""
    for key in keys:
        text = key.scrub(text)
    return text


def scrub_error(keys: Iterable[ApiKey], text: str) -> str:
    """An error's text without any of the keys, and without what looks like one."""
    for key in keys:
        text = key.scrub_error(text)
    return _QUOTED_KEY.sub(_KEY_MASK, text)
