"""Transcripts as HTML: the list that a search finds, one answer with its verdict, all answers side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from markupsafe import Markup

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import Case
from space.pages.transcripts.state import AFTER, BEFORE, BESIDE, OPENING, TranscriptState
from space.store.search import LONGEST, MAX_TERMS
from space.store.transcript import (
    DUAL_USE,
    ENGAGES,
    FACET_BY_ID,
    HARM,
    NO,
    TYPE,
    UNSCORED,
    YES,
    Found,
    Transcript,
    title_of,
    value_of,
)
from space.store.words import Reading
from space.ui.links import Value
from space.ui.markdown import LONGEST as LONGEST_FORMATTED
from space.ui.palette import ANSWER_STYLES
from space.ui.palette import UNSCORED as UNSCORED_STYLE
from space.ui.safe_text import safe
from space.ui.templates import template

# Of each answer where several stand side by side, and of how many models; the others are named with their verdicts.
SIDE_FIRST: Final = 900
SIDE_MOST: Final = 24
NOT_READ: Final = Reading()
Beside = tuple[tuple[str, str] | None, tuple[str, str] | None]
Step = tuple[str, str, Markup | None]
_FAMILY: Final = {label.id: label.title for label in taxonomy.FAMILIES}
_CLOSED: Final[dict[str, Value]] = dict.fromkeys(OPENING)
_TOP: Final[dict[str, Value]] = {AFTER: None, BEFORE: None}


@lru_cache(maxsize=256)
def chip(kind: str | None, unscored_reason: str | None = None) -> Markup:
    """An answer type with its mark, or why there is none."""
    if kind is None:
        reason = title_of(FACET_BY_ID[UNSCORED], unscored_reason or "not_judged")
        return _fill("chip", kind=None, title=f"Unscored: {reason.lower()}", mark=UNSCORED_STYLE.mark)
    style = ANSWER_STYLES.get(kind, UNSCORED_STYLE)
    return _fill("chip", kind=kind, title=title_of(FACET_BY_ID[TYPE], kind), mark=style.mark)


def verdict(answer: Transcript) -> Markup:
    """The three parts of a verdict in one line; the reason where there is none."""
    return _verdict(answer.response_type, answer.engages, answer.harm, answer.unscored_reason)


# There are few verdicts, and a page shows dozens of each.
@lru_cache(maxsize=256)
def _verdict(kind: str | None, engages: bool | None, harm: bool | None, unscored_reason: str | None) -> Markup:
    parts = [chip(kind, unscored_reason)]
    for facet, value in ((ENGAGES, engages), (HARM, harm)) if kind is not None else ():
        if value is not None:
            parts.append(safe(title_of(FACET_BY_ID[facet], YES if value else NO).lower()))
    return _fill("verdict", parts=parts)


def labels_of(case: Case) -> Markup:
    """Family, subtype, authority and dual use of a case in one line."""
    subtype = taxonomy.SUBTYPE_BY_ID.get(case.defeat_subtype)
    authority = taxonomy.AUTHORITY_BY_ID.get(case.authority_type)
    parts = [_FAMILY.get(case.defeat_family, case.defeat_family)]
    if case.defeated:
        parts.append(subtype.title if subtype else case.defeat_subtype)
    parts.append(authority.title if authority else case.authority_type)
    if case.dual_use is not None:
        value = value_of(FACET_BY_ID[DUAL_USE], {"dual_use": case.dual_use})
        parts.append(f"dual use: {title_of(FACET_BY_ID[DUAL_USE], str(value)).lower()}")
    return safe(" · ".join(parts))


def _codes(case: Case) -> Iterator[tuple[str, str]]:
    """What a case is coded for in each dimension, by their titles."""
    for dimension in taxonomy.DIMENSIONS:
        value = str(getattr(case, dimension.id))
        yield dimension.title, next((label.title for label in dimension.values if label.id == value), value)


_fill = template(
    "pages/transcripts/page.html.j2",
    chip_of=chip, verdict_of=verdict, labels=labels_of, codes=_codes, side_first=SIDE_FIRST,
    longest_formatted=LONGEST_FORMATTED,
)  # fmt: skip


def result_list(
    found: Found,
    cases: Mapping[str, Case],
    links: TranscriptState,
    state: Mapping[str, Value],
    last: int,
    reading: Reading = NOT_READ,
) -> Markup:
    """One page of what a search finds, grouped by case, with links to the other pages.

    ``reading`` is how its words were read.
    """
    return _fill(
        "result_list",
        found=found,
        groups=[(cases[case_id], list(rows)) for case_id, rows in groupby(found.rows, key=lambda row: row.case_id)],
        links=links,
        state=state,
        words=reading.marked,
        reading=reading,
        mended=[(typed, used, links.attributes(state, q=f'"{used}"', **_CLOSED)) for typed, used in reading.mended],
        most=MAX_TERMS,
        longest=LONGEST,
        turns=_turns(found, links, state, last),
        first=links.attributes(state, **_CLOSED, **_TOP),
    )


def single(
    answer: Transcript,
    case: Case,
    beside: Beside,
    links: TranscriptState,
    state: Mapping[str, Value],
    model_page: str | None = None,
) -> Markup:
    """One answer with its verdict, the judge's reasoning, the human labels, and links to its neighbours."""
    steps = _steps(beside, links, state)
    return _fill("single", answer=answer, case=case, steps=steps, links=links, state=state, model_page=model_page)


def side_by_side(
    case: Case,
    answers: Sequence[Transcript],
    beside: tuple[str | None, str | None],
    links: TranscriptState,
    state: Mapping[str, Value],
) -> Markup:
    """A case with the answers of several models next to each other."""
    kinds = [*taxonomy.ids(taxonomy.RESPONSE_TYPES), None]
    counts = [(kind, sum(answer.response_type == kind for answer in answers)) for kind in kinds]
    tally = [f"{n} {title_of(FACET_BY_ID[TYPE], kind).lower() if kind else 'unscored'}" for kind, n in counts if n]
    before, after = (None if case_id is None else (case_id, "") for case_id in beside)
    return _fill(
        "side_by_side",
        case=case,
        answers=answers[:SIDE_MOST],
        others=answers[SIDE_MOST:],
        tally=" · ".join(tally),
        steps=_steps((before, after), links, state),
        links=links,
        state=state,
    )


def labelled(
    reader: str | None,
    *,
    url: str | None = None,
    back: bool = False,
    older: bool = False,
    problem: str | None = None,
    here: str = "",
) -> Markup:
    """What is said after a reader's label was kept or taken back, or why it was not.

    ``here`` is the page's address, ``older`` whether it shows an older version of the results.
    """
    return _fill("labelled", reader=reader, url=url, back=back, older=older, problem=problem, here=here)


def filled_in() -> Markup:
    """What is said where a reader finds what they had filled in before they signed in."""
    return _fill("filled_in")


def label_goes(*, older: bool) -> Markup:
    """Where a label goes, said where the page shows an older version than that."""
    return _fill("label_goes") if older else Markup()


def nothing_open(
    case_id: str,
    links: TranscriptState,
    state: Mapping[str, Value],
    *,
    model: str | None = None,
    near: str | None = None,
) -> Markup:
    """What stands in place of a transcript that is not there: of a case that is, or of none, and where to go on."""
    return _fill(
        "nothing_open",
        case_id=case_id,
        model=links.name(model) if model else None,
        near=(near, links.attributes(state, case=near, of=state.get("of"))) if near else None,
        all_of=links.attributes(state, of=None, beside=None),
        close=links.attributes(state, **_CLOSED),
    )


def no_answers() -> Markup:
    """What is said of a dataset without answers."""
    return _fill("no_answers")


def _turns(
    found: Found, links: TranscriptState, state: Mapping[str, Value], last: int
) -> list[tuple[str, Markup | None]]:
    """The other pages of what is found, each with its link where there is one; none where all is on one page."""
    if not (found.before or found.after):
        return []
    steps: list[tuple[str, bool, dict[str, Value]]] = [
        ("First", found.before, _TOP),
        ("Previous", found.before, _TOP | {BEFORE: found.rows[0].no if found.rows else None}),
        ("Next", found.after, _TOP | {AFTER: found.rows[-1].no if found.rows else None}),
        ("Last", found.after, _TOP | {BEFORE: last}),
    ]
    closed = {**state, **_CLOSED}
    return [(name, links.attributes(closed, **changes) if there else None) for name, there, changes in steps]


def _steps(beside: Beside, links: TranscriptState, state: Mapping[str, Value]) -> list[Step]:
    """The neighbours of what is open, each with its link where there is one."""
    return [
        (name, rel, links.attributes(state, case=to[0], of=to[1] or None, beside=state.get(BESIDE)) if to else None)
        for name, rel, to in zip(("Previous", "Next"), ("prev", "next"), beside, strict=True)
    ]
