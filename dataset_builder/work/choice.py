"""Which model a command asks: where it is, what it costs, how many requests at once, how much it may spend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Self

from dataset_builder.errors import InputError
from dataset_builder.models.batches.places import check_queue
from dataset_builder.models.chat import ChatClient, Retries, Timeouts
from dataset_builder.models.concurrency import Concurrency, Pace
from dataset_builder.models.in_process.loading import PROCESS, loaded
from dataset_builder.models.in_process.named import AS_IT_IS, InProcess, NamedModel, model_named
from dataset_builder.models.local import engine_of, is_local_model, serve_local_model
from dataset_builder.models.providers import Endpoint, resolve_endpoint
from dataset_builder.net.secret import ApiKey
from dataset_builder.work.asking import Client
from dataset_builder.work.cost import ANSWER_TOKENS, FREE, Estimate, Price, estimate, price_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model as the user named it, with what may be asked of it and spent on it.

    ``price`` is what the user says it costs; ``budget`` is in US dollars; ``yes`` begins without asking;
    ``stream`` asks for event streams, for servers that take no other calls;
    ``headers`` are names with the environment variables that hold their values; ``rpm`` and ``tpm`` are the server's
    limits on requests and tokens a minute;
    ``providers`` and ``excluded_providers`` are those that a router may ask, and may not;
    ``batch`` says that it is asked through a batch queue, at that price;
    ``tells_cost`` says that each answer comes with its cost, where the provider is not known for that.
    ``in_process`` is how it is run, where this process runs it;
    ``prefix`` stands before the names of its options, as in ``--judge-base-url``.
    """

    model: str = ""
    base_url: str | None = None
    key_env: str | None = None
    price: Price | None = None
    concurrency: int = 16
    budget: float | None = None
    yes: bool = False
    stream: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    rpm: float | None = None
    tpm: float | None = None
    providers: tuple[str, ...] = ()
    excluded_providers: tuple[str, ...] = ()
    tells_cost: bool = False
    batch: bool = False
    in_process: InProcess = AS_IT_IS
    prefix: str = ""

    def of(self, model: str) -> Self:
        """The same choice for the model of that name."""
        return replace(self, model=model)

    def limited_as(self, other: ModelChoice) -> Self:
        """This model within the other's concurrency, budget and consent."""
        return replace(self, concurrency=other.concurrency, budget=other.budget, yes=other.yes)

    @property
    def is_local(self) -> bool:
        """Whether we serve it ourselves."""
        return self.base_url is None and (is_local_model(self.model) or self.named is not None)

    @property
    def named(self) -> NamedModel | None:
        """The model that this process runs, where its name asks for one. Raises InputError for half a name."""
        return model_named(self.model) if self.base_url is None else None

    @property
    def called(self) -> str:
        """What a run calls it: by its name, but a folder of this machine without its path."""
        return self.model if self.named is None else self.named.called

    @property
    def engine(self) -> str | None:
        """What runs it, where we serve it ourselves.

        Raises InputError where that is not installed or the model is not there, RemoteError as the Hub does.
        """
        if self.named is not None:
            return self.named.identity(self.in_process)
        return engine_of(self.model) if self.is_local else None

    @property
    def endpoint(self) -> Endpoint:
        """Where a model is that we do not serve ourselves. Raises InputError for a name that tells no place."""
        return resolve_endpoint(self.model, self.base_url, self.key_env)

    @property
    def host(self) -> str:
        """Where it is, for the record. Raises InputError for a name that tells no place."""
        return "this machine" if self.is_local else self.endpoint.host

    @property
    def place(self) -> str:
        """Where it answers, as a run records it. Raises InputError for a name that tells no place."""
        return "this process" if self.is_local else self.endpoint.host

    @property
    def samples_itself(self) -> bool:
        """Whether it decides itself how answers are sampled and how long they may be, and does not tell."""
        return self.named is not None and self.named.function is not None

    @property
    def routes(self) -> bool:
        """Whether it is behind a router that takes a choice of providers."""
        return not self.is_local and self.endpoint.provider.routes

    @property
    def at_once(self) -> int:
        """Requests at once: a batch where this process runs it, one where we serve it, as that server holds no more."""
        if self.named is not None:
            return self.in_process.batch_size or self.named.batch_size
        return 1 if self.is_local else self.concurrency

    @property
    def known_price(self) -> Price | None:
        """What it costs, None where that is not known.

        A server of the user's on this machine may pass requests on to a model that costs money, so its
        address alone does not make it free; a name such as ``ollama/…`` does.
        """
        if self.price is not None:
            return self.price
        if self.is_local:
            return FREE
        endpoint = self.endpoint
        price = None if endpoint.is_local and self.base_url is not None else price_of(endpoint)
        return price.in_batches if price and self.batch else price

    @property
    def secret_headers(self) -> tuple[ApiKey, ...]:
        """Its headers with their values. Raises InputError where a variable is not set."""
        return tuple(ApiKey(env, name, "--header") for name, env in self.headers)

    def check_route(self, of: str = "") -> None:
        """Raise InputError where providers are chosen that nobody can be asked to choose.

        ``of`` stands in the names of the options: ``judge-`` for --judge-provider and --exclude-judge-provider.
        """
        only, ignored = f"--{of}provider", f"--exclude-{of}provider"
        for option, names in ((only, self.providers), (ignored, self.excluded_providers)):
            for name in names:
                if not name.strip() or not name.isprintable() or "," in name:
                    raise InputError(f"{option} {name!r}: expected one provider's name. Give it once for each.")
        if both := sorted(set(self.providers) & set(self.excluded_providers)):
            raise InputError(f"{only} and {ignored} both name {', '.join(both)}. Leave out one of them.")
        if (self.providers or self.excluded_providers) and not self.routes:
            raise InputError(
                f"{only} and {ignored} choose among those that a router asks, and {self.host} is none. "
                "Leave them out, or name the model with openrouter/ in front."
            )

    def check(self) -> None:
        """Raise InputError where it has no place, its key is not set, or a budget is given that cannot be kept."""
        if self.named is None and self.in_process != AS_IT_IS:
            raise InputError(
                f"{self.model}: --completion, --batch-size, --dtype and --device are for models that this process runs "
                "(transformers:… and vllm:…). Leave them out."
            )
        if self.is_local:
            return
        endpoint = self.endpoint
        if self.batch:
            check_queue(endpoint)
        if endpoint.key_env is not None:
            ApiKey(endpoint.key_env)
        _ = self.secret_headers
        told = self.tells_cost or endpoint.provider.tells_cost
        if self.budget is not None and self.known_price is None and not told:
            raise InputError(
                f"--budget {self.budget:g} cannot be kept: it is not known what {self.model} at {endpoint.host} costs. "
                f"Give --{self.prefix}price IN,OUT, in US dollars for a million tokens sent and got, or "
                f"--{self.prefix}price 0,0 if it costs nothing."
            )

    def warnings(self) -> list[str]:
        """What the user should know before a key is used."""
        if self.is_local or self.endpoint.key_env is None:
            return []
        if self.endpoint.is_local:
            return [
                "Careful: a server on this machine that takes a key may pass requests on to a model that costs money"
            ]
        if self.endpoint.sends_key_in_clear:
            return ["Careful: the key is sent to that address unencrypted (http, not https)"]
        return []

    def estimate(
        self, lengths: Iterable[int], max_tokens: int, answer_tokens: tuple[int, int] = ANSWER_TOKENS
    ) -> Estimate:
        """What requests of some lengths, in characters, will take, each with ``answer_tokens`` (from, to) of answer."""
        return estimate(
            lengths, max_tokens, self.known_price, price_is_given=self.price is not None, answer_tokens=answer_tokens
        )

    @contextmanager
    def serving(self, max_tokens: int, query_tokens: int) -> Iterator[Endpoint]:
        """The endpoint, for as long as the block lasts; a model of our own is started for it."""
        if self.named is not None:
            # It is loaded by ``client``.
            yield Endpoint(PROCESS, self.model, None)
        elif self.is_local:
            with serve_local_model(self.model, max_tokens, query_tokens) as endpoint:
                yield endpoint
        else:
            yield self.endpoint

    def client(
        self, endpoint: Endpoint, timeouts: Timeouts, retries: Retries, *, concurrency: Concurrency, pace: Pace
    ) -> AbstractAsyncContextManager[Client]:
        """What asks it at that endpoint within the server's limits, to be opened in an event loop."""
        if self.named is not None:
            return loaded(self.named, self.in_process, self.at_once)
        return ChatClient(
            endpoint,
            concurrency=concurrency,
            timeouts=timeouts,
            retries=retries,
            stream=self.stream,
            headers=self.secret_headers,
            pace=pace,
        )
