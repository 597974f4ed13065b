"""What a judge is shown of a row, for every form that rows of chats and answers come in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from eval.tables.columns import NAMES, Columns, read_choice
from eval.tables.rows import MOST_CHARS, read_row

PLAIN = Columns(request="request", response="response")
CHAT = Columns(messages="messages")


def shown(values: dict[str, Any], columns: Columns = PLAIN) -> tuple[str, str] | str | None:
    """The request and the answer, or the reason why there is nothing."""
    row = read_row(values, columns)
    if row.task is None:
        return row.reason
    return row.task.case.user_query, row.task.response.response or ""


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["prompt", "completion"], {"request": "prompt", "response": "completion"}),
        (["User Query", "Answer"], {"request": "User Query", "response": "Answer"}),
        # Of two likely names the likelier one is the request; "input" stays what it is.
        (["input", "query", "output"], {"request": "query", "response": "output"}),
        (["id", "messages"], {"messages": "messages"}),
        # A pair is there to be judged, whatever else the table holds.
        (["messages", "request", "response"], {"request": "request", "response": "response"}),
        (
            ["user_query", "response", "policy", "defeat_condition", "structural_facts", "defeat_family"],
            {
                "request": "user_query",
                "response": "response",
                "rule": "policy",
                "ground": "defeat_condition",
                "facts": "structural_facts",
                "family": "defeat_family",
            },
        ),
    ],
)
def test_columns_are_guessed_by_their_names(names: list[str], read: dict[str, str]) -> None:
    assert Columns.of(names).used() == read


def test_given_columns_count_before_guesses() -> None:
    names = ["messages", "request", "response", "text"]
    assert Columns.of(names, {"messages": "messages"}).used() == {"messages": "messages"}
    assert Columns.of(names, {"response": "text"}).used() == {"request": "request", "response": "text"}


def test_what_is_missing_is_named_with_a_way_out() -> None:
    with pytest.raises(InputError, match=r"no column for the response; the columns are 'prompt', 'x'.*--column resp"):
        Columns.of(["prompt", "x"])
    with pytest.raises(InputError, match="no column 'nope' for the response"):
        Columns.of(["prompt", "x"], {"response": "nope"})
    with pytest.raises(InputError, match="expected ROLE=NAME, ROLE being one of request, response"):
        read_choice(["answer=x"])
    with pytest.raises(InputError, match="names request twice"):
        read_choice(["request=a", "request=b"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"request": "How?", "response": "So."}, ("How?", "So.")),
        # Reasoning that a server left in the answer is none of it.
        ({"request": "How?", "response": "<think>Hm.</think>So."}, ("How?", "So.")),
        ({"request": "How?", "response": [{"type": "text", "text": "So."}]}, ("How?", "So.")),
        ({"request": [{"type": "text", "text": "How?"}], "response": "So."}, ("How?", "So.")),
        ({"request": None, "response": "So."}, "no_request"),
        ({"request": " ", "response": "So."}, "no_request"),
        ({"response": "So."}, "no_request"),
        ({"request": "How?", "response": None}, "empty_answer"),
        ({"request": "How?", "response": ""}, "empty_answer"),
        ({"request": "How?", "response": 5}, "not_text"),
        ({"request": "How?", "response": [1, 2]}, "not_text"),
        ({"request": "How?", "response": {"type": "text", "text": b"\xff"}}, "not_text"),
        ({"request": 5, "response": "So."}, "not_text"),
        ({"request": [{"type": "image_url", "image_url": {"url": "x"}}], "response": "So."}, "not_text"),
        ({"request": "How?", "response": "x" * (MOST_CHARS + 1)}, "too_long"),
        ({"request": "x" * (MOST_CHARS + 1), "response": "So."}, "too_long"),
    ],
)
def test_a_row_of_a_request_and_an_answer(values: dict[str, Any], expected: tuple[str, str] | str) -> None:
    assert shown(values) == expected


USER = {"role": "user", "content": "How?"}
MODEL = {"role": "assistant", "content": "So."}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([USER, MODEL], ("How?", "So.")),
        ([{"role": "system", "content": "Be kind."}, USER, MODEL, {"role": "user", "content": "Bye"}], ("How?", "So.")),
        # The last answer, and the turn before it.
        ([USER, MODEL, {"role": "user", "content": "And?"}, {"role": "assistant", "content": "No."}], ("And?", "No.")),
        ([{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So."}], ("How?", "So.")),
        (json.dumps([USER, MODEL]), ("How?", "So.")),
        ({"messages": [USER, MODEL]}, ("How?", "So.")),
        ([{"role": "user", "content": [{"type": "text", "text": "How?"}]}, MODEL], ("How?", "So.")),
        (
            [
                USER,
                {
                    "role": "assistant",
                    "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "So."}],
                },
            ],
            ("How?", "So."),
        ),
        ([USER, {"role": "assistant", "content": None, "tool_calls": [{"type": "function"}]}], "tool_call"),
        ([{"role": "user", "content": [{"type": "image", "image": "…"}]}, MODEL], "not_text"),
        ([MODEL], "no_request"),
        ([USER], "empty_answer"),
        ([], "empty_answer"),
        (None, "empty_answer"),
        ("no JSON", "not_text"),
        ([["user", "How?"]], "not_text"),
        (5, "not_text"),
        ("[" * 100_000, "not_text"),
    ],
)
def test_a_row_of_a_chat(messages: Any, expected: tuple[str, str] | str) -> None:
    assert shown({"messages": messages}, CHAT) == expected


def test_what_is_known_of_the_case_is_read_and_another_taxonomy_is_not() -> None:
    columns = Columns.of(["request", "response", "rule", "ground", "facts", "family", "authority"])
    values = {
        "request": "How?",
        "response": "So.",
        "rule": "No dogs.",
        "ground": "A guide dog.",
        "facts": ["It is one."],
    }
    row = read_row(values | {"family": "content_defeat", "authority": "school"}, columns)
    assert row.task is not None
    case = row.task.case
    assert (case.policy, case.defeat_condition, case.structural_facts) == ("No dogs.", "A guide dog.", ["It is one."])
    assert (case.defeat_family, case.authority_type) == ("content_defeat", "school")
    other = read_row(values | {"family": "their_own", "authority": 7}, columns)
    assert other.task is not None
    assert (other.task.case.defeat_family, other.task.case.authority_type) == ("", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "text", "type"]), inner)
    ),
    max_leaves=8,
)


@given(JSON, JSON)
def test_no_value_raises_anything(request: Any, response: Any) -> None:
    for columns in (PLAIN, CHAT):
        row = read_row({"request": request, "response": response, "messages": [request, response]}, columns)
        assert (row.task is None) == (row.reason is not None)


def test_every_role_has_likely_names() -> None:
    assert all(role == names[0] for role, names in NAMES.items())
