"""All that decides a number of a run, and where it departs from the study's protocol."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dataset_builder.dataset.sample import ALL_CASES
from dataset_builder.errors import Problem

# The user query alone, no system prompt, temperature 0, at most 8,000 tokens, over all cases.
PROTOCOL_TEMPERATURE: Final = 0.0
PROTOCOL_MAX_TOKENS: Final = 8000
# What a dataset is called is not what it holds: the hash of its cases decides.
_LABELS: Final = frozenset({"dataset", "revision"})


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every answer of a run. Two runs with equal settings may share a folder."""

    # As it was named: a folder, or a repository with its revision.
    dataset: str
    revision: str | None = None
    content_hash: str
    # `all`, `limit:N` or `stratified:N`, the seed of the draw, and what it drew, in order.
    sample: str = ALL_CASES
    sample_seed: int = 0
    case_ids: tuple[str, ...]
    # As it was named, with the provider's prefix; then the host that it was asked at.
    model: str
    endpoint: str
    # What runs the model, where we start it ourselves.
    engine: str | None = None
    system_prompt: str | None = None
    # None: not sent, so that the server's own default holds.
    temperature: float | None = PROTOCOL_TEMPERATURE
    max_tokens: int = PROTOCOL_MAX_TOKENS
    reasoning: str | None = None
    seed: int | None = None
    # Whom a router (OpenRouter) may have answer, and whom not; empty: the router chooses.
    providers: tuple[str, ...] = ()
    excluded_providers: tuple[str, ...] = ()
    package_version: str

    def departures(self) -> list[str]:
        """Where these settings are not the study's, in words; empty where they are."""
        found = []
        if self.system_prompt is not None:
            found.append("a system prompt goes before each query (the study sent none)")
        if self.temperature != PROTOCOL_TEMPERATURE:
            given = "the server's default" if self.temperature is None else f"{self.temperature:g}"
            found.append(f"temperature {given} instead of {PROTOCOL_TEMPERATURE:g}")
        if self.max_tokens != PROTOCOL_MAX_TOKENS:
            found.append(f"at most {self.max_tokens:,} tokens instead of {PROTOCOL_MAX_TOKENS:,}")
        if self.reasoning is not None:
            found.append(f"reasoning set to {self.reasoning!r} (the study left it alone)")
        if self.engine is not None:
            found.append(f"run by {self.engine}")
        if self.sample != ALL_CASES:
            found.append(f"{len(self.case_ids):,} cases ({self.sample}, seed {self.sample_seed}) instead of all")
        return found

    def differences(self, other: RunSettings) -> list[Problem]:
        """What differs in ``other``, one problem a setting."""
        found = []
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and name not in _LABELS:
                found.append(Problem(name, _compare(mine, theirs)))
        return found


def _compare(mine: Any, theirs: Any) -> str:
    if isinstance(mine, tuple):
        common = len(set(mine) & set(theirs))
        return f"{len(mine)} cases there, {len(theirs)} asked for now, {common} in common"
    return f"{mine!r} there, {theirs!r} asked for now"
