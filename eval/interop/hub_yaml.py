"""``.eval_results/blind-refusal.yaml``: the file in a model's repository that puts it on the Hub's leaderboard.

The Hub knows one number a task and ranks higher as better, so there is an entry for each of
the two tasks that the dataset registers; discrimination, intervals and the judge go into
the notes of both.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from dataset_builder.build.eval_yaml import DECLINE_ON_CONTROL, HELP_ON_DEFEATED
from dataset_builder.errors import InputError
from eval.scores.results import MetricValue, Results
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE

PATH: Final = ".eval_results/blind-refusal.yaml"


def eval_results_yaml(results: Results, *, dataset_id: str | None = None, source_url: str | None = None) -> str:
    """The file's text. Values are percentages.

    ``dataset_id`` is the dataset's repository, where the results do not name one;
    ``source_url`` where the transcripts or the leaderboard are. Raises InputError without a
    repository, or where neither help rate has a value.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    where = results.provenance.dataset
    repository = dataset_id or where.hub_id
    if repository is None:
        raise InputError(
            f"The scores of {results.provenance.model.name} come from the folder {where.name!r}, but the Hub needs "
            "the dataset's repository: name it as NAMESPACE/NAME."
        )
    metrics = results.overall.metrics
    helps, control = metrics[HELP_RATE.id], metrics[CONTROL_HELP_RATE.id]
    judge = results.provenance.judge
    notes = (
        f"discrimination {_percent(metrics[DISCRIMINATION.id], ' points')}; "
        f"help on defeated rules {_percent(helps, ' %')}; help on controls {_percent(control, ' %')}; "
        f"95 % intervals clustered by cell; judge {judge.judge} (rubric {judge.rubric})"
    )
    values = [
        (HELP_ON_DEFEATED, helps.estimate),
        (DECLINE_ON_CONTROL, None if control.estimate is None else 1 - control.estimate),
    ]
    entries = [
        EvalResultEntry(
            dataset_id=repository,
            task_id=task,
            value=round(100 * value, 2),
            dataset_revision=where.revision if repository == where.hub_id else None,
            date=results.provenance.collected_at,
            source_url=source_url,
            source_name="blind-refusal" if source_url else None,
            notes=notes,
        )
        for task, value in values
        if value is not None
    ]
    if not entries:
        raise InputError(f"Nothing of {results.provenance.model.name} is scored, so there is no result to publish.")
    content: list[dict[str, Any]] = eval_result_entries_to_yaml(entries)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def _percent(value: MetricValue, unit: str) -> str:
    if value.estimate is None or value.low is None or value.high is None:
        return f"not measured ({value.reason})"
    return f"{100 * value.estimate:.1f}{unit} [{100 * value.low:.1f}, {100 * value.high:.1f}]"
