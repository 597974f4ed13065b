"""Which cases take part: all, the first few, or a stratified sample that anyone can draw again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from dataset_builder.errors import InputError
from dataset_builder.stratified import stratified as stratified
from eval.run_settings import ALL_CASES

T = TypeVar("T")
LIMIT: Final = "limit"
STRATIFIED: Final = "stratified"


def parse_sample(sample: str | None, limit: int | None) -> str:
    """The name of a sample, as ``run.json`` keeps it: ``all``, ``limit:N`` or ``stratified:N``.

    Raises InputError where ``sample`` is no ``stratified:N``, or both are given.
    """
    if sample is not None and limit is not None:
        raise InputError("--limit and --sample: expected one of them, not both.")
    if limit is not None:
        return f"{LIMIT}:{limit}"
    if sample is None:
        return ALL_CASES
    kind, _, size = sample.partition(":")
    if kind != STRATIFIED or not (size.isascii() and size.isdecimal()) or int(size[:9]) == 0:
        raise InputError(f"--sample {sample!r}: expected stratified:N, for example stratified:100.")
    return f"{STRATIFIED}:{int(size[:9])}"


def draw(cases: Sequence[T], sample: str, seed: int, cell_of: Callable[[T], str]) -> list[T]:
    """The cases of a sample that ``parse_sample`` named."""
    kind, _, size = sample.partition(":")
    if kind == LIMIT:
        return list(cases[: int(size)])
    if kind == STRATIFIED:
        return stratified(cases, cell_of, int(size), seed)
    return list(cases)
