"""An open-weights judge inside Ray: ``ray.data.llm`` runs the model on the GPUs, ``EngineJudge`` asks and reads.

    from ray.data.llm import vLLMEngineProcessorConfig
    from eval.scale.ray_llm import judge_files_by_engine

    config = vLLMEngineProcessorConfig(model_source="Qwen/Qwen3-32B", concurrency=8)
    judge_files_by_engine("answers/", "labels/", config)

The rubric, the code in each question and the strict reading are those of the judge ``model:NAME``. It asks once: a
reply that is no verdict leaves its row unscored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray.data.llm import HttpRequestProcessorConfig, ProcessorConfig, build_processor

from dataset_builder.errors import InputError
from eval.judges.model.judge import JUDGE
from eval.scale.engine_judge import EngineJudge
from eval.scale.ray_data import BATCH_ROWS, FILES_A_SHARD, judge_shards
from eval.tables.judge import TableSettings


def judge_files_by_engine(
    source: str | Path,
    out: str | Path,
    config: ProcessorConfig,
    *,
    model: str | None = None,
    files_a_shard: int = FILES_A_SHARD,
    sampling: Mapping[str, Any] | None = None,
    **settings: Any,
) -> int:
    """As ``judge_files`` with the model that ``config`` runs as the judge; returns how many shards were judged.

    ``model`` is its name in the verdicts (``config.model_source`` if not given), ``sampling`` are fields of each
    request beside the temperature 0 and the limit of tokens, ``settings`` those of TableSettings without ``judge``.
    Raises InputError as ``judge_files`` does, where the model has no name, and for a ``config`` that asks a server
    unless the ``choice`` says ``yes``, as that may cost money.
    """
    name = model or getattr(config, "model_source", None)
    if not isinstance(name, str) or not name:
        raise InputError("the judge has no name. Give model=, the name that the verdicts are to carry.")
    chosen, http = TableSettings(**settings, judge=f"{JUDGE}:{name}"), isinstance(config, HttpRequestProcessorConfig)
    if http and not chosen.choice.yes:
        raise InputError("a server may take money for answers. Give choice=ModelChoice(yes=True) to ask it.")
    judge = EngineJudge(name, chosen, sampling or {}, http=http)
    processor = build_processor(config, preprocess=judge.request, postprocess=judge.reply)

    def judged(rows: ray.data.Dataset) -> ray.data.Dataset:
        asked = rows.map_batches(judge.questions, batch_format="pyarrow", batch_size=BATCH_ROWS)
        replies = processor(asked.filter(lambda row: row["code"] is not None))
        nothing = asked.filter(lambda row: row["code"] is None).select_columns(["row"])
        return replies.union(nothing).map_batches(judge.labels, batch_format="pyarrow", batch_size=BATCH_ROWS)

    return judge_shards(source, out, chosen, files_a_shard, judged)
