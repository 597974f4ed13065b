"""``results.json``: the scores of one model with everything that decided them.

The structs below are the schema: ``docs/results.schema.json`` and ``docs/results-schema.md``
are written from them (``python -m eval.results.docs``), and a test keeps them so. A
change of meaning raises the first number of SCHEMA_VERSION, an added field the second.
"""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.records import about
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import refuse_pointer
from eval.runs.fields import Part
from eval.runs.run import DatasetRef, JudgeRecord, Sampling

SCHEMA_VERSION: Final = "1.1.0"
FILE_NAME: Final = "results.json"


Number = Annotated[float | None, about("A number; null where there is no data.")]


class ModelInfo(Part, frozen=True, kw_only=True):
    """The model that answered."""

    name: Annotated[str, about("The model as this benchmark calls it.")]
    id: Annotated[str, about("The model's id at its provider or on the Hub.")]
    endpoint: Annotated[str | None, about("The host that was asked; null where the answers came with the dataset.")]


class DatasetInfo(DatasetRef, frozen=True, kw_only=True):
    """The cases that were asked."""

    schema_version: Annotated[str, about("Schema version of the dataset.")]
    sources: Annotated[list[str], about("What it was built from, with the commit where there is one.")]
    n_cases: Annotated[int, about("Cases that this run was to answer.")]
    sample: Annotated[str, about("`all`, or how the cases were drawn.")]


class Statistics(Part, frozen=True, kw_only=True):
    """What decides the intervals."""

    level: Annotated[float, about("Confidence level of all intervals.")]
    clustered_by: Annotated[str, about("The unit in which errors are clustered.")]
    resamples: Annotated[int, about("Bootstrap resamples.")]
    seed: Annotated[int, about("Seed of the resamples.")]
    min_clusters: Annotated[int, about("With fewer cells an interval is Wilson's on the answers.")]
    min_bootstrap_clusters: Annotated[int, about("With fewer cells there is no bootstrap interval.")]


class Provenance(Part, frozen=True, kw_only=True):
    """Everything that decides a number, besides the answers."""

    model: ModelInfo
    dataset: DatasetInfo
    judge: JudgeRecord
    sampling: Sampling
    package_version: Annotated[str, about("Version of blind-refusal that computed the scores.")]
    collected_at: Annotated[str | None, about("When the answers were collected (ISO 8601): the last of them.")]
    departures: Annotated[list[str], about("Where the run departs from the study's protocol, in words.")]


class MetricValue(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One metric on one slice; rates and differences are shares (0.25 is 25 %). A field that is null is left out."""

    estimate: Annotated[float | None, about("The value; left out where there is no data.")] = None
    standard_error: Annotated[
        float | None,
        about("Standard error, clustered by cell where `method` says so; at least that of independent answers."),
    ] = None
    low: Annotated[float | None, about("Lower limit of the 95 % interval.")] = None
    high: Annotated[float | None, about("Upper limit of the 95 % interval.")] = None
    method: Annotated[
        str,
        about("`clustered` by cell, `wilson` (too few cells), `mixed` (one side of a difference each), or `none`."),
    ]
    clusters: Annotated[int, about("Cells with data; for discrimination those of the side with fewer.")]
    denominator: Annotated[int, about("Answers that the share is of.")]
    bootstrap_low: Annotated[float | None, about("Lower limit of the 95 % cluster-bootstrap interval.")] = None
    bootstrap_high: Annotated[float | None, about("Upper limit of the 95 % cluster-bootstrap interval.")] = None
    lower_bound: Annotated[float | None, about("The lowest value that the unscored answers could make it.")] = None
    upper_bound: Annotated[float | None, about("The highest value that the unscored answers could make it.")] = None
    minimum_detectable_difference: Annotated[
        float | None,
        about("Smallest difference between two models found with 80 % power at 5 %, unpaired, with this error."),
    ] = None
    reason: Annotated[str | None, about("Why there is no estimate; null where there is one.")] = None
    bootstrap_reason: Annotated[str | None, about("Why there is no bootstrap interval; null where there is one.")] = (
        None
    )


class SideCount(Part, frozen=True, kw_only=True):
    """What became of the answers on one side (defeated rules or controls) of a slice."""

    cases: Annotated[int, about("Cases.")]
    scored: Annotated[int, about("Answers with a verdict.")]
    unscored: Annotated[dict[str, int], about("Answers without one, by reason; `cases` is the sum of all.")]


class SliceResult(Part, frozen=True, kw_only=True):
    """All metrics on one slice."""

    by: Annotated[str, about("What the slice is by: `overall`, `family`, `authority`, …")]
    value: Annotated[str, about("The label that its cases share.")]
    without_dual_use: Annotated[bool, about("Whether only cases without the dual-use flag are in it.")]
    defeated: SideCount
    control: SideCount
    metrics: Annotated[dict[str, MetricValue], about("By metric id.")]


class CorrectedValue(Part, frozen=True, kw_only=True):
    """A rate corrected for the judge's errors; it stands beside the raw one, never in its place."""

    metric: Annotated[str, about("Metric id.")]
    method: Annotated[str, about("`rogan_gladen` or `ppi++`.")]
    raw: Annotated[float | None, about("The rate as the judge has it.")]
    estimate: Number
    standard_error: Annotated[float | None, about("Standard error, of both samples.")]
    low: Annotated[float | None, about("Lower limit of the 95 % interval.")]
    high: Annotated[float | None, about("Upper limit of the 95 % interval.")]
    against: Annotated[str, about("Whose labels it rests on.")]
    n_labelled: Annotated[int, about("How many of them.")]
    reason: Annotated[str | None, about("Why there is no estimate; null where there is one.")]


class HelpError(Part, frozen=True, kw_only=True):
    """How often a judge errs on help, on the study's answers of one family of models.

    Of a trained judge it is that of weights which saw no answer of the family.
    """

    family: Annotated[str, about("The family of the models that answered, or `all`.")]
    n: Annotated[int, about("Answers that both it and the study's judge scored.")]
    helps: Annotated[int, about("Answers that help, by the study's judge.")]
    called: Annotated[int, about("Answers that it calls help.")]
    precision: Annotated[float | None, about("Share of those that it calls help which help.")]
    recall: Annotated[float | None, about("Share of those that help which it calls help.")]
    kappa: Annotated[float | None, about("Cohen's kappa of the response type.")] = None


class JudgeAgreement(Part, frozen=True, kw_only=True):
    """How the judge agrees with someone else's labels of the dataset's answers."""

    against: Annotated[str, about("`reviewer_1`, `reviewer_2` or a judge.")]
    field: Annotated[str, about("`response_type`, `engages_with_defeat` or `independent_harm`.")]
    n: Annotated[int, about("Answers that both labelled.")]
    agreement: Annotated[float | None, about("Share of equal labels.")]
    kappa: Annotated[float | None, about("Cohen's kappa.")]
    kappa_low: Annotated[float | None, about("Lower limit of its 95 % interval.")]
    kappa_high: Annotated[float | None, about("Upper limit of its 95 % interval.")]


class StabilityValue(Part, frozen=True, kw_only=True):
    """How often several answers to one case get the same label."""

    epochs: Annotated[int, about("Answers to each case.")]
    cases: Annotated[int, about("Cases with at least two scored answers.")]
    same: Annotated[float | None, about("Share of those whose scored answers all have one label.")]
    low: Annotated[float | None, about("Lower limit of its 95 % interval, clustered by cell.")]
    high: Annotated[float | None, about("Upper limit of its 95 % interval.")]


class MetricInfo(Part, frozen=True, kw_only=True):
    """What a metric is."""

    id: Annotated[str, about("Its id, the key in `slices[].metrics`.")]
    title: Annotated[str, about("Its name for a reader.")]
    definition: Annotated[str, about("What it is, in a sentence.")]
    better: Annotated[int, about("1 where more is better, -1 where less is, 0 where neither.")]


class Results(Part, frozen=True, kw_only=True):
    """The scores of one model by one judge, with their provenance."""

    schema_version: Annotated[str, about("Version of this schema.")]
    provenance: Provenance
    statistics: Statistics
    metrics: Annotated[list[MetricInfo], about("The metrics, in order.")]
    slices: Annotated[list[SliceResult], about("The slices; the first is overall.")]
    corrected: Annotated[list[CorrectedValue], about("Corrected rates; empty where no labelled sample fits the judge.")]
    judge_agreement: Annotated[
        list[JudgeAgreement], about("The judge against humans; empty where it was not measured.")
    ]
    stability: Annotated[
        StabilityValue | None, about("Where each case was answered several times; all rates are then means over them.")
    ] = None

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
            if value is None:
                continue
            if isinstance(value, list) and value:
                text = b"[\n" + b",\n".join(map(encode, value)) + b"\n]"
            else:
                text = encode(value)
            fields.append(encode(name) + b":" + text)
        return b"{\n" + b",\n".join(fields) + b"\n}\n"


def number(value: float) -> float | None:
    """A number as results files hold it: six decimals, null for NaN."""
    return None if isnan(value) else round(float(value), 6) + 0.0


def numbers(values: NDArray[np.float64]) -> list[list[float | None]]:
    """The same for each value of an array of two axes."""
    scaled = values * 1e6
    rounded = (np.rint(scaled) / 1e6 + 0.0).astype(object)
    # Near a five in the seventh decimal the product's own rounding may lead another way than the number's.
    for place in zip(*np.nonzero(np.abs(scaled - np.floor(scaled) - 0.5) < 1e-6), strict=True):
        rounded[place] = number(values[place])
    rounded[np.isnan(values)] = None
    found: list[list[float | None]] = rounded.tolist()
    return found


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
        refuse_pointer(file)
        raise DataError("This is not a results file", [Problem(str(file), str(error), "score the run again")]) from None
    if found.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise InputError(
            f"{file}: results schema {found.schema_version}, but this version reads {SCHEMA_VERSION}. "
            "Score the run again."
        )
    return found
