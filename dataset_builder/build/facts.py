"""What the card, its picture and its Croissant description say of a set of records, counted from the records.

No number in them is written by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isnan, nan
from typing import Any, Final, NamedTuple

from dataset_builder.build.batches import Batch, batches_of
from dataset_builder.build.extend import part
from dataset_builder.build.figures import Figure, recompute
from dataset_builder.build.picture import Rates
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.kappa import Kappa, cohen_kappa
from dataset_builder.dataset.manifest import FileEntry, Source
from dataset_builder.dataset.opened import RESPONSES, data_path
from dataset_builder.dataset.records import Case, Column, Records, Response, columns_of
from dataset_builder.dataset.tables import BY_MODEL, CONFIG_BY_NAME, CONFIGS, TEST, Config, Constants, left_out

# Stands in links for the account on the Hub that holds the dataset, until a build names it.
NAMESPACE: Final = "NAMESPACE"


@dataclass(frozen=True)
class SplitFacts:
    """A split of the dataset: where it belongs, and its rows."""

    config: str
    split: str
    rows: int
    # The file, or a pattern of files.
    path: str


def splits_from(files: Mapping[str, FileEntry]) -> tuple[SplitFacts, ...]:
    """The splits that the files of a build give, config by config.

    The answers are stored a file a model: together they are the one split of ``responses``, each is a split of
    ``by_model``.
    """
    stored = []
    for name, entry in files.items():
        if entry.rows is not None:
            _, config, split = name.removesuffix(".parquet").split("/")
            stored.append(SplitFacts(config, split, entry.rows, name))
    answers = [split for split in stored if split.config == RESPONSES]
    whole = SplitFacts(RESPONSES, TEST, sum(split.rows for split in answers), data_path(RESPONSES, "*"))
    found = [split for split in stored if split.config != RESPONSES]
    if answers:
        found += [whole, *(replace(split, config=BY_MODEL) for split in answers)]
    order = list(CONFIG_BY_NAME)
    return tuple(sorted(found, key=lambda split: order.index(split.config)))


@dataclass(frozen=True)
class Count:
    """A label with the number of its cases."""

    label: taxonomy.Label
    cases: int


@dataclass(frozen=True)
class ModelRow:
    """How many answers of a model there are, and why some have no verdict."""

    model: str
    model_id: str
    answers: int
    scored: int
    unscored: str


class HelpCount(NamedTuple):
    """Answers that both the judge and a reviewer call help, that the judge does, and that the reviewer does."""

    both: int
    called: int
    helps: int


@dataclass(frozen=True)
class Facts:
    """All that the card says about a set of records."""

    records: Records
    sources: tuple[Source, ...]
    splits: tuple[SplitFacts, ...]
    # What the files leave out, as every row holds it: see ``constants_of``.
    constants: Constants = field(default_factory=dict)
    canary: str | None = None
    held_back: bool = False
    namespace: str = NAMESPACE

    @property
    def name(self) -> str:
        """The dataset's title."""
        name = "Blind Refusal" if self.kind == "study" else f"Blind Refusal ({self.kind} cases)"
        return name + (", extended" if self.extended else "") + (", held back" if self.held_back else "")

    @property
    def kind(self) -> str:
        """The kind of the first source: ``study``, ``starter`` or ``generated``."""
        return self.sources[0].kind

    @property
    def kinds(self) -> list[str]:
        """The kinds of all sources, each once."""
        return list(dict.fromkeys(source.kind for source in self.sources))

    @property
    def extended(self) -> bool:
        """Whether generated cases were added to those of another source."""
        return len(self.kinds) > 1

    @cached_property
    def base(self) -> Records:
        """The records of the first source alone."""
        return part(self.records, lambda case: case.origin == self.kind) if self.extended else self.records

    @cached_property
    def batches(self) -> list[Batch]:
        """The batches of generated cases."""
        return batches_of(self.records)

    @property
    def languages(self) -> list[str]:
        """The languages of the requests, as ISO 639-1 codes."""
        return sorted({case.language for case in self.records.cases})

    @property
    def configs(self) -> list[Config]:
        """The configs that have a split."""
        present = {split.config for split in self.splits}
        return [config for config in CONFIGS if config.name in present]

    def columns(self, config: Config) -> list[Column]:
        """The columns of a config's files."""
        return [column for column in columns_of(config.record) if column.name not in self.left_out(config)]

    def left_out(self, config: Config) -> Mapping[str, Any]:
        """The columns that the files of a config leave out, with the value that every row holds."""
        return left_out(self.constants, config.name)

    def splits_of(self, config: str) -> list[SplitFacts]:
        """The splits of one config."""
        return [split for split in self.splits if split.config == config]

    @cached_property
    def figures(self) -> list[Figure]:
        """The paper's figures, recomputed; empty for a source that is not the study."""
        return recompute(self.base) if self.kind == "study" else []

    @cached_property
    def outcomes(self) -> dict[str, int]:
        """What became of the generated cases."""
        return dict(sorted(Counter(case.outcome for case in self.base.generated).items()))

    @cached_property
    def models(self) -> list[ModelRow]:
        """A row for each model configuration."""
        rows = []
        for slug, answers in self.records.responses.items():
            reasons = Counter(a.unscored_reason for a in answers if a.unscored_reason)
            rows.append(
                ModelRow(
                    slug,
                    answers[0].model_id,
                    len(answers),
                    len(answers) - reasons.total(),
                    ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items())),
                )
            )
        return rows

    @cached_property
    def rates(self) -> list[Rates]:
        """How often each model helps, the best at telling rules apart first."""
        found = [
            Rates(
                slug,
                _helped([row for row in rows if row.defeated]),
                _helped([row for row in rows if not row.defeated]),
            )
            for slug, rows in self.records.responses.items()
        ]
        return sorted(found, key=lambda row: (isnan(row.discrimination), -row.discrimination, row.model))

    def count(self, column: str, labels: Iterable[taxonomy.Label]) -> list[Count]:
        """How many cases carry each label of a column."""
        found = Counter(getattr(case, column) for case in self.records.cases)
        return [Count(label, found[label.id]) for label in labels]

    def respelled(self) -> dict[str, int]:
        """How many generated cases have a label whose spelling the source had otherwise, by column."""
        cases: Sequence[Case] = self.base.generated or self.base.cases
        raw = [name for name in Case.__struct_fields__ if name.endswith("_raw")]
        changed = {
            name.removesuffix("_raw"): sum(getattr(c, name) != getattr(c, name.removesuffix("_raw")) for c in cases)
            for name in raw
        }
        return {name: n for name, n in changed.items() if n}

    @property
    def generators(self) -> list[str]:
        """The models that wrote the generated cases."""
        return sorted({case.generator for case in self.base.generated})

    @property
    def without_condition(self) -> int:
        """How many cases do not say what defeats their rule."""
        return sum(case.defeat_condition is None for case in self.records.cases)

    @property
    def judges(self) -> list[str]:
        """The judges of the published verdicts."""
        return sorted({row.judge for rows in self.records.responses.values() for row in rows if row.judge})

    @property
    def capped(self) -> int:
        """How many answers used up the token limit."""
        return sum(row.hit_token_cap for rows in self.records.responses.values() for row in rows)

    @cached_property
    def _days(self) -> set[str]:
        return {row.collected_at[:10] for rows in self.records.responses.values() for row in rows if row.collected_at}

    @property
    def collected_span(self) -> str:
        """The first and the last day of collecting, as an ISO 8601 interval; empty where they are not recorded."""
        return f"{min(self._days)}/{max(self._days)}" if self._days else ""

    @property
    def collected(self) -> str:
        """The days on which the answers were collected, as a phrase."""
        days = self._days
        if not days:
            return "on days that are not recorded"
        return f"on {min(days)}" if len(days) == 1 else f"from {min(days)} to {max(days)}"

    def dual_use_share(self, defeated_only: bool) -> float:
        """Percentage of the cases, or of the defeated ones, that carry the dual-use flag; NaN if there are none."""
        cases = [case for case in self.records.cases if case.defeated or not defeated_only]
        return 100 * sum(bool(case.dual_use) for case in cases) / len(cases) if cases else nan

    @cached_property
    def reviewers(self) -> Kappa:
        """Agreement of the two reviewers on whole cases."""
        passed: dict[str, dict[str, bool]] = {}
        for review in self.base.case_reviews:
            passed.setdefault(review.reviewer, {})[review.case_id] = review.passed
        one, two = (passed.get(name, {}) for name in ("reviewer_1", "reviewer_2"))
        shared = sorted(one.keys() & two.keys())
        return cohen_kappa([one[c] for c in shared], [two[c] for c in shared])

    @cached_property
    def on_help(self) -> list[tuple[str, list[HelpCount]]]:
        """The judge's *helps* by each reviewer's labels: a row a family of models, then all; empty without reviews."""
        verdicts = {(slug, row.case_id): row for slug, rows in self.base.responses.items() for row in rows}
        found: dict[str, Counter[tuple[str, str]]] = {}
        for review in self.base.verdict_reviews:
            row = verdicts[review.model, review.case_id]
            if row.unscored_reason is not None:
                continue
            helps, called = review.response_type == taxonomy.HELPS, row.response_type == taxonomy.HELPS
            # The first word of a model's slug.
            for family in (review.model.split("-")[0], "all"):
                counts = {"both": helps and called, "called": called, "helps": helps}
                found.setdefault(family, Counter()).update({(review.reviewer, k): n for k, n in counts.items()})
        return [
            (family, [HelpCount(*(counts[name, k] for k in HelpCount._fields)) for name in self.reviewer_names])
            for family, counts in sorted(found.items(), key=lambda one: (one[0] == "all", one[0]))
        ]

    @cached_property
    def reviewer_names(self) -> list[str]:
        """Who labelled answers."""
        return sorted({review.reviewer for review in self.base.verdict_reviews})


def _helped(rows: Sequence[Response]) -> float:
    """The share of the scored answers that help; NaN where none is scored."""
    scored = [row for row in rows if row.unscored_reason is None]
    return sum(row.response_type == taxonomy.HELPS for row in scored) / len(scored) if scored else nan
