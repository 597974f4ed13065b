from __future__ import annotations

from datetime import date

import pytest

from space.data.facts import UNKNOWN, ModelFacts, according_to, facts_of, recorded


def test_every_recorded_value_says_where_it_was_read() -> None:
    for model, facts in recorded().items():
        told = {
            "released": facts.released,
            "parameters": facts.parameters,
            "price": facts.output_price,
        }
        assert {name for name, value in told.items() if value is not None} == set(facts.sources), model
        assert all(source.startswith(("https://", "its ")) for source in facts.sources.values()), model
        # A price is that of what is read and of what is written; parts of a model are not more than the whole.
        assert (facts.input_price is None) == (facts.output_price is None), model
        assert (facts.active or 0) <= (facts.parameters or 0), model
        assert facts.released is None or date(2018, 1, 1) < facts.released, model


def test_a_model_is_found_by_the_id_that_it_was_asked_by() -> None:
    assert facts_of("x-ai/grok-4-fast").released == date(2025, 9, 19)
    # A variant of a route is the same model.
    assert facts_of("nvidia/nemotron-3-super-120b-a12b:free").active == 12


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("acme/llama-8b-instruct", 8.0),
        ("acme/tiny-1.5B", 1.5),
        # No size: a version, a word that ends in b, a number in the owner's name.
        ("acme/model-4", None),
        ("acme/m3b", None),
        ("acme8b/model", None),
        ("acme/web-5.4b2", None),
    ],
)
def test_a_size_that_an_id_states_is_taken(model: str, billions: float | None) -> None:
    found = facts_of(model)
    assert found.parameters == billions
    assert found.sources == ({"parameters": "its id"} if billions else {})
    assert found.released is None


def test_what_a_maker_does_not_say_itself_is_told_apart() -> None:
    assert according_to("z-ai/glm-5") == {"released": "aiwiki.ai", "parameters": "aiwiki.ai"}
    # Its maker's own page, and what the name itself states.
    assert according_to("anthropic/claude-opus-4.6") == {}
    assert according_to("nvidia/nemotron-3-nano-30b-a3b") == {}
    assert according_to("x-ai/grok-4-fast") == {"released": "openrouter.ai", "price": "openrouter.ai"}
    assert according_to("nobody/knows") == {}


def test_groups_have_their_limits() -> None:
    assert [ModelFacts(parameters=n).size for n in (10, 10.1, 100, 101, None)] == [
        "small", "middle", "middle", "large", UNKNOWN,
    ]  # fmt: skip
    assert [ModelFacts(output_price=n).price for n in (1, 1.25, 10, 15, None)] == [
        "cheap", "middle", "middle", "dear", UNKNOWN,
    ]  # fmt: skip
    assert [ModelFacts(released=day).year for day in (date(2026, 6, 30), date(2026, 7, 1), None)] == [
        "2026-1", "2026-2", UNKNOWN,
    ]  # fmt: skip
