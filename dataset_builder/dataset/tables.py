"""Records as Arrow tables: one per config and split, with the columns that the records define."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

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
    Config("responses", Response, "What each model answered to each case, with the published verdict."),
    Config("by_model", Response, "The same answers, a split for each model."),
    Config("generated", GeneratedCase, "All cases as they were generated, with what became of each."),
    Config("gates", GateVerdict, "What the quality gates said of the generated cases."),
    Config("human_case_review", CaseReview, "Reviewers' judgements of cases."),
    Config("human_verdict_review", VerdictReview, "Reviewers' own verdicts on answers."),
)
BY_MODEL: Final = "by_model"
CONFIG_BY_NAME: Final = {config.name: config for config in CONFIGS}
DEFAULT_CONFIG: Final = CONFIGS[0].name


# Columns that tell how a row came to be. Where one holds a single value throughout, it may be left out of the files
# (``constants_of``); what a case, an answer or a label is always stays.
_CASE_ORIGIN: Final = ("origin", "language", "batch", "canary")
PROVENANCE: Final[Mapping[type[Record], tuple[str, ...]]] = {
    Case: _CASE_ORIGIN,
    GeneratedCase: (*_CASE_ORIGIN, "generator", "faults", "prompt", "plot", "temperature", "generated_at"),
    Response: ("temperature", "max_tokens", "canary"),
    GateVerdict: ("model",),
    CaseReview: (),
    VerdictReview: ("in_first_sample", "in_second_sample"),
}
# Of each record, the columns that its files leave out, with the one value that they hold in every row.
Constants = Mapping[str, Mapping[str, Any]]


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


def constants_of(records: Records) -> dict[str, dict[str, Any]]:
    """By config, the columns of provenance that hold one value in all its rows, with that value.

    Configs that hold the same rows in other splits (``by_...``) are not named: theirs are those of the rows.
    """
    found: dict[str, dict[str, Any]] = {}
    for config, rows in (
        (DEFAULT_CONFIG, records.cases),
        ("responses", [row for answers in records.responses.values() for row in answers]),
        ("generated", records.generated),
        ("gates", records.gates),
        ("human_case_review", records.case_reviews),
        ("human_verdict_review", records.verdict_reviews),
    ):
        if alike := alike_in(rows):
            found[config] = alike
    return found


def alike_in(rows: Sequence[Record]) -> dict[str, Any]:
    """The columns of provenance that hold one value in all of some rows of a config, with that value."""
    if not rows:
        return {}
    firsts = {name: getattr(rows[0], name) for name in PROVENANCE[type(rows[0])]}
    return {name: first for name, first in firsts.items() if all(getattr(row, name) == first for row in rows)}


def left_out(constants: Constants, config: str) -> Mapping[str, Any]:
    """What the files of a config leave out: column -> its one value."""
    rows = DEFAULT_CONFIG if CONFIG_BY_NAME[config].record is Case else config
    return constants.get("responses" if config == BY_MODEL else rows, {})


def stored_schema(config: str, constants: Constants) -> pa.Schema:
    """The Arrow schema of a config's files: the record's without what they leave out."""
    omitted = left_out(constants, config)
    return pa.schema([field for field in schema_of(CONFIG_BY_NAME[config].record) if field.name not in omitted])


def completed(table: pa.Table, config: str, constants: Constants, columns: Sequence[str] | None = None) -> pa.Table:
    """A table of a config with the columns that its file leaves out, in the record's order or that of ``columns``.

    A value that is none of its column's type raises pyarrow.ArrowException or TypeError.
    """
    schema = schema_of(CONFIG_BY_NAME[config].record)
    for name, value in left_out(constants, config).items():
        if name in schema.names and name not in table.column_names and (columns is None or name in columns):
            field = schema.field(name)
            table = table.append_column(field, pa.repeat(pa.scalar(value, field.type), table.num_rows))
    order = [name for name in columns or schema.names if name in table.column_names]
    return table.select([*order, *(name for name in table.column_names if name not in order)])


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
