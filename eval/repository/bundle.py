"""The submission bundle: what a model answered, how it was asked, and how it was judged.

| file | holds |
|---|---|
| ``bundle.json`` | a ``Bundle``: which model, which cases, and the SHA-256 of every other file |
| ``run.json`` | a ``Run``: all that decides an answer |
| ``responses.parquet`` | an ``Answer`` a row, one for each case that was to be asked |
| ``verdicts.parquet`` | a ``Verdict`` a row; optional, and of any number of judges |
| ``results.json`` | the submitter's own scores; optional, and never trusted |

``docs/bundle.schema.json`` is written from these structs (``python -m eval.repository.bundle``), and
a test keeps it so. Any software may write a bundle.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
import pyarrow.parquet as pq
from msgspec import field

from dataset_builder.build.build import PARQUET
from dataset_builder.dataset.records import Record, about
from dataset_builder.dataset.tables import table_of
from eval.runs.fields import SLUG_PATTERN, Count, Hash, Line, Note, Part
from eval.runs.run import DatasetRef, JudgeRecord, Run

SCHEMA_VERSION: Final = "1.0.0"
BUNDLE, RUN, RESPONSES, VERDICTS, RESULTS = (
    "bundle.json",
    "run.json",
    "responses.parquet",
    "verdicts.parquet",
    "results.json",
)
REQUIRED: Final = (RUN, RESPONSES)
OPTIONAL: Final = (VERDICTS, RESULTS)


class BundleModel(Part, frozen=True, kw_only=True):
    """Which model answered."""

    slug: Annotated[
        str, about("`<organization>__<model>`: the model's folder among the submissions.", pattern=SLUG_PATTERN)
    ]
    name: Annotated[Line, about("The model as a leaderboard shows it.")]
    id: Annotated[Line, about("The model's id at its provider or on the Hub.")]
    repo: Annotated[Line | None, about("The model's repository on the Hub, where it has one.")] = None
    family: Annotated[Line | None, about("The family it belongs to, such as `GLM 5`.")] = None
    weights: Annotated[Literal["open", "closed"] | None, about("Whether its weights can be had; null if unknown.")] = (
        None
    )


class BundleFile(Part, frozen=True, kw_only=True):
    """A file of the bundle."""

    sha256: Annotated[Hash, about("SHA-256 of its bytes.")]
    bytes: Annotated[Count, about("Its size in bytes.")]
    rows: Annotated[Count | None, about("Its rows; null for what is not a table.")] = None


class Bundle(Part, frozen=True, kw_only=True):
    """What ``bundle.json`` holds."""

    schema_version: Annotated[str, about("Version of this schema.", pattern=r"^1\.[0-9]{1,4}\.[0-9]{1,4}$(?!\n)")]
    kind: Annotated[
        Literal["run", "published", "external"],
        about("`run` of blind-refusal, `published` with the dataset, or collected by `external` software."),
    ]
    run_id: Annotated[str, about("The run's folder: a date and a hash of what is in it.", pattern=SLUG_PATTERN)]
    model: Annotated[BundleModel, about("Which model answered.")]
    dataset: Annotated[DatasetRef, about("Which cases were asked.")]
    collected_at: Annotated[Line | None, about("When the last answer was collected (ISO 8601).")] = None
    judges: Annotated[list[JudgeRecord], about("The judges in `verdicts.parquet`.")] = field(default_factory=list)
    note: Annotated[Note | None, about("What the submitter adds for a reader.")] = None
    package_version: Annotated[Line | None, about("Version of blind-refusal that wrote the bundle, if it did.")] = None
    files: Annotated[dict[str, BundleFile], about("Every other file of the bundle by its name.")]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``bundle.json`` and ``run.json``, under ``$defs`` by the structs' names."""
    (_, _), definitions = msgspec.json.schema_components([Bundle, Run], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bundle.json of a blind-refusal submission; for run.json see $defs/Run",
        "$ref": "#/$defs/Bundle",
        "$defs": definitions,
    }


@dataclass(frozen=True, slots=True)
class MadeBundle:
    """A bundle in memory: the content of each of its files by name, and ``bundle.json`` decoded."""

    bundle: Bundle
    files: dict[str, bytes]

    @property
    def place(self) -> str:
        """Its folder among the submissions: ``<organization>__<model>/<run id>``."""
        return f"{self.bundle.model.slug}/{self.bundle.run_id}"

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(map(len, self.files.values()))


def to_json(value: msgspec.Struct) -> bytes:
    """A struct as a file of indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def to_parquet(record: type[Record], rows: Sequence[Record]) -> bytes:
    """Records as the bytes of a Parquet file, written as all of the dataset's are."""
    stream = io.BytesIO()
    pq.write_table(table_of(record, rows), stream, **PARQUET)
    return stream.getvalue()


if __name__ == "__main__":
    from pathlib import Path

    SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "bundle.schema.json"
    SCHEMA.write_bytes(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n")
