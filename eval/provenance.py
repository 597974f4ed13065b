"""What decided the numbers of a model, read from where its answers are."""

from __future__ import annotations

from dataset_builder import __version__
from dataset_builder.tables import split_of_model
from eval.dataset import OpenedDataset
from eval.published import RESPONSES
from eval.results import DatasetInfo, JudgeInfo, ModelInfo, Provenance, Sampling
from eval.run_folder import RunFolder
from eval.run_settings import ALL_CASES
from eval.scored import ScoredAnswers


def published_provenance(dataset: OpenedDataset, answers: ScoredAnswers) -> Provenance:
    """The provenance of answers that came with the dataset."""
    columns = ["model_id", "temperature", "max_tokens", "collected_at"]
    table = dataset.built.table(RESPONSES, split_of_model(answers.model), columns)
    found = {name: sorted({v for v in table.column(name).to_pylist() if v is not None}) for name in columns}
    return Provenance(
        model=ModelInfo(name=answers.model, id=" and ".join(found["model_id"]), endpoint=None),
        dataset=dataset_info(dataset, len(answers.cases), ALL_CASES),
        judge=JudgeInfo(judge=answers.judge, rubric=answers.rubric, settings={}),
        sampling=Sampling(
            temperature=found["temperature"][0] if len(found["temperature"]) == 1 else None,
            max_tokens=found["max_tokens"][0] if len(found["max_tokens"]) == 1 else None,
            seed=None,
            system_prompt=None,
            reasoning=None,
        ),
        package_version=__version__,
        collected_at=found["collected_at"][-1] if found["collected_at"] else None,
        departures=[],
    )


def run_provenance(dataset: OpenedDataset, run: RunFolder, answers: ScoredAnswers) -> Provenance:
    """The provenance of a run's answers."""
    settings = run.settings
    judges = {(one.judge, one.rubric): one.settings for one in run.record.judges}
    return Provenance(
        model=ModelInfo(name=answers.model, id=settings.model, endpoint=settings.endpoint),
        dataset=dataset_info(dataset, len(answers.cases), settings.sample),
        judge=JudgeInfo(
            judge=answers.judge, rubric=answers.rubric, settings=judges.get((answers.judge, answers.rubric), {})
        ),
        sampling=Sampling(
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
            system_prompt=settings.system_prompt,
            reasoning=settings.reasoning,
        ),
        package_version=__version__,
        collected_at=max((response.collected_at for response in run.responses()), default=None),
        departures=list(run.record.departures),
    )


def dataset_info(dataset: OpenedDataset, n_cases: int, sample: str) -> DatasetInfo:
    """The cases that were asked: so many of a dataset, drawn as ``sample`` says."""
    manifest = dataset.built.manifest
    sources = [f"{one.repository or one.kind}{f'@{one.commit}' if one.commit else ''}" for one in manifest.sources]
    return DatasetInfo(
        # A folder's path would tell about the machine; its name is enough beside the hash.
        name=dataset.hub_id or dataset.built.path.resolve().name,
        hub_id=dataset.hub_id,
        revision=dataset.revision,
        cases_hash=manifest.cases_hash,
        schema_version=manifest.schema_version,
        sources=sources,
        n_cases=n_cases,
        sample=sample,
    )
