from __future__ import annotations

import pytest

from eval.repository.leaderboard import BoardRow, Excluded
from eval.submissions.as_seen import at_a_glance
from space.data.called import asked_as, called, called_without_row
from space.data.facts import recorded
from space.figures.scatter import NARROW, WIDE, Point, marks_of
from space.pages.leaderboard.table import Wanted, board_frame, choose
from tests.support.results_folder import board, row

SPELLED = [name for facts in recorded().values() for name in facts.names.values()]


def published(name: str, model_id: str) -> BoardRow:
    return row(name, 1, 0.6, 0.2, model_id=model_id)


def submitted(name: str, slug: str, model_id: str = "local/anything") -> BoardRow:
    there = {"kind": "run", "run_id": "r1", "bundle": f"submissions/{slug}/r1", "organization": slug.split("__")[0]}
    return row(name, 1, 0.6, 0.2, model_id=model_id, **there)


@pytest.mark.parametrize(
    ("name", "model_id", "said"),
    [
        ("claude-sonnet-4-6", "anthropic/claude-sonnet-4.6", "Claude Sonnet 4.6"),
        ("gpt-5-4-mini-base", "openai/gpt-5.4-mini", "GPT-5.4 mini"),
        ("gpt-5-4-mini-thinking", "openai/gpt-5.4-mini", "GPT-5.4 mini (thinking)"),
        # A variant of a route is the same model.
        ("nemotron-3-nano", "nvidia/nemotron-3-nano-30b-a3b:free", "Nemotron 3 Nano"),
        # Name and id have to fit: what the dataset calls otherwise may have been asked otherwise.
        ("gpt-5-4-mini-high", "openai/gpt-5.4-mini", "gpt-5-4-mini-high"),
        ("claude-sonnet-4-6", "acme/claude-sonnet-4.6", "claude-sonnet-4-6"),
        ("keen", "vendor/keen", "keen"),
    ],
)
def test_a_model_of_the_dataset_is_spelled_as_its_maker_spells_it(name: str, model_id: str, said: str) -> None:
    assert called(published(name, model_id)) == said


def test_no_two_recorded_names_read_alike() -> None:
    assert len(SPELLED) == len({at_a_glance(name) for name in SPELLED}) >= 18


# Each is what an attacker may hand in, with the folder that such a name would stand in.
ATTACKS = [
    ("Claude Sonnet 4.6", "evil__Claude-Sonnet-4.6"),
    ("claude-sonnet-4-6", "evil__claude-sonnet-4-6"),
    # C and o of Cyrillic, a letter without width, letters of full width.
    ("\u0421laude S\u043ennet 4.6", "evil__laude-S-nnet-4.6"),
    ("evil/Claude Sonnet\u200b 4.6", "evil__Claude-Sonnet-4.6"),
    ("\uff27\uff30\uff34-5.4/x", "evil__5.4"),
    # The owner and the model together read as a name.
    ("Claude/Sonnet 4.6", "Claude__Sonnet-4.6"),
    ("CIaude/Sonnet-4.6", "CIaude__Sonnet-4.6"),
    ("GPT/5.4 rnini", "GPT__5.4-rnini"),
    # Beside a name of its own a status, or another's id.
    ("Claude Sonnet 4.6 (verified)", "evil__Claude-Sonnet-4.6-verified"),
    ("GPT-5.4 (thinking)", "evil__GPT-5.4-thinking"),
]


@pytest.mark.parametrize(("name", "slug"), ATTACKS)
def test_a_submitted_name_that_could_be_anothers_stands_with_its_id(name: str, slug: str) -> None:
    # The id of the model that it would pass for changes nothing.
    for model_id in ("local/x", "anthropic/claude-sonnet-4.6"):
        assert called(submitted(name, slug, model_id)) == f"{name} ({slug})"
    assert called_without_row(
        Excluded(bundle=f"submissions/{slug}/r1", model=name, status="held for review", reason="a look")
    ).endswith(f"({slug})")


def test_a_submitted_model_that_says_who_it_is_by_is_called_what_its_submitter_calls_it() -> None:
    assert called(submitted("acme/model-1", "acme__model-1")) == "acme/model-1"
    # Never spelled out: whose answers these are is what the submitter says.
    assert called(submitted("openai/gpt-5.4", "openai__gpt-5.4", "openai/gpt-5.4")) == "openai/gpt-5.4"
    # Two owners of one name.
    assert called(submitted("model-1", "a__model-1")) != called(submitted("model-1", "b__model-1"))


def test_a_model_of_somebodys_process_says_so_once() -> None:
    assert called(submitted("python:a.py:keen", "other__python-a.py-keen")) == "python:a.py:keen"
    # An id that is not of these words is another's.
    assert (
        called(submitted("python:a.py:keen", "evil__python-a.py-keen")) == "python:a.py:keen (evil__python-a.py-keen)"
    )


def test_a_run_without_a_row_is_called_by_its_folder_where_nothing_else_is_known() -> None:
    def of(model: str | None, bundle: str) -> str:
        return called_without_row(Excluded(bundle=bundle, model=model, status="not usable", reason="broken"))

    assert of(None, "submissions/a__b/r") == "submissions/a__b/r"
    assert of("keen", "submissions/study__keen/published") == "keen"
    assert of("keen", "submissions/evil__keen/r1") == "keen (evil__keen)"


def test_a_model_known_by_its_id_alone_has_the_plain_name() -> None:
    assert asked_as("openai/gpt-5.4") == "GPT-5.4"
    assert asked_as("acme/model-1") == "acme/model-1"


def test_the_leaderboards_search_and_order_know_both_name_and_id() -> None:
    rows = [
        published("gpt-5-4-mini-base", "openai/gpt-5.4-mini"),
        published("claude-sonnet-4-6", "anthropic/claude-sonnet-4.6"),
        submitted("Claude Sonnet 4.6", "evil__Claude-Sonnet-4.6"),
    ]
    frame = board_frame(board(*rows))

    def found(text: str, **more: str) -> list[str]:
        return list(choose(frame, Wanted(text=text, **more)).index)

    assert found("gpt-5.4 mini") == found("gpt-5-4-mini-base") == found("openai/gpt-5.4-mini") == ["gpt-5-4-mini-base"]
    assert set(found("claude sonnet 4.6")) == {"claude-sonnet-4-6", "evil__Claude-Sonnet-4.6"}
    assert found("evil__") == ["evil__Claude-Sonnet-4.6"]
    # By what is shown, whatever the ids are.
    assert found("", sort="model") == ["claude-sonnet-4-6", "evil__Claude-Sonnet-4.6", "gpt-5-4-mini-base"]


def test_names_of_the_length_of_ours_still_find_room_in_the_picture() -> None:
    points = [
        Point(name, n / 40, n / 40 - 0.01, n / 40 + 0.01, n / 20, n / 20 - 0.01, n / 20 + 0.01)
        for n, name in enumerate(SPELLED, 1)
    ]
    for size in (WIDE, NARROW):
        marks, _, _ = marks_of(points, size)
        assert sum(mark.name is not None for mark in marks) >= 8
