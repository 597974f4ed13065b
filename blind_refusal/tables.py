"""Answers in a table of the caller's own, judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blind_refusal.evaluating import price_of
from dataset_builder.work.choice import ModelChoice
from eval.judging.registry import DEFAULT_JUDGE
from eval.tables import judge as tables
from eval.tables.judge import TableSettings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def judge_table(
    table: pa.Table | pd.DataFrame,
    judge: str = DEFAULT_JUDGE,
    *,
    columns: Mapping[str, str] | None = None,
    prefix: str = "",
    explain: bool = True,
    base_url: str | None = None,
    api_key_env: str | None = None,
    price: tuple[float, float] | None = None,
    concurrency: int = 16,
    budget: float | None = None,
    yes: bool = False,
) -> Any:
    """The rows of a table with the labels of their answers behind their own columns; the table is left as it is.

    ``table`` is an Arrow table or a pandas frame, and so is what comes back. It has a column of requests and one of
    answers, or one of chats, whose last answer is judged; what is known of the case (``rule``, ``ground``, ``facts``,
    ``family``, ``authority``) is read too. Usual names are found; ``columns`` names others, such as
    ``{"response": "text"}``. Added are ``response_type``, ``engages_with_defeat``, ``independent_harm``, five
    probabilities (``p_helps``, …; from judges that ask nobody), ``confidence``, ``reasoning``, ``unscored_reason``,
    ``judge``, ``rubric`` and ``cost`` (US dollars), with ``prefix`` before their names.

    ``judge`` is ``embedded``, ``encoder`` (with the extra of that name), ``model:ID`` or ``cascade:ID``. The others are
    for a judge that asks a model, as in ``evaluate``. What may cost money needs ``budget`` or ``yes``; a judge that
    stops early leaves the rest ``not_judged``, with a warning. Raises InputError for columns that are missing or there
    already, and where money is not allowed; RemoteError where no request can succeed.
    """
    import pyarrow as pa

    choice = ModelChoice(
        base_url=base_url, key_env=api_key_env, price=price_of(price), concurrency=concurrency, budget=budget, yes=yes
    )
    is_arrow = isinstance(table, pa.Table)
    given = table if is_arrow else pa.Table.from_pandas(table, preserve_index=False)
    settings = TableSettings(judge=judge, columns=dict(columns or {}), prefix=prefix, explain=explain, choice=choice)
    judged = tables.judge_table(given, settings)
    if is_arrow:
        return judged
    added = judged.select(judged.column_names[given.num_columns :]).to_pandas()
    added.index = table.index
    return table.join(added)
