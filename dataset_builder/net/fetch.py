"""Fetching an archive by URL into the user's cache: with progress, resumed when cut, capped in size."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
from platformdirs import user_cache_path
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from dataset_builder.errors import SourceError

# The study's archive has 36 MB; ten times that leaves room for a successor and stops a flood.
MAX_BYTES: Final = 400 * 1024 * 1024
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
ATTEMPTS: Final = 4
CACHE_VARIABLE: Final = "BLIND_REFUSAL_CACHE"

# Called with the bytes so far and the bytes in all, if the server said.
Progress = Callable[[int, int | None], None]


class _CutError(Exception):
    """The connection broke, or the server asked to be tried again: what has arrived is kept."""


def cache_folder() -> Path:
    """Where archives are kept: BLIND_REFUSAL_CACHE, or the platform's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else user_cache_path("blind-refusal")


def fetch(
    url: str,
    folder: Path,
    *,
    progress: Progress | None = None,
    client: httpx.Client | None = None,
    max_bytes: int = MAX_BYTES,
) -> Path:
    """The archive at ``url``, from the cache folder if it is there whole, and fetched into it if not.

    A cut download goes on where it stopped, if the server says that the file is still the same.
    Raises SourceError where the server cannot be reached, refuses, or sends too much.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(url.encode()).hexdigest()[:24]
    whole, part, told = (folder / f"{name}{suffix}" for suffix in (".tar.gz", ".part", ".json"))
    if whole.is_file():
        return whole
    own = client or httpx.Client(follow_redirects=True, timeout=TIMEOUT)
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(_CutError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.5, max=8),
            reraise=True,
        ):
            with attempt:
                _fetch_rest(own, url, part, told, progress or (lambda _done, _all: None), max_bytes)
    except _CutError as error:
        raise SourceError(f"{url}: {error}; what has arrived is kept, so the same command goes on from there") from None
    except httpx.HTTPError as error:
        raise SourceError(f"{url}: cannot be reached ({_words(error)})") from error
    finally:
        if client is None:
            own.close()
    part.replace(whole)
    told.unlink(missing_ok=True)
    return whole


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _fetch_rest(client: httpx.Client, url: str, part: Path, told: Path, progress: Progress, max_bytes: int) -> None:
    done = part.stat().st_size if part.is_file() else 0
    tag = _tag(told)
    # Without a strong validator a resumed half could be of another file: then it starts again.
    headers = {"Range": f"bytes={done}-", "If-Range": tag} if done and tag else {}
    headers["Accept-Encoding"] = "identity"
    try:
        with client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
                raise _CutError("the file changed while it was fetched")
            if answer.status_code in (429, 500, 502, 503, 504):
                raise _CutError(f"the server answered {answer.status_code} {answer.reason_phrase}")
            if answer.status_code not in (200, 206):
                raise SourceError(f"{url}: the server answered {answer.status_code} {answer.reason_phrase}")
            resumed = answer.status_code == 206 and _begins_at(answer, done)
            done = done if resumed else 0
            length = answer.headers.get("content-length", "")
            expected = done + int(length) if length.isdecimal() else None
            if expected is not None and expected > max_bytes:
                raise SourceError(f"{url}: has {expected:,} bytes; the limit is {max_bytes:,}")
            told.write_text(json.dumps({"etag": answer.headers.get("etag")}), encoding="utf-8")
            with part.open("ab" if resumed else "wb") as file:
                for block in answer.iter_raw():
                    done += len(block)
                    if done > max_bytes:
                        raise SourceError(f"{url}: sends more than the limit of {max_bytes:,} bytes")
                    file.write(block)
                    progress(done, expected)
    except (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout) as error:
        raise _CutError(f"the connection broke ({_words(error)})") from error
    if expected is not None and done < expected:
        raise _CutError(f"the connection ended at {done:,} of {expected:,} bytes")


def _begins_at(answer: httpx.Response, done: int) -> bool:
    return bool(answer.headers.get("content-range", "").startswith(f"bytes {done}-"))


def _tag(told: Path) -> str | None:
    """The strong ETag noted with a part; a weak one does not vouch for equal bytes."""
    try:
        tag = json.loads(told.read_text(encoding="utf-8")).get("etag")
    except (OSError, ValueError, AttributeError):
        return None
    return tag if isinstance(tag, str) and tag.startswith('"') else None
