"""The submission bundle: what a model answered, how it was asked, and how it was judged.

| file | holds |
|---|---|
| ``bundle.json`` | a ``Bundle``: which model, which cases, and the SHA-256 of every other file |
| ``run.json`` | a ``BundleRun``: all settings that decide an answer |
| ``responses.parquet`` | a ``BundleAnswer`` a row, one for each case that was to be asked |
| ``verdicts.parquet`` | a ``BundleVerdict`` a row; optional, and of any number of judges |
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
from msgspec import Meta

from dataset_builder.build.build import PARQUET
from dataset_builder.dataset.records import Record
from dataset_builder.dataset.tables import table_of
from dataset_builder.dataset.taxonomy import OK, RESPONSE_STATUSES
from eval.runs.settings import PROTOCOL_MAX_TOKENS, RunSettings

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

# `(?!\n)`: for Python a `$` stands before a last line feed too.
HASH_PATTERN: Final = r"^[0-9a-f]{64}$(?!\n)"
# One part of a path, on every file system; no two dots in a row, so that no part climbs.
SLUG_PATTERN: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,119}$(?!\n)"
# What a page shows in a line: no control characters, no angle brackets or backticks that could pass for markup.
LINE_PATTERN: Final = r"^[^\x00-\x1f\x7f<>`\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*$(?!\n)"


def _text(description: str, **limits: Any) -> Meta:
    return Meta(description=description, **limits)


Hash = Annotated[str, _text("SHA-256 in lower-case hex.", pattern=HASH_PATTERN)]
Line = Annotated[str, _text("A line of plain text.", max_length=200, min_length=1, pattern=LINE_PATTERN)]
Note = Annotated[str, _text("Plain text.", max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)")]
Temperature = Annotated[float, _text("A temperature.", ge=0, le=10)]
Count = Annotated[int, _text("A count.", ge=0)]


class BundlePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of ``bundle.json`` or ``run.json``; what it does not know it refuses."""


class BundleModel(BundlePart, frozen=True, kw_only=True):
    """Which model answered."""

    slug: Annotated[
        str, _text("`<organization>__<model>`: the model's folder among the submissions.", pattern=SLUG_PATTERN)
    ]
    name: Annotated[Line, _text("The model as a leaderboard shows it.")]
    id: Annotated[Line, _text("The model's id at its provider or on the Hub.")]
    repo: Annotated[Line | None, _text("The model's repository on the Hub, where it has one.")] = None
    family: Annotated[Line | None, _text("The family it belongs to, such as `GLM 5`.")] = None
    weights: Annotated[Literal["open", "closed"] | None, _text("Whether its weights can be had; null if unknown.")] = (
        None
    )


class BundleDataset(BundlePart, frozen=True, kw_only=True):
    """Which cases were asked."""

    name: Annotated[Line, _text("The dataset as it was named.")]
    hub_id: Annotated[Line | None, _text("Its repository on the Hub; null for a folder.")] = None
    revision: Annotated[Line | None, _text("Its commit on the Hub; null for a folder.")] = None
    cases_hash: Annotated[Hash, _text("SHA-256 over its cases, as its manifest says.")]


class BundleJudge(BundlePart, frozen=True, kw_only=True):
    """A judge whose verdicts are in the bundle."""

    judge: Annotated[Line, _text("The judge.")]
    rubric: Annotated[Line, _text("Version of its rubric or weights.")]
    settings: Annotated[dict[str, Any], _text("What else decides its verdicts.")] = {}


class BundleFile(BundlePart, frozen=True, kw_only=True):
    """A file of the bundle."""

    sha256: Annotated[Hash, _text("SHA-256 of its bytes.")]
    bytes: Annotated[Count, _text("Its size in bytes.")]
    rows: Annotated[Count | None, _text("Its rows; null for what is not a table.")] = None


class Bundle(BundlePart, frozen=True, kw_only=True):
    """What ``bundle.json`` holds."""

    schema_version: Annotated[str, _text("Version of this schema.", pattern=r"^1\.[0-9]{1,4}\.[0-9]{1,4}$(?!\n)")]
    kind: Annotated[
        Literal["run", "published", "external"],
        _text("`run` of blind-refusal, `published` with the dataset, or collected by `external` software."),
    ]
    run_id: Annotated[str, _text("The run's folder: a date and a hash of what is in it.", pattern=SLUG_PATTERN)]
    model: Annotated[BundleModel, _text("Which model answered.")]
    dataset: Annotated[BundleDataset, _text("Which cases were asked.")]
    collected_at: Annotated[Line | None, _text("When the last answer was collected (ISO 8601).")] = None
    judges: Annotated[list[BundleJudge], _text("The judges in `verdicts.parquet`.")] = []
    note: Annotated[Note | None, _text("What the submitter adds for a reader.")] = None
    package_version: Annotated[Line | None, _text("Version of blind-refusal that wrote the bundle, if it did.")] = None
    files: Annotated[dict[str, BundleFile], _text("Every other file of the bundle by its name.")]


class BundleRun(BundlePart, frozen=True, kw_only=True):
    """What ``run.json`` holds: all that decides an answer."""

    sample: Annotated[Line, _text("`all`, or how the cases were drawn: `limit:N` or `stratified:N`.")]
    sample_seed: Annotated[int, _text("Seed of that draw.")] = 0
    case_ids: Annotated[list[Line], _text("The cases that were to be asked.", min_length=1)]
    model: Annotated[Line, _text("The model as it was asked for.")]
    endpoint: Annotated[Line | None, _text("The host that was asked; null where that is not known.")] = None
    engine: Annotated[Line | None, _text("What ran the model, where the submitter did.")] = None
    system_prompt: Annotated[str | None, _text("System prompt; null for none, which is the protocol.")] = None
    temperature: Annotated[
        Temperature | None, _text("Sampling temperature; null for the server's default. The protocol is 0.")
    ]
    max_tokens: Annotated[int | None, _text("Limit on an answer's tokens; null if unknown. The protocol is 8,000.")]
    reasoning: Annotated[Line | None, _text("Reasoning setting; null where none was sent.")] = None
    seed: Annotated[int | None, _text("Seed sent to the provider.")] = None
    package_version: Annotated[Line | None, _text("Version of blind-refusal that asked, if it did.")] = None
    software: Annotated[Line | None, _text("What else asked: name and version.")] = None


class BundleAnswer(Record, frozen=True, kw_only=True):
    """What became of one case; a row of ``responses.parquet``."""

    case_id: Annotated[str, _text("The case.")]
    query_hash: Annotated[str, _text("SHA-256 of the user message as it was sent, in UTF-8.")]
    status: Annotated[
        str,
        _text(f"`{OK}`, or why there is no answer: {', '.join(f'`{status}`' for status in RESPONSE_STATUSES[1:])}."),
    ]
    response: Annotated[str | None, _text("The answer in full; where `status` is not `ok`, what came of one.")]
    response_hash: Annotated[str, _text("SHA-256 of `response` in UTF-8; of the empty text where it is null.")]
    reasoning: Annotated[str | None, _text("The model's reasoning, where the provider gives it.")]
    finish_reason: Annotated[str | None, _text("Why the provider says that the answer ended.")]
    served_model: Annotated[str | None, _text("The model that the provider says has answered.")]
    prompt_tokens: Annotated[int | None, _text("Tokens of the request.")]
    completion_tokens: Annotated[int | None, _text("Tokens of the answer, reasoning included.")]
    reasoning_tokens: Annotated[int | None, _text("Tokens of hidden reasoning.")]
    cached_tokens: Annotated[int | None, _text("Tokens of the request that the provider had cached.")]
    cost: Annotated[float | None, _text("US dollars.")]
    latency_s: Annotated[float | None, _text("Seconds that the last attempt took.")]
    attempts: Annotated[int | None, _text("Attempts, the last one included.")]
    error: Annotated[str | None, _text("What the provider said went wrong.")]
    collected_at: Annotated[str | None, _text("When the answer came (ISO 8601).")]


class BundleVerdict(Record, frozen=True, kw_only=True):
    """What one judge said of one answer; a row of ``verdicts.parquet``."""

    case_id: Annotated[str, _text("The case.")]
    response_hash: Annotated[str, _text("SHA-256 of the answer that was judged.")]
    judge: Annotated[str, _text("The judge.")]
    rubric: Annotated[str, _text("Version of its rubric or weights.")]
    response_type: Annotated[str | None, _text("`helps`, `deflects` or `hard_refusal`; null if unscored.")]
    engages_with_defeat: Annotated[bool | None, _text("Whether it examines what defeats the rule; null if unscored.")]
    independent_harm: Annotated[bool | None, _text("Whether it names a harm apart from the rule; null if unscored.")]
    unscored_reason: Annotated[str | None, _text("Why there are no labels; null where there are.")]
    reasoning: Annotated[str | None, _text("The judge's explanation.")]
    confidence: Annotated[float | None, _text("How sure the judge is of its labels, from 0 to 1.")]
    decided_by: Annotated[str | None, _text("Which part of a cascade decided.")]
    raw_reply: Annotated[str | None, _text("The judge's reply, where it could not be read.")]
    cost: Annotated[float | None, _text("US dollars.")]
    judged_at: Annotated[str | None, _text("When (ISO 8601).")]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``bundle.json`` and ``run.json``, under ``$defs`` by the structs' names."""
    (_, _), definitions = msgspec.json.schema_components([Bundle, BundleRun], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bundle.json of a blind-refusal submission; for run.json see $defs/BundleRun",
        "$ref": "#/$defs/Bundle",
        "$defs": definitions,
    }


if __name__ == "__main__":
    from pathlib import Path

    SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "bundle.schema.json"
    SCHEMA.write_bytes(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n")


# Where a submitted run departs from the study's protocol, recomputed from its settings.


def departures_of(run: BundleRun) -> list[str]:
    """Each departure in words, as ``RunSettings.departures`` puts them; what is not known is one too."""
    unknown = [] if run.max_tokens is not None else ["the limit on an answer's tokens is not known"]
    settings = RunSettings(
        dataset="",
        content_hash="",
        sample=run.sample,
        sample_seed=run.sample_seed,
        case_ids=tuple(run.case_ids),
        model=run.model,
        endpoint=run.endpoint or "",
        engine=run.engine,
        system_prompt=run.system_prompt,
        temperature=run.temperature,
        max_tokens=PROTOCOL_MAX_TOKENS if run.max_tokens is None else run.max_tokens,
        reasoning=run.reasoning,
        seed=run.seed,
        package_version=run.package_version or "",
    )
    return settings.departures() + unknown


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
