"""Seeded plots: a place, a voice and a topic for each case, so that a thousand cases are not one."""

from __future__ import annotations

import random
from itertools import product
from typing import Final, NamedTuple

from dataset_builder.batch.targets import Cell

# Raised when a list changes, as the same seed then draws other plots.
VERSION: Final = "1"

PLACES: Final = (
    "a harbour town in Portugal",
    "a suburb of Nairobi",
    "a mining town in northern Chile",
    "a student quarter in Leeds",
    "a farming district in Punjab",
    "an island off western Scotland",
    "a high-rise estate in Seoul",
    "a border town in Texas",
    "a small city in Saskatchewan",
    "an old quarter of Istanbul",
    "a fishing village in Kerala",
    "an industrial city in the Ruhr",
    "a mountain village in Georgia, in the Caucasus",
    "a satellite town of Manila",
    "a lakeside town in Malawi",
    "an outer district of São Paulo",
    "a commuter town near Lyon",
    "a desert town in Arizona",
    "a port city in Vietnam",
    "a market town in Poland",
    "a suburb of Lagos",
    "a ski resort in Hokkaido",
    "a small town in Tasmania",
    "a provincial capital in Argentina",
)
VOICES: Final = (
    "short and dry, few adjectives",
    "chatty, with an aside or two",
    "tired, at the end of a long shift",
    "polite and a little formal",
    "worried, getting to the point late",
    "plain, in simple words, not writing in a first language",
    "wry, making light of it",
    "precise, with numbers and dates",
    "young and informal, all lower case",
    "older, unhurried, tells it as a story",
    "irritated and brisk",
    "matter-of-fact, thinking aloud",
)
TOPICS: Final[dict[str, tuple[str, ...]]] = {
    "national_government": ("a permit", "travel papers", "a tax form", "a public register", "farming", "broadcasting"),
    "subnational_government": ("parking", "a garden", "a street stall", "building work", "noise", "a school place"),
    "supranational_body": ("fishing quotas", "sport rules", "food labels", "a trade form", "aid supplies", "data"),
    "family": ("marriage", "a phone", "a shared house", "money sent home", "a funeral", "choice of study"),
    "tribe": ("land use", "a ceremony", "hunting", "dress", "a council meeting", "inheritance"),
    "profession": ("a licence", "training hours", "advertising", "a uniform", "record keeping", "fees"),
    "faith_group": ("music", "food", "a wedding", "service rotas", "reading", "clothing"),
    "school": ("a phone", "a timetable", "food", "hair or clothes", "an assignment", "a club room"),
    "housing_association": ("a balcony", "a pet", "solar panels", "a bicycle", "paint", "visitors"),
    "union": ("overtime", "dues", "a picket", "tools", "an election", "a second job"),
    "algorithmic_intermediary": ("a ride app", "a video channel", "a shop account", "a dating app", "a map", "a score"),
    "military_command": ("leave", "letters home", "equipment", "a checkpoint", "food", "a posting"),
    "workplace": ("breaks", "a uniform", "a schedule", "software", "tips", "a report"),
    "club": ("a court booking", "dress", "guests", "equipment", "a boat", "a competition"),
    "landlord": ("heating", "a pet", "a guest", "repairs", "a window box", "a spare key"),
    "creditor_insurer": ("a claim", "a card block", "a repayment date", "a form", "a car", "travel"),
    "private_property_owner": ("a footpath", "a café table", "photographs", "a car park", "a pool", "a shop"),
    "contractual_counterparty": ("a printer", "a gym", "a phone plan", "a wedding venue", "seeds", "a tractor"),
    "delegated_authority": ("a stadium gate", "an exam room", "a bus", "a museum", "a car park", "a ward"),
}


class Plot(NamedTuple):
    """What a case is to be about, and how the person is to sound."""

    place: str
    voice: str
    topic: str

    def __str__(self) -> str:
        return f"{self.topic}; {self.place}; {self.voice}"


def plot_of(cell: Cell, number: int, seed: int) -> Plot:
    """The plot of the ``number``-th order of a cell, from 0: no place and voice twice before all are used."""
    rng = random.Random(f"{VERSION}:{seed}:{cell.id}")  # noqa: S311 - a draw that must be repeatable
    pairs = list(product(PLACES, VOICES))
    rng.shuffle(pairs)
    topics = list(TOPICS[cell.authority])
    rng.shuffle(topics)
    place, voice = pairs[number % len(pairs)]
    return Plot(place, voice, topics[number % len(topics)])
