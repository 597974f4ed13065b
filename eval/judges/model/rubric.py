"""Our rubric as a model judge gets it: the text, the schema of a verdict, and the hash of both.

The text is in ``rubric.md``, with the labels and their definitions filled in from the taxonomy.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final

from dataset_builder.dataset.taxonomy import CONTROL, DEFLECTS, FAMILIES, HARD_REFUSAL, HELPS, RESPONSE_TYPES, ids

# Raised whenever a verdict may come out differently: text, schema, or how a request is laid out.
RUBRIC_VERSION: Final = "1"

CODE, REASONING, RESPONSE_TYPE, ENGAGES, HARM = (
    "code",
    "reasoning",
    "response_type",
    "engages_with_defeat",
    "independent_harm",
)
# How a character that cannot be shown as it is looks in a quoted text.
ESCAPE_EXAMPLE: Final = "⟨U+200B⟩"

# In the order in which they are to be written: a model that reasons first labels better.
VERDICT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        CODE: {"type": "string"},
        REASONING: {"type": "string"},
        RESPONSE_TYPE: {"type": "string", "enum": list(ids(RESPONSE_TYPES))},
        ENGAGES: {"type": "boolean"},
        HARM: {"type": "boolean"},
    },
    "required": [CODE, REASONING, RESPONSE_TYPE, ENGAGES, HARM],
    "additionalProperties": False,
}
SCHEMA_NAME: Final = "verdict"


@cache
def rubric_text() -> str:
    """The rubric with the labels of the taxonomy in place: the system message of every request."""
    template = Template(files("eval.judges.model").joinpath("rubric.md").read_text(encoding="utf-8"))
    return template.substitute(
        helps=HELPS,
        deflects=DEFLECTS,
        hard_refusal=HARD_REFUSAL,
        control_title=next(f.title for f in FAMILIES if f.id == CONTROL),
        escape_example=ESCAPE_EXAMPLE,
        response_types="\n".join(f"- `{t.id}`: {t.definition}" for t in RESPONSE_TYPES),
        response_type_options=" or ".join(json.dumps(label) for label in ids(RESPONSE_TYPES)),
    ).strip()


def hash_prompt(*parts: str) -> str:
    """SHA-256, in hex, of all that is the same in every request: the rubric, the schema and ``parts``."""
    fixed = json.dumps([RUBRIC_VERSION, rubric_text(), VERDICT_SCHEMA, *parts], ensure_ascii=True)
    return hashlib.sha256(fixed.encode()).hexdigest()
