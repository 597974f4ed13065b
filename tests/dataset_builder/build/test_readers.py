"""A built dataset in the hands of other libraries: each opens what the card and the manifest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.dataset.opened import BuiltDataset
from tests.support.small_dataset import build_small


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltDataset:
    return build_small(tmp_path_factory.mktemp("readers") / "dataset")


def _tables(built: BuiltDataset) -> dict[str, int]:
    return {name: entry.rows or 0 for name, entry in built.manifest.files.items() if name.startswith("data/")}


def test_datasets_opens_every_config_files_and_folders(built: BuiltDataset, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    found = {}
    for config in datasets.get_dataset_config_names(str(built.path)):
        opened = datasets.load_dataset(str(built.path), config, cache_dir=str(tmp_path))
        found |= {f"data/{config}/{split}.parquet": len(rows) for split, rows in opened.items()}
    assert found == _tables(built)
    n = len(built.cases())
    for chosen in ({"data_files": "data/cases/test.parquet"}, {"data_dir": "data/cases"}):
        opened = datasets.load_dataset(str(built.path), cache_dir=str(tmp_path / "more"), **chosen)
        assert [len(rows) for rows in opened.values()] == [n]


def test_pandas_opens_every_table(built: BuiltDataset) -> None:
    pandas = pytest.importorskip("pandas")
    for name, rows in _tables(built).items():
        assert len(pandas.read_parquet(built.path / name)) == rows


def test_polars_opens_every_table(built: BuiltDataset) -> None:
    polars = pytest.importorskip("polars")
    for name, rows in _tables(built).items():
        table = polars.read_parquet(built.path / name)
        assert table.height == rows
    cases = polars.read_parquet(built.path / "data" / "cases" / "test.parquet")
    assert cases["case_id"].to_list() == [case.case_id for case in built.cases()]


def test_duckdb_asks_across_tables(built: BuiltDataset) -> None:
    duckdb = pytest.importorskip("duckdb")
    split = built.splits("responses")[0]
    place = f"'{built.path / 'data'}/%s'"
    ((n,),) = duckdb.sql(
        f"select count(*) from {place % f'responses/{split}.parquet'} r "
        f"join {place % 'cases/test.parquet'} c using (case_id)"
    ).fetchall()
    assert n == built.manifest.files[f"data/responses/{split}.parquet"].rows
