"""The cases page as HTML: the taxonomy with counts, how to load the dataset, and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Final
from urllib.parse import urlencode

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.tables import CONFIGS, DEFAULT_CONFIG, TEST
from dataset_builder.dataset.taxonomy import (
    AUTHORITY_GROUPS,
    AUTHORITY_TYPES,
    CONTROL,
    DIMENSIONS,
    FAMILIES,
    SUBTYPE_BY_ID,
    SUBTYPES,
    Label,
)
from eval.scores.cases import FLAGGED
from space.ui.links import Field, Value, address, query
from space.ui.safe_text import block, safe

Counts = Mapping[str, Mapping[str, int]]
ADDRESS: Final = "cases"
SUBTYPE, START = "subtype", "start"


def sums(total: int, counts: Counts) -> str:
    """The dataset in one line."""
    control = counts.get("family", {}).get(CONTROL, 0)
    flagged = counts.get("dual_use", {}).get(FLAGGED, 0)
    cells = len(counts.get("family_authority", {}))
    return (
        f"<p><b>{total:,} cases</b>: {total - control:,} in which the rule is defeated and {control:,} controls, in "
        f"{cells:,} cells of defeat family and authority type. {flagged:,} carry the dual-use flag: a full answer to "
        "them would hold knowledge that is dangerous elsewhere.</p>"
    )


def how_to_load(hub_id: str | None, name: str, configs: Iterable[str]) -> str:
    """Code that opens the dataset, and what its configs are."""
    where = f'"{hub_id}"' if hub_id else f'"path/to/{name}"'
    there = set(configs)
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(config.name)}</code></th><td>{escape(config.description)}</td></tr>'
        for config in CONFIGS
        if config.name in there
    )
    code = f'from datasets import load_dataset\n\ncases = load_dataset({where}, "{DEFAULT_CONFIG}", split="{TEST}")\n'
    if "responses" in there:
        code += f'answers = load_dataset({where}, "responses")  # a split for each model\n'
    return (
        f'<pre tabindex="0"><code>{escape(code)}</code></pre><details><summary>What each config holds</summary>'
        f'<table class="br-table"><tbody>{rows}</tbody></table></details>'
    )


def taxonomy_tables(counts: Counts, fields: tuple[Field, ...]) -> str:
    """Families with their subtypes, authorities with their groups, and the dimensions, each with its cases counted."""
    by_subtype = counts.get("subtype", {})
    parts = ["<h2>Why a rule may not deserve compliance</h2>"]
    for family in FAMILIES:
        rows = [(label, by_subtype.get(label.id, 0)) for label in SUBTYPES if label.family == family.id]
        total = counts.get("family", {}).get(family.id, 0)
        parts.append(
            f'<h3>{escape(family.title)} <span class="br-n">{total:,} cases</span></h3>'
            f"<p>{escape(family.definition)}</p>"
        )
        parts.append(_table("Subtype", rows, lambda label: _examples(label, by_subtype, fields)))
    parts.append("<h2>Whose rule it is</h2>")
    for group in AUTHORITY_GROUPS:
        total = counts.get("authority_group", {}).get(group.id, 0)
        found = counts.get("authority", {})
        parts.append(
            f'<h3>{escape(group.title)} <span class="br-n">{total:,} cases</span></h3><p>{escape(group.definition)}</p>'
        )
        parts.append(_table("Authority", [(a, found.get(a.id, 0)) for a in AUTHORITY_TYPES if a.group == group.id]))
    parts.append("<h2>What else a case is coded for</h2>")
    for dimension in DIMENSIONS:
        found = counts.get(dimension.id, {})
        table = _table("Value", [(value, found.get(value.id, 0)) for value in dimension.values])
        parts.append(
            f"<details><summary>{escape(dimension.title)}: {escape(dimension.definition)}</summary>{table}</details>"
        )
    return "".join(parts)


def examples(subtype: str, cases: Iterable[Case], start: int, total: int, step: int, fields: tuple[Field, ...]) -> str:
    """Some cases of one subtype, in full, with a link to what the models answered."""
    label = SUBTYPE_BY_ID[subtype]
    items = "".join(_case(case) for case in cases)
    turns = []
    for name, place in (("Previous", start - step), ("Next", start + step)):
        if 0 <= place < total:
            turns.append(f"<a {_link(fields, subtype=subtype, start=place)}>{name}</a>")
        else:
            turns.append(f'<span class="br-off">{name}</span>')
    shown = f"{start + 1:,} to {min(start + step, total):,} of {total:,}" if total else "no case has this label"
    return (
        f'<article class="br-open" data-key="{subtype} {start}"><h2 tabindex="-1">{escape(label.title)}</h2>'
        f'<p>{escape(label.definition)}</p><p class="br-note">{shown}</p>{items}'
        f'<nav class="br-pager" aria-label="Examples">{"".join(turns)}</nav></article>'
    )


def _case(case: Case) -> str:
    return (
        f'<section><h3>{safe(case.policy)}</h3><div class="br-panel">{block(case.user_query, 1_500)}</div>'
        f'<p class="br-note"><a href="transcripts?{escape(_case_query(case))}">What the models answered</a> · '
        f"{safe(case.case_id)}</p></section>"
    )


def _case_query(case: Case) -> str:
    return urlencode({"case": case.case_id})


def _examples(label: Label, counts: Mapping[str, int], fields: tuple[Field, ...]) -> str:
    return f"<a {_link(fields, subtype=label.id, start=0)}>examples</a>" if counts.get(label.id) else ""


def _link(fields: tuple[Field, ...], subtype: str, start: int) -> str:
    state: dict[str, Value] = {SUBTYPE: subtype, START: start}
    return f'href="{escape(address(ADDRESS, fields, state))}" data-go="{escape(query(fields, state))}"'


def _table(head: str, rows: Iterable[tuple[Label, int]], more: Callable[[Label], str] | None = None) -> str:
    extra = '<th scope="col"><span class="br-hidden">Examples</span></th>' if more else ""
    body = "".join(
        f'<tr><th scope="row">{escape(label.title)}</th><td>{escape(label.definition)}</td><td class="num">{n:,}</td>'
        + (f"<td>{more(label)}</td>" if more else "")
        + "</tr>"
        for label, n in rows
    )
    return (
        f'<div class="br-scroll"><table class="br-table br-terms"><thead><tr><th scope="col">{head}</th>'
        f'<th scope="col">Definition</th><th scope="col" class="num">Cases</th>{extra}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
