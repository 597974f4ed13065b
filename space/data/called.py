"""What models are called on the pages: ``Claude Sonnet 4.6`` for ``claude-sonnet-4-6``.

Ids stay in addresses and data. Only a model that came with the dataset has a spelled name, from ``model_facts.json``,
by what the dataset calls it and by the id that it was asked by together. A submitted model is called what its submitter
calls it. Where such a name does not say who it is by, or could be read as a spelled one, the model's id stands behind
it, which is in plain letters and nobody else's. A model that ran in somebody's process says so itself, and its id is
the same words again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from dataset_builder.models.in_process.named import PYTHON, TRANSFORMERS, VLLM
from eval.repository.identity import STUDY, slug_of
from eval.repository.leaderboard import BoardRow, Excluded
from eval.runs.verdict import PUBLISHED
from eval.submissions.as_seen import at_a_glance
from space.data.facts import facts_of, recorded
from space.data.snapshot import row_key
from space.store.store import Store

# As `eval run` calls models that it runs itself.
_IN_PROCESS: Final = tuple(f"{engine}:" for engine in (PYTHON, TRANSFORMERS, VLLM))


def called(row: BoardRow) -> str:
    """What the model of a row is called; never what another model is called."""
    if row.kind == PUBLISHED:
        return facts_of(row.model_id).names.get(row.model, row.model)
    return _submitted(row.model, row_key(row))


def called_without_row(one: Excluded) -> str:
    """What the model of a submission that has no row is called; its folder where the model is not known."""
    key = one.bundle.split("/")[1] if one.bundle.count("/") >= 2 else one.bundle
    return _submitted(one.model, key.removeprefix(f"{STUDY}__")) if one.model else one.bundle


def called_in(store: Store) -> Mapping[str, str]:
    """What the models of the transcripts are called, by their ids there; runs of one model with the run's id."""
    return _called_in(tuple(store.model_ids.items()))


def asked_as(model_id: str) -> str:
    """What a model is called of which only the id is known that it was asked by; that id where no name is recorded."""
    return next(iter(facts_of(model_id).names.values()), model_id)


@lru_cache(maxsize=8)
def _called_in(ids: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    runs = [key.split("/")[0] for key, _ in ids if "/" in key]
    names = {}
    for key, model in ids:
        slug, _, run = key.partition("/")
        if not run:
            names[key] = facts_of(model).names.get(key, key)
        else:
            # Of runs that were sent in the store knows the model's name.
            names[key] = _submitted(model, slug) + (f", run {run}" if runs.count(slug) > 1 else "")
    return names


def _submitted(name: str, key: str) -> str:
    owned = name.isascii() and "/" in name and at_a_glance(name) not in _spelled()
    return name if owned or name == key or _in_process(name, key) else f"{name} ({key})"


def _in_process(name: str, key: str) -> bool:
    return name.isascii() and name.startswith(_IN_PROCESS) and key.split("/")[0] == slug_of("", name)


@cache
def _spelled() -> frozenset[str]:
    return frozenset(at_a_glance(name) for facts in recorded().values() for name in facts.names.values())
