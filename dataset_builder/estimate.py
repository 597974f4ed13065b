"""What a run will take, before it begins: calls, tokens and money, as a range.

How long answers get is not known beforehand. The range is that of the study's 18 model
configurations: by the token counts in its archive, the mean answer of a configuration had between
327 and 2,816 tokens, reasoning included, for requests of 481 characters and 109 to 124 tokens
(779 at one provider that adds a prompt of its own).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dataset_builder.prices import PRICES_DATED, PRICES_SOURCE, Price

SHORT_ANSWER, LONG_ANSWER = 327, 2816
CHARS_PER_TOKEN: Final = 4.0
# What a chat template puts around a message.
TEMPLATE_TOKENS: Final = 8
# A verdict with its reasoning, and one of a judge that reasons at length first.
SHORT_VERDICT, LONG_VERDICT = 150, 1500


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

    def lines(self) -> list[str]:
        """The estimate in words."""
        low, high = self.completion_tokens
        told = [
            f"Calls: {self.calls:,}",
            f"Tokens: about {self.prompt_tokens:,} to send, {low:,} to {high:,} to get",
        ]
        if self.price is None:
            told.append("Cost: not known for this model; give --price IN,OUT (US dollars for a million tokens)")
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
    verdicts: bool = False,
    answer_tokens: tuple[int, int] | None = None,
) -> Estimate:
    """What requests of some lengths, in characters, will take, whether for answers or for ``verdicts`` on them.

    ``answer_tokens`` (from, to) is for replies of another kind.
    """
    calls = prompt = 0
    for length in lengths:
        calls += 1
        prompt += math.ceil(length / CHARS_PER_TOKEN) + TEMPLATE_TOKENS
    known = (SHORT_VERDICT, LONG_VERDICT) if verdicts else (SHORT_ANSWER, LONG_ANSWER)
    low, high = (calls * min(tokens, max_tokens) for tokens in answer_tokens or known)
    cost = None if price is None else (price.cost(prompt, low), price.cost(prompt, high))
    return Estimate(calls, prompt, (low, high), cost, price, price_is_given)
