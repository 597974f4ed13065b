"""A model loaded for as long as it is asked, in a thread, so that a progress display goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from dataset_builder.models.in_process.answers import Batches, Generator
from dataset_builder.models.in_process.named import TRANSFORMERS, InProcess, NamedModel
from dataset_builder.models.providers import Provider

PROCESS: Final = Provider("process", "this process", "process:")


@asynccontextmanager
async def loaded(model: NamedModel, how: InProcess, at_once: int) -> AsyncIterator[Batches]:
    """What asks a model of this process until the end of the block. Raises InputError where it cannot be loaded."""
    batches = Batches(await asyncio.to_thread(_load, model, how), at_once)
    try:
        yield batches
    finally:
        await batches.aclose()


def _load(model: NamedModel, how: InProcess) -> Generator:
    if model.engine == TRANSFORMERS:
        from dataset_builder.models.in_process.by_transformers import TransformersModel

        return TransformersModel(model, how)
    from dataset_builder.models.in_process.by_vllm import VllmModel

    return VllmModel(model, how)
