"""How long to go on asking a Hub that is busy, slow or out of reach.

huggingface_hub waits as long as a server tells it to, has no time limit on some of its requests, and
repeats none of the others. So it is given a client of ours, which knows the requests that come from
``hub.py`` by a header (taken off before they leave) and treats those alone with patience; requests of
other libraries in the same process pass through it as they were.

A request that must not be carried out twice (a commit) is repeated only where it certainly was not
carried out; otherwise ``AnswerLostError`` tells the caller to look first.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import tenacity
from huggingface_hub import get_session, set_client_factory

from dataset_builder.errors import RemoteError
from dataset_builder.net.retry_after import retry_after

HEADER: Final = "X-Patience"
PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may be gone at the next try."""
REFUSED_UNREAD: Final = frozenset({429})
"""Statuses with which a server says that it did not even begin."""
_ONCE: Final = re.compile(r"/api/[^/]+/[^/]+/[^/]+/(commit/|discussions)")


@dataclass(frozen=True)
class Patience:
    """How often and how long to try. Times are in seconds."""

    attempts: int = 6
    first_pause: float = 1.0
    """Doubled at each further try, with up to as much again at random."""
    longest_pause: float = 300.0
    """Also the longest pause that a server may ask for: the Hub counts requests in windows of five minutes."""
    timeout: float = 60.0
    """For connecting, and for each silence while sending or receiving."""
    notice: Callable[[str], None] = field(default=lambda _: None, compare=False)
    """Is told about each pause of more than two seconds."""
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False)

    def retrying(self, *errors: type[Exception]) -> tenacity.Retrying:
        """Tries again on ``errors``, ``TryAgainError`` among them or not; the last one comes out."""
        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._pause,
            retry=tenacity.retry_if_exception_type(errors),
            sleep=self.sleep,
            before_sleep=self._tell,
            reraise=True,
        )

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.pause if isinstance(error, TryAgainError) else None
        if asked is not None:
            return asked
        grown = tenacity.wait_random_exponential(self.first_pause, max=self.longest_pause)
        return max(grown(state), self.first_pause / 2)

    def _tell(self, state: tenacity.RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        if pause > 2 and state.outcome:
            self.notice(f"{state.outcome.exception()}; trying again in {pause:.0f} s")


class TryAgainError(Exception):
    """A failure that may be gone at the next try; ``pause`` is what the server asked for, in seconds."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class AnswerLostError(Exception):
    """Nobody knows whether the request was carried out."""


_patient: weakref.WeakValueDictionary[str, Patience] = weakref.WeakValueDictionary()
_installing = threading.Lock()
_installed = False


def be_patient(patience: Patience) -> dict[str, str]:
    """The header that gives a request this patience, for as long as the object lives."""
    global _installed
    with _installing:
        if not _installed:
            # The hooks are huggingface_hub's own (offline mode, request ids), which it does not export by name.
            hooks = get_session().event_hooks
            set_client_factory(lambda: _client(hooks))
            _installed = True
    name = str(id(patience))
    _patient[name] = patience
    return {HEADER: name}


def _client(hooks: dict[str, list[Callable[..., Any]]]) -> httpx2.Client:
    # As huggingface_hub makes its own, but for the class, and for a time limit where a request names none:
    # uploads of large files come without our header, and would wait for a dead server for ever.
    return PatientClient(event_hooks=hooks, follow_redirects=True, timeout=Patience.timeout)


class PatientClient(httpx2.Client):
    """huggingface_hub's client, with patience for the requests that ask for it."""

    def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        """Send a request, again and again where that can help.

        Raises RemoteError when patience ends, AnswerLostError where a commit may have been carried out.
        """
        patience = _patient.get(request.headers.pop(HEADER, ""))
        if patience is None:
            return super().send(request, **how)
        limits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            name: min(patience.timeout, limits.get(name) or patience.timeout)
            for name in ("connect", "read", "write", "pool")
        }
        once = request.method == "POST" and bool(_ONCE.search(request.url.path))
        gave_up = ""
        try:
            return patience.retrying(TryAgainError)(self._try, request, how, once, patience)
        except TryAgainError as error:
            gave_up = f"{error}, {patience.attempts} times"
        raise RemoteError(f"{gave_up}; try again later")

    def _try(self, request: httpx2.Request, how: dict[str, Any], once: bool, patience: Patience) -> httpx2.Response:
        where = f"{request.url.host}:{request.url.port}" if request.url.port else request.url.host
        failed, never_sent = "", False
        try:
            response = super().send(request, **how)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            failed, never_sent = f"{where} cannot be reached", True
        except httpx2.TimeoutException:
            failed = f"{where} did not answer within {patience.timeout:g} s"
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            failed = f"{where} cut the connection"
        else:
            if response.status_code not in PASSING:
                return response
            status, headers = response.status_code, response.headers
            response.close()
            failed, never_sent = f"{where} answered {status} {response.reason_phrase}", status in REFUSED_UNREAD
            if (pause := _asked_pause(headers)) is not None and (never_sent or not once):
                if pause > patience.longest_pause:
                    raise RemoteError(f"{failed} and asks to wait {pause:.0f} s; try again after that")
                raise TryAgainError(failed, pause)
        if once and not never_sent:
            raise AnswerLostError(failed)
        raise TryAgainError(failed)


def _asked_pause(headers: httpx2.Headers) -> float | None:
    """Seconds until the server wants to hear from us again; None where it does not say."""
    # The Hub's own header, as in `"api";r=0;t=55`: nothing left of the resource, new in 55 s.
    if limit := re.search(r";\s*r=0;\s*t=(\d+)", headers.get("ratelimit", "")):
        return float(limit[1])
    return retry_after({name.lower(): value for name, value in headers.items()}, time.time())
