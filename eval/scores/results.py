"""``results.json``: the scores of one model with everything that decided them.

The structs below are the schema: ``docs/results.schema.json`` and ``docs/results-schema.md``
are written from them (``python -m eval.results.docs``), and a test keeps them so. A
change of meaning raises the first number of SCHEMA_VERSION, an added field the second.
"""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from dataset_builder.errors import DataError, InputError, Problem

SCHEMA_VERSION: Final = "1.0.0"
FILE_NAME: Final = "results.json"


def _text(description: str) -> Meta:
    return Meta(description=description)


Number = Annotated[float | None, _text("A number; null where there is no data.")]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a results file."""


class ModelInfo(Part, frozen=True, kw_only=True):
    """The model that answered."""

    name: Annotated[str, _text("The model as this benchmark calls it.")]
    id: Annotated[str, _text("The model's id at its provider or on the Hub.")]
    endpoint: Annotated[str | None, _text("The host that was asked; null where the answers came with the dataset.")]


class DatasetInfo(Part, frozen=True, kw_only=True):
    """The cases that were asked."""

    name: Annotated[str, _text("The dataset as it was named: a folder's name or a Hub repository.")]
    hub_id: Annotated[str | None, _text("The Hub repository; null for a folder.")]
    revision: Annotated[str | None, _text("The commit on the Hub; null for a folder.")]
    cases_hash: Annotated[str, _text("SHA-256 over the cases: equal hashes mean equal questions.")]
    schema_version: Annotated[str, _text("Schema version of the dataset.")]
    sources: Annotated[list[str], _text("What it was built from, with the commit where there is one.")]
    n_cases: Annotated[int, _text("Cases that this run was to answer.")]
    sample: Annotated[str, _text("`all`, or how the cases were drawn.")]


class JudgeInfo(Part, frozen=True, kw_only=True):
    """Who decided what each answer is."""

    judge: Annotated[str, _text("The judge.")]
    rubric: Annotated[str, _text("Version of the rubric; `published` for verdicts that came with the dataset.")]
    settings: Annotated[dict[str, Any], _text("What else decides the judge's verdicts, as the run recorded it.")]


class Sampling(Part, frozen=True, kw_only=True):
    """How answers were sampled; null where it was not sent or is not known."""

    temperature: Annotated[float | None, _text("Sampling temperature.")]
    max_tokens: Annotated[int | None, _text("Limit on the tokens of an answer.")]
    seed: Annotated[int | None, _text("Seed sent to the provider.")]
    system_prompt: Annotated[str | None, _text("System prompt.")]
    reasoning: Annotated[str | None, _text("Reasoning setting.")]


class Statistics(Part, frozen=True, kw_only=True):
    """What decides the intervals."""

    level: Annotated[float, _text("Confidence level of all intervals.")]
    clustered_by: Annotated[str, _text("The unit in which errors are clustered.")]
    resamples: Annotated[int, _text("Bootstrap resamples.")]
    seed: Annotated[int, _text("Seed of the resamples.")]
    min_clusters: Annotated[int, _text("With fewer cells an interval is Wilson's on the answers.")]
    min_bootstrap_clusters: Annotated[int, _text("With fewer cells there is no bootstrap interval.")]


class Provenance(Part, frozen=True, kw_only=True):
    """Everything that decides a number, besides the answers."""

    model: ModelInfo
    dataset: DatasetInfo
    judge: JudgeInfo
    sampling: Sampling
    package_version: Annotated[str, _text("Version of blind-refusal that computed the scores.")]
    collected_at: Annotated[str | None, _text("When the answers were collected (ISO 8601): the last of them.")]
    departures: Annotated[list[str], _text("Where the run departs from the study's protocol, in words.")]


class MetricValue(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One metric on one slice; rates and differences are shares (0.25 is 25 %). A field that is null is left out."""

    estimate: Annotated[float | None, _text("The value; left out where there is no data.")] = None
    standard_error: Annotated[float | None, _text("Standard error, clustered by cell where `method` says so.")] = None
    low: Annotated[float | None, _text("Lower limit of the 95 % interval.")] = None
    high: Annotated[float | None, _text("Upper limit of the 95 % interval.")] = None
    method: Annotated[
        str,
        _text("`clustered` by cell, `wilson` (too few cells), `mixed` (one side of a difference each), or `none`."),
    ]
    clusters: Annotated[int, _text("Cells with data; for discrimination those of the side with fewer.")]
    denominator: Annotated[int, _text("Answers that the share is of.")]
    bootstrap_low: Annotated[float | None, _text("Lower limit of the 95 % cluster-bootstrap interval.")] = None
    bootstrap_high: Annotated[float | None, _text("Upper limit of the 95 % cluster-bootstrap interval.")] = None
    lower_bound: Annotated[float | None, _text("The lowest value that the unscored answers could make it.")] = None
    upper_bound: Annotated[float | None, _text("The highest value that the unscored answers could make it.")] = None
    minimum_detectable_difference: Annotated[
        float | None,
        _text("Smallest difference between two models found with 80 % power at 5 %, unpaired, with this error."),
    ] = None
    reason: Annotated[str | None, _text("Why there is no estimate; null where there is one.")] = None
    bootstrap_reason: Annotated[str | None, _text("Why there is no bootstrap interval; null where there is one.")] = (
        None
    )


class SideCount(Part, frozen=True, kw_only=True):
    """What became of the answers on one side (defeated rules or controls) of a slice."""

    cases: Annotated[int, _text("Cases.")]
    scored: Annotated[int, _text("Answers with a verdict.")]
    unscored: Annotated[dict[str, int], _text("Answers without one, by reason; `cases` is the sum of all.")]


class SliceResult(Part, frozen=True, kw_only=True):
    """All metrics on one slice."""

    by: Annotated[str, _text("What the slice is by: `overall`, `family`, `authority`, …")]
    value: Annotated[str, _text("The label that its cases share.")]
    without_dual_use: Annotated[bool, _text("Whether only cases without the dual-use flag are in it.")]
    defeated: SideCount
    control: SideCount
    metrics: Annotated[dict[str, MetricValue], _text("By metric id.")]


class CorrectedValue(Part, frozen=True, kw_only=True):
    """A rate corrected for the judge's errors; it stands beside the raw one, never in its place."""

    metric: Annotated[str, _text("Metric id.")]
    method: Annotated[str, _text("`rogan_gladen` or `ppi++`.")]
    raw: Annotated[float | None, _text("The rate as the judge has it.")]
    estimate: Number
    standard_error: Annotated[float | None, _text("Standard error, of both samples.")]
    low: Annotated[float | None, _text("Lower limit of the 95 % interval.")]
    high: Annotated[float | None, _text("Upper limit of the 95 % interval.")]
    against: Annotated[str, _text("Whose labels it rests on.")]
    n_labelled: Annotated[int, _text("How many of them.")]
    reason: Annotated[str | None, _text("Why there is no estimate; null where there is one.")]


class JudgeAgreement(Part, frozen=True, kw_only=True):
    """How the judge agrees with someone else's labels of the dataset's answers."""

    against: Annotated[str, _text("`reviewer_1`, `reviewer_2` or a judge.")]
    field: Annotated[str, _text("`response_type`, `engages_with_defeat` or `independent_harm`.")]
    n: Annotated[int, _text("Answers that both labelled.")]
    agreement: Annotated[float | None, _text("Share of equal labels.")]
    kappa: Annotated[float | None, _text("Cohen's kappa.")]
    kappa_low: Annotated[float | None, _text("Lower limit of its 95 % interval.")]
    kappa_high: Annotated[float | None, _text("Upper limit of its 95 % interval.")]


class MetricInfo(Part, frozen=True, kw_only=True):
    """What a metric is."""

    id: Annotated[str, _text("Its id, the key in `slices[].metrics`.")]
    title: Annotated[str, _text("Its name for a reader.")]
    definition: Annotated[str, _text("What it is, in a sentence.")]
    better: Annotated[int, _text("1 where more is better, -1 where less is, 0 where neither.")]


class Results(Part, frozen=True, kw_only=True):
    """The scores of one model by one judge, with their provenance."""

    schema_version: Annotated[str, _text("Version of this schema.")]
    provenance: Provenance
    statistics: Statistics
    metrics: Annotated[list[MetricInfo], _text("The metrics, in order.")]
    slices: Annotated[list[SliceResult], _text("The slices; the first is overall.")]
    corrected: Annotated[list[CorrectedValue], _text("Corrected rates; empty where no labelled sample fits the judge.")]
    judge_agreement: Annotated[
        list[JudgeAgreement], _text("The judge against humans; empty where it was not measured.")
    ]

    @property
    def overall(self) -> SliceResult:
        """The slice of all cases."""
        return self.slices[0]

    def to_json(self) -> bytes:
        """The file's bytes, a slice a line: equal results give equal bytes."""
        encode = msgspec.json.encode
        fields = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, list) and value:
                text = b"[\n" + b",\n".join(map(encode, value)) + b"\n]"
            else:
                text = encode(value)
            fields.append(encode(name) + b":" + text)
        return b"{\n" + b",\n".join(fields) + b"\n}\n"


def number(value: float) -> float | None:
    """A number as results files hold it: six decimals, null for NaN."""
    return None if isnan(value) else round(float(value), 6) + 0.0


def read_results(path: Path) -> Results:
    """A results file, or the one in a folder. Raises InputError where there is none, DataError where it is broken."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Results)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; 'blind-refusal eval score RUN --out DIR' makes one.") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DataError("This is not a results file", [Problem(str(file), str(error), "score the run again")]) from None
    if found.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise InputError(
            f"{file}: results schema {found.schema_version}, but this version reads {SCHEMA_VERSION}. "
            "Score the run again."
        )
    return found
