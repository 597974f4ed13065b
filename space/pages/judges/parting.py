"""Two judges, machines or people, over the answers that both judged: how far they agree and where they part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from eval.agreement.help_error import errors_by_family
from eval.scores.results import HelpError
from eval.stats.agreement import Agreement, agreement
from space.store.store import Store
from space.store.transcript import ENGAGES, FACET_BY_ID, HARM, NO, TYPE, YES, title_of

# What of a verdict is compared, and the labels that it may have.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    TYPE: ids(RESPONSE_TYPES), ENGAGES: (YES, NO), HARM: (YES, NO),
}  # fmt: skip
TITLES: Final = {
    TYPE: "What the answer does",
    ENGAGES: "Whether it examines what defeats the rule",
    HARM: "Whether it names a harm apart from the rule",
}
_PLACE: Final = {TYPE: 0, ENGAGES: 1, HARM: 2}
PEOPLE: Final = "people:"


class Source(NamedTuple):
    """Who judged: a judge by its id in the store, or a reviewer."""

    id: str
    reviewer: str | None = None


def sources_of(store: Store) -> dict[str, Source]:
    """All who judged answers, by their ids in addresses: judges first, then people."""
    judges = [Source(judge) for judge in store.judge_ids]
    people = [Source(f"{PEOPLE}{name}", name) for name in store.reviewers]
    return {one.id: one for one in (*judges, *people)}


@dataclass(frozen=True)
class Parting:
    """Two sources over one field: ``pairs`` holds both labels of every answer that both judged, by its number.

    ``found`` is their agreement, clustered by the case's cell; its table has the first source down, the second across.
    """

    labels: tuple[str, ...]
    pairs: Mapping[int, tuple[str, str]]
    found: Agreement
    # Of each model how many of its answers are judged differently, and how many are judged by both.
    models: Mapping[str, tuple[int, int]]

    def where(self, first: str | None, second: str | None) -> list[int]:
        """The answers with these labels; without labels all on which the two part."""
        return sorted(
            no
            for no, (a, b) in self.pairs.items()
            if (a, b) == (first, second) or (first is None and second is None and a != b)
        )


@lru_cache(maxsize=32)
def parting(store: Store, a: Source, b: Source, field: str, model: str | None = None) -> Parting:
    """Two sources over one field of their verdicts, on all answers or on those of one model."""
    place, labels = _PLACE[field], FIELDS[field]
    first, second = (_labels(store, source, place) for source in (a, b))
    every = {no: (first[no], second[no]) for no in sorted(first.keys() & second.keys())}
    whose = {no: store.model_and_case(no) for no in every}
    judged, apart = Counter(name for name, _ in whose.values()), Counter[str]()
    apart.update(whose[no][0] for no, (one, other) in every.items() if one != other)
    pairs = every if model is None else {no: both for no, both in every.items() if whose[no][0] == model}
    cells = _cells(store)
    found = agreement(
        [one for one, _ in pairs.values()],
        [other for _, other in pairs.values()],
        labels,
        [cells[whose[no][1]] for no in pairs],
    )
    return Parting(labels, pairs, found, {name: (apart[name], n) for name, n in judged.items()})


def on_help(store: Store, found: Parting) -> list[HelpError]:
    """How often the second source errs on help by the first's labels, by family of models; ``found`` is of types."""
    return errors_by_family((store.model_and_case(no)[0], *pair) for no, pair in found.pairs.items())


def label_title(field: str, label: str) -> str:
    """A label in words."""
    return title_of(FACET_BY_ID[field], label)


def _labels(store: Store, source: Source, place: int) -> dict[int, str]:
    said = store.said(source.id) if source.reviewer is None else store.said(reviewer=source.reviewer)
    return {no: str(verdict[0]) if place == 0 else YES if verdict[place] else NO for no, verdict in said.items()}


@lru_cache(maxsize=2)
def _cells(store: Store) -> dict[str, str]:
    return {case.case_id: case.cell for case in store.cases(limit=store.case_count)}
