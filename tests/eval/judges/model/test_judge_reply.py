from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES
from dataset_builder.models.reply import LONGEST_REPLY, UnreadableReply, declines
from eval.judges.model.reply import ReadVerdict, read_reply
from eval.judges.model.rubric import VERDICT_SCHEMA

CODE = "00ff00ff00ff00ff"
GOOD: dict[str, Any] = {
    "code": CODE,
    "reasoning": "It gives the way.",
    "response_type": "helps",
    "engages_with_defeat": True,
    "independent_harm": False,
}
ATTACKS = json.loads(Path(__file__).parents[2].joinpath("attacks.json").read_text(encoding="utf-8"))


def reply(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def test_a_verdict_is_read() -> None:
    wanted = ReadVerdict("helps", True, False, "It gives the way.")
    assert read_reply(reply(), CODE) == wanted
    assert read_reply(f"\n  {reply()}\n", CODE) == wanted
    assert read_reply(json.dumps(dict(reversed(GOOD.items())), indent=2), CODE) == wanted
    assert read_reply(f"```json\n{reply()}\n```", CODE) == wanted
    assert read_reply(f"```\n{reply()}\n```\n", CODE) == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not one JSON object"),
        ("helps", "not one JSON object"),
        ("The answer helps.", "not one JSON object"),
        (f"Here it is: {reply()}", "not one JSON object"),
        (f"{reply()} I hope this helps.", "not one JSON object"),
        (f"{reply()}\n{reply(response_type='deflects')}", "not one JSON object"),
        (f"[{reply()}]", "not one JSON object"),
        (json.dumps(reply()), "not one JSON object"),
        (f"```json\n{reply()}\n```\nas asked", "not one JSON object"),
        (f"```json\n{reply()}\n```\n```json\n{reply()}\n```", "not one JSON object"),
        (f"```json\n{reply()}", "not one JSON object"),
        (reply()[:-1], "not one JSON object"),
        ("[" * 100_000, "not one JSON object"),
        ("9" * 5000, "not one JSON object"),
        (reply().replace("true", "NaN"), "not one JSON object"),
        (reply().replace("true", "True"), "not one JSON object"),
        (reply().replace('"', "'"), "not one JSON object"),
        ("null", "not one JSON object"),
        ("{}", "members"),
        (reply(confidence=1), "members"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "code"}), "members"),
        (json.dumps({"verdict": GOOD}), "members"),
        (reply()[:-1] + ', "response_type": "deflects"}', "twice"),
        (reply(code=CODE.upper()), "code"),
        (reply(code=""), "code"),
        (reply(code=[CODE]), "code"),
        (reply(code=int("9" * 15)), "code"),
        (reply(response_type="Helps"), "none of helps"),
        (reply(response_type="partial_help"), "none of helps"),
        (reply(response_type=None), "none of helps"),
        (reply(response_type=["helps"]), "none of helps"),
        (reply(engages_with_defeat="true"), "neither true nor false"),
        (reply(engages_with_defeat="yes"), "neither true nor false"),
        (reply(independent_harm=0), "neither true nor false"),
        (reply(independent_harm=None), "neither true nor false"),
        (reply(reasoning=None), "not a text"),
        (reply(reasoning="x" * LONGEST_REPLY), "longer than"),
    ],
)
def test_anything_else_is_unreadable(text: str, why: str) -> None:
    with pytest.raises(UnreadableReply, match=why):
        read_reply(text, CODE)


def test_a_complaint_quotes_nothing_of_the_reply() -> None:
    with pytest.raises(UnreadableReply) as caught:
        read_reply(reply(response_type="SECRET", code="SECRET"), CODE)
    assert "SECRET" not in str(caught.value)


def test_half_a_surrogate_pair_can_be_kept() -> None:
    assert read_reply(reply(reasoning="\ud83d"), CODE).reasoning == "?"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a["id"])
def test_a_verdict_that_an_answer_brought_along_is_never_the_judges(attack: dict[str, str]) -> None:
    text = attack["text"]
    # The judge repeats the answer, or any JSON object that stands in it.
    copies = [text, text.strip(), *re.findall(r"\{.*?\}", text, re.DOTALL), *re.findall(r"\{.*\}", text, re.DOTALL)]
    for copy in copies:
        with pytest.raises(UnreadableReply):
            read_reply(copy, CODE)


def test_only_the_code_keeps_a_copied_verdict_out() -> None:
    # The check above can fail: with the code guessed, the ready-made verdict would be read.
    copied = next(a["text"] for a in ATTACKS if a["id"] == "full_verdict")
    assert read_reply(copied, "0123456789abcdef").response_type == "helps"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = list(GOOD)


def accepted(text: str) -> ReadVerdict | None:
    try:
        return read_reply(text, CODE)
    except UnreadableReply:
        return None


@given(st.text(max_size=300))
def test_no_prose_is_a_verdict(text: str) -> None:
    assert accepted(text) is None


@given(JSON)
def test_no_other_json_is_a_verdict(value: Any) -> None:
    assert accepted(json.dumps(value)) is None


@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from([*GOOD.values(), "deflects"])))
def test_whatever_is_accepted_obeys_the_schema(changes: dict[str, Any]) -> None:
    found = GOOD | changes
    text = json.dumps(found)
    sound = jsonschema.Draft202012Validator(VERDICT_SCHEMA).is_valid(found) and found["code"] == CODE
    verdict = accepted(text)
    assert (verdict is not None) == sound
    if verdict is not None:
        assert verdict.response_type == found["response_type"] in {t.id for t in RESPONSE_TYPES}
        assert verdict[1:3] == (found["engages_with_defeat"], found["independent_harm"])


@given(st.integers(0, len(reply()) - 1), st.sampled_from(["", "x", '"', "{", "}", "\\", "\0", "é"]))
def test_a_reply_damaged_anywhere_is_never_read_as_another_label(place: int, put: str) -> None:
    text = reply()
    verdict = accepted(text[:place] + put + text[place + 1 :])
    # Damage within the reasoning does no harm; anything else must not be read.
    assert verdict is None or verdict[:3] == ("helps", True, False)


@pytest.mark.parametrize(
    "text",
    ["I'm sorry, but I can't label this.", "I cannot assist with that request.", "Sorry, no.", "I’m unable to do so."],
)
def test_a_refusal_to_judge_is_told_from_a_muddle(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize("text", ["The answer says: I'm sorry", "hard_refusal", "", 'I can\'t: {"a": 1}'])
def test_what_is_no_refusal_to_judge(text: str) -> None:
    assert not declines(text)
