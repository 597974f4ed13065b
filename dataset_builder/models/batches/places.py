"""Which queue a provider has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.models.batches.gemini import GeminiQueue, native_request
from dataset_builder.models.batches.mistral import MistralQueue
from dataset_builder.models.batches.queues import AnthropicQueue, BatchQueue, OpenAIQueue
from dataset_builder.models.providers import Endpoint
from dataset_builder.models.request import ChatRequest
from dataset_builder.net.secret import ApiKey

_WITHOUT: Final = frozenset({"openrouter", "hf", "ollama", "llamacpp"})
_QUEUES: Final[dict[str, Callable[..., BatchQueue]]] = {
    "anthropic": AnthropicQueue,
    "mistral": MistralQueue,
    "gemini": GeminiQueue,
}


def queue_of(endpoint: Endpoint, headers: Sequence[ApiKey] = (), **waiting: Any) -> BatchQueue:
    """The batch queue at an endpoint: OpenAI's at an address of the user's own. Raises as ``check_queue``."""
    check_queue(endpoint)
    return _QUEUES.get(endpoint.provider.id, OpenAIQueue)(endpoint, headers, **waiting)


def check_queue(endpoint: Endpoint) -> None:
    """Raise InputError where the provider is known to have no batch queue."""
    if endpoint.provider.id in _WITHOUT:
        raise InputError(f"--batch: {endpoint.provider.title} has no batch queue. Leave --batch out.")


def check_request(endpoint: Endpoint, request: ChatRequest) -> None:
    """Raise InputError for a request that the queue at an endpoint cannot take."""
    if endpoint.provider.id == "gemini":
        native_request(request)
