"""A provider's key: read from an environment variable by name, sent in one header, shown nowhere."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from dataset_builder.errors import InputError

MASK: Final = "[key]"
# A shorter value is a placeholder such as "EMPTY", which may well be a word of an answer.
MIN_SECRET_CHARS: Final = 12
# What a provider quotes of a key that it rejects, usually with its middle starred out.
_QUOTED_KEY: Final = re.compile(r"\b(?:sk|hf|gsk|key|pk|r8)[-_][A-Za-z0-9_*.-]{6,}")

_HTTP_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


class ApiKey:
    """The value of one environment variable, which no text, log or pickle of this object holds.

    Raises InputError where the variable is missing, empty or holds what no header can carry.
    """

    __slots__ = ("_value", "env")

    def __init__(self, env: str) -> None:
        value = os.environ.get(env, "").strip()
        if not value:
            raise InputError(
                f"No key: the environment variable {env} is not set. Set it to your provider's key, "
                "or name another variable with --api-key-env."
            )
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise InputError(
                f"The key in the environment variable {env} holds characters that a header cannot carry "
                "(spaces, line breaks or letters outside ASCII). Was more than the key copied?"
            )
        self.env = env
        self._value = value

    def __repr__(self) -> str:
        return f"ApiKey({self.env!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not to be stored")

    def header(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"Authorization": f"Bearer {self._value}"}

    def scrub(self, text: str) -> str:
        """A text from the provider that is to be kept, without the key."""
        return text.replace(self._value, MASK) if len(self._value) >= MIN_SECRET_CHARS else text

    def scrub_error(self, text: str) -> str:
        """An error's text without the key, however short it is, and without what looks like one."""
        return _QUOTED_KEY.sub(MASK, text.replace(self._value, MASK))

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


def scrub(key: ApiKey | None, text: str) -> str:
    """``key.scrub``, where there is a key at all."""
    return key.scrub(text) if key else text


def scrub_error(key: ApiKey | None, text: str) -> str:
    """``key.scrub_error``; without a key, only what looks like one is masked."""
    return key.scrub_error(text) if key else _QUOTED_KEY.sub(MASK, text)
