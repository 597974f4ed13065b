"""The few HTTP calls that a batch queue takes, one after the other, with the key kept out of every text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, Self

import httpx
import msgspec
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from dataset_builder import __version__
from dataset_builder.errors import RemoteError
from dataset_builder.models.chat import lasting_message
from dataset_builder.models.faults import LastingFault, ProviderFault, Said, fault_of, redirect_fault, said_in, shorten
from dataset_builder.models.providers import Endpoint
from dataset_builder.net.retry_after import retry_after
from dataset_builder.net.secret import ApiKey, scrub_error

_TRIES: Final = 6
# Nothing was made: the server took no more requests at that moment.
_TURNED_AWAY: Final = frozenset({429, 503, 529})
_NO_QUEUE: Final = frozenset({404, 405, 501})
_MOST_BODY: Final = 64 * 2**20
_MOST_OUTPUT: Final = 4 * 2**30
_MOST_LINE: Final = 64 * 2**20


class NotMadeError(RemoteError):
    """The server said no, so that what was to be made was not made."""


class UnheardError(RemoteError):
    """Nothing listens on this machine at the address."""


class _NothingListens(LastingFault):
    """A connection that this machine refused."""


class BatchHttp:
    """Calls below the endpoint's address; ``with BatchHttp(endpoint) as http``.

    What fails in passing is tried again, but for what makes something where it is not known whether it was made. All
    methods raise RemoteError, NotMadeError where the server said no.
    Raises InputError where the key's variable is not set.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        headers: Sequence[ApiKey] = (),
        *,
        timeout: float = 300.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint = endpoint
        key = ApiKey(endpoint.key_env, endpoint.key_header) if endpoint.key_env else None
        self._secrets = (*((key,) if key else ()), *headers)
        self._timeout = timeout
        self._sleep = sleep
        self._answered = False
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for secret in self._secrets:
            self._open.enter_context(secret.kept_from_logs())
        self._client = self._open.enter_context(
            httpx.Client(
                timeout=httpx.Timeout(self._timeout, connect=10.0),
                headers={
                    "User-Agent": f"blind-refusal/{__version__}",
                    "Accept-Encoding": "identity",
                    **self._endpoint.provider.headers,
                    **{name: value for secret in self._secrets for name, value in secret.header().items()},
                },
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def clean(self, text: str) -> str:
        """A text from the server in one short line, without keys."""
        return shorten(scrub_error(self._secrets, text))

    def get(self, path: str, *, once: bool = False) -> dict[str, Any]:
        """The JSON object at a path; ``once`` for what is not worth a second try."""
        return self._object("GET", path, again=lambda fault: fault.retryable and not once)

    def post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """What a path answers to a JSON object."""
        return self.post_bytes(path, msgspec.json.encode(content))

    def post_bytes(self, path: str, content: bytes) -> dict[str, Any]:
        """What a path answers to JSON that is encoded already."""
        return self._object("POST", path, again=_was_not_made, content=content, headers=_JSON)

    def upload(self, path: str, fields: dict[str, str], name: str, content: bytes) -> dict[str, Any]:
        """What a path answers to a file."""
        files = {"file": (name, content, "application/jsonl")}
        return self._object("POST", path, again=_was_not_made, data=fields, files=files)

    def upload_resumably(self, path: str, name: str, content: bytes) -> dict[str, Any]:
        """What is answered to a file that is handed over as Google's resumable uploads are.

        Raises RemoteError where it is to go to another host, which gets no key.
        """
        start = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(len(content)),
            "X-Goog-Upload-Header-Content-Type": "application/jsonl",
        }
        about = msgspec.json.encode({"file": {"display_name": name}})
        with self._answer("POST", path, again=_was_not_made, content=about, headers=_JSON | start) as answer:
            place = answer.headers.get("x-goog-upload-url", "")
        base = self._endpoint.provider.base_url
        if not place.startswith(f"{base}/"):
            raise RemoteError(f"{self._endpoint.host} wants the file to go to another host, or says no place for it.")
        finish = {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}
        # Nothing is paid for a file alone.
        return self._object("POST", place.removeprefix(base), again=_was_not_made, content=content, headers=finish)

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """The JSON objects of a file of lines, split at newlines alone. Raises RemoteError where one is none."""
        rest, size = b"", 0
        with self._answer("GET", path, again=lambda fault: fault.retryable) as answer:
            try:
                for chunk in answer.iter_bytes():
                    size += len(chunk)
                    if size > _MOST_OUTPUT or len(rest) > _MOST_LINE:
                        raise RemoteError(f"{self._endpoint.host}: the batch's output is larger than is read.")
                    *whole, rest = (rest + chunk).split(b"\n")
                    yield from (self._line(line) for line in whole if line.strip())
            except httpx.HTTPError as error:
                raise RemoteError(f"{self._endpoint.host}: the output broke off ({type(error).__name__}).") from None
        if rest.strip():
            yield self._line(rest)

    def _line(self, line: bytes) -> dict[str, Any]:
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None
        if not isinstance(found, dict):
            said = self.clean(line[:200].decode("utf-8", "replace"))
            raise RemoteError(f"{self._endpoint.host}: a line of the batch's output is no JSON object: {said}")
        return found

    def _object(
        self, method: str, path: str, *, again: Callable[[ProviderFault], bool], **content: Any
    ) -> dict[str, Any]:
        with self._answer(method, path, again=again, **content) as answer:
            found = _decoded(answer)
        if not isinstance(found, dict):
            raise RemoteError(f"{self._endpoint.host}{path}: the answer is no JSON object.")
        return found

    def _answer(self, method: str, path: str, *, again: Callable[[ProviderFault], bool], **content: Any) -> _Opened:
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, ProviderFault) and again(error)),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.5, max=30),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return _Opened(retrying(self._send, method, path, content))
        except ProviderFault as fault:
            said_no = fault.http_status is not None and 400 <= fault.http_status < 500
            told = f"{self._endpoint.host}: {fault.message}"
            if isinstance(fault, LastingFault):
                told = lasting_message(fault, self._endpoint)
            elif fault.http_status in _NO_QUEUE and method == "POST":
                told = f"{self._endpoint.host} has no batch queue ({fault.message}). Leave --batch out."
            kind = UnheardError if isinstance(fault, _NothingListens) else NotMadeError if said_no else RemoteError
            raise kind(told) from None

    def _send(self, method: str, path: str, content: dict[str, Any]) -> httpx.Response:
        request = self._client.build_request(method, f"{self._endpoint.provider.base_url}{path}", **content)
        try:
            answer = self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if self._endpoint.is_local and not self._answered and isinstance(error, httpx.ConnectError):
                where = f"nothing listens at {self._endpoint.provider.base_url} ({self._words(error)})"
                raise _NothingListens(where, remedy="Start the server, or mend the address.") from None
            # Nobody has heard of it.
            raise ProviderFault(self._words(error), retryable=True, http_status=503) from None
        except (httpx.HTTPError, OSError) as error:
            raise ProviderFault(self._words(error), retryable=True) from None
        self._answered = True
        if answer.is_success:
            return answer
        with _Opened(answer):
            if answer.is_redirect:
                raise redirect_fault(answer.status_code, self.clean(answer.headers.get("location", "")))
            data = _decoded(answer, quiet=True)
            said = said_in(data) or Said(f"HTTP {answer.status_code}")
            if answer.status_code in _NO_QUEUE:
                told = self.clean(said.message or f"HTTP {answer.status_code}")
                raise ProviderFault(told, retryable=False, http_status=answer.status_code)
            raise fault_of(
                answer.status_code,
                said,
                retry_after(answer.headers, time.time()),
                lambda text: scrub_error(self._secrets, text),
            )

    def _words(self, error: Exception) -> str:
        text = self.clean(str(error))
        return f"{type(error).__name__}: {text}" if text else type(error).__name__


class _Opened:
    """A response that is closed at the end of its block."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    def __enter__(self) -> httpx.Response:
        return self._answer

    def __exit__(self, *_: object) -> None:
        self._answer.close()


_JSON: Final = {"Content-Type": "application/json"}


def _was_not_made(fault: ProviderFault) -> bool:
    return fault.http_status in _TURNED_AWAY and not isinstance(fault, LastingFault)


def _decoded(answer: httpx.Response, *, quiet: bool = False) -> Any:
    body = b""
    try:
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > _MOST_BODY:
                raise RemoteError("the server's answer is larger than is read")
        return msgspec.json.decode(body)
    except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if quiet:
            return None
        raise RemoteError(f"the server's answer cannot be read ({type(error).__name__})") from None
