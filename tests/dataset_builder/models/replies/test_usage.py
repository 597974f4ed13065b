"""Tokens and money by whatever names, and the estimate where there are none."""

from __future__ import annotations

from typing import Any

import pytest

from dataset_builder.models.replies.usage import Usage, completed, read_cost, read_usage, usage_in


@pytest.mark.parametrize(
    ("told", "prompt", "completion"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 9}, 5, 9),
        ({"input_tokens": 5, "output_tokens": 9}, 5, 9),
        ({"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 5, "output_tokens": 9}, 5, 9),
        ({"prompt_tokens": 5.0, "completion_tokens": 8.2}, 5, 9),
        ({"prompt_tokens": "5", "completion_tokens": "9"}, 5, 9),
        ({"promptTokenCount": 5, "candidatesTokenCount": 9}, 5, 9),
        ({"prompt_tokens": 5, "total_tokens": 14}, 5, 9),
        ({"prompt_tokens": True, "completion_tokens": -1}, None, None),
        ({"prompt_tokens": 1e300, "completion_tokens": float("nan")}, None, None),
        ("many", None, None),
        (None, None, None),
    ],
)
def test_counts_by_any_name(told: Any, prompt: int | None, completion: int | None) -> None:
    found = read_usage(told)
    assert (found.prompt_tokens, found.completion_tokens, found.estimated) == (prompt, completion, False)


@pytest.mark.parametrize(
    "reply",
    [
        {"usage": {"prompt_tokens": 5, "completion_tokens": 9}},
        {"usage": None, "x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 9}}},
        {"usage": {}, "timings": {"prompt_n": 5, "predicted_n": 9}},
    ],
)
def test_counts_stand_in_other_members_too(reply: dict[str, Any]) -> None:
    found = read_usage(usage_in(reply))
    assert (found.prompt_tokens, found.completion_tokens) == (5, 9)


def test_parts_of_the_counts() -> None:
    found = read_usage(
        {
            "prompt_tokens": 9,
            "completion_tokens": 9,
            "input_tokens_details": {"cached_tokens": 4},
            "reasoning_tokens": 3,
        }
    )
    assert (found.cached_tokens, found.reasoning_tokens) == (4, 3)


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"cost": 0.5}, 0.5),
        ({"cost": 0}, 0.0),
        ({"cost": {"total_cost": 0.5}}, 0.5),
        ({"estimated_cost": 0.5}, 0.5),
        ({"cost": {"total": 0.5}}, 0.5),
        ({"cost": "0.5"}, 0.5),
        # With a key of the user's own the provider behind the router charges too, and the router may charge nothing.
        ({"cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.4}}, 0.5),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.5}}, 0.5),
        ({"cost": 0.5, "cost_details": {"upstream_inference_cost": 0.5}}, 0.5),
        ({"cost": 0.5, "cost_details": {"upstream_inference_cost": None}}, 0.5),
        ({"cost": "free"}, None),
        ({"cost": "nan"}, None),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({}, None),
    ],
)
def test_a_cost_that_is_told(told: Any, cost: float | None) -> None:
    assert read_cost(told) == cost


@pytest.mark.parametrize(
    ("counted", "estimate"),
    [
        # 40 characters to send are 10 tokens and 8 of the template; 100 of the answer are 25.
        (Usage(), Usage(prompt_tokens=18, completion_tokens=25, estimated=True)),
        (Usage(prompt_tokens=0, completion_tokens=0), Usage(prompt_tokens=18, completion_tokens=25, estimated=True)),
        (Usage(prompt_tokens=11), Usage(prompt_tokens=11, completion_tokens=25, estimated=True)),
        (Usage(prompt_tokens=11, completion_tokens=2), Usage(prompt_tokens=11, completion_tokens=2)),
    ],
)
def test_what_is_not_counted_is_estimated(counted: Usage, estimate: Usage) -> None:
    assert completed(counted, 40, 100) == estimate


def test_nothing_said_is_no_token() -> None:
    assert completed(Usage(prompt_tokens=3, completion_tokens=0), 40, 0) == Usage(prompt_tokens=3, completion_tokens=0)


def test_tokens_of_two_requests() -> None:
    both = Usage(prompt_tokens=1, cached_tokens=2) + Usage(prompt_tokens=3, completion_tokens=4, estimated=True)
    assert both == Usage(prompt_tokens=4, completion_tokens=4, cached_tokens=2, estimated=True)
