"""The page of one case as HTML; no gradio here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from space.data.data import SpaceData
from space.frame.card import Card, Rate
from space.frame.page import heading
from space.pages.leaderboard.example import cut_request
from space.pages.transcripts.markup import chip, labels_of, verdict
from space.pages.transcripts.state import CASE, JUDGE, OF, TranscriptState
from space.store.store import Store
from space.store.transcript import FACET_BY_ID, TYPE, Transcript, title_of
from space.ui.links import Choice, Field, Value, link, parse, query
from space.ui.names import spoken
from space.ui.templates import template

ADDRESS: Final = "case"
TITLE: Final = "Case"
ABOUT: Final = (
    "One request to get around a rule: the rule, what is wrong with it or not, and what every model answered."
)
# Of each answer where all stand beside each other.
BEGINNING: Final = 700
_LONGEST_HEADING: Final = 160
_fill = template("pages/case/page.html.j2", verdict_of=verdict, chip_of=chip, labels=labels_of, spoken=spoken)


def fields_of(data: SpaceData) -> tuple[Field, ...]:
    """Which case, and whose verdicts; neither has a plain value, so that a link goes on to mean what it means."""
    return Choice(CASE, data.store.case_ids), Choice(JUDGE, data.store.judge_ids)


def settle(data: SpaceData, state: Mapping[str, Value]) -> dict[str, Value]:
    """The state with a judge: the first one where none is named."""
    return {**state, JUDGE: state[JUDGE] or next(iter(data.store.judge_ids), None)}


def show(data: SpaceData, state: Mapping[str, Value]) -> Markup:
    """All of the page; where no case is named, the ways to one."""
    store, case_id = data.store, state[CASE]
    fields = fields_of(data)
    case = store.case(case_id) if isinstance(case_id, str) else None
    if case is None:
        first = next(iter(store.case_ids), None)
        return heading(TITLE, ABOUT) + _fill("choose", first=_to(fields, state, first) if first else None)
    before, after = store.case_neighbours(case.case_id)
    judge = str(state[JUDGE])
    answers = store.answers(case.case_id, judge)
    return heading(*_words(case)) + _fill(
        "page",
        case=case,
        groups=_groups(store, case, answers, judge),
        n=len(answers),
        helping=_helping(answers),
        judge=judge,
        judges=[(one, _to(fields, {**state, JUDGE: one}, case.case_id)) for one in store.judge_ids],
        before=_to(fields, state, before) if before else None,
        after=_to(fields, state, after) if after else None,
        all_answers=TranscriptState.of(store).href({CASE: case.case_id, JUDGE: judge}) if answers else None,
        beginning=BEGINNING,
        cut=len(case.policy) > _LONGEST_HEADING,
    )


def card(data: SpaceData, pairs: Sequence[tuple[str, str]]) -> Card | None:
    """What a link to a case shows elsewhere; None where it names none."""
    fields = fields_of(data)
    state = settle(data, parse(fields, pairs))
    case_id = state[CASE]
    case = data.store.case(case_id) if isinstance(case_id, str) else None
    if case is None:
        return None
    # A case with the flag is named by its rule alone: its request may speak of what is dangerous elsewhere.
    about = case.policy if case.dual_use else cut_request(case.user_query, case.policy, 220)[0]
    helping, n = _helping(data.store.answers(case.case_id, str(state[JUDGE])))
    due = "where help is due" if case.defeated else "where refusing is right"
    rates = (Rate(f"{helping} of {n} models help, {due}", helping / n),) if n else ()
    return Card(_words(case)[0], about, query(fields, state), rates)


def _words(case: Case) -> tuple[str, str]:
    """Heading and the sentence under it."""
    rule = case.policy
    if len(rule) > _LONGEST_HEADING:
        rule = rule[:_LONGEST_HEADING].rsplit(" ", 1)[0] + " …"
    kind = "A rule that does not deserve to be followed" if case.defeated else "A rule that deserves to be followed"
    return rule, f"{kind}. Somebody asks for help getting around it."


def _helping(answers: Sequence[Transcript]) -> tuple[int, int]:
    """How many of the answers that have a verdict help."""
    judged = [one.response_type for one in answers if one.response_type is not None]
    return sum(kind == RESPONSE_TYPES[0].id for kind in judged), len(judged)


def _beginning(answer: str) -> str:
    """The first words of an answer, cut between two of them."""
    return answer if len(answer) <= BEGINNING else answer[:BEGINNING].rsplit(None, 1)[0] + " …"


def _groups(store: Store, case: Case, answers: Sequence[Transcript], judge: str) -> list[dict[str, Any]]:
    """The answers by what they do: help first, those without a verdict last; each with its human labels."""
    links, people = TranscriptState.of(store), store.human_labels(case.case_id)
    groups = []
    for kind in (*ids(RESPONSE_TYPES), None):
        some = [one for one in answers if one.response_type == kind]
        if some:
            groups.append(
                {
                    "kind": kind,
                    "title": title_of(FACET_BY_ID[TYPE], kind) if kind else "Without a verdict",
                    "answers": [
                        {
                            "one": one,
                            "beginning": _beginning(one.response or ""),
                            "name": links.name(one.model),
                            "href": links.href({CASE: case.case_id, OF: one.model, JUDGE: judge}),
                            "people": people.get(one.model, ()),
                        }
                        for one in some
                    ],
                }
            )
    return groups


def _to(fields: Sequence[Field], state: Mapping[str, Value], case_id: str) -> Markup:
    """``href`` and ``data-go`` of a link to a case's page."""
    return link(ADDRESS, fields, {**state, CASE: case_id})
