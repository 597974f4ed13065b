"""The pages of one model and of one case, as HTML: what is on them, and that nothing of strangers acts in them."""

from __future__ import annotations

import io
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from dataset_builder.dataset.opened import OpenedDataset
from eval.repository.leaderboard import Excluded, RowRoute
from space.api.tables import Tables
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import row_key
from space.data.sources import FolderSource
from space.frame.card import LONGEST_ABOUT, PICTURE_SIZE, Card, Rate, picture, shortened
from space.frame.page import link_bar
from space.hosting.serve import store_of
from space.pages.case.page import PAGE as CASE
from space.pages.case.show import fields_of as case_fields
from space.pages.case.show import settle as settle_case
from space.pages.compare.page import CompareState
from space.pages.judges.show import fields_of as judges_fields
from space.pages.judges.show import settle as settle_judges
from space.pages.leaderboard.show import model_page
from space.pages.model.page import PAGE as MODEL
from space.pages.model.show import citation
from space.pages.model.state import fields_of as model_fields
from space.pages.model.state import settle as settle_model
from space.pages.pairs.show import fields_of as pairs_fields
from space.pages.pairs.show import settle as settle_pairs
from space.ui.links import parse
from tests.support.hostile import strings
from tests.support.results_folder import board, leaderboard, row, value, write_results_folder
from tests.support.small_dataset import JUDGE

# Two reviewers have labelled the answers to it.
REVIEWED = "content_defeat:school:0"


@pytest.fixture(scope="module")
def data(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    folder: Path = tmp_path_factory.mktemp("own-pages")
    snapshot = FolderSource(write_results_folder(dataset, folder / "results")).read()
    store = store_of(dataset.built, snapshot, folder / "cache")
    return SpaceData(store=store, dataset_name="small", built=dataset.built, now=snapshot)


def with_rows(data: SpaceData, *rows: Any, **changes: Any) -> SpaceData:
    """The same transcripts with a board of other rows."""
    made = msgspec.structs.replace(leaderboard(board(*rows, judge=JUDGE, rubric="published")), **changes)
    return SpaceData(store=data.store, dataset_name="small", now=Snapshot(leaderboard=made))


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_every_row_of_every_board_has_a_page_that_names_it(data: SpaceData) -> None:
    seen = 0
    for one in data.now.boards:
        for each in one.rows:
            page = MODEL.at_once(data, [("board", one.id), ("model", row_key(each))])
            assert f'<h1 id="br-main" tabindex="-1">{each.model}</h1>' in page
            assert f'data-title="{each.model}"' in page
            # All its runs, and a citation that says whose verdicts and which board.
            assert page.count("(shown here)") == 1
            assert f"Judge {one.judge} (rubric {one.rubric})" in text_of(page)
            assert "Where it does better and worse" in page
            seen += 1
    assert seen > len(data.now.boards) > 1


def test_the_leaderboard_leads_to_it(data: SpaceData) -> None:
    one = data.now.boards[0]
    assert model_page(one, row_key(one.rows[0])) == f"model?board={one.id}&model={row_key(one.rows[0])}"


def test_a_model_is_found_on_the_board_that_has_it(data: SpaceData) -> None:
    # The submitted run stands on the boards of two judges, not on that of the dataset's own.
    lacking = next(one for one in data.now.boards if one.judge == JUDGE)
    sent = next(row_key(r) for one in data.now.boards for r in one.rows if r.kind != "published")
    page = MODEL.at_once(data, [("board", lacking.id), ("model", sent)])
    assert "acme/model-1" in page


def test_without_a_model_all_are_listed(data: SpaceData) -> None:
    page = MODEL.at_once(data, [])
    for one in data.now.boards:
        for each in one.rows:
            assert f"model={row_key(each)}" in page
    empty = SpaceData(store=data.store, dataset_name="small")
    assert "There are no results here yet" in MODEL.at_once(empty, [])


def test_runs_without_a_place_routes_and_what_departs_are_told(data: SpaceData) -> None:
    routes = [
        RowRoute(route="North", answers=90, share=0.9, metrics={"help_rate": value(0.5, 0.4, 0.6)}),
        RowRoute(route="South", answers=10, share=0.1, metrics={}),
    ]
    one = row("m", 1, 0.5, 0.1, bundle="submissions/acme__m/run-2", routes=routes, departures=["sampled warmly"])
    lost = Excluded(bundle="submissions/acme__m/run-1", model="m", status="superseded", reason="A newer run is there.")
    other = Excluded(bundle="submissions/acme__m2/run-1", model="m2", status="withdrawn", reason="Somebody else's.")
    page = text_of(MODEL.at_once(with_rows(data, one, excluded=[lost, other]), [("model", "acme__m")]))
    assert "run-1: superseded. A newer run is there." in page
    assert "Somebody else's" not in page
    assert "North 90.0 90 50.0 40.0–60.0" in page
    assert "South 10.0 10 –" in page
    assert "departs from the protocol: sampled warmly" in page


def test_a_fact_that_its_maker_does_not_state_says_who_does(data: SpaceData) -> None:
    for model_id, said in (("z-ai/glm-5", "2026-02-11 according to aiwiki.ai"), ("openai/gpt-5.4", "2026-03-05 ")):
        one = msgspec.structs.replace(row("m", 1, 0.5, 0.1), model_id=model_id)
        page = text_of(MODEL.at_once(with_rows(data, one), [("model", "m")]))
        assert f"Came out {said}" in page
        assert ("according to" in page) == ("according" in said)


@pytest.mark.parametrize("text", strings())
def test_names_of_strangers_do_nothing(data: SpaceData, text: str) -> None:
    plain = row("m", 1, 0.5, 0.1, repo="r", evidence=["e"], status_reasons=["r"], routes=[_route("n"), _route("o")])
    hostile = msgspec.structs.replace(
        plain, model=text, model_id=text, family=text, repo=text, evidence=[text], status_reasons=[text],
        routes=[_route(text), _route("o")], run_id=text,
    )  # fmt: skip
    key = row_key(plain)
    tags = [
        re.findall(r"<(\w+)", str(MODEL.at_once(with_rows(data, one), [("model", key)]))) for one in (plain, hostile)
    ]
    # What cannot be seen is spelled out, which takes a span.
    assert [tag for tag in tags[1] if tag != "span"] == [tag for tag in tags[0] if tag != "span"]


def _route(name: str) -> RowRoute:
    return RowRoute(route=name, answers=1, share=0.5, metrics={})


def test_a_case_shows_all_answers_with_verdicts_and_what_people_said(data: SpaceData) -> None:
    page = CASE.at_once(data, [("case", REVIEWED), ("judge", JUDGE)])
    told = text_of(page)
    answers = data.store.answers(REVIEWED, JUDGE)
    assert page.count('<section class="br-card">') == len(answers) == 3
    labels = data.store.human_labels(REVIEWED)
    assert sorted(labels) == ["alpha-1", "beta-2"]
    assert told.count("Reviewer 1 says:") == told.count("Reviewer 2 says:") == 2
    helping = sum(one.response_type == "helps" for one in answers)
    judged = sum(one.response_type is not None for one in answers)
    assert f"{helping} of {judged} help" in told
    # The neighbours in the dataset's order, and the other judges.
    before, after = data.store.case_neighbours(REVIEWED)
    assert before is None or f"case={before.replace(':', '%3A')}&amp;" in page
    assert f"case={str(after).replace(':', '%3A')}&amp;" in page
    assert page.count("judge=") > 3


@pytest.mark.parametrize("name", ["model", "case", "judges", "pairs", "compare"])
def test_the_links_to_its_data_hold_what_is_shown(data: SpaceData, name: str) -> None:
    tables = Tables(data)
    fields, settle, asked = {
        "model": (model_fields(data), settle_model, [("model", row_key(data.now.boards[0].rows[0]))]),
        "case": (case_fields(data), settle_case, [("case", REVIEWED)]),
        "judges": (judges_fields(data), settle_judges, []),
        "pairs": (pairs_fields(data), settle_pairs, []),
        "compare": (CompareState(data.now).fields, None, [("a", "alpha-1"), ("b", "beta-2")]),
    }[name]
    state = parse(fields, asked)
    bar = str(link_bar(name, fields, settle(data, state) if settle else state))
    files = [(path, kind, rest) for path, kind, rest in re.findall(r'href="data/(\w+)\.(\w+)\?([^"]*)"', unescape(bar))]
    assert {kind for _, kind, _ in files} == {"csv", "json", "parquet"}
    for path, _, rest in files:
        # The two models of the small dataset part on none of the cases by its own judge.
        assert list(tables.of(path, parse_qsl(rest)).rows) or path == "parted", path
    # A page that has no model or case open has no data of it.
    if name in ("model", "case"):
        assert "data/" not in link_bar(name, fields, parse(fields, []))


def test_without_a_case_there_is_a_way_to_one(data: SpaceData) -> None:
    page = CASE.at_once(data, [])
    assert f"case={data.store.case_ids[0].replace(':', '%3A')}" in page
    assert CASE.card(data, [("case", "no-such")]) is None


def test_a_card_has_the_rates_of_a_model_and_the_answers_to_a_case(data: SpaceData) -> None:
    one = data.now.boards[0]
    card = MODEL.card(data, [("model", row_key(one.rows[0]))])
    assert card is not None
    assert card.title == one.rows[0].model
    assert card.query == f"board={one.id}&model={row_key(one.rows[0])}"
    assert [rate.value for rate in card.rates] == [
        one.rows[0].metrics[name].estimate for name in ("discrimination", "help_rate", "control_help_rate")
    ]
    told = CASE.card(data, [("case", REVIEWED), ("judge", JUDGE)])
    assert told is not None
    # The flag says that a request may speak of what is dangerous elsewhere: the rule alone is shown then.
    assert told.about == data.store.case(REVIEWED).policy
    assert MODEL.card(data, []) is None


def test_a_card_is_drawn_whatever_it_says() -> None:
    from PIL import Image

    for text in (*strings(), "x" * 5_000, "word " * 2_000, ""):
        drawn = picture(Card(text, text, "", (Rate(text, 0.5, 0.4, 0.6), Rate(text, -0.1))), "Site")
        image = Image.open(io.BytesIO(drawn))
        assert image.size == PICTURE_SIZE
        assert len(drawn) < 100_000
    # The same card is the same file.
    assert picture(Card("a", "b", ""), "Site") == picture.__wrapped__(Card("a", "b", ""), "Site")


def test_a_text_is_cut_between_words() -> None:
    assert shortened("one  two\nthree", 100) == "one two three"
    assert shortened("one two, three", 10) == "one two…"
    assert len(shortened("x" * 500, LONGEST_ABOUT)) == LONGEST_ABOUT


def test_a_citation_names_model_judge_cases_and_date() -> None:
    one = board(row("m", 1, 0.5, 0.1))
    told = citation(one, one.rows[0], Snapshot(leaderboard=leaderboard(one)))
    assert "m (vendor/m) on blind refusal: discrimination 40.0 (35.0 to 45.0)" in told
    assert "Judge judge-1 (rubric 1) over 120 cases of cases, answers collected by 2026-01-02." in told
