from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from space.ui.links import MAX_QUERY, Choice, Flag, Many, Text, Whole, address, parse, query

FIELDS = (
    Text("q", 20),
    Choice("judge", ("judge-1", "judge-2"), "judge-1"),
    Many("model", ("alpha-1", "beta-2", "a&b=c#d")),
    Many("columns", ("rate", "n"), ("rate",)),
    Whole("after", 0, 1000),
    Whole("start", 0, 50, 0),
    Flag("corrected"),
)
PLAIN = parse(FIELDS, "")
STATES = st.fixed_dictionaries(
    {
        "q": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        "judge": st.sampled_from(("judge-1", "judge-2")),
        "model": st.sets(st.sampled_from(("alpha-1", "beta-2", "a&b=c#d"))).map(
            lambda chosen: tuple(m for m in ("alpha-1", "beta-2", "a&b=c#d") if m in chosen)
        ),
        "columns": st.sampled_from((("rate",), ("n",), ("rate", "n"))),
        "after": st.none() | st.integers(0, 1000),
        "start": st.integers(0, 50),
        "corrected": st.booleans(),
    }
)


def test_the_plain_state_has_no_query() -> None:
    assert PLAIN == {
        "q": "",
        "judge": "judge-1",
        "model": (),
        "columns": ("rate",),
        "after": None,
        "start": 0,
        "corrected": False,
    }
    assert query(FIELDS, PLAIN) == ""
    assert address("", FIELDS, PLAIN) == "./"
    assert address("compare", FIELDS, PLAIN) == "compare"


def test_a_state_in_an_address() -> None:
    state = PLAIN | {"q": "rent & more", "model": ("a&b=c#d", "beta-2"), "start": 20, "corrected": True}
    # In the order of the fields, and values in the order in which they are on offer.
    assert query(FIELDS, state) == "q=rent+%26+more&model=beta-2&model=a%26b%3Dc%23d&start=20&corrected=1"


@given(STATES)
def test_every_state_comes_back_from_its_address(state: dict[str, object]) -> None:
    link = address("page", FIELDS, state)  # type: ignore[arg-type]
    assert parse(FIELDS, urlsplit(link).query) == state


@pytest.mark.parametrize(
    "hostile",
    [
        "judge=judge-3&model=gamma&columns=x&after=-1&start=51&corrected=true",
        "after=٣&start=1e3&after=99999999999999999999999",
        "q=" + "x" * 21,
        "unknown=1&__theme=dark&q",
        "q=" + "&".join(["x=1"] * 2000),
        "q=" + "y" * (MAX_QUERY + 1),
        "&&&===;;;%%%%zz",
        "judge=judge-1%00&model=%00",
        "start=0x10&after=+5&after= 7",
    ],
)
def test_what_is_not_on_offer_is_as_if_it_were_not_there(hostile: str) -> None:
    assert parse(FIELDS, hostile) == PLAIN


@given(st.text(max_size=300))
def test_no_address_is_an_error(text: str) -> None:
    state = parse(FIELDS, text)
    assert set(state) == set(PLAIN)
    # What was let in is a state like any other: its own address gives it back.
    assert parse(FIELDS, query(FIELDS, state)) == {**state, "q": _kept(str(state["q"]))}


def _kept(text: str) -> str:
    """Lone surrogates have no UTF-8 and are replaced in an address."""
    return text.encode("utf-8", "replace").decode()
