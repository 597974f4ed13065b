"""Links whose board, model or slice is not there: what is said of them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from space.frame.page import gone
from space.frame.versions import citation, pin, version_told
from space.pages.breakdown.table import fill
from space.ui.links import Choice, Many, Text, nearest, not_on_offer
from tests.support.hostile import strings
from tests.support.results_folder import board, row

FIELDS = (
    Choice("board", ("gpt-5.4-1290", "embedded-weights-abc-112"), "gpt-5.4-1290"),
    Many("model", ("glm-5", "glm-5-turbo", "grok-4")),
    Choice("by", ("family", "authority"), "family"),
    Text("q"),
)


def opened_as(**params: str) -> Any:
    return SimpleNamespace(query_params=params)


def opened(*pairs: tuple[str, str]) -> Any:
    return SimpleNamespace(query_params=SimpleNamespace(multi_items=lambda: list(pairs)))


def test_an_address_that_names_what_is_there_is_not_remarked_on() -> None:
    assert gone("", FIELDS, opened(("board", "gpt-5.4-1290"), ("model", "glm-5"), ("q", "anything"), ("x", "y"))) == ""
    # An empty value asks for nothing.
    assert gone("", FIELDS, opened(("board", ""))) == ""


def test_a_board_that_is_gone_is_named_with_a_link_to_the_nearest() -> None:
    told = gone("", FIELDS, opened(("board", "embedded-weights-OLD"), ("q", "grok")))
    assert "the leaderboard “embedded-weights-OLD”, which is not here" in told
    assert '<a href="./?board=embedded-weights-abc-112&amp;q=grok">embedded-weights-abc-112</a>' in told


def test_the_nearest_is_added_to_the_models_that_are_there() -> None:
    told = gone("breakdown", FIELDS, opened(("model", "grok-4"), ("model", "glm-5-turb")))
    assert 'href="breakdown?model=glm-5-turbo&amp;model=grok-4"' in told


def test_what_is_like_nothing_is_left_out_aloud() -> None:
    told = gone("breakdown", FIELDS, opened(("model", "zzzzzzzz")))
    assert "the model “zzzzzzzz”" in told
    assert "You see the page without it." in told
    assert "<a " not in told


def test_where_the_nearest_is_what_is_shown_there_is_nothing_to_click() -> None:
    told = gone("", FIELDS, opened(("board", "gpt-5.4-1200")))
    assert "You see gpt-5.4-1290 instead." in told
    assert "<a " not in told


def test_each_is_said_once_and_not_without_end() -> None:
    pairs = [("model", "x"), ("model", "x"), ("by", "cell")]
    assert [(field.name, value) for field, value in not_on_offer(FIELDS, pairs)] == [("model", "x"), ("by", "cell")]
    assert gone("", FIELDS, opened(*(("model", f"m{n}") for n in range(100)))).count("<p>The link") == 5


@pytest.mark.parametrize("text", strings())
def test_a_hostile_link_is_inert(text: str) -> None:
    told = gone("", FIELDS, opened(("board", text), ("model", text)))
    assert "<script" not in told.lower()
    assert "<img" not in told.lower()


def of_the_hub(version: str, dataset: str | None, repo: str | None) -> Any:
    now = SimpleNamespace(version=version)
    built = SimpleNamespace(cases_hash="d" * 64)
    hub = None if dataset is None else "acme/dataset"
    return SimpleNamespace(
        now=now, dataset_revision=dataset, built=built, results_hub_id=repo, dataset_hub_id=hub, dataset_name="dataset"
    )


def test_a_link_to_the_versions_that_are_shown_is_not_remarked_on() -> None:
    data = of_the_hub("a" * 40, "b" * 40, "acme/results")
    assert pin(data) == f"{'a' * 40}-{'b' * 40}"
    assert version_told(data, opened_as(at=pin(data))) == ""
    assert version_told(data, opened_as()) == ""
    assert version_told(data, opened_as(at="<script>")) == ""


def test_a_link_to_other_versions_leads_to_them_on_the_hub() -> None:
    told = version_told(of_the_hub("a" * 40, "b" * 40, "acme/results"), opened_as(at=f"{'c' * 40}-{'b' * 40}"))
    assert f"made for version {'c' * 12} of the results; you see version {'a' * 12}" in told
    assert f"/datasets/acme/results/tree/{'c' * 40}" in told
    assert f"space serve --dataset acme/dataset@{'b' * 40} --results acme/results@{'c' * 40}" in told
    assert "of the dataset; you" not in told


def test_a_folder_keeps_no_versions_and_says_so() -> None:
    told = version_told(of_the_hub("a" * 64, None, None), opened_as(at=f"{'c' * 12}-{'e' * 12}"))
    assert told.count("keeps no versions") == 2
    assert "<a " not in told
    assert "space serve" not in told


def test_a_citation_names_board_versions_and_day() -> None:
    told = citation(of_the_hub("a" * 64, None, None), board(row("x", 1, 0.5, 0.1), judge="judge}\\evil{"))
    assert told.startswith("@misc{blindrefusalboard,\n  title = {")
    assert "judgeevil-120" in told
    assert f"results {'a' * 12} of results folder, dataset {'d' * 12} of cases" in told
    assert f"as of {datetime.now(UTC).date().isoformat()}" in told
    # Each brace that opens closes.
    assert told.count("{") == told.count("}") == 4


def test_a_very_long_name_is_like_none() -> None:
    assert nearest("x" * 1_000_000, ("family",)) is None


def test_a_text_that_is_too_long_is_said_to_be_cut_or_left_out() -> None:
    fields = (Text("q", 100, cut=True), Text("case", 200))
    cut = gone("", fields, opened(("q", "x" * 101)))
    assert "is longer than 100 characters. Only the first of them are read." in cut
    assert "x" * 101 not in cut
    left_out = gone("", fields, opened(("case", "y" * 201)))
    assert "The case of the link that you followed" in left_out
    assert "You see the page without it." in left_out
    assert gone("", fields, opened(("q", "x" * 100), ("case", "y" * 200))) == ""


def test_what_is_not_listed_of_what_is_gone_is_counted() -> None:
    told = gone("", FIELDS, opened(*(("model", f"m{n}") for n in range(7))))
    assert "2 more of what it asks for are not here either." in told


def test_models_beyond_those_that_fit_are_counted() -> None:
    told = fill(
        "about", notice=None, metric="Help", hint="Counts.", dimension=None, left_out=2, most=4, all_shown=False, few=10
    )
    assert "At most 4 models are shown at once: 2 others of the link are left out." in told
