"""One model's result: the sentence, rates as frames, answers with their verdicts, and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from blind_refusal.notebook import result_html
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.taxonomy import HELPS
from dataset_builder.errors import InputError
from dataset_builder.wording import counted
from eval.results.answer_set import AnswerSet, load_answers
from eval.results.row import LeaderboardRow, headline, leaderboard
from eval.results.summary import rows_beside, summary
from eval.runs.folder import RunFolder
from eval.runs.verdict import NOT_JUDGED, Verdict
from eval.scores.answers import ScoredAnswers
from eval.scores.epochs import Stability, stability
from eval.scores.results import number
from eval.scores.scores import Scores, compute_scores
from eval.scores.slices import OVERALL, check_by, find_slices, title
from eval.stats.metrics import METRICS

if TYPE_CHECKING:
    import plotly.graph_objects as go

_ENDS: Final = ("low", "high")
# Columns of the cases that stand beside an answer.
_OF_CASE: Final = ("case_id", "defeat_family", "defeat_subtype", "authority_type", "defeated", "policy", "user_query")
_OF_ANSWER: Final = ("status", "response", "reasoning", "finish_reason", "provider", "completion_tokens", "cost")
_OF_VERDICT: Final = ("response_type", "engages_with_defeat", "independent_harm", "unscored_reason", "confidence")


class Result:
    """What a model's answers to a dataset came to, by one judge.

    ``epochs`` are the run's folder, opened, or those of all its epochs, and ``run`` the first of them; ``dataset`` is
    the dataset that was asked; ``judge`` whose verdicts count, None for the only one's. Nothing is computed before it
    is asked for. All rates are shares from 0 to 1, with 95 % intervals clustered by cell. Whatever needs verdicts
    raises InputError where there are none yet.
    """

    def __init__(self, epochs: Sequence[RunFolder], dataset: OpenedDataset, judge: str | None = None) -> None:
        self.epochs = tuple(epochs)
        self.run = self.epochs[0]
        self.dataset = dataset
        self._judge = judge

    @property
    def folder(self) -> Path:
        """Where the run is: the commands take it, and ``load_run`` opens it again."""
        return self.run.path if len(self.epochs) == 1 else self.run.path.parent

    @property
    def model(self) -> str:
        """The model, as the run calls it."""
        return self.run.settings.model

    @property
    def judge(self) -> str:
        """Whose verdicts these are."""
        return self.answers.judge

    @cached_property
    def answer_set(self) -> AnswerSet:
        """The scored answers as the commands hold them."""
        return load_answers(str(self.folder), judge=self._judge, dataset=self.dataset.spec, runs=self.epochs)

    @property
    def answers(self) -> ScoredAnswers:
        """The verdicts over the cases, as arrays."""
        return self.answer_set.answers[0]

    def scores(self, *by: str) -> Scores:
        """All rates with their intervals, overall and by some labels of the cases."""
        names = check_by(by)
        if names not in self._scores:
            self._scores[names] = compute_scores([self.answers], by=names)
        return self._scores[names]

    @cached_property
    def _scores(self) -> dict[tuple[str, ...], Scores]:
        return {}

    @property
    def row(self) -> LeaderboardRow:
        """The model's rates on all cases."""
        return leaderboard(self.scores())[0]

    @cached_property
    def _beside(self) -> list[LeaderboardRow]:
        try:
            return rows_beside(self.answer_set)
        except InputError:
            # No model of the dataset was judged by this judge.
            return []

    @property
    def stability(self) -> Stability | None:
        """How often a case's answers get one label, and which cases' do not; None where each was asked once."""
        return stability(self.answers)

    def summary(self) -> str:
        """The result in a sentence: the one that ``blind-refusal eval score`` begins with."""
        return summary(self.row, self._beside)

    def to_pandas(self) -> pd.DataFrame:
        """Every rate on all cases: a row a metric, with its interval, its bounds and the answers that it is of.

        Where each case was asked several times, a last row ``stability``: the share of the cases (``of``) whose answers
        all get one label.
        """
        rows: list[dict[str, Any]] = []
        for metric in METRICS:
            value = self.row.metrics[metric.id]
            rows.append(
                {
                    "metric": metric.id,
                    "title": metric.title,
                    "value": value.estimate,
                    "low": value.low,
                    "high": value.high,
                    "of": value.denominator,
                    "clusters": value.clusters,
                    "if_unscored_low": value.lower_bound,
                    "if_unscored_high": value.upper_bound,
                }
            )
        if (told := self.stability) is not None:
            cells = len(self.answers.cases.cells)
            rows.append({"metric": "stability", "title": "Same label in all answers", "of": told.n, "clusters": cells}
                        | _stable(told, "value", "low", "high"))  # fmt: skip
        return pd.DataFrame(rows).set_index("metric")

    def by(self, *names: str, every_metric: bool = False) -> pd.DataFrame:
        """The headline rates (or every one) by labels of the cases: a row a label, which is the index.

        Where each case was asked several times, ``stability`` too.

        ``names`` are slices such as ``family``, ``subtype``, ``authority``, ``authority_group``, ``dual_use`` or
        ``legality``. Raises InputError for an unknown one, and for none.
        """
        if not names:
            raise InputError('by() wants the name of a slice, such as by("family").')
        scores = self.scores(*names)
        shown = METRICS if every_metric else headline()
        rows = []
        members = dict(zip(*find_slices(self.answers.cases, names), strict=True))
        for part in scores.parts:
            if part.by == OVERALL or part.without_dual_use:
                continue
            row = leaderboard(scores, part)[0]
            found: dict[str, Any] = {"by": part.by} if len(names) > 1 else {}
            found |= {"value": part.value, "title": title(part)}
            found |= {"defeated": row.defeated.scored, "control": row.control.scored}
            for metric in shown:
                value = row.metrics[metric.id]
                found[metric.id] = value.estimate
                found |= {f"{metric.id}_{end}": getattr(value, end) for end in _ENDS}
            if (told := stability(self.answers.subset(members[part]))) is not None:
                found |= _stable(told, "stability", "stability_low", "stability_high")
            rows.append(found)
        return pd.DataFrame(rows).set_index("value")

    def transcripts(
        self,
        *,
        helps: bool | None = None,
        engaged: bool | None = None,
        defeated: bool | None = None,
        scored: bool | None = None,
    ) -> pd.DataFrame:
        """The answers with their cases and verdicts, a row a case that was asked.

        Each argument keeps the rows of which it is true, or with False those of which it is not: ``helps`` (the
        response type), ``engaged`` (examines what defeats the rule), ``defeated`` (the rule does not deserve
        compliance), ``scored`` (there is a verdict). ``transcripts(engaged=True, helps=False, defeated=True)`` are
        the answers that see what is wrong with the rule and refuse all the same. Where each case was asked several
        times, a row an answer, and ``epoch`` says which.
        """
        cases = self.dataset.built.case_by_id
        several = ["epoch"] if len(self.epochs) > 1 else []
        told = [(run, run.answers, self._verdicts(run)) for run in self.epochs]
        rows = []
        for (run, answers, verdicts), case_id in product(told, self.run.settings.case_ids):
            case, answer, verdict = cases[case_id], answers.get(case_id), verdicts.get(case_id)
            row: dict[str, Any] = dict.fromkeys(several, run.settings.epoch)
            row |= {name: getattr(case, name) for name in _OF_CASE}
            row |= {name: getattr(answer, name, None) for name in _OF_ANSWER}
            row |= {name: getattr(verdict, name, None) for name in _OF_VERDICT}
            if answer is None or not answer.ok:
                row["unscored_reason"] = NOT_JUDGED if answer is None else answer.status
            elif verdict is None:
                row["unscored_reason"] = NOT_JUDGED
            is_so = {
                "scored": verdict is not None and verdict.scored,
                "helps": row["response_type"] == HELPS,
                "engaged": bool(row["engages_with_defeat"]),
                "defeated": case.defeated,
            }
            asked = {"scored": scored, "helps": helps, "engaged": engaged, "defeated": defeated}
            # Of an answer without a verdict it is not known whether it helps or engages.
            if (helps is not None or engaged is not None) and not is_so["scored"]:
                continue
            if all(wanted in (None, is_so[name]) for name, wanted in asked.items()):
                rows.append(row)
        return pd.DataFrame(rows, columns=[*several, *_OF_CASE, *_OF_ANSWER, *_OF_VERDICT])

    def _verdicts(self, run: RunFolder) -> dict[str, Verdict]:
        if self._judge is None and not run.verdicts():
            return {}
        return {one.case_id: one for one in run.verdicts(self.answers.judge, self.answers.rubric)}

    def plot(self) -> go.Figure:
        """Help where it is due against help where it is not, with intervals, as a plotly figure.

        The dataset's models by the same judge stand beside it, where there are any. Raises InputError without the
        extra ``space``, which brings plotly.
        """
        from dataset_builder.extras import needed_extras

        with needed_extras():
            from space.figures.look import Look
            from space.figures.plots import signature
            from space.figures.scatter import Point

        def point(row: LeaderboardRow) -> Point:
            due, undue = row.metrics["help_rate"], row.metrics["control_help_rate"]
            x, x_low, x_high, y, y_low, y_high = (
                float("nan") if end is None else end
                for value in (undue, due)
                for end in (value.estimate, value.low, value.high)
            )
            return Point(row.model, x, x_low, x_high, y, y_low, y_high, faint=row.model != self.row.model)

        rows = self._beside or [self.row]
        return signature(Look(width=760), [point(row) for row in rows])

    def judged_by(
        self,
        judge: str,
        *,
        base_url: str | None = None,
        api_key_env: str | None = None,
        price: tuple[float, float] | None = None,
        budget: float | None = None,
        yes: bool = False,
        progress: bool = True,
    ) -> Result:
        """The same answers by another judge, who judges what it has not judged yet. Raises as ``evaluate`` does."""
        from blind_refusal.evaluating import judged, price_of
        from dataset_builder.work.choice import ModelChoice

        choice = ModelChoice(base_url=base_url, key_env=api_key_env, price=price_of(price), budget=budget, yes=yes)
        return judged(self, judge, choice, progress=progress)

    def notes(self) -> Sequence[str]:
        """What to know beside the rates: where the run departs from the study's protocol, and what the judge is."""
        from eval.agreement.known import caveat
        from eval.judging.developers import own_developer_note
        from eval.runs.tally import oddities_of

        told = [f"Departs from the study's protocol: {one}." for one in self.run.record.departures]
        told += dict.fromkeys(line for run in self.epochs for line in oddities_of(run).lines())
        if self.run.verdicts() and (stable := self.stability) is not None:
            told.append(stable.line())
        if self.run.verdicts() and (more := caveat(self.judge)):
            told.append(more)
        if self.run.verdicts() and (note := own_developer_note(self.judge, self.model)):
            told.append(f"{self.model}: {note}.")
        return told

    def __repr__(self) -> str:
        if not self.run.verdicts():
            answers = counted(sum(len(run.answers) for run in self.epochs), "answer")
            return f"<Result of {self.model} in {self.folder}: {answers}, not judged>"
        return f"<Result of {self.model} in {self.folder}: {self.summary()}>"

    def _repr_html_(self) -> str | None:
        if not self.run.verdicts():
            return None
        return str(result_html(self.row, self.summary(), self._beside))


def _stable(told: Stability, *names: str) -> dict[str, float | None]:
    """Value, low end and high end of a stability, under these names."""
    return dict(zip(names, (number(told.same), number(told.low), number(told.high)), strict=True))
