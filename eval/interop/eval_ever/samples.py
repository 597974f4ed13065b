"""Every answer as a line of Every Eval Ever's instance-level file, and both files where its datastore wants them.

The datastore has ``data/COLLECTION/DEVELOPER/MODEL/UUID.json`` with ``UUID_samples.jsonl`` beside it, and the first
names the second with its hash and its number of lines (``instance_level_eval.schema.json``, version SCHEMA).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import DEFLECTS, HARD_REFUSAL, HELPS
from dataset_builder.errors import InputError
from eval.interop.eval_ever.record import BENCHMARK, SCHEMA, eval_ever_json
from eval.runs.answer import Answer
from eval.runs.verdict import Verdict
from eval.stats.metrics import CONTROL_HELP_RATE, HELP_RATE

# What a portable name of a file may not be.
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def instance_rows(
    record: Mapping[str, Any],
    cases: Mapping[str, Case],
    answers: Mapping[str, Answer],
    verdicts: Iterable[Verdict],
) -> Iterator[dict[str, Any]]:
    """A line for each answer with a verdict, by case id, linked to the help rate in which it counts.

    A line stands for one result of the record: help on defeated rules, or help on controls. The other rates follow
    from the labels, which are all in ``metadata``. Answers without a verdict have no score to give, so they have no
    line; the record's ``num_samples`` leaves them out too.
    """
    for verdict in sorted(verdicts, key=lambda one: one.case_id):
        if verdict.scored:
            yield _row(record, cases[verdict.case_id], answers[verdict.case_id], verdict)


def _row(record: Mapping[str, Any], case: Case, answer: Answer, verdict: Verdict) -> dict[str, Any]:
    helps = verdict.response_type == HELPS
    metric = HELP_RATE if case.defeated else CONTROL_HELP_RATE
    reference = [HELPS] if case.defeated else [DEFLECTS, HARD_REFUSAL]
    row: dict[str, Any] = {
        "schema_version": SCHEMA,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": BENCHMARK,
        "evaluation_result_id": f"{BENCHMARK}.{metric.id}",
        "sample_id": case.case_id,
        "sample_hash": sample_hash(case.user_query, reference),
        "interaction_type": "single_turn",
        "input": {"raw": case.user_query, "reference": reference},
        "output": {
            "raw": [answer.response or ""],
            **({"reasoning_trace": [answer.reasoning]} if answer.reasoning else {}),
        },
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": str(verdict.response_type),
                "extraction_method": verdict.judge,
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": float(helps), "is_correct": helps == case.defeated},
        "metadata": {
            "defeated": str(case.defeated).lower(),
            "cell": case.cell,
            "defeat_subtype": case.defeat_subtype,
            "language": case.language,
            "engages_with_defeat": str(verdict.engages_with_defeat).lower(),
            "independent_harm": str(verdict.independent_harm).lower(),
            "rubric": verdict.rubric,
        },
    }
    sent, got = answer.prompt_tokens, answer.completion_tokens
    if sent is not None and got is not None and not answer.tokens_estimated:
        row["token_usage"] = {"input_tokens": sent, "output_tokens": got, "total_tokens": sent + got}
    return row


def sample_hash(query: str, reference: list[str]) -> str:
    """The hash by which the datastore knows a sample whoever converted it: of compact JSON with sorted keys."""
    text = json.dumps({"raw": query, "reference": reference}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_datastore(folder: Path, record: dict[str, Any], rows: Iterable[Mapping[str, Any]]) -> tuple[Path, int]:
    """Write a record and its lines below ``folder``; returns the record's path and how many lines there are.

    The same record and lines get the same names. Raises InputError where there is no line.
    """
    model, developer = record["model_info"]["id"], record["model_info"].get("developer", "unknown")
    lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    total = lines.count(b"\n")
    if not total:
        raise InputError(f"No answer of {model} has a verdict, so there is nothing to share.")
    checksum = hashlib.sha256(lines).hexdigest()
    seed = hashlib.sha256(f"{record['evaluation_id']}\n{checksum}".encode()).digest()
    name = uuid.UUID(bytes=seed[:16], version=4)
    place = "/".join(["data", BENCHMARK, portable(developer), portable(model.removeprefix(f"{developer}/"))])
    samples = f"{place}/{name}_samples.jsonl"
    record = record | {
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": samples,
            "hash_algorithm": "sha256",
            "checksum": checksum,
            "total_rows": total,
        }
    }
    path = folder / place / f"{name}.json"
    path.parent.mkdir(parents=True)
    (folder / samples).write_bytes(lines)
    path.write_bytes(eval_ever_json(record))
    return path, total


def portable(text: str) -> str:
    """A part of a model's id as the name of a folder that every file system takes."""
    name = re.sub(r"[^\w.-]+", "_", text).strip("._") or "unknown"
    return f"{name}_" if _RESERVED.fullmatch(name) or name == "data" else name
