"""Who made the model that a judge asks, as names tell: no judge is to sit over its own kin unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dataset_builder.models.providers import PROVIDERS

# Whoever serves a model is not who made it, but for those that serve their own.
_OWN_MODELS: Final = frozenset({"openai", "anthropic"})
# The first part of a name that says where the answers come from.
_SOURCES: Final = frozenset({"published", "transformers", "vllm", "python", "hf"})
_PROVIDERS: Final = (frozenset(provider.id for provider in PROVIDERS) | _SOURCES) - _OWN_MODELS
_ASKS: Final = ("model:", "cascade:")
_COUNCIL: Final = "council:"
# First words of names that tell nothing of who made a model.
_NO_FAMILY: Final = frozenset({"model", "my", "the", "test", "base", "chat", "instruct", "local", "judge"})


def developer_of(judge: str) -> str | None:
    """Who made the model that a judge asks, as its name tells; None where it tells nobody."""
    parts = _model(judge).casefold().split("/")
    developer = parts[-2] if len(parts) > 1 else None
    return None if developer in _PROVIDERS else developer


def are_kin(one: str, other: str) -> bool:
    """Whether two judges ask models of one developer, or of one family: the first word of a model's name.

    A name without a developer, as servers of one's own and the study have it (``qwen3:8b``, ``published/glm-5``),
    still tells its family.
    """
    same = developer_of(one) is not None and developer_of(one) == developer_of(other)
    return same or (_family(one) is not None and _family(one) == _family(other))


def members_of(judge: str) -> list[str]:
    """The judges of a council by its name; any other judge alone."""
    return judge.removeprefix(_COUNCIL).split("+") if judge.startswith(_COUNCIL) else [judge]


def own_developer_note(judge: str, model: str) -> str | None:
    """That a judge, or a council's member, asks a model of the answering model's own developer; None if none does."""
    kin = [one for one in members_of(judge) if are_kin(one, f"model:{model}")]
    if not kin:
        return None
    return f"judged by {' and '.join(kin)}, of the model's own developer"


def own_developer_lines(judge: str, models: Iterable[str]) -> list[str]:
    """The same of several models, a line for each thing that is to be said."""
    told: dict[str, list[str]] = {}
    for model in models:
        if note := own_developer_note(judge, model):
            told.setdefault(note, []).append(model)
    return [f"{', '.join(of)}: {note}" for note, of in told.items()]


def _model(judge: str) -> str:
    """The model that a judge asks; a name without a kind is that of the study's own judge, which is a model's."""
    return next((judge.removeprefix(kind) for kind in _ASKS if judge.startswith(kind)), "" if ":" in judge else judge)


def _family(judge: str) -> str | None:
    name = _model(judge).casefold().rpartition("/")[2]
    word = re.match(r"[^\W\d_]{3,}", name)
    return None if word is None or word.group() in _NO_FAMILY else word.group()
