"""A model loaded for as long as it is asked, in a thread, so that a progress display goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from dataset_builder.models.in_process.answers import Batches, Generator
from dataset_builder.models.in_process.function import Function, function_in
from dataset_builder.models.in_process.named import TRANSFORMERS, InProcess, NamedModel
from dataset_builder.models.providers import Provider

PROCESS: Final = Provider("process", "this process", "process:")


Loaded = Batches | Function


@dataclass(slots=True)
class _Kept:
    """The model that was loaded last, where several runs may ask it one after another."""

    model: tuple[NamedModel, InProcess] | None = None
    client: Loaded | None = None

    async def clear(self) -> None:
        if self.client is not None:
            await _close(self.client)
        self.model = self.client = None


_KEPT: Final[ContextVar[_Kept | None]] = ContextVar("kept", default=None)


@asynccontextmanager
async def keeping() -> AsyncIterator[None]:
    """Within this block a model stays loaded until another one is asked, which has to wait until nobody asks it."""
    kept = _Kept()
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)
        await kept.clear()


@asynccontextmanager
async def loaded(model: NamedModel, how: InProcess, at_once: int) -> AsyncIterator[Loaded]:
    """What asks a model of this process until the end of the block. Raises InputError where it cannot be loaded."""
    kept = _KEPT.get()
    if kept is None:
        client = await _open(model, how, at_once)
        try:
            yield client
        finally:
            await _close(client)
        return
    if kept.client is None or kept.model != (model, how):
        await kept.clear()
        kept.client, kept.model = await _open(model, how, at_once), (model, how)
    yield kept.client


async def _open(model: NamedModel, how: InProcess, at_once: int) -> Loaded:
    if model.function and model.path:
        return Function(function_in(model.path, model.function), threads=True)
    return Batches(await asyncio.to_thread(_load, model, how), at_once)


async def _close(client: Loaded) -> None:
    if isinstance(client, Batches):
        await client.aclose()


def _load(model: NamedModel, how: InProcess) -> Generator:
    if model.engine == TRANSFORMERS:
        from dataset_builder.models.in_process.by_transformers import TransformersModel

        return TransformersModel(model, how)
    from dataset_builder.models.in_process.by_vllm import VllmModel

    return VllmModel(model, how)
