from __future__ import annotations

from itertools import combinations

import msgspec
import pytest

from dataset_builder.dataset.opened import OpenedDataset
from eval.scores.comparison import compare_pairs
from eval.stats.metrics import METRIC_BY_ID
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import row_key
from space.data.sources import FolderSource
from space.data.verdicts import book_of
from space.hosting.serve import store_of
from space.pages.pairs.page import PAGE
from space.pages.pairs.show import METRICS, pairs_of
from tests.support.results_folder import board, leaderboard, row, write_results_folder


@pytest.fixture(scope="module")
def data(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    folder = tmp_path_factory.mktemp("pairs")
    snapshot = FolderSource(write_results_folder(dataset, folder / "results")).read()
    store = store_of(dataset.built, snapshot, folder / "cache")
    return SpaceData(store=store, dataset_name="small", built=dataset.built, now=snapshot)


def test_every_two_models_are_compared_as_the_command_compares_them(data: SpaceData) -> None:
    one = max(data.now.boards, key=lambda board: len(board.rows))
    keys = sorted(row_key(each) for each in one.rows)
    assert len(keys) == 3
    for metric in METRICS:
        found = pairs_of(data, data.now, one, metric)
        assert set(found) == set(combinations(keys, 2))
        answers = [book_of(data).of(data.now, one, each) for each in one.rows]
        theirs = compare_pairs(answers, METRIC_BY_ID[metric])
        assert sorted(pair.p_holm for pair in found.values()) == sorted(pair.p_holm for pair in theirs)


def test_each_pair_stands_twice_once_from_each_side(data: SpaceData) -> None:
    one = max(data.now.boards, key=lambda board: len(board.rows))
    page = str(PAGE.at_once(data, [("board", one.id), ("metric", "help_rate")]))
    n = len(one.rows)
    assert page.count('class="br-pair"') == n * (n - 1)
    assert page.count('data-kind="better"') == page.count('data-kind="worse"')
    differ = sum(pair.p_holm < 0.05 for pair in pairs_of(data, data.now, one, "help_rate").values())
    assert f"<b>{differ} of 3 pairs</b>" in page
    # On a phone each model has what it is better than, as often as others are worse.
    assert page.count("▲ Better than") == len(set(_winners(data, one)))


def _winners(data: SpaceData, one: object) -> list[str]:
    found = pairs_of(data, data.now, one, "help_rate")  # type: ignore[arg-type]
    return [a if pair.difference > 0 else b for (a, b), pair in found.items() if pair.p_holm < 0.05]


def test_what_cannot_be_compared_says_why(data: SpaceData) -> None:
    alone = SpaceData(
        store=data.store, dataset_name="small", now=Snapshot(leaderboard=leaderboard(board(row("a", 1, 0.5, 0.1))))
    )
    assert "a comparison takes two models" in PAGE.at_once(alone, [])
    made = msgspec.structs.replace(board(row("<b>", 1, 0.5, 0.1), row("c", 2, 0.4, 0.1)), cases_hash="f" * 64)
    strange = SpaceData(store=data.store, dataset_name="small", built=data.built, now=Snapshot(leaderboard(made)))
    assert "&lt;b&gt; was asked other cases" in PAGE.at_once(strange, [])
