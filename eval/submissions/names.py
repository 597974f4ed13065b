"""Whether a model's name is taken for another's: letters of other scripts, and names that read alike at a glance."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dataset_builder.errors import Problem
from eval.repository.bundle import BUNDLE, BundleModel
from eval.repository.identity import known_organizations
from eval.submissions.as_seen import at_a_glance

# What stands in parentheses behind a name is said by a board, not by a submitter.
_BRACKETS: Final = re.compile(r"[()\[\]{}]")
_SAYS_STATUS: Final = re.compile(r"(?<![a-z])(?:verified|checked|official|maintainers?)(?![a-z])", re.IGNORECASE)


def strange_letters(model: BundleModel) -> list[Problem]:
    """A problem for each name that is not written in ASCII, as providers and the Hub write all of theirs.

    None of them has brackets either: "model-1 (verified)" would be a status of the submitter's own.
    """
    found = []
    if bracket := _BRACKETS.search(model.name):
        what = f"holds {bracket.group()!r}, which no provider's names have"
        found.append(Problem(f"{BUNDLE}: model.name", what, "leave out what stands in brackets"))
    for field, name in (("name", model.name), ("id", model.id), ("repo", model.repo or "")):
        if strange := sorted({one for one in name if not one.isascii()}):
            shown = ", ".join(f"U+{ord(one):04X}" for one in strange[:5])
            what = f"holds characters that no provider's names have ({shown}), and that may look like others"
            found.append(Problem(f"{BUNDLE}: model.{field}", what, "write it in the letters a to z"))
    return found


def read_alike(model: BundleModel, slugs: Iterable[str]) -> list[str]:
    """Why a person has to look at a name: it reads like that of another organization, or of another model of its own.

    ``slugs`` are those of the models that stand already. Case alone makes no other name.
    """
    organization, _, bare = model.slug.lower().partition("__")
    found = []
    if said := _SAYS_STATUS.search(model.name):
        found.append(f"the name {model.name!r} says {said.group()!r}, which a board says and not a name")
    theirs = [slug.lower().partition("__")[::2] for slug in slugs]
    for other in sorted({name for name, _ in theirs} | known_organizations()):
        if other != organization and at_a_glance(other) == at_a_glance(organization):
            found.append(f"the organization {organization!r} reads like {other!r}, which is another one")
    for name in sorted({one for other, one in theirs if other == organization}):
        if name != bare and at_a_glance(name) == at_a_glance(bare):
            found.append(f"the model {bare!r} reads like {name!r} of the same organization, which is another one")
    return found
