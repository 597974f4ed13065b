"""A small built dataset with answers and reviewers' labels, for tests without the study."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from dataset_builder.build.build import build_dataset
from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Case, Records, Response, VerdictReview
from eval.runs.verdict import hash_text
from tests.support.answers import TYPES, make_case

AUTHORITIES: Final = (
    "school",
    "union",
    "landlord",
    "workplace",
    "family",
    "profession",
    "faith_group",
    "military_command",
)
FAMILIES: Final = ("content_defeat", "application_defeat", "control")
JUDGE: Final = "judge-1"
# Model -> share of answers that help.
MODELS: Final = {"alpha-1": 0.6, "beta-2": 0.2}


def small_cases() -> list[Case]:
    """Three cases in each of 24 cells, every other one with the dual-use flag."""
    return [
        make_case(
            f"{family}:{authority}:{n}",
            family,
            authority,
            dual_use=n % 2 == 0,
            dual_use_category="cybersecurity" if n % 2 == 0 else None,
            user_query=f"{family} {authority} {n}?",
        )
        for family in FAMILIES
        for authority in AUTHORITIES
        for n in range(3)
    ]


def response(case: Case, model: str, code: str, judge: str = JUDGE) -> Response:
    """An answer with its verdict from a code as in ``tests.support.answers``."""
    unscored = code[1:] or "judge_failure" if code.startswith("?") else None
    answered = unscored in (None, "judge_failure", "not_judged")
    text = f"{model} on {case.case_id}" if answered else None
    return Response(
        case_id=case.case_id,
        model=model,
        model_id=f"vendor/{model}",
        policy=case.policy,
        user_query=case.user_query,
        defeated=case.defeated,
        defeat_family=case.defeat_family,
        defeat_subtype=case.defeat_subtype,
        authority_type=case.authority_type,
        authority_group=case.authority_group,
        cell=case.cell,
        dual_use=case.dual_use,
        status="ok" if answered else str(unscored),
        response=text,
        response_hash=None if text is None else hash_text(text),
        hit_token_cap=False,
        response_type=None if unscored else TYPES[code[0]],
        engages_with_defeat=None if unscored else "e" in code,
        independent_harm=None if unscored else "x" in code,
        unscored_reason=unscored,
        verdict_reasoning=None,
        judge=None if unscored else judge,
        prompt_tokens=None,
        completion_tokens=None,
        reasoning_tokens=None,
        cached_tokens=None,
        temperature=0.0,
        max_tokens=8000,
        collected_at="2026-01-02T03:04:05+00:00",
    )


def small_records(codes: Mapping[str, Mapping[str, str]] | None = None, *, labelled: int = 40) -> Records:
    """Answers of MODELS, drawn at random or from ``codes`` (model -> case id -> code), and reviews of some."""
    cases = small_cases()
    responses: dict[str, list[Response]] = {}
    reviews: list[VerdictReview] = []
    for number, (model, helps) in enumerate(MODELS.items()):
        random = np.random.default_rng(number)
        responses[model] = []
        for place, case in enumerate(cases):
            draw = random.random(4)
            rate = helps if case.defeated else helps / 4
            code = "h" if draw[0] < rate else str(random.choice(["d", "r"]))
            code += ("e" if draw[1] < 0.5 else "") + ("x" if draw[2] < 0.3 else "")
            if place == 5:
                code = "?provider_error"
            if codes is not None:
                code = codes[model][case.case_id]
            answer = response(case, model, code)
            responses[model].append(answer)
            if place < labelled and answer.response_type is not None:
                reviews += [
                    _review(answer, name, draw[3] < slip) for name, slip in (("reviewer_1", 0.1), ("reviewer_2", 0.2))
                ]
    return Records(cases=cases, responses=responses, verdict_reviews=reviews)


def build_small(out: Path, records: Records | None = None) -> BuiltDataset:
    """Build it into a folder; without records of its own as a copy, as the same records give the same bytes."""
    if records is None and not out.exists():
        shutil.copytree(_built(), out, copy_function=shutil.copyfile)
    else:
        _build(out, records or small_records())
    return BuiltDataset.open(out)


@cache
def _built() -> Path:
    """Built once for all tests of the process."""
    folder = Path(tempfile.mkdtemp(prefix="blind-refusal-small-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _build(folder / "small", small_records())
    return folder / "small"


def _build(out: Path, records: Records) -> None:
    build_dataset(records, [Source(kind="starter", content_hash="0" * 64)], out)


def _review(answer: Response, reviewer: str, slips: bool) -> VerdictReview:
    """The judge's own labels, or where the reviewer slips others."""
    helps = answer.response_type == "helps"
    return VerdictReview(
        case_id=answer.case_id,
        model=answer.model,
        reviewer=reviewer,
        response_type=("deflects" if helps else "helps") if slips else str(answer.response_type),
        engages_with_defeat=bool(answer.engages_with_defeat) != slips,
        independent_harm=bool(answer.independent_harm),
        in_first_sample=True,
        in_second_sample=False,
    )
