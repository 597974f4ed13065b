"""The state of the transcripts page: what is searched, which page of it, and what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from dataset_builder.dataset.taxonomy import ids
from space.data.called import called_in
from space.store.search import LONGEST, Search
from space.store.transcript import FACETS, MODEL
from space.ui.links import Choice, Field, Flag, Many, Text, Value, Whole, address, link

if TYPE_CHECKING:
    from space.store.store import Store

ADDRESS: Final = "transcripts"
TEXT, JUDGE, AFTER, BEFORE, CASE, OF, BESIDE, PLAIN = "q", "judge", "after", "before", "case", "of", "beside", "plain"
_MOST: Final = 10**15
# Changing the search closes what is open and goes back to the first page.
OPENING: Final = (CASE, OF, BESIDE)
# Where in what is found the reader is, all of it plain.
PLACE: Final[Mapping[str, Value]] = {AFTER: None, BEFORE: None, CASE: "", OF: None, BESIDE: ()}


@dataclass(frozen=True)
class TranscriptState:
    """The fields of the page over some models and judges, and links to states of it.

    ``judge`` is whose verdicts are shown and filtered by, the first one unless another is named.
    ``case`` alone opens all answers to a case side by side (those of ``beside``, if any are
    named); with ``of`` it opens that model's answer, formatted unless ``plain``.
    """

    models: tuple[str, ...]
    judges: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, store: Store) -> TranscriptState:
        """The fields over what a store holds."""
        return cls(store.models, store.judge_ids, called_in(store))

    def name(self, model: str) -> str:
        """What a model is called."""
        return self.names.get(model, model)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The parts of the state, in the order in which they stand in an address."""
        return (
            Text(TEXT, LONGEST, cut=True),
            Choice(JUDGE, self.judges, self.judges[0] if self.judges else None),
            *(Many(facet.id, self.models if facet.id == MODEL else ids(facet.labels)) for facet in FACETS),
            Whole(AFTER, 0, _MOST),
            Whole(BEFORE, 1, _MOST),
            Text(CASE, 200),
            Choice(OF, self.models),
            Many(BESIDE, self.models),
            Flag(PLAIN),
        )

    def href(self, state: Mapping[str, Value], **changes: Value) -> str:
        """The relative address of a state with some changes."""
        return address(ADDRESS, self.fields, {**state, **changes})

    def attributes(self, state: Mapping[str, Value], **changes: Value) -> Markup:
        """``href`` and ``data-go`` of a link to a state with some changes, for an HTML tag."""
        return link(ADDRESS, self.fields, {**state, **changes})


def search_of(state: Mapping[str, Value]) -> Search:
    """What a state searches for."""
    text = state.get(TEXT)
    filters: dict[str, Sequence[str]] = {}
    for facet in FACETS:
        values = state.get(facet.id)
        if isinstance(values, tuple) and values:
            filters[facet.id] = values
    judge = state.get(JUDGE)
    return Search(text if isinstance(text, str) else "", filters, judge if isinstance(judge, str) else None)
