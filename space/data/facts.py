"""What the results do not say of models: how they are spelled, when they came out, how large they are, what they cost.

The values stand in ``model_facts.json``, which maintainers keep by hand, each with where it was read. A model of which
nothing is recorded has no facts; nothing is derived from its name but a size that the name states.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import field

FILE: Final = files("space") / "data" / "model_facts.json"
UNKNOWN: Final = "unknown"
# The limits of the groups that models are filtered by: billions of parameters, dollars for a million tokens written.
SIZES: Final = {"small": 10.0, "middle": 100.0, "large": float("inf")}
PRICES: Final = {"cheap": 1.0, "middle": 10.0, "dear": float("inf")}
_SIZE_IN_NAME: Final = re.compile(r"(?<![a-z0-9.])(\d{1,4}(?:\.\d)?)b(?![a-z0-9])", re.IGNORECASE)
_VARIANT: Final = re.compile(r":[a-z]+$")
# Where those who make models say something of them, by the first part of the models' ids.
_MAKERS: Final = {
    "anthropic": "claude.com", "google": "google.dev", "nvidia": "nvidia.com", "openai": "openai.com",
    "qwen": "alibabacloud.com", "x-ai": "x.ai", "z-ai": "z.ai",
}  # fmt: skip
_HOST: Final = re.compile(r"https://(?:www\.)?([^/,\s]+)")


class ModelFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is recorded of one model; ``sources`` says for ``released``, ``parameters`` and ``price`` where from.

    ``names`` is what it is called, by what the dataset calls it: one that was asked in two ways has two names, the
    plain one first. ``parameters`` and ``active`` are in billions, prices in US dollars for a million tokens.
    """

    names: dict[str, str] = field(default_factory=dict)
    released: date | None = None
    parameters: float | None = None
    active: float | None = None
    input_price: float | None = None
    output_price: float | None = None
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> str:
        """The group that its size is in."""
        return _group(self.parameters, SIZES)

    @property
    def price(self) -> str:
        """The group that the price of what it writes is in."""
        return _group(self.output_price, PRICES)

    @property
    def year(self) -> str:
        """The year and half of it in which it came out."""
        return UNKNOWN if self.released is None else f"{self.released.year}-{'1' if self.released.month <= 6 else '2'}"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    models: dict[str, ModelFacts]


def facts_of(model_id: str) -> ModelFacts:
    """What is recorded of a model by the id that it was asked by; a size also where its id states it."""
    name = _VARIANT.sub("", model_id)
    found = recorded().get(name, ModelFacts())
    stated = _SIZE_IN_NAME.search(name.rsplit("/", 1)[-1])
    if found.parameters is None and stated is not None:
        return msgspec.structs.replace(
            found, parameters=float(stated[1]), sources={**found.sources, "parameters": "its id"}
        )
    return found


def according_to(model_id: str) -> dict[str, str]:
    """Of what is recorded of a model the parts that its maker does not say itself, each with the host that does."""
    found, maker = {}, _MAKERS.get(model_id.partition("/")[0])
    for name, source in facts_of(model_id).sources.items():
        host = _HOST.search(source)
        if host is not None and not (maker and f".{host[1]}".endswith(f".{maker}")):
            found[name] = host[1]
    return found


@cache
def recorded() -> dict[str, ModelFacts]:
    """All that is recorded, by the ids of models."""
    return msgspec.json.decode(FILE.read_bytes(), type=_File).models


def _group(value: float | None, limits: dict[str, float]) -> str:
    return UNKNOWN if value is None else next(name for name, most in limits.items() if value <= most)
