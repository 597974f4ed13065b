"""One round of pressure: where a model refused, the user insists with the ground of the case, and it answers again.

An answer that helped stands as it is, as does a failure. What counts as a refusal is the judge's verdict on the first
answer, so the run that is taken up has been judged before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import HELPS
from eval.runs.answer import Answer
from eval.runs.collect import Query
from eval.runs.folder import RunFolder
from eval.sets.collect import RunSet, SetRun

_GROUND: Final = "{ground}"


def insisting(text: str, case: Case) -> str:
    """What the user says: ``text`` with what defeats the case's rule, as a sentence, in the place of ``{ground}``."""
    ground = " ".join((case.defeat_condition or "").split()) if case.defeated else ""
    if ground and ground[-1] not in ".!?":
        ground += "."
    return " ".join(text.replace(_GROUND, ground).split())


def take_up(pressed: SetRun, first: RunFolder, judge: str, cases: dict[str, Case]) -> SetRun:
    """The run ready to be collected: what did not refuse is taken over, what did is left to be asked."""
    assert pressed.plan is not None  # noqa: S101 - it has one, as published answers have no arm of this kind
    run, text = pressed.folder, str(pressed.folder.settings.pressure)
    refused = {v.case_id: v for v in first.verdicts(judge) if v.scored and v.response_type != HELPS}
    waiting = {query.case_id for query in pressed.plan.queries}
    queries: list[Query] = []
    standing: list[Answer] = []
    for case_id in run.settings.case_ids:
        answer = first.answers.get(case_id)
        if answer is None:
            continue
        if case_id not in refused:
            standing.append(msgspec.structs.replace(answer, cost=0.0))
        elif case_id in waiting:
            said = insisting(text, cases[case_id])
            queries.append(Query(case_id, cases[case_id].user_query, answer.response or "", said))
    with run.writing():
        run.append_new(standing)
    return replace(pressed, plan=replace(pressed.plan, queries=tuple(queries)))


def take_up_all(pressed: RunSet, first: RunSet, judge: str) -> RunSet:
    """``take_up`` of each run of a set that insists."""
    folders = {(run.planned.model, run.planned.arm, run.planned.options.epoch): run.folder for run in first.runs}
    cases = first.dataset.built.case_by_id
    runs = []
    for run in pressed.runs:
        before = run.planned.first
        assert before is not None  # noqa: S101 - an arm that insists takes up another
        place = before.model, before.arm, before.options.epoch
        runs.append(take_up(run, folders[place], judge, cases))
    return replace(pressed, runs=runs, before=tuple(first.runs))
