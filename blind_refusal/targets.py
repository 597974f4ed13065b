"""What can be evaluated from Python, each as a ``ModelChoice``: what the collector asks like any other model.

| given | asked |
|---|---|
| a text | the model of that name, as ``--model`` takes it |
| a function, plain or ``async`` | the function, with the request as a string or as messages |
| a pipeline of transformers | its text generation, through the tokenizer's chat template |
| a client with ``chat.completions.create`` | that, with ``model`` and the settings of the run |
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from blind_refusal.asking import ChatCompletions, Pipeline
from dataset_builder.errors import InputError
from dataset_builder.models.chat import Retries, Timeouts
from dataset_builder.models.concurrency import Concurrency, Pace
from dataset_builder.models.in_process.function import Function
from dataset_builder.models.providers import CUSTOM, Endpoint, Provider, resolve_endpoint
from dataset_builder.work.asking import Client
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import FREE, Price
from eval.runs.run import THIS_PROCESS

_NOWHERE: Final = "a client of the caller's"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel(ModelChoice):
    """A model that the caller handed over as an object: ``asked`` is what answers in place of a server.

    ``base_url`` is the server's behind a client, where the client tells it. ``free`` where it is the caller's own
    code, which may cost what it will, but through no request of ours.
    """

    asked: Client
    free: bool = True
    made_by: str | None = None
    tells_settings: bool = False

    @property
    def is_local(self) -> bool:
        """False: it is served by nobody here."""
        return False

    @property
    def named(self) -> None:
        """None: it is not looked up by its name."""
        return None

    @property
    def engine(self) -> str | None:
        """What runs it, where that is known."""
        return self.made_by

    @property
    def endpoint(self) -> Endpoint:
        """Where its client sends requests; nowhere for a function."""
        if self.base_url is None:
            return Endpoint(Provider(CUSTOM, "The caller's own", ""), self.model, None)
        return replace(resolve_endpoint(self.model, self.base_url), key_env=None)

    @property
    def host(self) -> str:
        """Where it is, for the record."""
        return self.place

    @property
    def place(self) -> str:
        """Where it answers, as a run records it."""
        if self.free:
            return THIS_PROCESS
        return _NOWHERE if self.base_url is None else self.endpoint.host

    @property
    def samples_itself(self) -> bool:
        """Whether it decides itself how answers are sampled."""
        return not self.tells_settings

    @property
    def known_price(self) -> Price | None:
        """What it costs: nothing for the caller's own code."""
        if self.free:
            return FREE
        # Not ``super()``, which a dataclass with slots does not know.
        return ModelChoice.known_price.fget(self)  # type: ignore[attr-defined,no-any-return]

    def check(self) -> None:
        """Raise InputError where a budget is given that cannot be kept."""
        if self.budget is not None and self.known_price is None and not self.endpoint.provider.tells_cost:
            raise InputError(
                f"budget={self.budget:g} cannot be kept: it is not known what {self.model} costs. Give "
                "price=(IN, OUT), in US dollars for a million tokens sent and got, or price=(0, 0) if it costs nothing."
            )

    def warnings(self) -> list[str]:
        """Nothing: its key is the client's affair."""
        return []

    @contextmanager
    def serving(self, max_tokens: int, query_tokens: int) -> Iterator[Endpoint]:
        """The endpoint; nothing has to be started."""
        yield self.endpoint

    def client(
        self, endpoint: Endpoint, timeouts: Timeouts, retries: Retries, *, concurrency: Concurrency, pace: Pace
    ) -> AbstractAsyncContextManager[Client]:
        """What the caller handed over."""
        return nullcontext(self.asked)


def choice_of(target: Any, model: str | None, name: str | None, **limits: Any) -> ModelChoice:
    """What to ask, from whatever a caller gave; ``limits`` are further fields of the choice.

    ``concurrency`` None stands for 16 requests at once, and for one where several would have to run in threads of
    the caller's code. Raises InputError for what cannot be asked.
    """
    at_once = limits.pop("concurrency")
    if isinstance(target, str):
        if model is not None or name is not None:
            raise InputError("model= and name= are for clients and functions; a model's name says it all.")
        return ModelChoice(model=target, concurrency=at_once or 16, **limits)
    if create := _completions(target):
        if not model:
            raise InputError('A client asks many models: say which, with model="…".')
        if name is not None:
            raise InputError("name= is for functions and pipelines; a client's model is called what model= says.")
        asked = ChatCompletions(create, _secret(target))
        choice = OwnModel(
            model=model, asked=asked, base_url=_address(target, model), free=False, tells_settings=True,
            concurrency=at_once or 16, **limits,
        )  # fmt: skip
        asked.endpoint = choice.endpoint
        return choice
    if model is not None:
        raise InputError("model= says which model a client is to ask; what a function or a pipeline is called: name=.")
    if _is_pipeline(target):
        return OwnModel(
            model=name or _name_of_pipeline(target), asked=Pipeline(target), made_by=_transformers(),
            tells_settings=True, concurrency=1, **limits,
        )  # fmt: skip
    if not callable(target):
        raise InputError(
            f"A {type(target).__name__} cannot be evaluated: expected a function of the request, an async one, a "
            "pipeline of transformers, a client with chat.completions.create, or a model's name such as "
            '"openrouter/z-ai/glm-5".'
        )
    is_async = _is_async(target)
    usual = 16 if is_async else 1
    function = Function(target, threads=not is_async and (at_once or 1) > 1)
    return OwnModel(model=name or _name_of_function(target), asked=function, concurrency=at_once or usual, **limits)


def _completions(target: Any) -> Callable[..., Any] | None:
    create = getattr(getattr(getattr(target, "chat", None), "completions", None), "create", None)
    return create if callable(create) else None


def _address(client: Any, model: str) -> str | None:
    """Where a client sends requests; None where it does not tell, or in a way that is no plain address."""
    address = getattr(client, "base_url", None)
    if not address:
        return None
    try:
        return resolve_endpoint(model, str(address)).provider.base_url
    except InputError:
        return None


def _secret(client: Any) -> str | None:
    key = getattr(client, "api_key", None)
    return key if isinstance(key, str) else None


def _is_pipeline(target: Any) -> bool:
    return callable(target) and hasattr(target, "tokenizer") and hasattr(target, "model") and hasattr(target, "task")


def _name_of_pipeline(target: Any) -> str:
    return _line(getattr(target.model, "name_or_path", "")) or "pipeline"


def _transformers() -> str:
    from importlib import metadata

    try:
        return f"transformers {metadata.version('transformers')}"
    except metadata.PackageNotFoundError:
        return "transformers"


def _is_async(target: Any) -> bool:
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(type(target).__call__)


def _name_of_function(target: Any) -> str:
    found = getattr(target, "__name__", None) or type(target).__name__
    return "function" if found == "<lambda>" else _line(found) or "function"


def _line(text: object) -> str:
    """A name as a run records one."""
    return re.sub(r"\s+", " ", "".join(c for c in str(text) if c.isprintable() and c not in "<>`")).strip()
