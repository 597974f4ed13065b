from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.net.retry_after import exhausted_for, retry_after

NOW = 1_760_000_000.0  # 2025-10-09 08:53:20 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        # An epoch in milliseconds, as OpenRouter has it, and one in seconds.
        ({"x-ratelimit-reset": str(int((NOW + 12) * 1000))}, 12.0),
        ({"x-ratelimit-reset": str(int(NOW + 12))}, 12.0),
        ({"anthropic-ratelimit-requests-reset": "2025-10-09T08:53:45Z"}, 25.0),
        # Requests are used up and tokens are not: only the first is waited for.
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "3s",
                "x-ratelimit-remaining-tokens": "9000",
                "x-ratelimit-reset-tokens": "50s",
            },
            3.0,
        ),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"content-type": "application/json"}, None),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


def test_an_answer_pauses_only_for_a_limit_that_is_known_to_be_used_up() -> None:
    assert exhausted_for({"x-ratelimit-reset-requests": "3s"}, NOW) is None
    assert exhausted_for({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "3s"}, NOW) is None
    assert exhausted_for({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s"}, NOW) == 3.0


@given(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset", "ratelimit-reset-x"]), st.text())
def test_no_header_breaks_the_reading(name: str, value: str) -> None:
    wait = retry_after({name: value}, NOW)
    assert wait is None or 0 <= wait < float("inf")
