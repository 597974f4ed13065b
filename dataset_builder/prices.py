"""What a token costs: a dated table for the models of the study, or what the user gives.

Prices change without notice. The table is for the estimate before a run and for a provider that
does not tell the cost of an answer; what a provider tells goes before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from dataset_builder.chat_answer import Usage
from dataset_builder.errors import InputError
from dataset_builder.providers import Endpoint

PRICES_DATED: Final = "2026-11-21"
PRICES_SOURCE: Final = "the catalogue models.dev, section OpenRouter"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, of requests and of answers (reasoning counts as answer)."""

    input: float
    output: float

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """US dollars for some tokens."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6


FREE: Final = Price(0.0, 0.0)
# By OpenRouter's id, in US dollars for a million tokens below the long-context tiers.
PRICES: Final = {
    "anthropic/claude-opus-4.6": Price(5.0, 25.0),
    "anthropic/claude-sonnet-4.6": Price(3.0, 15.0),
    "google/gemini-3.1-flash-lite-preview": Price(0.25, 1.5),
    "google/gemini-3.1-pro-preview": Price(2.0, 12.0),
    "openai/gpt-5.4": Price(2.5, 15.0),
    "openai/gpt-5.4-mini": Price(0.75, 4.5),
    "openai/gpt-5.4-nano": Price(0.2, 1.25),
    "qwen/qwen3.5-397b-a17b": Price(0.39, 2.34),
    "qwen/qwen3.5-flash-02-23": Price(0.065, 0.26),
    "qwen/qwen3.5-plus-02-15": Price(0.26, 1.56),
    "x-ai/grok-4": Price(3.0, 15.0),
    "x-ai/grok-4-fast": Price(0.2, 0.5),
    "z-ai/glm-5": Price(0.6, 1.92),
    "z-ai/glm-5-turbo": Price(1.2, 4.0),
}


def price_of(endpoint: Endpoint) -> Price | None:
    """The price of a model at an endpoint; free on this machine, None where it is not known."""
    if endpoint.is_local:
        return FREE
    if endpoint.provider.id == "openrouter":
        return FREE if endpoint.model.endswith(":free") else PRICES.get(endpoint.model)
    if endpoint.provider.id == "openai":
        return PRICES.get(f"openai/{endpoint.model}")
    return None


def parse_price(text: str) -> Price:
    """The price in ``IN,OUT``: US dollars for a million tokens of requests and of answers.

    Raises InputError where it is not two amounts.
    """
    try:
        amounts = [float(part) for part in text.split(",")]
    except ValueError:
        amounts = []
    if len(amounts) != 2 or not all(math.isfinite(a) and a >= 0 for a in amounts):
        raise InputError(
            f"--price {text!r}: expected two amounts in US dollars for a million tokens of requests and of answers, "
            "for example --price 2.5,15."
        )
    return Price(*amounts)


def cost_of(told: float | None, usage: Usage, price: Price | None) -> float | None:
    """US dollars of one answer: what the provider told, or else by the price; None where neither is known."""
    if told is not None:
        return told
    if price is None:
        return None
    if price == FREE:
        return 0.0
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return None
    return price.cost(usage.prompt_tokens or 0, usage.completion_tokens or 0)
