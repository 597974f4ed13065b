from __future__ import annotations

import re
from math import isnan
from pathlib import Path

import pytest

from eval.scores.results import Results, read_results
from space.data.data import Cell, Key, SliceTable, pooled
from space.pages.breakdown.table import FEW, bars_of, breakdown_frame, figures_table, heat_cells, heat_map, labels_of
from tests.support.small_dataset import build_small
from tests.support.space_data import write_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    folder: Path = tmp_path_factory.mktemp("slices")
    written = write_results(build_small(folder / "dataset").path, folder / "results")
    return {path.parent.name: read_results(path) for path in sorted(written.rglob("results.json"))}


@pytest.fixture(scope="module")
def tables(results: dict[str, Results]) -> dict[str, SliceTable]:
    return {model: SliceTable.of(one) for model, one in results.items()}


def test_the_packed_table_holds_what_the_results_hold(
    results: dict[str, Results], tables: dict[str, SliceTable]
) -> None:
    for model, one in results.items():
        for part in one.slices:
            for name, value in part.metrics.items():
                cell = tables[model].cell(Key(part.by, part.value, part.without_dual_use), name)
                assert cell.n == value.denominator
                for mine, theirs in ((cell.estimate, value.estimate), (cell.low, value.low), (cell.high, value.high)):
                    assert isnan(mine) if theirs is None else mine == theirs


def test_what_is_not_there_is_empty(tables: dict[str, SliceTable]) -> None:
    table = tables["alpha-1"]
    assert not table.cell(Key("family", "no such family"), "help_rate").has_value
    assert table.cell(Key("family", "control"), "no such metric").n == 0
    # Controls have no help on defeated rules.
    assert not table.cell(Key("family", "control"), "help_rate").has_value


def test_a_pool_weighs_by_answers() -> None:
    # 3 of 10 and 9 of 30 and nothing: 12 of 40.
    one = pooled([Cell(0.3, n=10), Cell(0.3, n=30), Cell()])
    assert (one.estimate, one.n) == (pytest.approx(0.3), 40)
    # 1 of 10 and 9 of 30: 10 of 40.
    assert pooled([Cell(0.1, n=10), Cell(0.3, n=30)]).estimate == pytest.approx(0.25)
    assert not pooled([]).has_value


def test_bars_begin_with_all_cases_and_are_pale_where_few(tables: dict[str, SliceTable]) -> None:
    table = tables["alpha-1"]
    labels = labels_of([table], "authority", "help_rate", without_dual_use=False)
    assert len(labels) == 8
    first, *rest = bars_of(table, "authority", labels, "help_rate", without_dual_use=False)
    assert (first.label, first.few) == ("All cases", False)
    # Two defeated families of three cases each.
    assert {(bar.n, bar.few) for bar in rest} <= {(6, FEW > 6), (5, FEW > 5)}
    assert rest[0].label == "Family"


def test_labels_without_data_for_the_rate_are_left_out(tables: dict[str, SliceTable]) -> None:
    some = list(tables.values())
    assert "control" not in labels_of(some, "family", "help_rate", without_dual_use=False)
    assert labels_of(some, "family", "control_help_rate", without_dual_use=False) == ["control"]


def test_the_frame_has_a_row_a_label_and_five_columns_a_model(tables: dict[str, SliceTable]) -> None:
    frame = breakdown_frame(tables, "family", "help_rate", without_dual_use=True)
    assert list(frame.index) == ["All cases", "Defeated by its content", "Defeated by its application"]
    assert frame.shape == (3, 10)
    whole = breakdown_frame(tables, "family", "help_rate", without_dual_use=False)
    assert (frame["alpha-1", "n"] < whole["alpha-1", "n"]).all()
    assert "Defeated by its content" in figures_table(frame)


def test_the_map_greys_few_cases_and_says_why_a_cell_is_empty(tables: dict[str, SliceTable]) -> None:
    cells = heat_cells(list(tables.values()), without_dual_use=False)
    # The number is that of cases, however many models are taken together.
    assert {cell.n for cell in cells.values()} <= {2, 3}
    # The interval is as wide as so many answers give, though two models answered: Wilson's.
    for cell in cells.values():
        half = 1.96 * (cell.estimate * (1 - cell.estimate) / cell.n + 1.96**2 / (4 * cell.n**2)) ** 0.5
        assert cell.high - cell.low == pytest.approx(2 * half / (1 + 1.96**2 / cell.n), abs=1e-4)
        assert 0 <= cell.low <= cell.estimate <= cell.high <= 1
    shown = heat_map(cells, lambda family, authority: f"transcripts?family={family}&authority={authority}")
    assert shown.count('class="br-few"') == len(cells) == 24
    assert "transcripts?family=control&amp;authority=school" in shown
    assert len(re.findall(r'title="\d+\.\d % \[\d+\.\d, \d+\.\d\] of \d cases"', shown)) == 24
    assert 'title="Nobody is ruled by a club' in shown
