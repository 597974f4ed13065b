"""A small folder laid out as the builder lays out a dataset, with tables of a few rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import yaml

from dataset_builder.build.build import write_parquet
from dataset_builder.dataset.manifest import FILE_NAME, FileEntry, Manifest, Source, hash_file
from dataset_builder.dataset.opened import data_path

# config -> split -> number of rows; the first config is the default one.
LAYOUT: dict[str, dict[str, int]] = {
    "cases": {"test": 7},
    "by_family": {"content_defect": 3, "control": 4},
    "responses": {"model_a": 5},
}


def table_of(rows: int, salt: str = "") -> pa.Table:
    columns = {
        "case_id": [f"case-{number}{salt}" for number in range(rows)],
        "defeated": [number % 2 == 0 for number in range(rows)],
        "facts": [[f"fact {number}", "naïve “quotes”"] for number in range(rows)],
    }
    return pa.table(columns)


def write_build(folder: Path, layout: Mapping[str, Mapping[str, int]] = LAYOUT, salt: str = "") -> Path:
    """Write a build with the given configs and splits; another ``salt`` gives other contents."""
    files: dict[str, FileEntry] = {}
    configs = []
    for config, splits in layout.items():
        data_files = []
        for split, rows in splits.items():
            path = folder / data_path(config, split)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_parquet(table_of(rows, salt), path)
            files[data_path(config, split)] = FileEntry(sha256=hash_file(path), bytes=path.stat().st_size, rows=rows)
            data_files.append({"split": split, "path": data_path(config, split)})
        configs.append({"config_name": config, "default": not configs, "data_files": data_files})
    card = f"---\n{yaml.safe_dump({'license': 'cc-by-4.0', 'configs': configs})}---\n# A small set\n"
    for name, text in (("README.md", card), ("eval.yaml", "name: small\n")):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        path = folder / name
        files[name] = FileEntry(sha256=hash_file(path), bytes=path.stat().st_size)
    source = Source(kind="starter", content_hash="0" * 64)
    manifest = Manifest(
        schema_version="1.0.0", builder_version="0.1.0", cases_hash="c" * 64, sources=[source], files=files
    )
    (folder / FILE_NAME).write_bytes(manifest.to_json())
    return folder
