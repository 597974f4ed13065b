"""Where a model is reached: presets for OpenAI-compatible servers, and how each spells its options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from dataset_builder.errors import InputError, RemoteError
from dataset_builder.net.secret import AUTHORIZATION

OPENAI_API, ANTHROPIC_API = "openai", "anthropic"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One kind of server: its address, where its key is, and its dialect."""

    id: str
    title: str
    base_url: str
    # The variable that holds the key; None where the server needs none.
    key_env: str | None = None
    token_field: str = "max_tokens"  # noqa: S105 - the name of a field, not a secret
    # OpenRouter takes an object, everyone else a word.
    reasoning_object: bool = False
    # Whether it hands requests on to others, and takes a choice of them in a field `provider`.
    routes: bool = False
    # Whether each answer comes with its cost.
    tells_cost: bool = False
    # What is spoken there: OpenAI's chat completions, or Anthropic's Messages API.
    api: str = OPENAI_API
    # The header of the key, and the name of the field for a seed.
    key_header: str = AUTHORIZATION
    seed_field: str = "seed"
    # Beside the key's.
    headers: Mapping[str, str] = field(default_factory=dict)
    # The variable that other clients read another address of it from, up to and without the path of `base_url`.
    address_env: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


PROVIDERS: Final = (
    Provider(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        reasoning_object=True,
        routes=True,
        tells_cost=True,
        extra={"usage": {"include": True}},
    ),
    # Its newer models refuse the older name of the token limit.
    Provider(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        token_field="max_completion_tokens",  # noqa: S106
    ),
    Provider(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        api=ANTHROPIC_API,
        key_header="x-api-key",
        headers={"anthropic-version": "2023-06-01"},
        address_env="ANTHROPIC_BASE_URL",
    ),
    Provider(
        "mistral",
        "Mistral",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        seed_field="random_seed",
        address_env="MISTRAL_BASE_URL",
    ),
    Provider(
        "gemini",
        "Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        address_env="GOOGLE_GEMINI_BASE_URL",
    ),
    Provider("hf", "Hugging Face router", "https://router.huggingface.co/v1", "HF_TOKEN"),
    Provider("vllm", "vLLM on this machine", "http://127.0.0.1:8000/v1"),
    Provider("ollama", "Ollama on this machine", "http://127.0.0.1:11434/v1"),
    Provider("llamacpp", "llama.cpp on this machine", "http://127.0.0.1:8080/v1"),
)
PROVIDER_BY_ID: Final = {p.id: p for p in PROVIDERS}
# A server that the user gave the address of.
CUSTOM: Final = "custom"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at an address. Holds the name of the key's variable, never the key."""

    provider: Provider
    model: str
    key_env: str | None

    @property
    def url(self) -> str:
        """The address that chat requests are posted to."""
        return f"{self.provider.base_url}/{'messages' if self.speaks_anthropic else 'chat/completions'}"

    @property
    def speaks_anthropic(self) -> bool:
        """Whether the Messages API of Anthropic is spoken there."""
        return self.provider.api == ANTHROPIC_API

    @property
    def key_header(self) -> str:
        """The header that carries the key."""
        return self.provider.key_header

    @property
    def host(self) -> str:
        """Host and port, for the record of a run; a port of this machine says nothing and is left out."""
        parts = urlsplit(self.provider.base_url)
        name = parts.hostname or ""
        return "localhost" if name in LOOPBACK else parts.netloc

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine."""
        return (urlsplit(self.provider.base_url).hostname or "") in LOOPBACK

    @property
    def sends_key_in_clear(self) -> bool:
        """Whether a key would cross a network unencrypted."""
        return self.key_env is not None and not self.is_local and self.provider.base_url.startswith("http://")


def resolve_endpoint(model: str, base_url: str | None = None, key_env: str | None = None) -> Endpoint:
    """Where a model is, from its name and, where given, the server's address.

    With an address the name is sent as it is; the preset with that address lends its dialect and,
    unless ``key_env`` names another, its key's variable. Without one the name begins with a
    preset's id: ``openrouter/anthropic/claude-sonnet-4.6``, ``ollama/llama3.2``.

    Raises InputError for a name with no known prefix or an address that is no plain http(s) URL.
    """
    if base_url is not None:
        base_url = _checked(base_url)
        provider = next((p for p in PROVIDERS if p.base_url == base_url), None)
        provider = provider or Provider(CUSTOM, "A server of your own", base_url)
        return Endpoint(provider, _named(model, model), key_env or provider.key_env)
    prefix, _, rest = model.partition("/")
    provider = PROVIDER_BY_ID.get(prefix)
    if provider is None:
        known = ", ".join(f"{p.id}/ ({p.title})" for p in PROVIDERS)
        raise InputError(
            f"Model {model!r}: no telling where it runs. Expected a name that begins with one of {known}, "
            "transformers: or vllm: with a folder or repository, or local/smollm2-135m; or give the server's address "
            "with --base-url."
        )
    if provider.address_env and (elsewhere := os.environ.get(provider.address_env, "").strip()):
        path = urlsplit(provider.base_url).path
        root = _checked(elsewhere, provider.address_env).removesuffix(path)
        provider = replace(provider, base_url=root + path)
    return Endpoint(provider, _named(rest, model), key_env or provider.key_env)


def _named(name: str, given: str) -> str:
    if not name.strip() or not name.isprintable():
        raise InputError(f"Model {given!r}: expected a model's name, for example openrouter/z-ai/glm-5.")
    return name


def _checked(base_url: str, option: str = "--base-url") -> str:
    # A pasted address brings blanks along; inside, they are no part of one.
    base_url = base_url.strip()
    if any(c.isspace() or not c.isprintable() for c in base_url):
        raise InputError(f"{option} {base_url!r}: holds a blank or a character that is not seen. Give it without.")
    try:
        parts = urlsplit(base_url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_sound = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_sound:
        raise InputError(
            f"{option} {base_url!r}: expected an address such as https://host/v1 or http://127.0.0.1:8000/v1."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        # Not repeated in the message: it may hold a key.
        raise InputError(
            f"{option} holds a user name, password, query or fragment, which would end up in the run's record. "
            "Give the plain address, and the key in an environment variable named by --api-key-env."
        )
    return base_url.rstrip("/").removesuffix("/chat/completions")


# Which repository on the Hub a provider says that a model is.


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
