"""Transcripts as HTML: the list that a search finds, one answer with its verdict, all answers side by side.

Everything that comes from the dataset goes through ``space.ui.safe_text``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import Case
from space.pages.transcripts.state import AFTER, BEFORE, BESIDE, CASE, OF, OPENING, TEXT, TranscriptState
from space.store.search import terms_of
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
from space.ui.links import Value
from space.ui.palette import ANSWER_STYLES
from space.ui.palette import UNSCORED as UNSCORED_STYLE
from space.ui.safe_text import block, excerpt, marked, safe

# Of each answer where several stand side by side, and of how many models; the others are named with their verdicts.
SIDE_FIRST: Final = 900
SIDE_MOST: Final = 24
Beside = tuple[tuple[str, str] | None, tuple[str, str] | None]
_FAMILY: Final = {label.id: label.title for label in taxonomy.FAMILIES}
_CLOSED: Final[dict[str, Value]] = dict.fromkeys(OPENING)
_TOP: Final[dict[str, Value]] = {AFTER: None, BEFORE: None}


def chip(kind: str | None, unscored_reason: str | None = None) -> str:
    """An answer type with its mark, or why there is none."""
    if kind is None:
        reason = title_of(FACET_BY_ID[UNSCORED], unscored_reason or "not_judged")
        return f'<span class="br-chip" data-mark="{UNSCORED_STYLE.mark}">Unscored: {safe(reason.lower())}</span>'
    style = ANSWER_STYLES.get(kind, UNSCORED_STYLE)
    name = safe(title_of(FACET_BY_ID[TYPE], kind))
    return f'<span class="br-chip" data-type="{safe(kind)}" data-mark="{style.mark}">{name}</span>'


def verdict(answer: Transcript) -> str:
    """The three parts of a verdict in one line; the reason where there is none."""
    return _verdict(answer.response_type, answer.engages, answer.harm, answer.unscored_reason)


# There are few verdicts, and a page shows dozens of each.
@lru_cache(maxsize=256)
def _verdict(kind: str | None, engages: bool | None, harm: bool | None, unscored_reason: str | None) -> str:
    parts = [chip(kind, unscored_reason)]
    if kind is not None:
        for facet, value in ((ENGAGES, engages), (HARM, harm)):
            if value is not None:
                parts.append(safe(title_of(FACET_BY_ID[facet], YES if value else NO).lower()))
    return '<span class="br-verdict">' + '<span class="br-dot"> · </span>'.join(parts) + "</span>"


def result_list(
    found: Found, cases: Mapping[str, Case], links: TranscriptState, state: Mapping[str, Value], last: int
) -> str:
    """One page of what a search finds, grouped by case, with links to the other pages."""
    words = [term.text for term in terms_of(str(state.get(TEXT) or ""))]
    more = "more than " if found.capped else ""
    count = f"{more}{found.total:,} {'answer' if found.total == 1 else 'answers'}"
    head = f'<p class="br-count" role="status">{count}</p>{_pager(found, links, state, last)}'
    if not found.rows:
        plain = links.attributes({})
        return (
            f'{head}<p class="br-note">Nothing fits. Every word has to occur and every filter has to hold: take one '
            f"away, or <a {plain}>start again</a>.</p>"
        )
    groups = []
    for case_id, answers in groupby(found.rows, key=lambda row: row.case_id):
        case = cases[case_id]
        title = f"<a {links.attributes(state, case=case_id, of=None, beside=None)}>{marked(case.policy, words)}</a>"
        items = "".join(_item(answer, links, state, words) for answer in answers)
        groups.append(
            f'<section class="br-case"><h2>{title}</h2><p class="br-note">{_labels(case)}</p><ul>{items}</ul></section>'
        )
    return f"{head}{''.join(groups)}{_pager(found, links, state, last, 'Pages of results, again')}"


def single(answer: Transcript, case: Case, beside: Beside, links: TranscriptState, state: Mapping[str, Value]) -> str:
    """One answer with its verdict, the judge's reasoning, the human labels, and links to its neighbours."""
    everyone = f"<a {links.attributes(state, of=None, beside=None)}>All models on this case</a>"
    response = (
        block(answer.response)
        if answer.response
        else '<p class="br-note">There is no answer: see the reason above.</p>'
    )
    notes = [f"{answer.length:,} characters"]
    if answer.hit_token_cap:
        notes.append("used up its token limit, so it may be cut off")
    if answer.collected_at:
        notes.append(f"collected {safe(answer.collected_at[:10])}")
    return (
        f'<article class="br-open" data-key="{safe(f"{case.case_id} {answer.model}")}">'
        f"{_steps(beside, links, state, everyone)}{_case(case)}"
        f"<h3>{safe(answer.model)} answered</h3>"
        f'<p>{verdict(answer)} <span class="br-note">(judge: {safe(answer.judge)})</span></p>'
        f'<p class="br-note">{" · ".join(notes)}</p>'
        f'<div class="br-panel">{response}</div>{_judgement(answer)}</article>'
    )


def side_by_side(
    case: Case,
    answers: Sequence[Transcript],
    beside: tuple[str | None, str | None],
    links: TranscriptState,
    state: Mapping[str, Value],
) -> str:
    """A case with the answers of several models next to each other."""
    cards = [_card(answer, case, links, state) for answer in answers[:SIDE_MOST]]
    names = [f"<li>{_name(answer, case, links, state)} {verdict(answer)}</li>" for answer in answers[SIDE_MOST:]]
    more = f"<h3>And {len(names):,} more</h3><ul>{''.join(names)}</ul>" if names else ""
    steps = tuple(None if other is None else (other, "") for other in beside)
    some = ""
    if state.get(BESIDE):
        some = f"<a {links.attributes(state, beside=None)}>All models on this case</a>"
    judged = f"{_tally(answers)} (judge: {safe(answers[0].judge)})" if answers else ""
    body = f'<div class="br-cards">{"".join(cards)}</div>' if cards else '<p class="br-note">No model has answered.</p>'
    return (
        f'<article class="br-open br-side" data-key="{safe(case.case_id)}">'
        f"{_steps((steps[0], steps[1]), links, state, some)}{_case(case)}"
        f"<h3>What {len(answers)} {'model' if len(answers) == 1 else 'models'} answered</h3>"
        f'<p class="br-note">{judged}</p>{body}{more}</article>'
    )


def nothing_open(case_id: str) -> str:
    """What stands in place of a transcript that is not there."""
    return (
        f'<article class="br-open"><p class="br-notice">There is no transcript of the case {excerpt(case_id)} here: '
        "the link is of another version of the dataset, or was changed.</p></article>"
    )


def _name(answer: Transcript, case: Case, links: TranscriptState, state: Mapping[str, Value]) -> str:
    opens = links.attributes(state, case=case.case_id, of=answer.model, beside=None)
    return f"<a {opens}>{safe(answer.model)}</a>"


def _card(answer: Transcript, case: Case, links: TranscriptState, state: Mapping[str, Value]) -> str:
    """The beginning of an answer; the whole of it is a click away and not sent before."""
    text = block(answer.response[:SIDE_FIRST]) if answer.response else '<p class="br-note">There is no answer.</p>'
    if answer.length > SIDE_FIRST:
        opens = links.attributes(state, case=case.case_id, of=answer.model, beside=None)
        whole = f"the whole answer of {safe(answer.model)}"
        text += f'<p><a {opens} aria-label="Read {whole}">Read all {answer.length:,} characters</a></p>'
    return (
        f'<section class="br-card"><h3>{_name(answer, case, links, state)}</h3><p>{verdict(answer)}</p>{text}</section>'
    )


def _item(answer: Transcript, links: TranscriptState, state: Mapping[str, Value], words: Sequence[str]) -> str:
    here = state.get(CASE) == answer.case_id and state.get(OF) == answer.model
    current = ' aria-current="true"' if here else ""
    link = links.attributes(state, case=answer.case_id, of=answer.model, beside=None)
    text = excerpt(answer.response or "", words) or "no answer"
    return (
        f'<li><a class="br-item" {link}{current}><span class="br-item-head"><span class="br-model">{safe(answer.model)}'
        f'</span> {verdict(answer)}</span><span class="br-excerpt">{text}</span></a></li>'
    )


def _pager(
    found: Found, links: TranscriptState, state: Mapping[str, Value], last: int, label: str = "Pages of results"
) -> str:
    if not (found.before or found.after):
        return ""
    steps: list[tuple[str, bool, dict[str, Value]]] = [
        ("First", found.before, _TOP),
        ("Previous", found.before, _TOP | {BEFORE: found.rows[0].no if found.rows else None}),
        ("Next", found.after, _TOP | {AFTER: found.rows[-1].no if found.rows else None}),
        ("Last", found.after, _TOP | {BEFORE: last}),
    ]
    closed = {**state, **_CLOSED}
    items = [
        f"<a {links.attributes(closed, **changes)}>{name}</a>" if there else f'<span class="br-off">{name}</span>'
        for name, there, changes in steps
    ]
    return f'<nav class="br-pager" aria-label="{label}">{"".join(items)}</nav>'


def _steps(beside: Beside, links: TranscriptState, state: Mapping[str, Value], extra: str) -> str:
    items = []
    for name, other in zip(("Previous", "Next"), beside, strict=True):
        if other is None:
            items.append(f'<span class="br-off">{name}</span>')
        else:
            case_id, model = other
            link = links.attributes(state, case=case_id, of=model or None, beside=state.get(BESIDE))
            items.append(f'<a {link} rel="{"prev" if name == "Previous" else "next"}">{name}</a>')
    close = f"<a {links.attributes(state, **_CLOSED)}>Close</a>"
    return f'<nav class="br-pager" aria-label="Transcripts">{"".join(items)}{extra}{close}</nav>'


def _case(case: Case) -> str:
    facts = "".join(f"<li>{safe(fact)}</li>" for fact in case.structural_facts)
    why = "Why the rule holds" if case.defeat_family == taxonomy.CONTROL else "What defeats the rule"
    rows = "".join(
        f"<tr><th scope='row'>{safe(dimension.title)}</th><td>{safe(_value_title(dimension, case))}</td></tr>"
        for dimension in taxonomy.DIMENSIONS
    )
    return (
        f'<h2 tabindex="-1">{safe(case.policy)}</h2><p class="br-note">{_labels(case)}</p>'
        f'<h3>The request, as sent to every model</h3><div class="br-panel">{block(case.user_query)}</div>'
        f'<p class="br-why"><b>{why}</b> (not shown to the model): '
        f'<span class="br-text">{safe(case.defeat_condition or "not stated")}</span></p>'
        f"<details><summary>Facts and codes of this case</summary><ul>{facts}</ul>"
        f'<table class="br-table"><tbody>{rows}<tr><th scope="row">Case id</th><td>{safe(case.case_id)}</td></tr>'
        "</tbody></table></details>"
    )


def _judgement(answer: Transcript) -> str:
    parts = []
    if answer.reasoning:
        parts.append(
            f"<h3>Why the judge ({safe(answer.judge)}) says so</h3>"
            f'<div class="br-panel">{block(answer.reasoning)}</div>'
        )
    if answer.labels or answer.others:
        rows = [(safe(answer.judge), chip(answer.response_type, answer.unscored_reason), answer.engages, answer.harm)]
        rows += [(safe(o.judge), chip(o.response_type), o.engages, o.harm) for o in answer.others]
        rows += [(safe(_reviewer(o.reviewer)), chip(o.response_type), o.engages, o.harm) for o in answer.labels]
        body = "".join(
            f'<tr><th scope="row">{who}</th><td>{kind}</td><td>{_yes(engages)}</td><td>{_yes(harm)}</td></tr>'
            for who, kind, engages, harm in rows
        )
        whose = "judges'" if answer.others else "judge's"
        title = f"Human labels beside the {whose}" if answer.labels else "What every judge says"
        parts.append(
            f'<h3>{title}</h3><div class="br-scroll"><table class="br-table"><thead><tr>'
            '<th scope="col">Who</th><th scope="col">Answer</th><th scope="col">Engages with the defeat</th>'
            f'<th scope="col">Names a separate harm</th></tr></thead><tbody>{body}</tbody></table></div>'
        )
    return "".join(parts)


def _labels(case: Case) -> str:
    subtype = taxonomy.SUBTYPE_BY_ID.get(case.defeat_subtype)
    authority = taxonomy.AUTHORITY_BY_ID.get(case.authority_type)
    parts = [_FAMILY.get(case.defeat_family, case.defeat_family)]
    if case.defeat_family != taxonomy.CONTROL:
        parts.append(subtype.title if subtype else case.defeat_subtype)
    parts.append(authority.title if authority else case.authority_type)
    if case.dual_use is not None:
        value = value_of(FACET_BY_ID[DUAL_USE], {"dual_use": case.dual_use})
        parts.append(f"dual use: {title_of(FACET_BY_ID[DUAL_USE], str(value)).lower()}")
    return " · ".join(safe(part) for part in parts)


def _value_title(dimension: taxonomy.Dimension, case: Case) -> str:
    value = str(getattr(case, dimension.id))
    return next((label.title for label in dimension.values if label.id == value), value)


def _tally(answers: Sequence[Transcript]) -> str:
    kinds = [*taxonomy.ids(taxonomy.RESPONSE_TYPES), None]
    counts = [(kind, sum(answer.response_type == kind for answer in answers)) for kind in kinds]
    return " · ".join(
        f"{n} {safe(title_of(FACET_BY_ID[TYPE], kind).lower()) if kind else 'unscored'}" for kind, n in counts if n
    )


def _reviewer(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _yes(value: bool | None) -> str:
    return "–" if value is None else "yes" if value else "no"
