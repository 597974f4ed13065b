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
    "invalid_prompt",
    "censorship",
)
# The same in a sentence of the server's own, which begins with it: further on a message may quote the request.
_FILTER_SAID: Final = re.compile(
    r"\s*(?:content violates usage guidelines|output blocked by content filtering policy"
    r"|invalid prompt: your prompt was flagged|(?:input|output) (?:(?:new_)?sensitive|content audit fail))",
    re.IGNORECASE,
)
# Members of a reply that say that what was asked, or what was answered, was found to be sensitive.
_FLAGS: Final = ("contentFilter", "input_sensitive", "output_sensitive")
# Unavailable for legal reasons: what some servers answer where a censor steps in.
_CENSORED: Final = 451
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
    "authfailure",
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
    r"|\bauthentication (?:fail(?:s|ed|ure)|error|required)\b|\bunauthori[sz]ed\b|\blog ?in fail(?:ed)?\b"
    r"|\bmissing authentication token\b|\bsecurity token\b.{0,60}\b(?:invalid|expired)\b|\bnot authorized to perform\b",
    re.IGNORECASE,
)
_CREDIT_SAID: Final = re.compile(
    r"\binsufficient (?:balance|credits?|quota|funds)\b|\bout of credits?\b|\bcredit balance is too low\b"
    r"|\b(?:balance|credits?|funds)\b.{0,20}\binsufficient\b"
    r"|\bexceeded your current quota\b|\bbilling\b.{0,40}\b(?:not active|limit)\b"
    r"|\baccount\b.{0,40}\b(?:suspended|overdue|disabled|deactivated)\b|\bno (?:such )?account\b",
    re.IGNORECASE,
)
_MODEL_SAID: Final = re.compile(
    r"\bmodel\b.{0,120}\b(?:does not exist|doesn't exist|do(?:es)? not have access|not found|not available"
    r"|not a valid|unknown|not supported|not loaded)\b"
    r"|\baccess to model\b.{0,120}\brestricted\b"
    r"|\b(?:no such|unknown|invalid|unsupported) model\b|\bnot a valid model\b|\bno endpoints found\b",
    re.IGNORECASE | re.DOTALL,
)
_DAY_SAID: Final = re.compile(
    r"\bdaily\b|\bper[ -_]day\b|\btoday\b|\b(?:rpd|tpd)\b|\bmonthly\b|\bper[ -_]month\b", re.IGNORECASE
)
_RATE_SAID: Final = re.compile(
    r"\b(?:rate|qps|rpm|tpm|concurrency)\b.{0,20}\b(?:limit|exceed)|\brequests? limit\b|\btoo many requests\b",
    re.IGNORECASE,
)
# In words, where no header says it.
_AGAIN_SAID: Final = re.compile(
    r"\b(?:retry|try again) (?:in|after) "
    r"(?:(\d{1,4}(?:\.\d{1,9})?) ?(ms|s|seconds?|m(?:in(?:utes?)?)?)\b|(\d{1,3})m(\d{1,2})s)",
    re.IGNORECASE,
)
_TEMPLATE_SAID: Final = re.compile(r"\bchat[ _]template\b", re.IGNORECASE)
_NO_TEMPLATE: Final = (
    "A base model has no chat template: name one that was made for chat, or give the server a template "
    "(vLLM: --chat-template FILE)."
)
_COUNTRY_SAID: Final = re.compile(r"\b(?:country|region|territory|location)\b.{0,40}\bnot supported\b", re.IGNORECASE)
_OUTPUT_FIELD: Final = re.compile(
    r"\bmax_(?:completion_|output_|new_)?tokens\b|\bmaximum tokens\b|\bmaxTokens\b", re.IGNORECASE
)
# The most tokens that an answer may have, as the field's own complaint says it.
_OUTPUT_TOKENS: Final = re.compile(
    r"(?:at most|limit of|less than or equal to|lower than|<=|\d > |\[ ?\d+ ?,) ?`?(\d[\d,]{1,9})", re.IGNORECASE
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

    def __init__(
        self, message: str, *, remedy: str = "", http_status: int | None = None, unknown_model: bool = False
    ) -> None:
        super().__init__(message, retryable=False, http_status=http_status)
        self.remedy = remedy
        # Whether it is the model's name that the server does not know.
        self.unknown_model = unknown_model


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
    # What it asks to wait, in seconds, where it says so in its body.
    wait: float | None = None

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
    "faultstring",
    "description",
)
_MARKS: Final = (
    "code",
    "type",
    "status",
    "reason",
    "error_code",
    "status_code",
    "errorCode",
    "errorcode",
    "Code",
    "quotaId",
)


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
    for name in ("error", "errors", "Error", "fault"):
        # An error of zeros and empty texts is how some say that there was none.
        if (inner := data.get(name)) and not (isinstance(inner, dict) and not any(inner.values())):
            return _said(inner, data)
    if isinstance(inner := data.get("Response"), dict) and inner.get("Error"):
        return _said(inner["Error"], {})
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
    inside = (*_marks_of(error.get("innererror")), *_marks_of(error.get("detail")), *_details_of(error))
    return Said(
        f"{message}: {raw}" if message and raw else message or raw,
        (*_marks_of(error), *inside, *_marks_of(around)),
        next((code for one in (error, around) if (code := _code_of(one)) is not None), None),
        parameter if isinstance(parameter, str) else None,
        bool("flagged_input" in metadata or metadata.get("reasons") or any(around.get(name) for name in _FLAGS)),
        _wait_in(error, message),
    )


def _wait_in(error: dict[str, Any], message: str) -> float | None:
    """Seconds to wait by a detail such as ``{"retryDelay": "39s"}``, or by the words of the message."""
    details = error.get("details")
    for one in details[:10] if isinstance(details, list) else ():
        told = one.get("retryDelay") if isinstance(one, dict) else None
        if isinstance(told, str) and (seconds := re.fullmatch(r"(\d{1,5}(?:\.\d{1,9})?)s", told)):
            return float(seconds[1])
    if (found := _AGAIN_SAID.search(message[: 8 * _SHOWN_CHARS])) is None:
        return None
    if found[3]:
        return 60.0 * int(found[3]) + int(found[4])
    unit = found[2].lower()
    return float(found[1]) * (0.001 if unit == "ms" else 60.0 if unit.startswith("m") else 1.0)


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
    found = [one for one in details[:10] if isinstance(one, dict)] if isinstance(details, list) else []
    for one in [*found]:
        inner = one.get("violations")
        found += [each for each in inner[:10] if isinstance(each, dict)] if isinstance(inner, list) else []
    return tuple(mark for one in found for mark in _marks_of(one))


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
    wait = said.wait if wait is None and http_status in (TOO_MANY, 503) else wait
    if _is_filter(http_status, said):
        return ProviderFault(described, retryable=False, http_status=http_status, filtered=True)
    # Who says when to come again means a limit that passes, even in the words of a bill.
    unpaid = wait is None and _CREDIT_SAID.search(start)
    if http_status == PAYMENT or said.has(_CREDIT_MARKS) or unpaid:
        return AccountFault(described, payment=True, http_status=http_status)
    if http_status == 401 or said.has(_KEY_MARKS) or (http_status in (400, 403, 500) and _KEY_SAID.search(start)):
        return AccountFault(described, payment=False, http_status=http_status)
    if http_status in (400, 413, 422, 500) and (
        said.has(_CONTEXT_MARKS) or _CONTEXT_SAID.search(start) or _names_output_limit(start)
    ):
        message = f"{sentence(described)} {context_remedy(text)}"
        return ProviderFault(message, retryable=False, http_status=http_status, context=True)
    if http_status in (400, 403, 404, 422, 500) and (said.has(_MODEL_MARKS) or _MODEL_SAID.search(start)):
        return LastingFault(
            described, remedy="Check the name of the model.", http_status=http_status, unknown_model=True
        )
    if http_status in (400, 422, 500) and _TEMPLATE_SAID.search(start):
        return LastingFault(described, remedy=_NO_TEMPLATE, http_status=http_status)
    if http_status == 403 and _COUNTRY_SAID.search(start):
        return LastingFault(described, remedy="That server takes no calls from here.", http_status=http_status)
    if http_status == TOO_MANY and (
        said.has(("perday",)) or (wait is None and (said.has(("daily",)) or _DAY_SAID.search(start)))
    ):
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
    limited = any(("rate" in mark and "limit" in mark) or "too_many" in mark for mark in said.marks)
    if limited or said.has(("requestlimit",)) or (said.code is None and _RATE_SAID.search(said.message[:_SHOWN_CHARS])):
        return TOO_MANY
    return said.code or 500


def names_context_limit(message: str) -> bool:
    """Whether an error's text says that a request, or the answer that it asks for, does not fit the model."""
    start = message[: 4 * _SHOWN_CHARS]
    return _CONTEXT_SAID.search(start) is not None or _names_output_limit(start)


def context_remedy(message: str) -> str:
    """What to do about a request that does not fit, with a number where the server tells enough for one."""
    context, asked = _CONTEXT_TOKENS.search(message), _INPUT_TOKENS.search(message)
    if context is None and _OUTPUT_FIELD.search(message) and (most := _OUTPUT_TOKENS.search(message)):
        return f"Give --max-tokens {most[1].replace(',', '')}."
    if context and asked:
        room = int(context[1].replace(",", "")) - int((asked[1] or asked[2]).replace(",", ""))
        if room >= 1:
            # Other requests are longer: some room for them.
            return f"Give --max-tokens {max(room // 2, room // 500 * 500) or room}, or a server with a longer context."
    return "Give a lower --max-tokens, or a server with a longer context."


def sentence(text: str) -> str:
    """A text that ends as a sentence does."""
    return text if text.endswith((".", "!", "?", "…", "。")) else f"{text}."


def _names_output_limit(message: str) -> bool:
    """Whether an error's text says that an answer may not have so many tokens as were asked for."""
    return bool(_OUTPUT_FIELD.search(message) and _OUTPUT_TOKENS.search(message))


def _is_filter(http_status: int, said: Said) -> bool:
    """Whether a filter stepped in, and nothing failed.

    Codes and metadata are trusted to say so; a message is prose and may quote the request, so its beginning counts.
    """
    if http_status == _CENSORED:
        return True
    named = any(word in mark for mark in said.marks for word in _FILTER_WORDS) or _FILTER_SAID.match(said.message)
    return http_status in (400, 403, 500) and (said.flagged or bool(named))
