"""The schema of ``results.json`` as JSON Schema and as a page, both written from the structs.

Run ``python -m eval.results.docs DOCS`` after a change of ``eval/scores/results.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from eval.runs.fields import Part
from eval.runs.run import JudgeRecord, Sampling
from eval.scores.results import (
    SCHEMA_VERSION,
    CorrectedValue,
    DatasetInfo,
    JudgeAgreement,
    MetricInfo,
    MetricValue,
    ModelInfo,
    Provenance,
    Results,
    SideCount,
    SliceResult,
    StabilityValue,
    Statistics,
)
from eval.stats.metrics import METRICS

JSON_FILE: Final = "results.schema.json"
PAGE_FILE: Final = "results-schema.md"
_PARTS: Final[tuple[type[Part], ...]] = (
    Results,
    Provenance,
    ModelInfo,
    DatasetInfo,
    JudgeRecord,
    Sampling,
    Statistics,
    MetricInfo,
    SliceResult,
    SideCount,
    MetricValue,
    CorrectedValue,
    JudgeAgreement,
    StabilityValue,
)


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a results file."""
    schema = msgspec.json.schema(Results)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"blind-refusal results, schema {SCHEMA_VERSION}",
        **schema,
    }


def page() -> str:
    """The page that documents every field and every metric."""
    lines = [
        "# results.json",
        "",
        "*For people who read scores by program.*",
        "",
        f"The scores of one model with what decided them, schema version {SCHEMA_VERSION}. Written by",
        "`blind-refusal eval score … --out DIR`; read with `eval.scores.results.read_results`. The JSON Schema is in",
        f"[`{JSON_FILE}`]({JSON_FILE}). Both are generated from `eval/scores/results.py`:",
        "`python -m eval.results.docs docs`.",
        "",
        "A file is read by its first version number: a change of meaning raises it, an added field raises the second.",
        "Rates and differences are shares (0.25 is 25 %), rounded to six decimals. Null, or a field left out of a",
        "metric, means that there is no value, and a `reason` says why; it is never 0.",
        "",
        "## Metrics",
        "",
        "| id | name | definition |",
        "|---|---|---|",
        *(f"| `{m.id}` | {m.title} | {m.definition} |" for m in METRICS),
    ]
    for part in _PARTS:
        title = "The file" if part is Results else part.__name__
        lines += [
            "",
            f"## {title}",
            "",
            (part.__doc__ or "").strip(),
            "",
            "| field | type | meaning |",
            "|---|---|---|",
        ]
        for name, hint in get_type_hints(part, include_extras=True).items():
            kind, description = _described(hint)
            lines.append(f"| `{name}` | {kind} | {description} |")
    return "\n".join(lines) + "\n"


def write_docs(folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n")
    (folder / PAGE_FILE).write_text(page(), encoding="utf-8")


def _described(hint: Any) -> tuple[str, str]:
    description = ""
    if get_origin(hint) is Annotated:
        hint, *metas = get_args(hint)
        description = next((m.description for m in metas if isinstance(m, Meta) and m.description), "")
    kind = _kind(hint)
    if not description and isinstance(hint, type) and issubclass(hint, Part):
        description = (hint.__doc__ or "").strip()
    return kind, description


def _kind(hint: Any) -> str:
    if hint is Any:
        return "any"
    arguments = get_args(hint)
    if not arguments:
        names = {str: "text", float: "number", int: "integer", bool: "boolean", type(None): "null"}
        return names.get(hint, f"[{hint.__name__}](#{hint.__name__.lower()})")
    if get_origin(hint) in (list, tuple):
        return f"list of {_kind(arguments[0])}"
    if get_origin(hint) is dict:
        return f"object of {_kind(arguments[1])}"
    if get_origin(hint) is Annotated:
        return _kind(arguments[0])
    assert get_origin(hint) in (Union, type(str | None)), hint  # noqa: S101 - the schema has no other kinds
    return " or ".join(_kind(one) for one in arguments)


if __name__ == "__main__":
    write_docs(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
