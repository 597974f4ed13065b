"""The page of judge against judge as HTML; no gradio here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from space.data.data import SpaceData
from space.frame.page import heading
from space.pages.judges.parting import FIELDS, TITLES, Parting, Source, label_title, on_help, parting, sources_of
from space.pages.method.judge_error import help_table
from space.pages.transcripts.markup import chip
from space.pages.transcripts.state import CASE, JUDGE, OF, TranscriptState
from space.store.store import Store
from space.store.transcript import TYPE
from space.ui.links import Choice, Field, Value, Whole, link
from space.ui.names import spoken
from space.ui.templates import template

ADDRESS: Final = "judges"
TITLE: Final = "Judge against judge"
ABOUT: Final = "Any two judges on the same answers: how far they agree, and every answer on which they part."
FIRST, SECOND, WHAT, MODEL, SAYS, OTHER_SAYS, AT = "a", "b", "what", "model", "says", "other", "page"
PAGE: Final = 20
_MOST: Final = 10_000
_LABELS: Final = tuple(dict.fromkeys(label for labels in FIELDS.values() for label in labels))
_fill = template(
    "pages/judges/page.html.j2", chip_of=chip, label_title=label_title, is_type=TYPE
)  # fmt: skip


def fields_of(data: SpaceData) -> tuple[Field, ...]:
    """Both judges, what is compared, one model or all, one cell of the table or all where they part, and the page."""
    sources = tuple(sources_of(data.store))
    return (
        Choice(FIRST, sources),
        Choice(SECOND, sources),
        Choice(WHAT, tuple(FIELDS), TYPE),
        Choice(MODEL, data.store.models),
        Choice(SAYS, _LABELS),
        Choice(OTHER_SAYS, _LABELS),
        Whole(AT, 1, _MOST, 1),
    )


def settle(data: SpaceData, state: Mapping[str, Value]) -> dict[str, Value]:
    """The state with two judges: those named, else the first two; a cell that the table lacks is left out."""
    sources = list(sources_of(data.store))
    a = state[FIRST] or next((one for one in sources if one != state[SECOND]), None)
    b = state[SECOND] or next((one for one in sources if one != a), None)
    labels = FIELDS[str(state[WHAT])]
    cell = {name: state[name] for name in (SAYS, OTHER_SAYS)}
    if any(value not in labels for value in cell.values()):
        cell = dict.fromkeys(cell)
    return {**state, FIRST: a, SECOND: b, **cell}


def show(data: SpaceData, state: Mapping[str, Value]) -> Markup:
    """All of the page."""
    store, fields = data.store, fields_of(data)
    sources = sources_of(store)
    title = heading(TITLE, ABOUT)
    a, b = sources.get(str(state[FIRST])), sources.get(str(state[SECOND]))
    if a is None or b is None:
        return title + _fill("nothing", n=len(sources))
    field = str(state[WHAT])
    asked = state[MODEL]
    model = asked if isinstance(asked, str) else None
    found = parting(store, a, b, field, model)
    at, names = {**state, AT: None}, _names(sources)

    def to(**changes: Value) -> Markup:
        return link(ADDRESS, fields, {**at, **changes})

    first, second = state[SAYS], state[OTHER_SAYS]
    rows = found.where(first if isinstance(first, str) else None, second if isinstance(second, str) else None)
    return title + _fill(
        "page",
        a=names[a.id],
        b=names[b.id],
        same=a == b,
        choices=[
            (title, [(names[one], None if one == state[name] else to(**{name: one})) for one in sources])
            for title, name in (("First", FIRST), ("Second", SECOND))
        ],
        whats=[
            (TITLES[one], None if one == field else to(**{WHAT: one, SAYS: None, OTHER_SAYS: None})) for one in FIELDS
        ],
        found=found.found,
        field=field,
        table=_table(found, field, state, to),
        models=_models(store, found, model, to),
        help=_on_help(store, found, names[a.id], names[b.id]) if field == TYPE and model is None else None,
        model=None if model is None else TranscriptState.of(store).name(model),
        every=to(**{SAYS: None, OTHER_SAYS: None}) if first else None,
        cell=(label_title(field, str(first)), label_title(field, str(second))) if first else None,
        **_listed(store, found, rows, (a, b), state, fields),
    )


def _names(sources: Mapping[str, Source]) -> dict[str, str]:
    """What judges are called; by their ids where two would be called alike."""
    names = {
        one.id: spoken(one.id) if one.reviewer is None else one.reviewer.replace("_", " ").capitalize()
        for one in sources.values()
    }
    every = list(names.values())
    return {key: name if every.count(name) == 1 else key for key, name in names.items()}


def _table(found: Parting, field: str, state: Mapping[str, Value], to: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    """A row a label of the first judge, a cell a label of the second; each with its share of the row and its link."""
    rows = []
    for place, first in enumerate(found.labels):
        total = int(found.found.table[place].sum())
        cells = []
        for beside, second in enumerate(found.labels):
            n = int(found.found.table[place, beside])
            cells.append(
                {
                    "n": n,
                    "share": n / total if total else float("nan"),
                    "label": second,
                    "same": first == second,
                    "here": (first, second) == (state[SAYS], state[OTHER_SAYS]),
                    "link": to(**{SAYS: first, OTHER_SAYS: second}) if n else None,
                }
            )
        rows.append((first, cells))
    return rows


def _models(store: Store, found: Parting, model: str | None, to: Any) -> list[tuple[str, float, int, Markup | None]]:
    """The models by how often the two part on their answers, most first."""
    names = TranscriptState.of(store)
    shares = [
        (names.name(key), apart / n, n, None if key == model else to(**{MODEL: key}))
        for key, (apart, n) in found.models.items()
    ]
    every = [("All models", float("nan"), sum(n for _, n in found.models.values()), to(**{MODEL: None}))]
    return [*(every if model else []), *sorted(shares, key=lambda one: (-one[1], one[0]))]


def _on_help(store: Store, found: Parting, a: str, b: str) -> Markup:
    return help_table(
        on_help(store, found),
        f"{b} by the labels of {a} and the family of models that answered: precision is the share of what {b} calls "
        f"help which {a} calls help too, recall the share of {a}'s help which {b} finds.",
    )


def _listed(
    store: Store,
    found: Parting,
    numbers: Sequence[int],
    pair: tuple[Source, Source],
    state: Mapping[str, Value],
    fields: Sequence[Field],
) -> dict[str, Any]:
    """One page of answers with what both say, and the ways to the other pages."""
    pages = max(1, -(-len(numbers) // PAGE))
    asked = state[AT]
    at = min(asked if isinstance(asked, int) else 1, pages)
    judge = next((one.id for one in pair if one.reviewer is None), None)
    answers = store.numbered(numbers[(at - 1) * PAGE : at * PAGE], judge)
    cases, links = store.cases_of(one.case_id for one in answers), TranscriptState.of(store)
    ways = [("Previous", at - 1), ("Next", at + 1)]
    return {
        "total": len(numbers),
        "at": at,
        "pages": pages,
        "past": asked if isinstance(asked, int) and asked > pages else None,
        "ways": [(name, link(ADDRESS, fields, {**state, AT: n}) if 1 <= n <= pages else None) for name, n in ways],
        "rows": [
            {
                "one": one,
                "case": cases[one.case_id],
                "name": links.name(one.model),
                "href": links.href({CASE: one.case_id, OF: one.model, JUDGE: judge}),
                "says": found.pairs[one.no],
            }
            for one in answers
        ],
    }
