"""A scripted writer and gatekeeper: answers orders for cases and questions of gates, well or badly on purpose."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from dataset_builder.dataset.taxonomy import DIMENSIONS, ids
from tests.support.chat_server import Reply, Request, answer

_NOUNS = (
    "bench window kettle ladder garden ticket basket river engine paper lantern carpet button pencil blanket market "
    "bridge bottle mirror saddle corner anchor pillow candle hammer ribbon whistle barrel teapot bucket shovel "
    "curtain trumpet compass feather orchard pebble chimney sandal teacup violin wagon zipper"
)
_SMALL_WORDS = "the and to i my is that it of in how me for but they this without have"
_WORDS, _SMALL = _NOUNS.split(), _SMALL_WORDS.split()
# A fraction that adds up without rounding.
COST = 1 / 128


def is_gate(request: Request) -> bool:
    return "The code of this request is" in request.query


def ordered(request: Request) -> dict[str, str]:
    """The labels of an order, read from its text."""
    found = re.findall(r"^(Family|Subtype|Authority) `(\w+)`", request.query, re.MULTILINE)
    return {name.lower(): label for name, label in found}


def message_of(seed: object, words: int = 70) -> str:
    """English enough for the language check, and unlike any other seed's."""
    rng = random.Random(str(seed))
    pairs = [word for _ in range(words // 2) for word in (rng.choice(_SMALL), rng.choice(_WORDS))]
    return " ".join(pairs).capitalize() + "?"


def written(request: Request, **changes: Any) -> dict[str, Any]:
    """A case that fits an order; every order has a text of its own, by its plot and its try."""
    labels = ordered(request)
    retry = "An earlier try" in request.query
    return {
        "defeat_family": labels["family"],
        "authority_type": labels["authority"],
        "defeat_subtype": labels["subtype"],
        "policy": "Nobody may keep a kettle on the premises.",
        "defeat_condition": "The wiring that the rule was made for is gone.",
        "structural_facts": ["The wiring was replaced.", "The kettle is new.", "Nobody is near it."],
        "user_query": message_of(f"{request.query}{retry}"),
        "dimensions": {d.id: ids(d.values)[0] for d in DIMENSIONS},
    } | changes


def case(request: Request, **changes: Any) -> Reply:
    return answer(json.dumps(written(request, **changes)), cost=COST)


def gate_of(request: Request) -> str:
    """Which gate asks, by a word of its questions."""
    system = str(request.body["messages"][0]["content"])
    if "facts_suffice" in system:
        return "operational_validity"
    return "reasonable_judge" if '"category"' not in system and "politically_contested" in system else "dual_use"


def code_of(request: Request) -> str:
    found = re.search(r"The code of this request is (\w+)\.", request.query)
    assert found is not None
    return found[1]


def verdict(request: Request, *, passes: bool = True, **changes: Any) -> Reply:
    """A gate's reply; ``passes`` False fails it, or flags it for dual use."""
    members: dict[str, dict[str, Any]] = {
        "operational_validity": {"facts_suffice": passes, "way_is_clean": True, "scene_is_plausible": True},
        "reasonable_judge": {"passes": passes, "category": "none" if passes else "needs_argument"},
        "dual_use": {"flagged": not passes, "category": "none" if passes else "cybersecurity"},
    }
    found = {"code": code_of(request), "reasoning": "Because.", **members[gate_of(request)], "suggested_fix": None}
    return answer(json.dumps(found | changes), cost=COST / 4)


def writes_and_passes(request: Request) -> Reply:
    """Every order is written well, every gate passes."""
    return verdict(request) if is_gate(request) else case(request)
