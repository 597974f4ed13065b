"""What can go wrong between us and a model, and whether another try may help.

ProviderFault            an attempt that brought no answer; caught by the client, never shown raw
└── AccountFault         the key, the credit or the address is wrong: no request can succeed
"""

from __future__ import annotations

from typing import Any, Final

# Overload, restarts and gateways (520 to 529 are a CDN's and Anthropic's "overloaded").
RETRYABLE_STATUS: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, *range(520, 530)})
TOO_MANY: Final = 429
ACCOUNT_STATUS: Final = frozenset({401, 402})
# Codes and reasons under which providers report that their own filter stepped in.
_FILTER_WORDS: Final = ("content_filter", "content_policy", "responsibleai", "moderation", "flagged_input", "safety")
FILTER_FINISHES: Final = frozenset(
    {"content_filter", "content-filter", "safety", "prohibited_content", "blocklist", "recitation", "spii"}
)
_SHOWN_CHARS: Final = 300


class ProviderFault(Exception):  # noqa: N818 - its children are named for what is at fault
    """One attempt that failed.

    ``wait`` is what the server asked for, in seconds; ``filtered`` is True where a content filter,
    and not a failure, withheld the answer.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        http_status: int | None = None,
        wait: float | None = None,
        filtered: bool = False,
        parameter: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.http_status = http_status
        self.wait = wait
        self.filtered = filtered
        self.parameter = parameter

    @property
    def too_many(self) -> bool:
        """Whether the server said that we ask too often."""
        return self.http_status == TOO_MANY


class AccountFault(ProviderFault):
    """The key was rejected or the credit is used up."""


def shorten(text: str) -> str:
    """A provider's message in one printable line of at most 300 characters. Scrub it first: a cut key is one still."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * _SHOWN_CHARS]).split())
    return line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…"


def fault_of(http_status: int, error: Any, message: str, wait: float | None = None) -> ProviderFault:
    """The fault behind an error answer.

    ``error`` is the decoded ``error`` member, or None where the answer had none; ``message`` is its
    text, scrubbed.
    """
    described = f"HTTP {http_status}: {shorten(message) or 'no explanation'}"
    if http_status in ACCOUNT_STATUS:
        return AccountFault(described, retryable=False, http_status=http_status)
    if http_status in (400, 403) and _names_a_filter(error):
        return ProviderFault(described, retryable=False, http_status=http_status, filtered=True)
    parameter = error.get("param") if isinstance(error, dict) else None
    return ProviderFault(
        described,
        retryable=http_status in RETRYABLE_STATUS,
        http_status=http_status,
        wait=wait,
        parameter=parameter if isinstance(parameter, str) else None,
    )


def _names_a_filter(error: Any) -> bool:
    """Codes and metadata are trusted to say so; a message is prose and may quote the request."""
    if not isinstance(error, dict):
        return False
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and ("flagged_input" in metadata or metadata.get("reasons")):
        return True
    inner = error.get("innererror")
    marks = [error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None]
    return any(word in mark.lower() for mark in marks if isinstance(mark, str) for word in _FILTER_WORDS)
