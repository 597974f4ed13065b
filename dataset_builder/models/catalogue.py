"""Which repository on the Hub a provider says that a model is."""

from __future__ import annotations

import os
from typing import Any, Final

import httpx

from dataset_builder.errors import RemoteError
from dataset_builder.models.providers import PROVIDER_BY_ID

# Another address of OpenRouter, by the variable that other clients read too.
OPENROUTER_ADDRESS: Final = "OPENROUTER_BASE_URL"
_TIMEOUT_S: Final = 30.0


def repo_by_provider(model: str) -> str | None:
    """The model's repository on the Hub by its provider's own word; None where the provider tells of none.

    ``model`` begins with its provider. Raises RemoteError where the provider cannot be asked.
    """
    prefix, _, name = model.partition("/")
    if prefix == "hf":
        # The router calls models by their repositories, with a choice of host behind a colon.
        return name.partition(":")[0]
    if prefix != "openrouter":
        return None
    address = (os.environ.get(OPENROUTER_ADDRESS) or PROVIDER_BY_ID[prefix].base_url).rstrip("/")
    try:
        answer = httpx.get(f"{address}/models", timeout=_TIMEOUT_S)
        answer.raise_for_status()
        listed: Any = answer.json()
        told = {one["id"]: one.get("hugging_face_id") for one in listed["data"]}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RemoteError(f"the models of {address} cannot be read ({type(error).__name__}); try again later") from None
    return told.get(name) or None
