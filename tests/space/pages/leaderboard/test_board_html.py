from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from markupsafe import Markup

from eval.repository.leaderboard import BoardRow, RowRoute, SubmittedScore
from eval.scores.results import MetricValue
from space.pages.leaderboard.markup import above, board_notes, board_table, board_titles, first_screen
from space.pages.leaderboard.table import board_frame, columns_of
from space.pages.transcripts.state import TranscriptState
from space.store.store import Store
from space.ui.links import Value
from space.ui.templates import interval, percent
from tests.support.hostile import strings
from tests.support.results_folder import board, leaderboard, row


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def table(name: str = "alpha", rows: Sequence[BoardRow] | None = None, **more: Any) -> str:
    found = board(*(rows or [row(name, 1, 0.6, 0.2), row("beta", None, None, 0.1)]))
    asked: dict[str, Any] = {"sort": "rank", "descending": False, "corrected": False, "judge": "judge-1"} | more

    def attributes(changes: Mapping[str, Value]) -> Markup:
        return Markup('href="?{}-{}" data-go="x"').format(changes["sort"], changes["down"])

    return board_table(
        board_frame(found), columns_of(leaderboard(found)), found, attributes=attributes,
        links=TranscriptState(("alpha",), ("first", "judge-1")),
        model_page=lambda key: f"breakdown?model={key}", **asked,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("share", "shown"), [(0.123, "12.3"), (-0.05, "−5.0"), (0.0, "0.0"), (None, "–"), (float("nan"), "–"), (1, "100.0")]
)
def test_percent(share: Any, shown: str) -> None:
    assert percent(share) == shown


def test_an_interval_is_light_and_reads_with_a_minus() -> None:
    assert interval(0.1, 0.2) == ' <span class="br-ci">10.0–20.0</span>'
    assert "−10.0 to 20.0" in interval(-0.1, 0.2)
    assert interval(None, 0.2) == interval(float("nan"), 0.2) == ""


def test_a_first_click_puts_the_best_first_and_a_second_turns_it_round() -> None:
    plain = table()
    assert "?discrimination-True" in plain
    # Less help on controls is better.
    assert "?control_help_rate-False" in plain
    assert "?rank-True" in plain
    assert 'aria-sort="ascending"' in plain
    sorted_down = table(sort="discrimination", descending=True)
    assert "?discrimination-False" in sorted_down
    assert 'aria-sort="descending"' in sorted_down


def test_engaged_refusals_open_with_the_boards_judge_or_not_at_all() -> None:
    def shown(judge: str | None) -> str:
        rate = MetricValue(estimate=0.5, low=0.4, high=0.6, method="clustered", clusters=9, denominator=9)
        one = row("alpha", 1, 0.6, 0.2)
        one = msgspec.structs.replace(one, metrics={**one.metrics, "engaged_refusal_share": rate})
        return table(rows=[one], judge=judge)

    assert "judge=judge-1" in shown("judge-1")
    # The first judge is meant where none is named.
    assert 'href="transcripts?model=alpha&amp;type=' in shown("first")
    assert 'href="transcripts' not in shown(None)


def test_a_judge_without_corrected_rates_is_said_to_have_none() -> None:
    assert "no corrected rates" in table(corrected=True)
    assert "corrected" not in table(corrected=False)


def test_no_data_is_a_dash_and_never_a_zero() -> None:
    beta = table().split("<tr ")[-1]
    assert 'data-label="Helps where it should"><span class="br-figure">–</span></td>' in beta
    assert 'num">0.0 ' not in beta


def test_a_model_stands_by_its_name_with_its_ids_in_the_title() -> None:
    shown = table(rows=[row("claude-sonnet-4-6", 1, 0.6, 0.2, model_id="anthropic/claude-sonnet-4.6")])
    assert 'title="claude-sonnet-4-6, asked as anthropic/claude-sonnet-4.6">Claude Sonnet 4.6</a>' in shown


def test_a_fact_that_its_maker_does_not_state_says_who_does() -> None:
    shown = table(rows=[row("grok-4-fast", 1, 0.6, 0.2, model_id="x-ai/grok-4-fast")])
    day = '2025-09-19 <span class="br-note">according to openrouter.ai</span>'
    assert day in shown
    own = table(rows=[row("gpt-5-4-base", 1, 0.6, 0.2, model_id="openai/gpt-5.4")])
    assert "2026-03-05" in own
    assert "according to" not in own


@pytest.mark.parametrize("text", strings())
def test_a_hostile_name_makes_no_tag(text: str) -> None:
    parser = Tags()
    parser.feed(table(text))
    allowed = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "a", "span", "br"}
    assert {tag for tag, _ in parser.found} <= allowed
    assert not any(name.startswith("on") for _, attributes in parser.found for name in attributes)
    for tag, attributes in parser.found:
        if tag == "a":
            assert str(attributes["href"]).startswith(("?", "breakdown?", "transcripts?"))


def test_what_is_special_about_a_run_is_said_below_the_table() -> None:
    plain = row("plain", 1, 0.5, 0.1, status_reasons=["as published"])
    odd = row(
        "<odd>",
        2,
        0.4,
        0.1,
        status="community",
        departures=["temperature 1 instead of 0"],
        status_reasons=["judged by its submitter"],
        submitted=[SubmittedScore(judge="theirs", rubric="1", n=9, agreement=0.5)],
    )
    found = board(plain, odd)
    told = board_notes(found, ["plain", "<odd>"])
    assert "Notes on 1 of these" in told
    assert "&lt;odd&gt;" in told
    for part in ("temperature 1 instead of 0", "judged by its submitter", "50.0 % of 9"):
        assert part in told
    assert "Notes on" not in board_notes(found, ["plain"])


def test_what_holds_for_all_rows_is_said_once() -> None:
    routes = {name: [RowRoute(route=name.upper(), answers=9, share=1.0, metrics={})] for name in ("a", "b")}
    rows = [row(name, 1, 0.5, 0.1, departures=["temperature 1"], routes=some) for name, some in routes.items()]
    told = board_notes(board(*rows), ["a", "b"])
    assert "Notes on 2 of these" in told
    assert "<b>All of them</b>: departs from the protocol: temperature 1." in told
    assert "<b>a</b>: served by A." in told
    assert told.count("temperature 1") == 1
    # Of one row alone nothing is shared.
    assert "<b>a</b>: departs from the protocol: temperature 1; served by A." in board_notes(board(*rows), ["a"])


def test_a_judge_of_the_models_own_developer_is_called_by_its_name() -> None:
    judge = "gpt-5.4-2026-03-05"
    kin = row("gpt-5-4-base", 1, 0.5, 0.1, judge_note=f"judged by {judge}, of the model's own developer")
    told = board_notes(msgspec.structs.replace(board(kin), judge=judge), ["gpt-5-4-base"])
    assert "judged by GPT-5.4, of the model&#39;s own developer" in told


def test_a_departure_that_is_the_reason_of_a_status_is_said_once() -> None:
    one = row(
        "a", 1, 0.5, 0.1, status="community", departures=["temperature 1"], status_reasons=["temperature 1", "new"]
    )
    assert "departs from the protocol: temperature 1; new." in board_notes(board(one), ["a"])


def test_what_was_done_to_test_a_row_is_said_and_what_an_unseen_judge_means() -> None:
    vouched = row("alpha", 1, 0.5, 0.1, evidence=["people labelled 60 answers (human:x) and agree on 95.0 %"])
    unseen = row("beta", 2, 0.4, 0.1, judge="heldout", status_reasons=["judged by weights that did not learn from it"])
    told = board_notes(board(vouched, unseen), ["alpha", "beta"])
    assert "people labelled 60 answers" in told
    assert "judged by weights that did not learn from it" in told


def test_the_status_column_vouches_for_nobody() -> None:
    (status,) = [column for column in columns_of(leaderboard(board(row("a", 1, 0.5, 0.1)))) if column.id == "status"]
    assert "vouch" not in status.hint
    assert list(status.names) == ["verified", "checked", "community"]


def test_the_first_screen_says_so_where_there_are_no_results() -> None:
    # No board: the store is not asked for anything.
    assert "no results here yet" in first_screen(None, Store.__new__(Store), [])


def test_boards_are_called_as_a_person_would_and_told_apart() -> None:
    rows = [row("a", 1, 0.5, 0.1)]
    first, other = board(*rows, judge="gpt-5.4-2026-03-05"), board(*rows, judge="gpt-5.4-2026-03-05", rubric="2")
    assert [title for title, _ in board_titles([first])] == ["GPT-5.4 · 120 cases"]
    assert [title.rsplit(", ", 1)[1] for title, _ in board_titles([first, other])] == ["rubric 1", "rubric 2"]
    line = above(1, 1, first, [first, other])
    # The id and the rubric stand in a tooltip.
    assert 'title="gpt-5.4-2026-03-05, rubric 1' in line
    assert ">GPT-5.4</b>" in line


def test_a_bar_is_its_interval_on_one_scale_and_never_leaves_it() -> None:
    shown = table(rows=[row("alpha", 1, 0.6, 0.2), row("beta", 2, 0.02, 0.3)])
    # 60 % with five points to both sides; 2 % begins at 0, and a discrimination below 0 stands at 0.
    assert "--at:0.6000;--low:0.5500;--high:0.6500" in shown
    assert "--at:0.0200;--low:0.0000;--high:0.0700" in shown
    assert 'data-kind="discrimination" style="--at:0.0000;--low:0.0000;--high:0.0000"' in shown


def test_a_place_says_with_which_others_it_is_tied() -> None:
    tied = msgspec.structs.replace(row("alpha", 1, 0.6, 0.2), rank_low=1, rank_high=3)
    alone = msgspec.structs.replace(row("beta", 4, 0.3, 0.2), rank_low=4, rank_high=4)
    shown = table(rows=[tied, alone])
    assert "Cannot be told apart from places 1 to 3" in shown
    assert shown.count("Cannot be told apart") == 1
