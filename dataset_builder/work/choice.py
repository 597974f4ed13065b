"""Which model a command asks: where it is, what it costs, how many requests at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dataset_builder.models.local import engine_of, is_local_model, serve_local_model
from dataset_builder.models.providers import Endpoint, resolve_endpoint
from dataset_builder.work.cost import Price, parse_price, price_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model as the user named it. ``price`` is ``IN,OUT``, for one whose price is not known."""

    model: str
    base_url: str | None = None
    key_env: str | None = None
    price: str | None = None
    concurrency: int = 16

    @property
    def is_local(self) -> bool:
        """Whether we serve it ourselves."""
        return self.base_url is None and is_local_model(self.model)

    @property
    def engine(self) -> str | None:
        """What runs it, where we serve it ourselves; raises InputError where that is not installed."""
        return engine_of(self.model) if self.is_local else None

    @property
    def host(self) -> str:
        """Where it is, for the record. Raises InputError for a name that tells no place."""
        return "this machine" if self.is_local else self._endpoint().host

    @property
    def known_price(self) -> Price | None:
        """What it costs, if that is known; raises InputError for a price that is none."""
        if self.price is not None:
            return parse_price(self.price)
        return Price(0.0, 0.0) if self.is_local else price_of(self._endpoint())

    @contextmanager
    def serving(self, max_tokens: int, query_tokens: int) -> Iterator[Endpoint]:
        """The endpoint, for as long as the block lasts; a model of our own is started for it."""
        if self.is_local:
            with serve_local_model(self.model, max_tokens, query_tokens) as endpoint:
                yield endpoint
        else:
            yield self._endpoint()

    def _endpoint(self) -> Endpoint:
        return resolve_endpoint(self.model, self.base_url, self.key_env)
