"""``transformers:PATH_OR_REPO``, ``vllm:…`` and ``python:FILE.py:NAME``: which files, and whether they are the same.

Engines are given a folder, whatever was named, so that only ``hub`` talks to the Hub, and nothing of a repository but
its weights (safetensors or GGUF, never a pickle), its settings and its tokenizer comes here: no code of others' is run.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dataset_builder.errors import InputError, NotFoundError, RemoteError
from dataset_builder.hub.naming import NamedRepo, repo_meant

TRANSFORMERS, VLLM, PYTHON = "transformers", "vllm", "python"
# Engine -> the modules that it cannot do without.
_NEEDS: Final = {TRANSFORMERS: ("transformers", "torch"), VLLM: ("vllm",), PYTHON: ()}
# Requests answered together. vLLM begins another one as soon as one has ended, so its batch may be large.
_BATCH: Final = {TRANSFORMERS: 8, VLLM: 128, PYTHON: 1}
AUTO: Final = "auto"
DTYPES: Final = (AUTO, "bfloat16", "float16", "float32")
_CONFIG: Final = "config.json"
_WEIGHTS: Final = ".safetensors"
_GGUF: Final = ".gguf"
_OTHER: Final = (".json", ".jinja", ".model", ".txt", ".tiktoken")
# A second copy of the weights for another engine, in repositories of one maker.
_SECOND: Final = "consolidated"
_TEMPLATE: Final = ("chat_template.jinja", "tokenizer_config.json", "chat_template.json")
_MAIN: Final = "main"
# Of each file of weights so many blocks are read: two states of one training differ in every one of them.
_BLOCKS, _BLOCK_BYTES = 16, 65536
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess:
    """How a model is run in this process; None for the engine's own choice.

    ``completion`` gives it the bare text, for base models, and not its chat template's frame.
    """

    completion: bool = False
    batch_size: int | None = None
    dtype: str = AUTO
    device: str | None = None


AS_IT_IS: Final = InProcess()


@dataclass(frozen=True)
class NamedModel:
    """A model that an engine is to run: a folder or a GGUF file of this machine, or a repository on the Hub."""

    engine: str
    path: Path | None = None
    repo: NamedRepo | None = None
    function: str | None = None

    @property
    def called(self) -> str:
        """What a run calls it: a folder by its last name alone, as its path would tell about the machine."""
        name = f"{self.engine}:{self.repo.name if self.repo else self._path.resolve().name}"
        return f"{name}:{self.function}" if self.function else name

    @property
    def batch_size(self) -> int:
        """How many requests are answered together unless the user says."""
        return _BATCH[self.engine]

    @property
    def gguf(self) -> str | None:
        """The name of its GGUF file, where it is one."""
        return self._path.name if self.path and self.path.suffix.lower() == _GGUF else None

    @property
    def _path(self) -> Path:
        assert self.path is not None  # noqa: S101 - a repository has none
        return self.path

    @cached_property
    def settings(self) -> tuple[Path, str | None]:
        """The folder with all of its files but, of a repository, the weights; and the commit. Raises as ``folder``."""
        return self._fetched(weights=False)

    def folder(self) -> Path:
        """The folder that an engine loads.

        Raises InputError where there is none or it holds no weights that are read here, RemoteError where the Hub
        cannot give it.
        """
        return self._fetched(weights=True)[0]

    def identity(self, how: InProcess) -> str:
        """What runs it and which weights, precision and chat template these are, for the record of a run.

        Raises InputError where the engine is not installed, the model is not there, or has no chat template and is
        not asked for completions.
        """
        if self.function:
            return self._of_function(how)
        versions = engine_version(self.engine)
        folder, commit = self.settings
        config = {} if self.gguf else _read(folder / _CONFIG)
        if not self.gguf and not config:
            raise InputError(f"{self.called}: holds no config.json that can be read. Expected a model's folder.")
        # A GGUF file is computed with in single precision, and holds its template itself.
        own = "float32" if self.gguf else config.get("dtype") or config.get("torch_dtype") or "float32"
        dtype = (own if self.engine == TRANSFORMERS else AUTO) if how.dtype == AUTO else how.dtype
        template = None if self.gguf else _template(folder)
        if template is None and not self.gguf and not how.completion:
            raise InputError(
                f"{self.called}: has no chat template, as a base model has none. Give --completion to have it go on "
                "from the bare text of a request."
            )
        weights = f"commit {commit[:_SHOWN]}" if commit else f"files {_fingerprint(self._path)[:_SHOWN]}"
        frame = (
            "bare text"
            if how.completion
            else f"chat template {hashlib.sha256(template.encode()).hexdigest()[:_SHOWN]}"
            if template
            else "the file's chat template"
        )
        return f"{versions}, {weights}, {dtype}, {frame}"

    def _of_function(self, how: InProcess) -> str:
        if how.completion or how.dtype != AUTO or how.device:
            raise InputError(
                f"{self.called}: a function takes --batch-size alone, of --completion, --dtype and --device."
            )
        if not self._path.is_file():
            raise InputError(f"{self._path}: no such file. Expected {PYTHON}:FILE.py:NAME, a function of a file.")
        return f"a function, file {_fingerprint(self._path)[:_SHOWN]}"

    def _fetched(self, *, weights: bool) -> tuple[Path, str | None]:
        if self.repo is None:
            if self.gguf and self._path.is_file():
                if self.engine == VLLM:
                    raise InputError(f"{self.called}: a GGUF file is run by transformers: or by ollama/ and llamacpp/.")
                return self._path.parent, None
            if not self._path.is_dir():
                raise InputError(
                    f"{self.engine}:{self._path}: no such folder here. Expected a folder with a model's config.json "
                    "and weights, a .gguf file, or NAMESPACE/NAME[@REVISION] on the Hub."
                )
            if not any(self._path.glob(f"*{_WEIGHTS}")):
                raise InputError(f"{self.called}: holds no weights as safetensors, which alone are read.")
            return self._path, None
        return _snapshot(self.called, self.repo, weights=weights)


def model_named(model: str) -> NamedModel | None:
    """The model that an engine of this process is to run; None for a name of any other kind."""
    engine, colon, where = model.partition(":")
    if not colon or engine not in _NEEDS:
        return None
    if not where.strip():
        raise InputError(f"Model {model!r}: expected a folder or a repository, such as {engine}:NAMESPACE/NAME.")
    if engine == PYTHON:
        path, _, function = where.rpartition(":")
        if not path or not function.isidentifier():
            raise InputError(f"Model {model!r}: expected {PYTHON}:FILE.py:NAME, a function of a file.")
        return NamedModel(engine, path=Path(path).expanduser(), function=function)
    repo = repo_meant(where)
    return NamedModel(engine, repo=repo) if repo else NamedModel(engine, path=Path(where).expanduser())


def beside(model: str, folder: Path) -> str:
    """The same name, with a relative path of a file or folder that stands in another folder than the current one."""
    engine, _, where = model.partition(":")
    named = engine in _NEEDS and bool(where)
    return f"{engine}:{folder / where}" if named and (engine == PYTHON or (folder / where).exists()) else model


def engine_version(engine: str) -> str:
    """An engine with its version. Raises InputError where it is not installed."""
    missing = [name for name in _NEEDS[engine] if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"{engine}: models need the extra `{engine}` ({' and '.join(missing)} not installed): "
            f"pip install 'blind-refusal[{engine}]'"
        )
    first, *others = (f"{name} {importlib.metadata.version(name)}" for name in _NEEDS[engine])
    return f"{first} ({', '.join(others)})" if others else first


def _snapshot(called: str, repo: NamedRepo, *, weights: bool) -> tuple[Path, str]:
    """A repository's files in the Hub's cache, and their commit; what the cache has where the Hub is out of reach."""
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.patience import Patience

    revision = repo.revision or _MAIN
    cached = Hub().cached_file(repo.name, "model", _CONFIG, revision)
    hub = Hub() if cached is None else Hub(patience=Patience(attempts=2))
    try:
        chosen = list(_chosen(hub.list_files(repo.name, "model", revision)))
        if not any(name.endswith(_WEIGHTS) for name in chosen):
            raise InputError(f"{called}: holds no weights as safetensors, which alone are read.")
        wanted = [name for name in chosen if weights or not name.endswith(_WEIGHTS)]
        return hub.download_snapshot(repo.name, "model", revision, wanted)
    except NotFoundError:
        raise
    except RemoteError:
        if cached is None or (weights and not any(cached.parent.glob(f"*{_WEIGHTS}"))):
            raise
        # The cache keeps each commit in a folder of its name.
        return cached.parent, cached.parent.name


def _chosen(names: Iterable[str]) -> Iterator[str]:
    """Of a repository's files those that a model is loaded from."""
    for name in names:
        if "/" not in name and not name.startswith(_SECOND) and name.endswith((_WEIGHTS, *_OTHER)):
            yield name


def _template(folder: Path) -> str | None:
    """A model's chat template, as its files have it; canonical JSON where there are several."""
    for name in _TEMPLATE:
        file = folder / name
        if not file.is_file():
            continue
        if file.suffix == ".jinja":
            return file.read_text(encoding="utf-8", errors="replace")
        if found := _read(file).get("chat_template"):
            return found if isinstance(found, str) else json.dumps(found, sort_keys=True)
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _fingerprint(path: Path) -> str:
    """SHA-256 over the files that a model is loaded from: their names, sizes, and blocks spread over each."""
    files = [path] if path.is_file() else [path / name for name in _chosen(one.name for one in sorted(path.iterdir()))]
    found = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        found.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as opened:
            for block in range(_BLOCKS):
                opened.seek(max(0, (size - _BLOCK_BYTES) * block // (_BLOCKS - 1)))
                found.update(opened.read(_BLOCK_BYTES))
    return found.hexdigest()
