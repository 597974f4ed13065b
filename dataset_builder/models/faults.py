"""What can go wrong between us and a model, and whether another try may help.

ProviderFault            an attempt that brought no answer; caught by the client, never shown raw
└── LastingFault         no request of this run can succeed: a model that is not there, a used-up day, another address
    └── AccountFault     the key is wrong or the credit is used up

Servers tell of one thing in many shapes and words, with a status of 200 too: what is read here is what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from dataset_builder.models.answer import ChatAnswer

# Overload, restarts and gateways (520 to 529 are a CDN's and Anthropic's "overloaded").
RETRYABLE_STATUS: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, *range(520, 530)})
TOO_MANY: Final = 429
PAYMENT: Final = 402
_MOVED: Final = frozenset({301, 308})
# Codes and reasons under which providers report that their own filter stepped in.
_FILTER_WORDS: Final = (
    "content_filter",
    "content_policy",
    "responsibleai",
    "moderation",
    "flagged_input",
    "safety",
    "data_inspection_failed",
    "datainspectionfailed",
)
# Codes, types and reasons (small letters, without what joins their words) for a key that is not taken.
_KEY_MARKS: Final = (
    "invalidapikey",
    "apikeyinvalid",
    "authenticationerror",
    "invalidauthentication",
    "unauthenticated",
    "unauthorized",
    "invalidkey",
    "incorrectapikey",
)
_CREDIT_MARKS: Final = (
    "insufficientquota",
    "insufficientbalance",
    "insufficientcredits",
    "billinghardlimit",
    "billingnotactive",
    "accountdeactivated",
    "accountoverdue",
    "arrearage",
    "paymentrequired",
)
_MODEL_MARKS: Final = ("modelnotfound", "modelnotexist", "invalidmodel", "unknownmodel", "modelnotsupported")
_CONTEXT_MARKS: Final = ("contextlengthexceeded", "exceedcontextsize", "contextwindowexceeded")
_KEY_SAID: Final = re.compile(
    r"\b(?:api[ _-]?key|access[ _-]?token|auth(?:entication)?[ _-]?(?:token|credentials?)|credentials)\b.{0,60}"
    r"\b(?:not valid|invalid|incorrect|expired|revoked|missing|not found|no longer|required)\b"
    r"|\b(?:invalid|incorrect|expired|wrong|missing|no|bad)\b (?:\w+ )?"
    r"(?:api[ _-]?key|auth(?:entication)? credentials|access[ _-]?token)\b"
    r"|\bauthentication fail(?:s|ed)\b|\bunauthori[sz]ed\b",
    re.IGNORECASE,
)
_CREDIT_SAID: Final = re.compile(
    r"\binsufficient (?:balance|credits?|quota|funds)\b|\bout of credits?\b|\bcredit balance is too low\b"
    r"|\bexceeded your current quota\b|\bbilling\b.{0,40}\b(?:not active|limit)\b"
    r"|\baccount\b.{0,40}\b(?:suspended|overdue|disabled|deactivated)\b|\bno (?:such )?account\b",
    re.IGNORECASE,
)
_MODEL_SAID: Final = re.compile(
    r"\bmodel\b.{0,120}\b(?:does not exist|doesn't exist|do(?:es)? not have access|not found|not available"
    r"|not a valid|unknown|not supported|not loaded)\b"
    r"|\b(?:no such|unknown|invalid|unsupported) model\b|\bnot a valid model\b|\bno endpoints found\b",
    re.IGNORECASE | re.DOTALL,
)
_DAY_SAID: Final = re.compile(
    r"\bdaily\b|\bper[ -_]day\b|\btoday\b|\b(?:rpd|tpd)\b|\bmonthly\b|\bper[ -_]month\b", re.IGNORECASE
)
_CONTEXT_SAID: Final = re.compile(
    r"\bcontext (?:length|window|size)\b|\b(?:prompt|input|request|message)s? (?:is|are|was) too (?:long|large)\b"
    r"|\btoo many (?:input )?tokens\b|\bmaximum (?:input|prompt|sequence|model) length\b|\bmax_model_len\b"
    r"|\bexceeds? (?:the )?(?:maximum|available) (?:context|number of tokens)\b",
    re.IGNORECASE,
)
_CONTEXT_TOKENS: Final = re.compile(
    r"(?:context (?:length|window|size)|max_model_len)[^0-9]{0,40}(\d[\d,]{1,9})", re.IGNORECASE
)
_INPUT_TOKENS: Final = re.compile(
    r"(\d[\d,]{0,9}) (?:input |prompt )?tokens? (?:in|from) (?:the |your )?(?:messages|input|prompt)"
    r"|(?:has|have|with|contains?|requested) (\d[\d,]{0,9}) (?:input|prompt) tokens",
    re.IGNORECASE,
)
_SHOWN_CHARS: Final = 300


class ProviderFault(Exception):  # noqa: N818 - its children are named for what is at fault
    """One attempt that failed.

    ``wait`` is what the server asked for, in seconds; ``filtered`` is True where a content filter, and not a
    failure, withheld the answer; ``context`` where the request and its answer do not fit the model's context;
    ``unreadable`` where the server answered (and may charge for it) with nothing that can be read; ``broken_off``
    is what there is of an answer that ended in a failure.
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
        context: bool = False,
        unreadable: bool = False,
        broken_off: ChatAnswer | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.http_status = http_status
        self.wait = wait
        self.filtered = filtered
        self.parameter = parameter
        self.context = context
        self.unreadable = unreadable
        self.broken_off = broken_off

    @property
    def too_many(self) -> bool:
        """Whether the server said that we ask too often."""
        return self.http_status == TOO_MANY

    @property
    def may_be_paid(self) -> bool:
        """Whether the server may charge for what it sent."""
        return self.unreadable or self.broken_off is not None


class LastingFault(ProviderFault):
    """No request of this run can succeed; ``remedy`` says what the user can do."""

    def __init__(self, message: str, *, remedy: str = "", http_status: int | None = None) -> None:
        super().__init__(message, retryable=False, http_status=http_status)
        self.remedy = remedy


class AccountFault(LastingFault):
    """The key was rejected or, where ``payment``, the credit is used up."""

    def __init__(self, message: str, *, payment: bool, http_status: int | None = None) -> None:
        super().__init__(message, http_status=http_status)
        self.payment = payment


class Said(NamedTuple):
    """What a server says of a failure, whatever shape it says it in."""

    message: str
    # Its codes, types, statuses and reasons, in small letters.
    marks: tuple[str, ...] = ()
    # A status like HTTP's that stands inside, if any.
    code: int | None = None
    parameter: str | None = None
    # Whether it says that it looked at what was asked and flagged it.
    flagged: bool = False

    def has(self, words: tuple[str, ...]) -> bool:
        """Whether one of its codes, types and reasons names one of these."""
        plain = [re.sub(r"[^a-z0-9]", "", mark) for mark in self.marks]
        return any(word in mark for mark in plain for word in words)


def shorten(text: str) -> str:
    """A provider's message in one printable line of at most 300 characters. Scrub it first: a cut key is one still."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * _SHOWN_CHARS]).split())
    return line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…"


_MESSAGES: Final = (
    "message",
    "msg",
    "detail",
    "error_msg",
    "error_message",
    "errorMessage",
    "status_msg",
    "Message",
    "error_description",
    "title",
)
_MARKS: Final = ("code", "type", "status", "reason", "error_code", "status_code", "errorCode")


def said_in(data: Any) -> Said | None:
    """The failure that a decoded body tells of; None for a body that looks like a completion or like nothing.

    Read are ``error`` and ``errors`` of any type, an object that is an error itself, a list around one, a plain
    string, and the envelopes that some servers put around everything.
    """
    if isinstance(data, str):
        return Said(_text(data)) if data.strip() else None
    if isinstance(data, list):
        # A stranger's lists may be as deep as they like: one level is read.
        return next((found for one in data[:3] if not isinstance(one, list) and (found := said_in(one))), None)
    if not isinstance(data, dict):
        return None
    for name in ("error", "errors"):
        if inner := data.get(name):
            return _said(inner, data)
    envelope = data.get("base_resp")
    if isinstance(envelope, dict) and envelope.get("status_code") not in (0, None):
        return _said(envelope, data)
    told = any(isinstance(data.get(name), str | list) and data.get(name) for name in _MESSAGES)
    if data.get("object") == "error" or data.get("type") == "error" or (told and not data.get("choices")):
        return _said(data, {})
    return None


def _said(error: Any, around: dict[str, Any]) -> Said:
    if isinstance(error, list):
        error = error[0] if error else ""
    if not isinstance(error, dict):
        # {"error": true, "message": "…"} as well as {"error": "…"}.
        own = error if isinstance(error, str) else ""
        beside = {**around, "error": None, "errors": None}
        if not own and any(value is not None for value in beside.values()):
            return _said(beside, {})
        return Said(_text(own), _marks_of(around), _code_of(around))
    if isinstance(inner := error.get("error"), dict) and not error.get("message") and not inner.get("error"):
        return _said(inner, error)
    metadata = error.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    message, raw = _message_of(error) or _message_of(around), _text(metadata.get("raw"))
    parameter = error.get("param")
    return Said(
        f"{message}: {raw}" if message and raw else message or raw,
        (*_marks_of(error), *_marks_of(error.get("innererror")), *_details_of(error), *_marks_of(around)),
        next((code for one in (error, around) if (code := _code_of(one)) is not None), None),
        parameter if isinstance(parameter, str) else None,
        bool("flagged_input" in metadata or metadata.get("reasons")),
    )


def _message_of(error: dict[str, Any], depth: int = 3) -> str:
    for name in _MESSAGES:
        value = error.get(name)
        if isinstance(value, str) and value.strip():
            return _text(value)
        if depth and isinstance(value, dict) and (inner := _message_of(value, depth - 1)):
            return inner
        if isinstance(value, list):
            parts = [_text(one) or (_message_of(one, 0) if isinstance(one, dict) else "") for one in value[:5]]
            if text := "; ".join(filter(None, parts)):
                return text
    return ""


def _marks_of(error: Any) -> tuple[str, ...]:
    if not isinstance(error, dict):
        return ()
    return tuple(value.lower() for name in _MARKS if isinstance(value := error.get(name), str))


def _details_of(error: dict[str, Any]) -> tuple[str, ...]:
    details = error.get("details")
    return tuple(mark for one in details[:10] for mark in _marks_of(one)) if isinstance(details, list) else ()


def _code_of(error: Any) -> int | None:
    """A status like HTTP's under one of the names of codes."""
    for name in _MARKS if isinstance(error, dict) else ():
        number = str(error.get(name))
        if len(number) == 3 and number.isascii() and number.isdecimal() and number[0] in "45":
            return int(number)
    return None


def _text(value: Any) -> str:
    """A text that UTF-8 can hold: half a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def fault_of(
    http_status: int, said: Said, wait: float | None = None, clean: Callable[[str], str] = str
) -> ProviderFault:
    """The fault behind what a server says.

    ``http_status`` is that of the reply, or of the failure inside a reply that came with 200; ``clean`` takes
    secrets out of the message before anything is cut from it.
    """
    text = clean(said.message)
    described = f"HTTP {http_status}: {shorten(text) or 'no explanation'}"
    start = text[: 4 * _SHOWN_CHARS]
    if (said.flagged and http_status in (400, 403)) or (http_status in (400, 403, 500) and _names_a_filter(said)):
        return ProviderFault(described, retryable=False, http_status=http_status, filtered=True)
    if http_status == PAYMENT or said.has(_CREDIT_MARKS) or _CREDIT_SAID.search(start):
        return AccountFault(described, payment=True, http_status=http_status)
    if http_status == 401 or said.has(_KEY_MARKS) or (http_status in (400, 403, 500) and _KEY_SAID.search(start)):
        return AccountFault(described, payment=False, http_status=http_status)
    if http_status in (400, 413, 422, 500) and (said.has(_CONTEXT_MARKS) or _CONTEXT_SAID.search(start)):
        message = f"{described}. {context_remedy(text)}"
        return ProviderFault(message, retryable=False, http_status=http_status, context=True)
    if http_status in (400, 404, 422, 500) and (said.has(_MODEL_MARKS) or _MODEL_SAID.search(start)):
        return LastingFault(described, remedy="Check the name of the model.", http_status=http_status)
    if http_status == TOO_MANY and wait is None and (said.has(("daily", "perday")) or _DAY_SAID.search(start)):
        remedy = "Run the same command again when the limit is lifted: what was answered is kept."
        return LastingFault(described, remedy=remedy, http_status=http_status)
    return ProviderFault(
        described,
        retryable=http_status in RETRYABLE_STATUS,
        http_status=http_status,
        wait=wait,
        parameter=said.parameter,
    )


def redirect_fault(http_status: int, location: str) -> ProviderFault:
    """The fault of a server that points elsewhere, which would carry the request, and maybe the key, with it.

    ``location`` is where it points, scrubbed; its query is left out.
    """
    there = shorten(location.partition("?")[0].partition("#")[0])
    message = f"HTTP {http_status}: the server points to {there or 'no address'}, and redirects are not followed"
    if http_status in _MOVED:
        address = there.removesuffix("/").removesuffix("/chat/completions")
        return LastingFault(
            message, remedy=f"If you trust that address, give it: --base-url {address}", http_status=http_status
        )
    return ProviderFault(message, retryable=False, http_status=http_status)


def status_inside(said: Said) -> int:
    """The status of a failure that came with 200; one that names none is the server's, and worth another try."""
    if any(("rate" in mark and "limit" in mark) or "too_many" in mark for mark in said.marks):
        return TOO_MANY
    return said.code or 500


def names_context_limit(message: str) -> bool:
    """Whether an error's text says that a request does not fit the model's context."""
    return _CONTEXT_SAID.search(message[: 4 * _SHOWN_CHARS]) is not None


def context_remedy(message: str) -> str:
    """What to do about a request that does not fit, with a number where the server tells enough for one."""
    context, asked = _CONTEXT_TOKENS.search(message), _INPUT_TOKENS.search(message)
    if context and asked:
        room = int(context[1].replace(",", "")) - int((asked[1] or asked[2]).replace(",", ""))
        if room >= 1:
            # Other requests are longer: some room for them.
            return f"Give --max-tokens {max(room // 2, room // 500 * 500) or room}, or a server with a longer context."
    return "Give a lower --max-tokens, or a server with a longer context."


def _names_a_filter(said: Said) -> bool:
    """Codes and metadata are trusted to say so; a message is prose and may quote the request."""
    return said.flagged or any(word in mark for mark in said.marks for word in _FILTER_WORDS)
