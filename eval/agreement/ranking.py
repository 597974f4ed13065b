"""How a judge ranks the study's models beside their order by the study's own verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from rich.text import Text

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import HELPS
from dataset_builder.wording import counted
from eval.scores.labels import AnswerKey, LabelSource, compare_sources, study_labels
from eval.scores.terminal import Column, FittedTable, percent
from eval.stats.intervals import Floats
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE, Metric
from eval.stats.ranking import competition_rank

SHOWN: Final = (DISCRIMINATION, HELP_RATE, CONTROL_HELP_RATE)
# An order of two says next to nothing.
_FEWEST_MODELS: Final = 3


class _Side(NamedTuple):
    helped: int
    n: int


@dataclass(frozen=True, eq=False)
class RankingAgreement:
    """One rate of each model by two judges over the same answers; arrays of shape (models,), of 1.

    Models are in the order of the study's rates. ``spearman`` is NaN with a ``reason``.
    """

    metric: Metric
    models: tuple[str, ...]
    answers: tuple[int, ...]
    study: Floats
    ours: Floats
    spearman: float
    reason: str | None

    @property
    def gap(self) -> Floats:
        """Ours less the study's, shape (models,)."""
        return self.ours - self.study


@dataclass(frozen=True, slots=True)
class BesideStudy:
    """One model by a judge and by the study's, on the answers that both judged; rates of 1."""

    judge: str
    n: int
    # Kappa by field, NaN where it is not defined.
    kappa: dict[str, float]
    # Ours, then the study's, of each of SHOWN.
    rates: dict[str, tuple[float, float]]

    def line(self) -> str:
        """In words."""
        kappas = ", ".join(f"{field.replace('_', ' ')} {value:.3f}" for field, value in self.kappa.items())
        rates = "; ".join(
            f"{name[:1].lower() + name[1:]} {percent(ours)} instead of {percent(study)}"
            for name, (ours, study) in self.rates.items()
        )
        return f"Beside the verdicts of {self.judge} on the same {counted(self.n, 'answer')}: kappa {kappas}; {rates}."


def ranking_agreement(study: LabelSource, ours: LabelSource, cases: Mapping[str, Case]) -> list[RankingAgreement]:
    """SHOWN of each model whose answers both judged on both sides; empty for fewer than three such models."""
    shared = study.labels.keys() & ours.labels.keys()
    theirs, mine = (_sides(source, shared, cases) for source in (study, ours))
    models = [model for model in sorted(theirs) if all(side.n for side in theirs[model].values())]
    if len(models) < _FEWEST_MODELS:
        return []
    found = []
    for metric in SHOWN:
        pairs = np.array([[_rate(sides[model], metric) for sides in (theirs, mine)] for model in models])
        order = np.argsort(-pairs[:, 0], kind="stable")
        rho, reason = _spearman(pairs[:, 0], pairs[:, 1])
        named = tuple(models[place] for place in order)
        answers = tuple(sum(side.n for side in theirs[model].values()) for model in named)
        found.append(RankingAgreement(metric, named, answers, pairs[order, 0], pairs[order, 1], rho, reason))
    return found


def beside_study(model: str, ours: LabelSource, built: BuiltDataset) -> BesideStudy | None:
    """A model of the study by another judge; None where the two share no answer on one of the sides.

    ``ours`` are labels of that model's answers. Raises InputError for a dataset without the study's verdicts.
    """
    study = study_labels(built)
    shared = {key for key in ours.labels.keys() & study.labels.keys() if key.model == model}
    mine, theirs = (_sides(source, shared, built.case_by_id).get(model, {}) for source in (ours, study))
    if not mine or not all(side.n for side in mine.values()):
        return None
    pair = compare_sources(
        LabelSource(study.name, {key: study.labels[key] for key in shared}),
        LabelSource(ours.name, {key: ours.labels[key] for key in shared}),
        built.case_by_id,
    )
    rates = {metric.title: (_rate(mine, metric), _rate(theirs, metric)) for metric in SHOWN}
    return BesideStudy(study.name, pair.n, {field: found.kappa for field, found in pair.fields.items()}, rates)


def ranking_tables(rankings: list[RankingAgreement], study: str, judge: str) -> Iterator[FittedTable | Text]:
    """The models by discrimination, and a line a rate; nothing for no rankings."""
    if rankings:
        yield _models_table(rankings[0], study, judge)
    yield from ranking_lines(rankings)


def ranking_lines(rankings: list[RankingAgreement]) -> Iterator[Text]:
    """How near each rate's order and values are to the study's."""
    for found in rankings:
        gap = 100 * found.gap
        worst = int(np.abs(gap).argmax())
        rho = f"{found.spearman:.3f}" if found.reason is None else f"not defined ({found.reason})"
        off = f"off by {np.abs(gap).mean():.1f} points on average, at most {gap[worst]:+.1f} ({found.models[worst]})"
        yield Text(f"{found.metric.title} of {len(found.models)} models: Spearman {rho}, {off}")


def _models_table(found: RankingAgreement, study: str, judge: str) -> FittedTable:
    columns = [
        Column("Model", words=True, name=True),
        Column("Answers", rank=3),
        Column(study),
        Column(f"Place by {study}", rank=1),
        Column(judge),
        Column(f"Place by {judge}", rank=2),
    ]
    table = FittedTable(f"{found.metric.title} by {study} and by {judge}", columns)
    ranks = competition_rank(found.study, found.metric.better), competition_rank(found.ours, found.metric.better)
    for at, model in enumerate(found.models):
        table.add_row(
            model,
            f"{found.answers[at]:,}",
            percent(float(found.study[at])),
            str(ranks[0][at]),
            percent(float(found.ours[at])),
            str(ranks[1][at]),
        )
    return table


def _sides(source: LabelSource, keys: Iterable[AnswerKey], cases: Mapping[str, Case]) -> dict[str, dict[bool, _Side]]:
    """Helped and all answers of each model, by whether the rule is defeated."""
    found: dict[str, dict[bool, _Side]] = {}
    for key in keys:
        sides = found.setdefault(key.model, {True: _Side(0, 0), False: _Side(0, 0)})
        side = cases[key.case_id].defeated
        helped, n = sides[side]
        sides[side] = _Side(helped + (source.labels[key].response_type == HELPS), n + 1)
    return found


def _rate(sides: Mapping[bool, _Side], metric: Metric) -> float:
    if metric is DISCRIMINATION:
        return _rate(sides, HELP_RATE) - _rate(sides, CONTROL_HELP_RATE)
    helped, n = sides[bool(metric.defeated)]
    return helped / n


def _spearman(first: Floats, second: Floats) -> tuple[float, str | None]:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan"), "all models have the same rate"
    # Here, as it takes a while to import.
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic), None
