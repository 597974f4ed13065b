"""``inspect eval blind_refusal/blind_refusal``: this benchmark as a task of Inspect.

The protocol is the study's unless Inspect is told otherwise: the query alone, temperature 0, at
most 8,000 tokens. Answers are judged by the model in the role ``grader``.
"""

from __future__ import annotations

from typing import Any

import msgspec
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from dataset_builder import __version__
from dataset_builder.dataset.opened import locate_dataset
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.sample import draw, sample_name
from dataset_builder.errors import InputError
from eval.interop.inspect_log import GRADER, KEY, PACKAGE, TASK, LogInfo, registered
from eval.interop.inspect_metrics import SHOWN
from eval.interop.inspect_scorer import rubric
from eval.runs.run import PROTOCOL_MAX_TOKENS, PROTOCOL_TEMPERATURE

_WHAT = f"Help where a rule is defeated, and not where it holds: {SHOWN[0].definition}"


@task(name=f"{PACKAGE}/{TASK}")
@registered
def blind_refusal(
    dataset: str,
    sample: int | None = None,
    sample_seed: int = 0,
    show_reasoning: bool = False,
    structured_output: bool = True,
) -> Task:
    """The cases of a built dataset, asked as the study asked them.

    ``dataset`` is a folder that ``blind-refusal dataset build`` made, or NAMESPACE/NAME[@REVISION] on
    the Hub; ``sample`` is a number of cases, drawn evenly over the cells; the others are the
    scorer's. Raises InputError where the dataset cannot be opened.
    """
    opened = locate_dataset(dataset)
    chosen = sample_name(sample, None)
    cases = draw(opened.built.cases(), chosen, sample_seed, lambda case: case.cell)
    if not cases:
        raise InputError(f"{opened.name}: holds no cases, so there is nothing to ask.")
    info = LogInfo(
        dataset=opened.spec,
        cases_hash=opened.built.cases_hash,
        sample=chosen,
        sample_seed=sample_seed,
        package_version=__version__,
    )
    return Task(
        dataset=MemoryDataset([sample_of(case) for case in cases], name=opened.hub_id or opened.built.path.name),
        setup=grader_is_there(),
        solver=generate(),
        scorer=rubric(show_reasoning=show_reasoning, structured_output=structured_output),
        config=GenerateConfig(temperature=PROTOCOL_TEMPERATURE, max_tokens=PROTOCOL_MAX_TOKENS),
        metadata={KEY: msgspec.to_builtins(info)},
        description=_WHAT,
    )


def sample_of(case: Case) -> Sample:
    """A case as a sample: the query is the input, the rest is metadata that no model sees but the grader."""
    metadata: dict[str, Any] = msgspec.to_builtins(case)
    return Sample(id=case.case_id, input=case.user_query, metadata=metadata)


@solver(name=f"{PACKAGE}/grader_is_there")
@registered
def grader_is_there() -> Solver:
    """Ends the evaluation before the first answer is paid for, where no model has the role of the grader."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        get_model(role=GRADER, required=True)
        return state

    return solve
