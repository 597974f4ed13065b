"""How a user names a repository on the Hub, in every option that takes one, and where its token is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from dataset_builder.errors import InputError
from dataset_builder.hub.records import is_repo_at_revision

token_env: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--token-env",
    default="HF_TOKEN",
    show_default=True,
    metavar="NAME",
    help="The environment variable that holds the Hub's token.",
)

SCHEME: Final = "hf://"
# Where `dataset build` puts a dataset unless it is told otherwise: never a stranger's repository of that name.
BUILT: Final = "build/dataset"
# Where our commands put things of their own.
_OURS: Final = frozenset({"build", "runs"})
_FILES: Final = frozenset({".parquet", ".csv", ".json", ".jsonl", ".gz", ".zip", ".yaml"})
# How huggingface_hub's own addresses go on.
_KIND: Final = "datasets/"


class NamedRepo(NamedTuple):
    """A repository, and the revision where one is named."""

    name: str
    revision: str | None


def without_scheme(spec: str) -> str:
    """``hf://NAMESPACE/NAME`` as ``NAMESPACE/NAME``, for options that take nothing else."""
    return spec.removeprefix(SCHEME).removeprefix(_KIND) if spec.startswith(SCHEME) else spec


def repo_meant(spec: str) -> NamedRepo | None:
    """The repository that is meant; None where it is a folder of this machine, which need not be there yet.

    ``hf://NAMESPACE/NAME[@REVISION]`` and ``hf://datasets/…`` always mean a repository. Without ``hf://`` it is one
    unless that is a file or folder here, is called like a file or as our own builds and runs are, or NAMESPACE is a
    folder here and no revision is named: ``build/results`` beside a folder ``build`` is a path. Raises InputError for
    an ``hf://`` that names none.
    """
    named = without_scheme(spec)
    if not is_repo_at_revision(named):
        if spec.startswith(SCHEME):
            raise InputError(f"{spec}: names no repository; expected hf://NAMESPACE/NAME[@REVISION].")
        return None
    name, _, revision = named.partition("@")
    looks_like_a_path = name == BUILT or Path(name).suffix.lower() in _FILES
    near = not revision and (Path(name).parent.is_dir() or name.partition("/")[0] in _OURS)
    if spec == named and (looks_like_a_path or near or Path(spec).exists()):
        return None
    return NamedRepo(name, revision or None)
