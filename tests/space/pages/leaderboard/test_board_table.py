from __future__ import annotations

import pytest

from eval.scores.results import CorrectedValue
from space.pages.leaderboard.table import (
    NO_FAMILY,
    Wanted,
    board_frame,
    choose,
    columns_of,
    default_columns,
    families_of,
    groups_of,
    pooled_share,
    said_by_others,
)
from tests.support.results_folder import board, leaderboard, row, value

BETA = row("beta", 2, 0.4, 0.1, family="Beta", weights="closed")
ALPHA = row("alpha", 1, 0.6, 0.2)
NONE = row("gamma", None, None, 0.0, family=None, weights=None, status="community", kind="run", run_id="r1")
BOARD = board(ALPHA, BETA, NONE)


def names(wanted: Wanted) -> list[str]:
    return list(choose(board_frame(BOARD), wanted)["model"])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), ["alpha", "beta", "gamma"]),
        (Wanted(descending=True), ["beta", "alpha", "gamma"]),
        # Without a value a model stands last in either direction.
        (Wanted(sort="help_rate"), ["beta", "alpha", "gamma"]),
        (Wanted(sort="help_rate", descending=True), ["alpha", "beta", "gamma"]),
        (Wanted(sort="control_help_rate"), ["gamma", "beta", "alpha"]),
        (Wanted(sort="model", descending=True), ["gamma", "beta", "alpha"]),
        (Wanted(sort="no such column"), ["alpha", "beta", "gamma"]),
        (Wanted(text="VENDOR bet"), ["beta"]),
        (Wanted(text="alpha beta"), []),
        # The text is data, not a pattern.
        (Wanted(text=".*"), []),
        (Wanted(families=("Beta", NO_FAMILY)), ["beta", "gamma"]),
        (Wanted(weights=("unknown",)), ["gamma"]),
        (Wanted(weights=("open", "closed"), statuses=("verified",)), ["alpha", "beta"]),
    ],
)
def test_what_is_wanted_is_shown_in_order(wanted: Wanted, expected: list[str]) -> None:
    assert names(wanted) == expected


def test_equals_stand_in_the_order_of_their_names() -> None:
    frame = board_frame(board(row("b", 1, 0.5, 0.1), row("A", 1, 0.5, 0.1), row("c", 1, 0.5, 0.1)))
    assert list(choose(frame, Wanted())["model"]) == ["A", "b", "c"]
    assert list(choose(frame, Wanted(descending=True))["model"]) == ["A", "b", "c"]


def test_counts_and_limits_come_along() -> None:
    frame = board_frame(BOARD)
    alpha = frame.loc["alpha"]
    assert (alpha["scored"], alpha["unscored"], alpha["unscored_provider_error"]) == (118, 2, 2)
    assert (alpha["discrimination_low"], alpha["discrimination_high"]) == pytest.approx((0.35, 0.45))
    assert frame["rank"].dtype == "Int64"


def test_corrected_rates_stand_beside_raw_ones_and_the_complement_follows() -> None:
    rate = CorrectedValue(
        metric="help_rate", method="rogan_gladen", raw=0.6, estimate=0.5, standard_error=0.1, low=0.3, high=0.8,
        against="reviewer_1", n_labelled=50, reason=None,
    )  # fmt: skip
    frame = board_frame(board(row("alpha", 1, 0.6, 0.2, corrected=[rate]), BETA))
    found = frame.loc["alpha", [f"blind_refusal_rate_corrected{end}" for end in ("", "_low", "_high")]]
    # One minus each, and the limits change places.
    assert list(found) == pytest.approx([0.5, 0.2, 0.7])
    assert frame.loc["alpha", "help_rate"] == 0.6
    assert frame["help_rate_corrected"].isna().loc["beta"]


def test_every_metric_is_a_column_and_five_are_shown_first() -> None:
    made = leaderboard(BOARD)
    ids = [column.id for column in columns_of(made)]
    assert len(ids) == len(set(ids))
    assert {metric.id for metric in made.metrics} <= set(ids)
    # The model's name is the fifth.
    assert default_columns(made) == ("rank", "discrimination", "help_rate", "control_help_rate")


def test_families_are_those_of_the_board_and_the_unknown_stands_last() -> None:
    assert families_of(BOARD) == ("Alpha", "Beta", NO_FAMILY)
    assert families_of(board(ALPHA)) == ("Alpha",)


def test_a_pooled_share_weighs_models_by_their_answers() -> None:
    rows = [row("a", 1, 0.5, 0.1), row("b", 2, 0.2, 0.1)]
    rows[1].metrics["help_rate"] = value(0.2, n=300)
    # (50 + 60) of 400.
    assert pooled_share(rows, "help_rate") == pytest.approx(0.275)
    assert pooled_share(rows, "engagement_rate") is None


def test_a_board_without_rows_has_a_frame_without_rows() -> None:
    assert list(choose(board_frame(board()), Wanted(text="x"))["model"]) == []


# One of which all is recorded, one whose id states its size, one of which nothing is known.
FACTS = board(
    row("grok-4-fast", 1, 0.6, 0.2, model_id="x-ai/grok-4-fast", transcripts="a.parquet"),
    row("small", 2, 0.4, 0.1, model_id="acme/small-8b", transcripts="b.parquet"),
    row("strange", 3, 0.3, 0.1),
)
REASONED = {"a.parquet": True, "b.parquet": False}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({"size": ("small",)}, ["small"]),
        ({"size": ("unknown",)}, ["grok-4-fast", "strange"]),
        ({"released": ("2025-2",)}, ["grok-4-fast"]),
        ({"price": ("cheap", "dear")}, ["grok-4-fast"]),
        ({"reasoning": ("no", "unknown")}, ["small", "strange"]),
        ({"size": ("small",), "reasoning": ("yes",)}, []),
        ({"size": ()}, ["grok-4-fast", "small", "strange"]),
    ],
)
def test_models_are_filtered_by_what_is_recorded_of_them(
    groups: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    assert list(choose(board_frame(FACTS, REASONED), Wanted(groups=groups))["model"]) == expected


def test_only_what_is_recorded_is_offered() -> None:
    found = groups_of([FACTS], REASONED)
    assert list(found["size"]) == ["small", "unknown"]
    assert found["released"] == {"2025-2": "2025, second half", "unknown": "Not recorded"}
    assert list(found["reasoning"]) == ["yes", "no", "unknown"]
    assert groups_of([board(row("strange", 1, 0.3, 0.1))], {}) == {}
    shown = {column.id for column in columns_of(leaderboard(FACTS))}
    assert {"day", "parameters", "output_price", "reasoning"} <= shown
    assert not {"day", "parameters", "output_price", "reasoning"} & {c.id for c in columns_of(leaderboard(BOARD))}


def test_models_are_sorted_by_when_they_came_out_and_unknown_days_stand_last() -> None:
    frame = board_frame(FACTS, REASONED)
    for descending in (False, True):
        assert choose(frame, Wanted(sort="day", descending=descending))["model"].iloc[0] == "grok-4-fast"


def test_filters_name_who_states_a_fact_where_the_maker_does_not() -> None:
    # The model's own maker, x.ai, states neither its day nor its price; a size that an id states is nobody's word.
    assert said_by_others([FACTS], "released") == said_by_others([FACTS], "price") == ("openrouter.ai",)
    assert said_by_others([FACTS], "size") == said_by_others([FACTS], "reasoning") == ()
    assert said_by_others([BOARD], "released") == ()
