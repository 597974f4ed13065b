"""What a label is: an id, a title, a definition, and for some kinds of label a little more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """One value of a column: what it is called and what it means."""

    id: str
    title: str
    definition: str


@dataclass(frozen=True, slots=True)
class Subtype(Label):
    """A way in which a rule can fail, within one family.

    ``counted`` is False for the five consequence subtypes, which the paper's appendix
    defines but its count of 34 leaves out, and for the control label, which is no defeat.
    """

    family: str
    counted: bool = True


@dataclass(frozen=True, slots=True)
class AuthorityType(Label):
    """Who makes or enforces the rule."""

    group: str


@dataclass(frozen=True, slots=True)
class Dimension(Label):
    """A secondary property of a case and the values it takes."""

    values: tuple[Label, ...]


def ids(labels: Iterable[Label]) -> tuple[str, ...]:
    """The ids of some labels, in the order in which they are defined."""
    return tuple(label.id for label in labels)
