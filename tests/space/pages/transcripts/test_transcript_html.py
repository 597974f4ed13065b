from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from space.pages.transcripts.markup import SIDE_MOST, result_list, side_by_side, single
from space.pages.transcripts.state import TranscriptState, search_of
from space.store.build import ensure_store
from space.store.store import Store
from space.ui.palette import ACCENT, ANSWER_STYLES, INK, MUTED, PANEL, PAPER
from tests.support.hostile import strings
from tests.support.space_data import HOSTILE_MODEL, build_space_dataset

ALLOWED = {"a", "article", "b", "button", "details", "div", "h2", "h3", "li", "mark", "nav", "p", "section", "span"}
ALLOWED |= {"summary", "table", "tbody", "td", "th", "thead", "tr", "ul"}
# What Markdown of an answer may become.
ALLOWED |= {"blockquote", "br", "code", "em", "h4", "h5", "h6", "hr", "ol", "pre", "s", "strong"}
ATTRIBUTES = {"aria-controls", "aria-current", "aria-label", "class", "data-go", "data-key", "data-mark", "data-type"}
ATTRIBUTES |= {
    "data-title",
    "dir",
    "hidden",
    "href",
    "id",
    "rel",
    "role",
    "scope",
    "start",
    "tabindex",
    "title",
    "type",
}


class Tags(HTMLParser):
    """Collects every tag and attribute, and checks that tags close in order."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.open: list[str] = []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "hr"):
            self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {str(value) for name, value in attrs if name == "href"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder: Path = tmp_path_factory.mktemp("space")
    return Store(ensure_store(build_space_dataset(folder / "dataset"), folder / "cache"))


@pytest.mark.parametrize("number", range(len(strings())))
def test_a_hostile_transcript_adds_no_tag_attribute_or_link(store: Store, number: int) -> None:
    links = TranscriptState(store.models)
    case_id = f"hostile-{number:03}"
    state = {"q": strings()[number][:200], "case": case_id, "of": HOSTILE_MODEL}
    answer, case = store.transcript(case_id, HOSTILE_MODEL), store.case(case_id)
    assert answer is not None
    assert case is not None
    search = search_of({"q": "x"})
    found = store.find(search_of({"family": ("content_defeat",)}))
    for markup in (
        single(answer, case, store.neighbours(search, answer.no), links, state),
        side_by_side(case, store.answers(case_id), store.case_neighbours(case_id), links, state),
        result_list(found, store.cases_of(r.case_id for r in found.rows), links, state, store.last()),
    ):
        tags = Tags(markup)
        assert tags.tags <= ALLOWED
        assert tags.attributes <= ATTRIBUTES
        assert all(link.startswith(("transcripts", f"case?case={case_id}", "#br-found")) for link in tags.links)


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2 of two hex colours: 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_colours_can_be_read_and_answer_types_told_apart() -> None:
    assert round(_contrast("#000000", "#ffffff")) == 21
    for mode in ("light", "dark"):
        for shade in (INK, MUTED, ACCENT):
            for ground in (PAPER, PANEL):
                assert _contrast(getattr(shade, mode), getattr(ground, mode)) >= 4.5
        # By lightness alone, as in grey print; and each has a mark of its own.
        shades = sorted(getattr(style.shade, mode) for style in ANSWER_STYLES.values())
        for one in shades:
            for other in shades:
                assert one == other or _contrast(one, other) >= 1.3
    assert len({style.mark for style in ANSWER_STYLES.values()}) == 3


def test_many_models_side_by_side_send_only_beginnings(store: Store) -> None:
    links = TranscriptState(store.models)
    case = store.case("hostile-000")
    answer = store.transcript("hostile-000", HOSTILE_MODEL)
    assert case is not None
    assert answer is not None
    long = "word " * 100_000
    many = [replace(answer, model=f"model-{n:03}", response=long, length=len(long)) for n in range(SIDE_MOST + 6)]
    markup = side_by_side(case, many, (None, None), links, {})
    assert markup.count('<section class="br-card">') == SIDE_MOST
    assert "And 6 more" in markup
    assert all(one.model in markup for one in many)
    assert markup.count("Read all 500,000 characters") == SIDE_MOST
    assert len(markup) < 2_500 * len(many)
