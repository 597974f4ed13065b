"""What a token costs (a dated table for the models of the study, or what the user gives), and estimates of it.

Prices change without notice. The table is for the estimate before a run and for a provider that
does not tell the cost of an answer; what a provider tells goes before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer, Usage
from dataset_builder.models.providers import CUSTOM, Endpoint
from dataset_builder.models.replies.usage import CHARS_PER_TOKEN, TEMPLATE_TOKENS

PRICES_DATED: Final = "2026-11-21"
PRICES_SOURCE: Final = "the catalogue models.dev, section OpenRouter"


# What OpenAI, Anthropic, Mistral and Google take for a request in a batch, as a share of the ordinary price (their
# price lists, at the same date).
BATCH_SHARE: Final = 0.5
# By what OpenRouter calls the maker, where a provider's names of models are its own.
_MAKERS: Final = {"openai": "openai", "gemini": "google", "mistral": "mistralai"}
_DATE: Final = re.compile(r"-20[0-9]{6}$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, of requests and of answers (reasoning counts as answer)."""

    input: float
    output: float

    @property
    def in_batches(self) -> Price:
        """What the same takes through a batch queue."""
        return Price(self.input * BATCH_SHARE, self.output * BATCH_SHARE)

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
    """The price of a model at an endpoint; None where it is not known.

    A model server on this machine is free, unless it takes a key: then it may stand before a paid one.
    """
    if endpoint.is_local:
        return FREE if endpoint.provider.id != CUSTOM and endpoint.key_env is None else None
    if endpoint.provider.id == "openrouter":
        return FREE if endpoint.model.endswith(":free") else PRICES.get(endpoint.model)
    if endpoint.provider.id in _MAKERS:
        return PRICES.get(f"{_MAKERS[endpoint.provider.id]}/{endpoint.model}")
    if endpoint.provider.id == "anthropic":
        # It writes versions with a dash, and may put a date behind them.
        model = _DATE.sub("", endpoint.model)
        return next((price for name, price in PRICES.items() if name.replace(".", "-") == f"anthropic/{model}"), None)
    return None


def parse_price(text: str, option: str = "--price") -> Price:
    """The price in ``IN,OUT``: US dollars for a million tokens of requests and of answers.

    Raises InputError where it is not two amounts.
    """
    try:
        amounts = [float(part) for part in text.split(",")]
    except ValueError:
        amounts = []
    if len(amounts) != 2 or not all(math.isfinite(a) and a >= 0 for a in amounts):
        raise InputError(
            f"{option} {text!r}: expected two amounts in US dollars for a million tokens of requests and of answers, "
            f"for example {option} 2.5,15."
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


def cost_of_answer(answer: ChatAnswer, price: Price | None) -> float | None:
    """US dollars of one request, with the tries that were answered and brought nothing; None where it is not known.

    A lost try costs by its estimated tokens or, where only the provider knows the price, as much as the last.
    """
    cost = cost_of(answer.cost, answer.usage, price)
    if not answer.lost_tries:
        return cost
    lost = cost_of(None, answer.lost, price)
    if lost is None and answer.cost is not None:
        lost = answer.lost_tries * answer.cost
    return None if lost is None else lost + (cost or 0.0)


# What a run will take, before it begins: calls, tokens and money, as a range.


# Tokens of an answer (from, to), and of a verdict: with its reasoning, and after reasoning at length.
ANSWER_TOKENS: Final = (327, 2816)
VERDICT_TOKENS: Final = (150, 1500)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls to make, tokens to send, tokens to get (from, to) and US dollars (from, to), where known."""

    calls: int
    prompt_tokens: int
    completion_tokens: tuple[int, int]
    cost: tuple[float, float] | None
    price: Price | None
    price_is_given: bool = False

    @property
    def call_cost(self) -> float | None:
        """US dollars of one call in the dear case."""
        return self.cost[1] / self.calls if self.cost and self.calls else None

    @property
    def may_cost(self) -> bool:
        """Whether money may be spent: something is asked, and it is not known to be free."""
        return self.calls > 0 and (self.cost is None or self.cost[1] > 0)

    def __add__(self, other: Estimate) -> Estimate:
        """Both together; the cost is not known where either is not."""
        (low, high), (more_low, more_high) = self.completion_tokens, other.completion_tokens
        cost = self.cost and other.cost and (self.cost[0] + other.cost[0], self.cost[1] + other.cost[1])
        return Estimate(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            (low + more_low, high + more_high),
            cost,
            self.price if self.price == other.price else None,
        )

    def lines(self) -> list[str]:
        """The estimate in words."""
        low, high = self.completion_tokens
        told = [
            f"Calls: {self.calls:,}",
            f"Tokens: about {self.prompt_tokens:,} to send, {low:,} to {high:,} to get",
        ]
        if self.price is None:
            told.append(
                "Cost: not known for this model; give --price IN,OUT "
                "(US dollars for a million tokens; 0,0 if it is free)"
            )
        elif self.cost and self.cost[1] == 0:
            told.append("Cost: nothing (a model on this machine, or a free one)")
        elif self.cost:
            source = "as given" if self.price_is_given else f"{PRICES_SOURCE}, {PRICES_DATED}"
            told.append(
                f"Cost: ${self.cost[0]:,.2f} to ${self.cost[1]:,.2f} "
                f"(${self.price.input:g} and ${self.price.output:g} for a million tokens; {source})"
            )
        return told


def estimate(
    lengths: Iterable[int],
    max_tokens: int,
    price: Price | None,
    *,
    price_is_given: bool = False,
    answer_tokens: tuple[int, int] = ANSWER_TOKENS,
) -> Estimate:
    """What requests of some lengths, in characters, will take, each with ``answer_tokens`` (from, to) of answer."""
    calls = prompt = 0
    for length in lengths:
        calls += 1
        prompt += math.ceil(length / CHARS_PER_TOKEN) + TEMPLATE_TOKENS
    low, high = (calls * min(tokens, max_tokens) for tokens in answer_tokens)
    cost = None if price is None else (price.cost(prompt, low), price.cost(prompt, high))
    return Estimate(calls, prompt, (low, high), cost, price, price_is_given)
