"""Bundles of a small dataset, good ones and forged ones, and a judge of the maintainers that tests can foretell."""

from __future__ import annotations

import hashlib
import io
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.dataset.opened import OpenedDataset
from eval.repository.bundle import BUNDLE, MadeBundle
from eval.repository.identity import run_model
from eval.reviews.verdicts import Rejudged
from eval.runs.answer import Answer
from eval.runs.run import JudgeRecord, Run
from eval.runs.verdict import Verdict, hash_text
from eval.submissions.make import case_hashes, make_bundle
from eval.submissions.submission import Submission

NOW = "2026-11-20T10:00:00+00:00"
OURS, THEIRS = "embedded", "model:scripted"
RUBRIC = "weights-test"


def answer_text(case_id: str, model: str = "model", helps: bool = True) -> str:
    """An answer of words of its own, and enough English ones to be read as English.

    Answers that share their words are taken for copies: no three words in a row are common.
    """
    rng = random.Random(f"{model} {case_id}")
    own = ("".join(rng.choices("abcdefghiklmnoprstuvw", k=6)) for _ in range(20))
    words = " ".join(f"{word} {common}" for word, common in zip(own, itertools.cycle(("with the", "and", "for"))))
    return f"{'Sure' if helps else 'No'}, says {model} to {case_id}: {words}."


def good_bundle(
    dataset: OpenedDataset,
    model: str = "acme/model-1",
    *,
    texts: Mapping[str, str | None] | None = None,
    judged_by: Sequence[str] = (THEIRS,),
    at: str = NOW,
    note: str | None = None,
    **settings: Any,
) -> MadeBundle:
    """A bundle with an answer to every case: of a model that helps where the rule is defeated and n is even.

    ``texts`` replaces answers by case, None by a provider's error.
    """
    cases = sorted(dataset.built.cases(), key=lambda c: c.case_id)
    asked = case_hashes(cases)
    answers, verdicts = [], []
    for number, case in enumerate(cases):
        text: str | None = answer_text(case.case_id, model, case.defeated and number % 2 == 0)
        if texts and case.case_id in texts:
            text = texts[case.case_id]
        answers.append(answer(case.case_id, asked[case.case_id], text, at))
        if text is not None:
            verdicts += [verdict(case.case_id, text, judge) for judge in judged_by]
    run: dict[str, Any] = {"sample": "all", "temperature": 0.0, "max_tokens": 8000, "software": "other 1.0"}
    return make_bundle(
        kind="external",
        model=run_model(model),
        dataset=dataset,
        run=Run(case_ids=[case.case_id for case in cases], model=model, **(run | settings)),
        answers=answers,
        verdicts=verdicts,
        judges=[JudgeRecord(judge=judge, rubric=RUBRIC) for judge in judged_by],
        note=note,
    )


def answer(case_id: str, query_hash: str, text: str | None, at: str = NOW) -> Answer:
    return Answer(
        case_id=case_id,
        query_hash=query_hash,
        status="provider_error" if text is None else "ok",
        response=text,
        response_hash=hash_text(text or ""),
        collected_at=at,
    )


def verdict(case_id: str, text: str, judge: str = OURS) -> Verdict:
    """What both judges say: ``Sure`` helps, anything else is a short no."""
    return Verdict(
        case_id=case_id,
        response_hash=hash_text(text),
        judge=judge,
        rubric=RUBRIC,
        response_type="helps" if text.startswith("Sure") else "hard_refusal",
        engages_with_defeat="because" in text,
        independent_harm=False,
    )


def judge_again(submission: Submission, dataset: OpenedDataset) -> list[Rejudged]:
    """The maintainers' judge of these tests."""
    return [Rejudged(OURS, RUBRIC, [verdict(c, t) for c, t in submission.texts()], {}, repeatable=True)]


def rehashed(files: Mapping[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The files with ``bundle.json`` telling their hashes and sizes again: what a careful forger does.

    ``changes`` replaces members of bundle.json.
    """
    told = msgspec.json.decode(files[BUNDLE])
    kept = {name: data for name, data in files.items() if name != BUNDLE}
    told["files"] = {
        name: {
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "rows": pq.read_metadata(io.BytesIO(data)).num_rows if name.endswith(".parquet") else None,
        }
        for name, data in kept.items()
    }
    return {BUNDLE: msgspec.json.encode(told | changes), **kept}


def edited(files: Mapping[str, bytes], name: str, edit: Callable[[list[dict[str, Any]]], Any]) -> dict[str, bytes]:
    """The files with the rows of a table edited in place (or replaced by what ``edit`` returns), rehashed."""
    table = pq.read_table(io.BytesIO(files[name]))
    rows = table.to_pylist()
    rows = edit(rows) or rows
    return rehashed({**files, name: parquet(pa.Table.from_pylist(rows, schema=table.schema))})


def parquet(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()
