from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import Records, VerdictReview
from space.data.data import SpaceData
from space.data.sources import FolderSource
from space.hosting.serve import store_of
from space.pages.judges.page import PAGE
from space.pages.judges.parting import Source, parting, sources_of
from space.store.build import ensure_store
from space.store.store import Store
from space.store.transcript import ENGAGES, TYPE
from tests.support.answers import make_case
from tests.support.results_folder import write_results_folder
from tests.support.small_dataset import JUDGE, build_small, response

# What the judge says of six answers of one model, and what a reviewer does; `e` engages, None is no label.
SAID = (("he", "he"), ("h", "d"), ("d", "d"), ("de", "d"), ("r", "d"), ("r", None))
TYPES = {"h": "helps", "d": "deflects", "r": "hard_refusal"}
PERSON = Source("people:reviewer_1", "reviewer_1")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder: Path = tmp_path_factory.mktemp("parting")
    cases = [make_case(f"c{n}", "content_defeat", "landlord") for n in range(len(SAID))]
    answers = {"m-1": [response(case, "m-1", judge) for case, (judge, _) in zip(cases, SAID, strict=True)]}
    labels = [
        VerdictReview(
            case_id=case.case_id,
            model="m-1",
            reviewer="reviewer_1",
            response_type=TYPES[person[0]],
            engages_with_defeat="e" in person,
            independent_harm=False,
            in_first_sample=True,
            in_second_sample=False,
        )
        for case, (_, person) in zip(cases, SAID, strict=True)
        if person
    ]
    built = build_small(folder / "d", Records(cases=cases, responses=answers, verdict_reviews=labels))
    return Store(ensure_store(built, folder / "cache"))


def test_the_table_counts_each_answer_that_both_judged(store: Store) -> None:
    assert list(sources_of(store)) == [JUDGE, "people:reviewer_1"]
    found = parting(store, Source(JUDGE), PERSON, TYPE)
    # helps, deflects, hard refusal; the judge down, the reviewer across.
    assert found.found.table.tolist() == [[1, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert found.found.observed == 3 / 5
    assert found.models == {"m-1": (2, 5)}
    # Turned round it is the same table, mirrored.
    assert parting(store, PERSON, Source(JUDGE), TYPE).found.table.tolist() == [[1, 0, 0], [1, 2, 1], [0, 0, 0]]


def test_a_figure_leads_to_its_answers(store: Store) -> None:
    found = parting(store, Source(JUDGE), PERSON, TYPE)
    assert [store.model_and_case(no) for no in found.where("deflects", "deflects")] == [("m-1", "c2"), ("m-1", "c3")]
    # Without one all on which they part.
    assert [store.model_and_case(no)[1] for no in found.where(None, None)] == ["c1", "c4"]
    assert [one.case_id for one in store.numbered(found.where("helps", "deflects"), JUDGE)] == ["c1"]


def test_whether_an_answer_engages_is_compared_too(store: Store) -> None:
    # yes and no: c0 both yes, c3 yes and no, the other three both no.
    found = parting(store, Source(JUDGE), PERSON, ENGAGES)
    assert found.found.table.tolist() == [[1, 1], [0, 3]]


@pytest.fixture(scope="module")
def data(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    folder = tmp_path_factory.mktemp("judges-page")
    snapshot = FolderSource(write_results_folder(dataset, folder / "results")).read()
    made = store_of(dataset.built, snapshot, folder / "cache")
    return SpaceData(store=made, dataset_name="small", built=dataset.built, now=snapshot)


def test_every_figure_of_the_page_opens_as_many_answers_as_it_says(data: SpaceData) -> None:
    page = str(PAGE.at_once(data, [("a", JUDGE), ("b", "people:reviewer_1")]))
    cells = re.findall(r'href="judges\?([^"]+)" data-go="[^"]*" aria-label="(\d+) answers?: [^"]*">(\d+)</a>', page)
    assert len(cells) >= 5
    for address, said, shown in cells:
        pairs = [tuple(pair.split("=")) for pair in unescape(address).replace("%3A", ":").split("&")]
        opened = str(PAGE.at_once(data, pairs))
        assert said == shown
        assert f"<span>{said} answer" in opened
        assert opened.count('class="br-item"') == min(int(said), 20)
        assert 'href="transcripts?' in opened


def test_what_is_not_there_is_said(data: SpaceData) -> None:
    assert "one and the same judge" in PAGE.at_once(data, [("a", JUDGE), ("b", JUDGE)])
    # A cell of another field's table is left out.
    assert "Answers where they part" in PAGE.at_once(data, [("what", "engages"), ("says", "helps"), ("other", "helps")])


def test_with_one_judge_there_is_nobody_to_compare(tmp_path: Path) -> None:
    case = make_case("c", "control", "school")
    built = build_small(tmp_path / "d", Records(cases=[case], responses={"m": [response(case, "m", "h")]}))
    alone = SpaceData(store=Store(ensure_store(built, tmp_path / "cache")), dataset_name="small", built=built)
    assert "Only one judge has given verdicts here" in PAGE.at_once(alone, [])
