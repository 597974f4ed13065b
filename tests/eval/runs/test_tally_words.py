"""What a run says of its tokens, and counts with their nouns."""

from __future__ import annotations

import pytest

from dataset_builder.wording import counted
from eval.runs.answer import Answer
from eval.runs.tally import Tally, statuses_line
from eval.runs.verdict import hash_text


def tally(*reasoning: int | None) -> Tally:
    found = Tally()
    for number, tokens in enumerate(reasoning):
        found.add(
            Answer(
                case_id=str(number),
                query_hash=hash_text("q"),
                status="ok",
                response="a",
                response_hash=hash_text("a"),
                prompt_tokens=10,
                completion_tokens=20,
                reasoning_tokens=tokens,
            )
        )
    return found


def test_reasoning_that_is_not_told_is_not_none() -> None:
    assert tally(None, None).token_line() == "20 sent, 40 got"
    assert tally(0, None).token_line() == "20 sent, 40 got (0 of reasoning)"
    assert tally(5, 7).token_line() == "20 sent, 40 got (12 of reasoning)"


@pytest.mark.parametrize(("n", "told"), [(0, "0 cases"), (1, "1 case"), (1290, "1,290 cases")])
def test_a_number_has_its_noun(n: int, told: str) -> None:
    assert counted(n, "case") == told
    assert counted(2, "reply", "replies") == "2 replies"


def test_one_case_is_one_case() -> None:
    assert statuses_line({"ok": 1}, 1) == "1 case: 1 ok"
