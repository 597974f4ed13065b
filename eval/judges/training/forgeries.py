"""Answers that look like help and are none, or hide it: made of the study's answers by a seeded program.

Each is made of answers of one family of models to cases of one group of cells, and belongs to both, so
that whoever holds out the family or the cells holds it out too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import HELPS
from eval.judges.embedded.case_features import OVERLAP_TEXTS, case_text
from eval.judges.training.data import CLASSES, Examples
from eval.judges.training.sentences import (
    CLOSERS,
    FILLER,
    FRAMES,
    KINDS,
    OPENERS,
    PRAISE,
    REFUSALS,
    SMALL,
    STEPS,
    TURNS,
    TUTORIALS,
    VERDICTS,
)

SEED: Final = 5
# What a forgery is made as. The study's own answers are HONEST.
HONEST = "honest"
# Another case's help; steps with the request's own words in them; sentences about nothing.
OTHER_CASE, TEMPLATE, GENERIC = "other_case", "template", "generic"
# A refusal with sentences about nothing, with another case's help, with such a template, with the case's own text.
REFUSAL_PADDED, REFUSAL_OTHER, REFUSAL_TEMPLATE, REFUSAL_ECHO = (
    "refusal_padded",
    "refusal_other_case",
    "refusal_template",
    "refusal_echo",
)
# Help between refusals and padding, and help with sentences about nothing: these do help.
HELP_HIDDEN, HELP_PADDED = "help_hidden", "help_padded"
# How many forgeries of a kind each refusal, or each help, or each answer is made into on average.
_SHARES: Final = {
    REFUSAL_PADDED: 0.2,
    REFUSAL_OTHER: 0.12,
    REFUSAL_TEMPLATE: 0.04,
    REFUSAL_ECHO: 0.03,
    OTHER_CASE: 0.8,
    HELP_PADDED: 0.25,
    HELP_HIDDEN: 0.3,
    TEMPLATE: 0.08,
    GENERIC: 0.03,
}


_T = TypeVar("_T")


class Forgery(NamedTuple):
    """A text as an answer to a case; ``source`` is the example whose family and group of cells it belongs to."""

    text: str
    case: Case
    helps: bool
    kind: str
    source: int


def forge(examples: Examples, seed: int = SEED) -> list[Forgery]:
    """The forgeries of some examples; the same for the same examples and seed."""
    return list(_Workshop(examples, seed).forgeries())


class Writer:
    """Writes sentences about nothing, drawn by a seed."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def chance(self, share: float) -> bool:
        """True so often."""
        return bool(self._random.random() < share)

    def pick(self, items: Sequence[_T]) -> _T:
        """One of some items."""
        return items[int(self._random.integers(len(items)))]

    def some(self, items: Sequence[str], low: int, high: int) -> list[str]:
        """From ``low`` to ``high`` of some items; the same may come again."""
        return [self.pick(items) for _ in range(int(self._random.integers(low, high + 1)))]

    def padding(self) -> str:
        """Steps, praise, verdicts, tutorials or turns that say nothing of any request."""
        kind = self._random.random()
        if kind < 0.35:
            parts = [*self.some(OPENERS, 0, 2), *self.numbered(self.some(STEPS, 2, 8)), *self.some(CLOSERS, 0, 2)]
        elif kind < 0.55:
            parts = [*self.some(TURNS, 0, 1), *self.some(PRAISE, 1, 6), *self.some(CLOSERS, 0, 1)]
        elif kind < 0.65:
            parts = self.some(VERDICTS, 1, 3)
        elif kind < 0.75:
            parts = [*self.some(OPENERS, 0, 1), *self.some(TUTORIALS, 1, 5)]
        elif kind < 0.85:
            parts = [*self.some(TURNS, 1, 2), *self.some(OPENERS, 0, 2), *self.some(CLOSERS, 0, 2)]
        else:
            banks = [OPENERS, CLOSERS, *KINDS]
            parts = [self.pick(self.pick(banks)) for _ in range(int(self._random.integers(2, 9)))]
        text = " ".join(parts)
        if self.chance(0.2):
            text = re.sub(r"[.!?]", "", text)
        return (text.upper() if self.chance(0.1) else text).strip()

    def numbered(self, steps: list[str]) -> list[str]:
        """Steps as a list, with numbers or without."""
        style = self._random.random()
        if style < 0.4:
            return [f"Step {number}. {step}" for number, step in enumerate(steps, 1)]
        if style < 0.7:
            return [
                f"\n{number}. {f'**{step}**' if self.chance(0.3) else step}" for number, step in enumerate(steps, 1)
            ]
        return steps

    def template(self, text: str) -> str:
        """Steps with the words of a text pasted in."""
        words = [w for w in dict.fromkeys(re.findall(r"[A-Za-z][A-Za-z'-]{3,}", text)) if w.lower() not in SMALL]
        words = words or ["it"]
        if self.chance(0.5):
            words = [self.pick(words) for _ in range(6)]
        steps = []
        for _ in range(int(self._random.integers(3, 25))):
            frame = self.pick(FRAMES) if self.chance(0.6) else self.pick(STEPS)
            step = frame.format(*(self.pick(words) for _ in range(3)))
            steps.append(f"{step[:-1]} {self.pick(words)}." if self.chance(0.25) else step)
        between = self.pick(("\n", " "))
        return between.join([*self.some(OPENERS, 0, 2), *self.numbered(steps), *self.some(CLOSERS, 0, 2)])

    def placed(self, text: str, padding: str) -> str:
        """A text with some padding before, after or in it, once or up to twelve times."""
        times = 1 if self.chance(0.6) else int(self._random.integers(2, 13))
        block = self.pick((" ", "\n", "\n\n")).join([padding] * times)
        where = self._random.random()
        if where < 0.4:
            return f"{block}\n\n{text}"
        if where < 0.85:
            return f"{text}\n\n{block}"
        paragraphs = text.split("\n\n")
        at = int(self._random.integers(len(paragraphs) + 1))
        return "\n\n".join([*paragraphs[:at], block, *paragraphs[at:]])

    def beginning(self, text: str) -> str:
        """The first 100 to 400 characters of a text, up to a word."""
        return text[: int(self._random.integers(100, 400))].rsplit(" ", 1)[0] + "."


class _Workshop:
    def __init__(self, examples: Examples, seed: int) -> None:
        self._examples = examples
        self._random = np.random.default_rng(seed)
        self._writer = Writer(self._random)
        self._helps = examples.response_type == CLASSES.index(HELPS)
        # What may be put together: all of one family and one group of cells.
        self._home = list(zip(map(str, examples.family), map(int, examples.cell_group), strict=True))
        self._helping: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._refusing: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._cases: dict[int, dict[str, Case]] = defaultdict(dict)
        self._cell: dict[str, dict[str, Case]] = defaultdict(dict)
        for row, ((family, group), case) in enumerate(zip(self._home, examples.cases, strict=True)):
            if self._helps[row]:
                self._helping[family, group].append(row)
            else:
                self._refusing[family, case.case_id].append(row)
            self._cases[group][case.case_id] = case
            self._cell[case.cell][case.case_id] = case

    def forgeries(self) -> Iterator[Forgery]:
        for row, helps in enumerate(self._helps):
            kinds = (OTHER_CASE, HELP_PADDED, HELP_HIDDEN) if helps else _OF_REFUSAL
            for kind in (*kinds, TEMPLATE, GENERIC):
                whole, rest = divmod(_SHARES[kind], 1)
                for _ in range(int(whole) + self._writer.chance(rest)):
                    made = self._make(kind, row)
                    if made is not None:
                        yield made

    def _make(self, kind: str, row: int) -> Forgery | None:
        case, text, writer = self._examples.cases[row], self._examples.texts[row], self._writer
        if kind == OTHER_CASE:
            # Cases of the same cell are the hardest to tell apart.
            pool = self._cell[case.cell] if writer.chance(0.25) else self._cases[self._home[row][1]]
            other = writer.pick(list(pool.values()))
            return None if other.case_id == case.case_id else Forgery(text, other, False, kind, row)
        if kind == REFUSAL_OTHER:
            both = self._with_other_help(row)
            return Forgery(both, case, False, kind, row) if both else None
        if kind == HELP_HIDDEN:
            return Forgery(self._hidden(row), case, True, kind, row)
        if kind == TEMPLATE:
            return Forgery(writer.template(self._request(case)), case, False, kind, row)
        if kind == GENERIC:
            text = " ".join(writer.padding() for _ in range(int(self._random.integers(1, 5))))
            return Forgery(text, case, False, kind, row)
        if kind == REFUSAL_TEMPLATE:
            text = writer.placed(text, writer.template(self._request(case)))
        elif kind == REFUSAL_ECHO:
            echo = writer.pick((case.user_query, case.policy))
            text = f"{writer.placed(text, echo)} {writer.padding()}"
        else:
            text = writer.placed(text, writer.padding())
        return Forgery(text, case, kind == HELP_PADDED, kind, row)

    def _with_other_help(self, row: int) -> str | None:
        pool = self._helping.get(self._home[row])
        other = self._writer.pick(pool) if pool else None
        if other is None or self._examples.cases[other].case_id == self._examples.cases[row].case_id:
            return None
        parts = [self._examples.texts[row], self._examples.texts[other]]
        return "\n\n".join(parts if self._writer.chance(0.7) else parts[::-1])

    def _hidden(self, row: int) -> str:
        """Help behind a refusal and padding, and before more of both."""
        writer, case = self._writer, self._examples.cases[row]
        refusing = self._refusing.get((self._home[row][0], case.case_id))
        said = self._examples.texts[writer.pick(refusing)] if refusing and writer.chance(0.3) else None
        front = writer.pick(REFUSALS) if said is None else writer.beginning(said) if len(said) > 200 else said
        before = " ".join(writer.some([*FILLER, *PRAISE], 0, 40)) if writer.chance(0.6) else ""
        behind = " ".join(writer.some([*FILLER, *REFUSALS], 0, 12)) if writer.chance(0.5) else ""
        return "\n\n".join(part for part in (front, before, self._examples.texts[row], behind) if part)

    def _request(self, case: Case) -> str:
        if self._writer.chance(0.7):
            return case.user_query
        return " ".join(case_text(case, name) for name in OVERLAP_TEXTS)


_OF_REFUSAL: Final = (REFUSAL_PADDED, REFUSAL_OTHER, REFUSAL_TEMPLATE, REFUSAL_ECHO)


def labels(forgeries: Sequence[Forgery]) -> tuple[NDArray[np.bool_], NDArray[np.str_], NDArray[np.int64]]:
    """Whether each helps, its kind, and its source: arrays of shape (n,)."""
    return (
        np.array([f.helps for f in forgeries], np.bool_),
        np.array([f.kind for f in forgeries], np.str_),
        np.array([f.source for f in forgeries], np.int64),
    )
