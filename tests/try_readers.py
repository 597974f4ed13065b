"""Open a built dataset with every library at hand that reads Parquet: `python tests/try_readers.py FOLDER`.

Of this project nothing is imported, so that it runs beside any version of `datasets`. What is not installed is
passed over, and said.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq


def tables(folder: Path) -> dict[str, int]:
    """The Parquet files that the manifest lists, with their rows."""
    files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    return {name: entry["rows"] for name, entry in files.items() if name.startswith("data/")}


def views(folder: Path) -> dict[tuple[str, str], int]:
    """Rows by config and split: those of the files, and the answers of all models as one split and as many."""
    found: dict[tuple[str, str], int] = {}
    for name, rows in tables(folder).items():
        _, config, split = name.removesuffix(".parquet").split("/")
        if config == "responses":
            found["by_model", split] = rows
            split = "test"
        found[config, split] = found.get((config, split), 0) + rows
    return found


def try_datasets(folder: Path) -> None:
    """Every config and split, all splits of one as one, single files, and a folder."""
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        found = {}
        for config in datasets.get_dataset_config_names(str(folder)):
            for split, rows in datasets.load_dataset(str(folder), config, cache_dir=cache).items():
                found[config, split] = len(rows)
        wanted = views(folder)
        assert found == wanted, f"opened {found}, the manifest has {wanted}"
        n = wanted["cases", "test"]
        assert len(datasets.load_dataset(str(folder), "by_rule", split="all", cache_dir=cache)) == n
        for chosen in ({"data_files": "data/cases/test.parquet"}, {"data_dir": "data/cases"}):
            opened = datasets.load_dataset(str(folder), cache_dir=f"{cache}/more", **chosen)
            assert [len(rows) for rows in opened.values()] == [n]


def try_pandas(folder: Path) -> None:
    """Every file."""
    import pandas as pd

    for name, rows in tables(folder).items():
        assert len(pd.read_parquet(folder / name)) == rows, name


def try_polars(folder: Path) -> None:
    """Every file, and the answers of all models at once."""
    import polars as pl

    for name, rows in tables(folder).items():
        assert pl.read_parquet(folder / name).height == rows, name
    if ("responses", "test") in views(folder):
        whole = pl.scan_parquet(folder / "data/responses/*.parquet")
        helped = whole.filter(pl.col("defeated")).select(pl.len()).collect().item()
        assert 0 < helped < views(folder)["responses", "test"]


def try_duckdb(folder: Path) -> None:
    """Every file, and a join of the answers with their cases."""
    import duckdb

    for name, rows in tables(folder).items():
        assert duckdb.sql(f"select count(*) from '{folder / name}'").fetchall() == [(rows,)], name
    if ("responses", "test") in views(folder):
        query = (
            f"select count(*) from '{folder}/data/responses/*.parquet' r "
            f"join '{folder}/data/cases/test.parquet' c using (case_id) where r.user_query = c.user_query"
        )
        assert duckdb.sql(query).fetchall() == [(views(folder)["responses", "test"],)]


READERS: dict[str, Callable[[Path], None]] = {
    "datasets": try_datasets,
    "pandas": try_pandas,
    "polars": try_polars,
    "duckdb": try_duckdb,
}


def main(folder: Path) -> None:
    for name, rows in tables(folder).items():
        assert pq.read_metadata(folder / name).num_rows == rows, name
    for name, attempt in READERS.items():
        try:
            version = __import__(name).__version__
        except ImportError:
            print(f"{name}: not installed")
            continue
        attempt(folder)
        print(f"{name} {version}: opened {len(tables(folder))} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
