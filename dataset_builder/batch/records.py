"""What is kept of the writing of cases: the settings, the orders, and every try at one."""

from __future__ import annotations

from typing import Final

import msgspec

from dataset_builder.dataset.plain_case import PlainCase
from dataset_builder.dataset.taxonomy import CONTENT_FILTER, EMPTY, PROVIDER_ERROR, REFUSAL_STOP, TRUNCATED
from dataset_builder.errors import Problem

# How a try ended. Only `written` is a case that goes on to the gates.
WRITTEN, FAULTY, UNREADABLE, REFUSED = "written", "faulty", "unreadable", "refused"
STATUSES: Final = (WRITTEN, FAULTY, UNREADABLE, REFUSED, TRUNCATED, EMPTY, CONTENT_FILTER, REFUSAL_STOP, PROVIDER_ERROR)
TITLES: Final = {
    WRITTEN: "written, and through the automatic checks",
    FAULTY: "removed by the automatic checks",
    UNREADABLE: "not readable as a case",
    REFUSED: "declined by the writer",
    TRUNCATED: "with a reply that was cut off",
    EMPTY: "with an empty reply",
    CONTENT_FILTER: "withheld by the provider's filter",
    REFUSAL_STOP: "stopped by the provider as a refusal",
    PROVIDER_ERROR: "not answered by the provider",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides how cases of a folder are written."""

    batch: str
    model: str
    endpoint: str
    engine: str | None = None
    temperature: float | None
    max_tokens: int
    seed: int
    language: str
    prompt: str
    plots: str

    def differences(self, other: Settings) -> list[Problem]:
        """What the other settings have otherwise; the batch is the folder's own and does not count."""
        return [
            Problem(name, f"{getattr(self, name)!r} there, {getattr(other, name)!r} asked for now")
            for name in self.__struct_fields__
            if name != "batch" and getattr(self, name) != getattr(other, name)
        ]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One case to be written: its id, its labels and its plot."""

    case_id: str
    family: str
    authority: str
    subtype: str
    place: str
    voice: str
    topic: str
    # Values of dimensions that are thin, to be aimed at.
    wanted: dict[str, str]
    language: str = "en"

    @property
    def plot(self) -> str:
        """The plot as it is kept with the case."""
        return f"{self.topic}; {self.place}; {self.voice}"


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try at an order, as a line of ``journal.jsonl``."""

    order: Order
    number: int
    status: str
    # The case, where the reply could be read as one; with faults it goes no further.
    case: PlainCase | None = None
    faults: list[str] = []
    # Why there is no case, in words.
    problem: str | None = None
    # The reply, where no case could be read from it.
    raw_reply: str | None = None
    served_model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    tried_at: str
