"""Two results on the cases that both were scored on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from blind_refusal.notebook import table_html
from blind_refusal.opening import open_named
from blind_refusal.result import Result
from dataset_builder.wording import counted
from eval.results.answer_set import load_models, told_apart
from eval.results.more_tables import conclusion, difference_plain
from eval.scores.comparison import Comparison as _Comparison
from eval.scores.comparison import compare as _compare
from eval.scores.slices import OVERALL, check_by, title
from eval.stats.metrics import DISCRIMINATION

if TYPE_CHECKING:
    import plotly.graph_objects as go

Model = Result | str | os.PathLike[str]


class Comparison:
    """Paired differences between two models, A minus B, in shares; ``a`` and ``b`` are their names."""

    def __init__(self, found: _Comparison) -> None:
        self._found = found

    @property
    def a(self) -> str:
        """The first model."""
        return self._found.a

    @property
    def b(self) -> str:
        """The second model."""
        return self._found.b

    @property
    def judge(self) -> str:
        """Who judged both."""
        return self._found.judge

    @property
    def cases(self) -> int:
        """How many cases both are scored on."""
        return self._found.n_shared

    @property
    def only_a_helps(self) -> tuple[str, ...]:
        """The cases, by id, where A helps and B does not."""
        return self._found.only_a_helps

    @property
    def only_b_helps(self) -> tuple[str, ...]:
        """The cases, by id, where B helps and A does not."""
        return self._found.only_b_helps

    def summary(self) -> str:
        """Who helps more where help is due, and whether the difference can be told from zero."""
        return conclusion(self._found)

    def to_pandas(self) -> pd.DataFrame:
        """A row a slice and metric: both values, the difference with its interval, and p-values.

        ``p_holm`` and ``p_bh`` are corrected over all rows together, by Holm, and by Benjamini and Hochberg.
        """
        return pd.DataFrame([difference_plain(row) for row in self._found.differences]).drop(columns="models")

    def plot(self, metric: str = DISCRIMINATION.id) -> go.Figure:
        """The differences in one metric with their intervals, a line a slice, as a plotly figure.

        Raises InputError without the extra ``space``, which brings plotly.
        """
        from dataset_builder.extras import needed_extras

        with needed_extras():
            from space.figures.look import Look
            from space.figures.plots import Difference, differences

        rows = [
            Difference("All cases" if row.part.by == OVERALL else title(row.part), row.difference, row.low, row.high,
                       row.p_holm < 0.05)
            for row in self._found.differences
            if row.metric.id == metric and row.reason is None
        ]  # fmt: skip
        return differences(Look(width=760), rows, self.a, self.b)

    def __repr__(self) -> str:
        return f"<Comparison on {counted(self.cases, 'case')}, judged by {self.judge}: {self.summary()}>"

    def _repr_html_(self) -> str:
        def shown(value: float) -> str:
            return f"{100 * value:.1f}"

        rows = [
            [
                row.metric.title,
                shown(row.estimate_a),
                shown(row.estimate_b),
                f"{100 * row.difference:+.1f} [{100 * row.low:+.1f}, {100 * row.high:+.1f}]",
            ]
            for row in self._found.differences
            if row.part.by == OVERALL and row.reason is None
        ]
        return str(table_html(self.summary(), ["Rate (%)", self.a, self.b, "A - B [95 %]"], rows))


def compare(
    a: Model,
    b: Model,
    *,
    by: str | Sequence[str] = ("family",),
    judge: str | None = None,
    dataset: str | os.PathLike[str] | None = None,
) -> Comparison:
    """Compare two models on the cases that both were scored on, by the judge that both share.

    Each is a ``Result``, the folder of a run, or a model of the dataset by name (``study:grok-4-fast``). Of a model
    of the study, the offline judge's verdicts are those by weights that had not seen its family. ``by`` names slices
    beside all cases; ``judge`` is needed where the runs were judged by several; ``dataset`` where no run is given.
    Raises InputError where the two share no judge, no dataset or no case.
    """
    names = check_by((by,) if isinstance(by, str) else tuple(by))
    specs = [str(one.folder) if isinstance(one, Result) else os.fspath(one) for one in (a, b)]
    results = [one for one in (a, b) if isinstance(one, Result)]
    where: Any = dataset
    if where is None and results:
        where = results[0].dataset.spec
    if judge is None and results and all(one.run.verdicts() for one in results):
        judge = results[0].judge
    spec = None if where is None else open_named(where).spec
    return Comparison(_compare(*told_apart(specs, load_models(specs, judge=judge, dataset=spec)), by=names))
