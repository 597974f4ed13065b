"""What a failure of the Hub means for the user, in words that hold no token."""

from __future__ import annotations

import httpx2
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from dataset_builder.errors import ConflictError, NotFoundError, RemoteError
from dataset_builder.hub.patience import AnswerLostError
from dataset_builder.net.secret import Secret


def explain(doing: str, where: str, secret: Secret, error: BaseException) -> RemoteError | AnswerLostError:
    """The error to show for ``error``, which came up while ``doing`` something with ``where``.

    huggingface_hub wraps errors of its worker threads, so the chain of causes is looked through.
    """
    chain = list(_chain(error))
    for known in chain:
        if isinstance(known, AnswerLostError):
            return AnswerLostError(secret.scrub(str(known)))
        if isinstance(known, RemoteError):
            return type(known)(f"{doing}: {secret.scrub(str(known))}")
    for known in chain:
        if isinstance(known, HfHubHTTPError):
            return _of_status(doing, where, secret, known)
        if isinstance(known, OfflineModeIsEnabled):
            return RemoteError(f"{doing}: HF_HUB_OFFLINE is set, so the Hub is not asked; unset it")
        if isinstance(known, httpx2.HTTPError):
            return RemoteError(f"{doing}: the connection failed ({type(known).__name__}); try again later")
    said = [secret.scrub(str(known)) or type(known).__name__ for known in chain]
    hint = ""
    if "xet-write-token" in str(error):
        hint = ". If that server does not speak the Hub's Xet protocol, set HF_HUB_DISABLE_XET=1"
    return RemoteError(f"{doing}: {'; '.join(dict.fromkeys(said))}{hint}")


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _of_status(doing: str, where: str, secret: Secret, error: HfHubHTTPError) -> RemoteError:
    status = error.response.status_code
    said = secret.scrub(error.server_message or "")
    answered = f"{doing}: the Hub answered {status}" + (f" ({said})" if said else "")
    signed = f"the token in {secret.origin}" if secret else "nobody: no token is set"
    if isinstance(error, EntryNotFoundError):
        return NotFoundError(f"{answered}. {where} has no such file; check its name and the revision.")
    if isinstance(error, RevisionNotFoundError):
        return NotFoundError(f"{answered}. {where} has no such branch, tag or commit; check the revision.")
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        way_on = "check the name" + ("" if secret else ", and set HF_TOKEN if it is private")
        return NotFoundError(f"{answered}. {where} does not exist, or {signed} may not see it; {way_on}.")
    if status == 401:
        if secret:
            return RemoteError(f"{answered}. {signed[0].upper()}{signed[1:]} is not accepted; make a new one.")
        return RemoteError(f"{answered}. No token is set; put one in HF_TOKEN, or name its variable with --token-env.")
    if status == 403:
        way_on = "it needs write access to that namespace; without it, --create-pr opens a pull request"
        return RemoteError(f"{answered}. Signed in with {signed}: {way_on}.")
    if status in (409, 412):
        way_on = "look at what changed there, then run this again"
        return ConflictError(f"{answered}. {where} is not as it was when we looked; {way_on}.")
    if status == 413:
        return RemoteError(f"{answered}. Something that was sent to {where} is larger than the Hub takes.")
    return RemoteError(f"{answered}.")
