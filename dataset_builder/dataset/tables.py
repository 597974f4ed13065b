"""Records as Arrow tables: one per config and split, with the columns that the records define."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import (
    Case,
    CaseReview,
    GateVerdict,
    GeneratedCase,
    Record,
    Records,
    Response,
    VerdictReview,
    columns_of,
)

_ARROW: Final = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    list[str]: pa.list_(pa.string()),
}
TEST: Final = "test"
DEFEATED: Final = "defeated"


class Config(NamedTuple):
    """A config of the dataset: its name, the record of its rows and what it is for."""

    name: str
    record: type[Record]
    description: str


CONFIGS: Final = (
    Config("cases", Case, "Every case once. Start here."),
    Config("by_rule", Case, "The same cases in two splits: rules that are defeated, and controls."),
    Config("by_family", Case, "The same cases, a split for each defeat family."),
    Config("by_subtype", Case, "The same cases, a split for each subtype that has one."),
    Config("by_authority", Case, "The same cases, a split for each of the authority types."),
    Config("by_authority_group", Case, "The same cases, a split for each of the authority groups."),
    Config("responses", Response, "What each model answered, with the published verdict; a split for each model."),
    Config("generated", GeneratedCase, "All cases as they were generated, with what became of each."),
    Config("gates", GateVerdict, "What the quality gates said of the generated cases."),
    Config("human_case_review", CaseReview, "Reviewers' judgements of cases."),
    Config("human_verdict_review", VerdictReview, "Reviewers' own verdicts on answers."),
)
CONFIG_BY_NAME: Final = {config.name: config for config in CONFIGS}
DEFAULT_CONFIG: Final = CONFIGS[0].name


class Split(NamedTuple):
    """One split of one config."""

    config: str
    split: str
    table: pa.Table


def schema_of(record: type[Record]) -> pa.Schema:
    """The Arrow schema of a record's columns."""
    return pa.schema([pa.field(c.name, _ARROW[c.type], nullable=c.nullable) for c in columns_of(record)])


def table_of(record: type[Record], rows: Sequence[Record]) -> pa.Table:
    """Records as a table with ``schema_of(record)``; a value of a wrong type raises pyarrow.ArrowInvalid."""
    schema = schema_of(record)
    # One pass over the rows takes half the time of one a column.
    columns = zip(*map(attrgetter(*schema.names), rows), strict=True) if rows else [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def split_of_model(slug: str) -> str:
    """The split of a model: split names may not hold hyphens."""
    return slug.replace("-", "_")


def splits_of(records: Records) -> Iterator[Split]:
    """Every split of every config that has rows, in the order of CONFIGS.

    A config without rows is left out, as ``load_dataset`` cannot open an empty one.
    """
    cases = table_of(Case, records.cases)
    yield Split("cases", TEST, cases)
    for split, defeated in ((DEFEATED, True), (taxonomy.CONTROL, False)):
        chosen = cases.filter(pc.equal(cases.column("defeated"), defeated))
        if chosen.num_rows:
            yield Split("by_rule", split, chosen)
    for config, column, labels in (
        ("by_family", "defeat_family", taxonomy.FAMILIES),
        ("by_subtype", "defeat_subtype", taxonomy.SUBTYPES),
        ("by_authority", "authority_type", taxonomy.AUTHORITY_TYPES),
        ("by_authority_group", "authority_group", taxonomy.AUTHORITY_GROUPS),
    ):
        yield from _by_label(config, cases, column, taxonomy.ids(labels))
    for slug, rows in records.responses.items():
        yield Split("responses", split_of_model(slug), table_of(Response, rows))
    for config, record, rest in (
        ("generated", GeneratedCase, records.generated),
        ("gates", GateVerdict, records.gates),
        ("human_case_review", CaseReview, records.case_reviews),
        ("human_verdict_review", VerdictReview, records.verdict_reviews),
    ):
        if rest:
            yield Split(config, TEST, table_of(record, rest))


def _by_label(config: str, cases: pa.Table, column: str, labels: Iterable[str]) -> Iterator[Split]:
    values = cases.column(column).to_pylist()
    places: dict[str, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    for label in labels:
        if label in places:
            yield Split(config, label, cases.take(pa.array(places[label])))
