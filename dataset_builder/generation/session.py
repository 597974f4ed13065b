"""One sitting of writing cases: folder, orders, estimate, and the work itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataset_builder.asker import Asker
from dataset_builder.budget import Budget
from dataset_builder.chat import ChatClient, Retries, Timeouts
from dataset_builder.chat_answer import PROVIDER_ERROR
from dataset_builder.estimate import Estimate, estimate
from dataset_builder.generate import ANSWER_TOKENS, spent_on_writing, write_cases
from dataset_builder.generation.existing import DEFAULT, Existing, read_existing
from dataset_builder.generation.folder import TRIES, GenerationFolder, History, new_batch
from dataset_builder.generation.language import check_code
from dataset_builder.generation.plan import plan_orders
from dataset_builder.generation.plots import VERSION
from dataset_builder.generation.prompt import messages_of, prompt_hash
from dataset_builder.generation.records import WRITTEN, Settings, Try
from dataset_builder.generation.targets import Cell
from dataset_builder.model_choice import ModelChoice
from dataset_builder.timestamp import now

Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]
# More than any order takes, by the estimate; a local model's conversation is made this much longer.
QUERY_TOKENS: Final = 2600


@dataclass
class WritingSession:
    """What one command is about to write."""

    folder: GenerationFolder
    choice: ModelChoice
    existing: Existing
    orders: list[History]
    budget: float | None
    # US dollars that count as spent beside those of writing.
    spent_elsewhere: float = 0.0

    @property
    def estimate(self) -> Estimate:
        """What the orders will take, if each is written at its first try."""
        lengths = (sum(len(m.content) for m in messages_of(h.order)) for h in self.orders)
        settings = self.folder.settings
        return estimate(
            lengths,
            settings.max_tokens,
            self.choice.known_price,
            price_is_given=self.choice.price is not None,
            answer_tokens=ANSWER_TOKENS,
        )

    def lines(self) -> Iterator[str]:
        """The session in words, before it begins."""
        settings = self.folder.settings
        yield f"Folder: {self.folder.path} (batch {settings.batch})"
        yield f"Writer: {settings.model} at {settings.endpoint}, temperature {settings.temperature:g}"
        yield f"Held against {len(self.existing.queries):,} requests of {', '.join(self.existing.names)}"
        if not self.orders:
            yield "Nothing to order: the folder has had as many orders as asked for"
            return
        yield from self.estimate.lines()
        yield "An order that fails is tried once more, which the estimate leaves out"

    def run(
        self, progress: Progress, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> str | None:
        """Write; returns why it stopped early, or None. Raises as ``write_cases`` does."""
        settings = self.folder.settings
        index = self.existing.index()
        for history in self.folder.histories().values():
            if history.end.status == WRITTEN and history.end.case is not None:
                index.add(history.order.case_id, history.end.case.user_query)
        expected = self.estimate
        # One conversation at a time, as the local server holds no more.
        concurrency = 1 if self.choice.is_local else self.choice.concurrency

        async def work() -> str | None:
            async with ChatClient(
                endpoint, concurrency=concurrency, timeouts=timeouts or Timeouts(), retries=retries or Retries()
            ) as client:
                asker = Asker(
                    client,
                    temperature=settings.temperature,
                    max_tokens=settings.max_tokens,
                    price=self.choice.known_price,
                )
                budget = Budget(
                    self.budget,
                    spent=spent_on_writing(self.folder) + self.spent_elsewhere,
                    call_cost=expected.call_cost,
                )
                return await write_cases(
                    self.folder, self.orders, asker, index, concurrency=concurrency, budget=budget, seen=seen
                )

        done = {"written": 0, "cost": 0.0}
        with (
            self.choice.serving(settings.max_tokens, QUERY_TOKENS) as endpoint,
            self.folder.writing(),
            progress("writing", len(self.orders)) as move,
        ):

            def seen(one: Try) -> None:
                done["written"] += one.status == WRITTEN
                done["cost"] += one.cost or 0.0
                if one.status in (WRITTEN, PROVIDER_ERROR) or one.number >= TRIES:
                    move(f"{done['written']:.0f} written, ${done['cost']:.4f}")

            return asyncio.run(work())


def writing_session(
    targets: Mapping[Cell, int],
    *,
    model: str,
    base_url: str | None = None,
    key_env: str | None = None,
    temperature: float = 0.7,
    max_tokens: int = 8000,
    language: str = "en",
    seed: int = 0,
    out: Path,
    existing: Sequence[str] = (),
    concurrency: int = 16,
    budget: float | None = None,
    price: str | None = None,
) -> WritingSession:
    """Prepare to bring a folder to ``targets`` orders. Raises InputError and its children for bad wishes."""
    choice = ModelChoice(model=model, base_url=base_url, key_env=key_env, price=price, concurrency=concurrency)
    created = now()
    settings = Settings(
        batch=new_batch(created[:10]),
        model=model,
        endpoint=choice.host,
        engine=choice.engine,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        language=check_code(language),
        prompt=prompt_hash(),
        plots=VERSION,
    )
    found = read_existing(tuple(existing) or DEFAULT)
    folder = GenerationFolder.create(out, settings, created)
    return WritingSession(folder, choice, found, plan_orders(folder, targets, found.cases), budget)
