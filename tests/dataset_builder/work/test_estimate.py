from __future__ import annotations

import pytest

from dataset_builder.errors import InputError
from dataset_builder.models.answer import Usage
from dataset_builder.models.providers import resolve_endpoint
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import FREE, PRICES, Price, cost_of, estimate, parse_price, price_of


def test_the_cost_of_a_run_by_hand() -> None:
    # Two requests of 400 and 402 characters: 100 + 8 and 101 + 8 tokens. 2 x 327 to 2 x 2816 to get.
    made = estimate([400, 402], 8000, Price(2.5, 15.0))
    assert (made.calls, made.prompt_tokens, made.completion_tokens) == (2, 217, (654, 5632))
    assert made.cost == pytest.approx(((217 * 2.5 + 654 * 15) / 1e6, (217 * 2.5 + 5632 * 15) / 1e6))
    assert made.call_cost == pytest.approx((217 * 2.5 + 5632 * 15) / 2e6)


def test_the_token_limit_bounds_the_estimate() -> None:
    assert estimate([10], 500, None).completion_tokens == (327, 500)
    assert estimate([10], 100, None).completion_tokens == (100, 100)


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (None, "not known"),
        (FREE, "nothing"),
        # 4,096 characters are 1,024 + 8 tokens: (1032 + 327) / 1000 and (1032 + 2816) / 1000 dollars.
        (Price(1000, 1000), "$1.36 to $3.85"),
        (Price(0, 1), "models.dev"),
    ],
)
def test_what_is_said_of_the_cost(price: Price | None, said: str) -> None:
    assert said in estimate([4096], 8000, price).lines()[-1]


@pytest.mark.parametrize(
    ("model", "base_url", "price"),
    [
        ("openrouter/openai/gpt-5.4", None, PRICES["openai/gpt-5.4"]),
        ("openai/gpt-5.4", None, PRICES["openai/gpt-5.4"]),
        ("openrouter/nvidia/nemotron-3-nano-30b-a3b:free", None, FREE),
        ("ollama/llama3.2", None, FREE),
        # What listens here may be a gateway to a model that costs money.
        ("m", "http://localhost:4000/v1", None),
        ("openrouter/who/knows", None, None),
        ("openai/gpt-5.4", "https://cloud.example/v1", None),
    ],
)
def test_whose_price_is_known(model: str, base_url: str | None, price: Price | None) -> None:
    assert price_of(resolve_endpoint(model, base_url)) == price


def test_a_server_of_the_users_on_this_machine_has_no_known_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-0123456789abcdef")
    # The address that vLLM has by default proves nothing; the name vllm/… is the user's word.
    assert ModelChoice(model="m", base_url="http://127.0.0.1:8000/v1").known_price is None
    assert ModelChoice(model="vllm/m").known_price == FREE
    keyed = ModelChoice(model="vllm/m", key_env="SOME_KEY")
    assert keyed.known_price is None
    assert "may pass requests on to a model that costs money" in keyed.warnings()[0]
    assert ModelChoice(model="m", base_url="http://127.0.0.1:8000/v1", price=FREE).known_price == FREE


def test_a_budget_needs_a_price_or_a_provider_that_tells_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-0123456789abcdef")
    ModelChoice(model="openrouter/who/knows", budget=1.0).check()
    local = ModelChoice(model="m", base_url="http://127.0.0.1:4000/v1", budget=0.01, prefix="judge-")
    with pytest.raises(InputError, match=r"--budget 0\.01 cannot be kept.*Give --judge-price IN,OUT"):
        local.check()


def test_two_estimates_together() -> None:
    # 108 and 208 tokens to send at 1 dollar, 10 to 20 to get at 2: costs add up, and an unknown one hides the sum.
    known = estimate([400], 8000, Price(1, 2), answer_tokens=(10, 20)) + estimate(
        [800], 8000, Price(1, 2), answer_tokens=(10, 20)
    )
    assert (known.calls, known.prompt_tokens, known.completion_tokens) == (2, 316, (20, 40))
    assert known.cost == pytest.approx((356e-6, 396e-6))
    assert (known + estimate([400], 8000, None)).cost is None


@pytest.mark.parametrize(
    ("told", "usage", "price", "cost"),
    [
        (0.5, Usage(prompt_tokens=10, completion_tokens=10), Price(1, 1), 0.5),
        (None, Usage(prompt_tokens=1000, completion_tokens=500), Price(2, 4), 0.004),
        (None, Usage(), Price(2, 4), None),
        (None, Usage(), FREE, 0.0),
        (None, Usage(prompt_tokens=1000), None, None),
    ],
)
def test_the_cost_of_an_answer(told: float | None, usage: Usage, price: Price | None, cost: float | None) -> None:
    assert cost_of(told, usage, price) == cost


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "-1,2", "nan,1", "inf,1"])
def test_a_price_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="expected two amounts"):
        parse_price(text)


def test_a_price() -> None:
    assert parse_price("2.5, 15") == Price(2.5, 15.0)
