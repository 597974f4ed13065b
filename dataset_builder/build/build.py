"""Building the dataset: Parquet files, card, eval.yaml and manifest, in one folder that appears whole."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder import __version__
from dataset_builder.build import croissant, picture
from dataset_builder.build.card import render_card
from dataset_builder.build.eval_yaml import eval_yaml
from dataset_builder.build.facts import NAMESPACE, Facts, splits_from
from dataset_builder.dataset.manifest import FILE_NAME, FileEntry, Manifest, Source, hash_file
from dataset_builder.dataset.opened import data_path
from dataset_builder.dataset.records import SCHEMA_VERSION, Case, Records
from dataset_builder.dataset.tables import Constants, Split, constants_of, splits_of, stored_schema
from dataset_builder.dataset.validate import check_records
from dataset_builder.errors import DataError, InputError
from dataset_builder.sources import STUDY
from dataset_builder.storage.files import new_folder
from dataset_builder.wording import counted

# On the study's texts level 9 takes a fifth longer than zstd's default of 3 and saves a tenth. The page index lets
# the Hub's viewer read a page at a time, and statistics stay off for long texts, where they only cost space.
PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 9, "write_page_index": True}
_WRITTEN_AT_ONCE = 4


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write one table the way every table of the dataset is written."""
    pq.write_table(table, path, **PARQUET)


def build_dataset(
    records: Records,
    sources: Sequence[Source],
    out: Path,
    progress: Callable[[str], None] | None = None,
    *,
    canary: str | None = None,
    held_back: bool = False,
    namespace: str = NAMESPACE,
) -> Manifest:
    """Write records as a dataset folder at ``out`` and return its manifest.

    ``canary`` is the string that the cases carry where some are held back; ``held_back`` says that these
    are they. ``namespace`` is the account on the Hub that the card's links name.

    The folder is made beside ``out`` and put there when it is whole; an older build is
    replaced in one step, anything else is left alone. Raises DataError with every problem in the records,
    and InputError where ``out`` is in the way.
    """
    if problems := check_records(records):
        raise DataError("the records do not fit together", sorted(problems))
    if not records.cases:
        raise InputError("the source holds no case; expected at least one")
    _refuse_foreign(out)
    with new_folder(out, replace=True) as folder:
        facts = Facts(records, tuple(sources), (), canary=canary, held_back=held_back, namespace=namespace)
        return _write(facts, folder, progress or (lambda _: None))


def cases_hash(cases: Sequence[Case]) -> str:
    """SHA-256 over all cases by id: equal only where two builds ask and label the same.

    The canary is no part of what is asked.
    """
    digest = hashlib.sha256()
    for case in sorted(cases, key=lambda c: c.case_id):
        digest.update(msgspec.json.encode(msgspec.structs.replace(case, canary=None)))
        digest.update(b"\n")
    return digest.hexdigest()


def _write(facts: Facts, folder: Path, progress: Callable[[str], None]) -> Manifest:
    records = facts.records
    # Of the study alone: an extended dataset keeps its columns, and so does one that others may be added to.
    constants = constants_of(records) if facts.kind == STUDY and not facts.extended else {}
    files = _write_tables(records, constants, folder, progress)
    facts = replace(facts, splits=splits_from(files), constants=constants)
    texts = {
        "README.md": render_card(facts),
        "eval.yaml": eval_yaml(facts.kinds),
        croissant.FILE_NAME: croissant.croissant(facts),
    }
    if facts.rates:
        texts[picture.PICTURE] = picture.draw(facts.rates)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        files[name] = _entry(folder / name, None)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        builder_version=__version__,
        cases_hash=cases_hash(records.cases),
        sources=list(facts.sources),
        files=files,
        constants=constants,
        canary=facts.canary,
        held_back=facts.held_back,
    )
    (folder / FILE_NAME).write_bytes(manifest.to_json())
    return manifest


def _write_tables(
    records: Records, constants: Constants, folder: Path, progress: Callable[[str], None]
) -> dict[str, FileEntry]:
    """Every split as a file. While one is compressed, which needs no lock of Python's, the next is made a table."""

    def write(split: Split) -> FileEntry:
        path = folder / data_path(split.config, split.split)
        write_parquet(split.table.select(stored_schema(split.config, constants).names), path)
        return _entry(path, split.table.num_rows)

    files: dict[str, FileEntry] = {}
    waiting: deque[tuple[str, Future[FileEntry]]] = deque()
    threads = min(os.cpu_count() or 1, _WRITTEN_AT_ONCE)
    with ThreadPoolExecutor(threads) as pool:
        for split in splits_of(records):
            name = data_path(split.config, split.split)
            progress(name)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            waiting.append((name, pool.submit(write, split)))
            # Tables that wait are memory.
            if len(waiting) > threads:
                first, done = waiting.popleft()
                files[first] = done.result()
        files.update((name, done.result()) for name, done in waiting)
    return files


def _entry(path: Path, rows: int | None) -> FileEntry:
    return FileEntry(sha256=hash_file(path), bytes=path.stat().st_size, rows=rows)


def _refuse_foreign(out: Path) -> None:
    """Never replace a folder that this program did not make."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"{out}: is in the way; --out names a folder to make, or an older build to replace")
    if out.is_dir() and any(out.iterdir()) and not (out / FILE_NAME).is_file():
        raise InputError(f"{out}: is not empty and holds no {FILE_NAME}, so it is no older build; name another --out")


# What was built, in a few lines for the terminal.


def summary(manifest: Manifest, folder: Path) -> str:
    """Rows and splits of each config, and how to open the folder."""
    configs: dict[str, list[int]] = {}
    for split in splits_from(manifest.files):
        configs.setdefault(split.config, []).append(split.rows)
    lines = [
        f"built {folder} from {' + '.join(source.kind for source in manifest.sources)} "
        f"(schema {manifest.schema_version}, cases {manifest.cases_hash[:12]})"
    ]
    width = max(map(len, configs))
    for config, rows in configs.items():
        splits = counted(len(rows), "split")
        lines.append(f"  {config:<{width}}  {sum(rows):>7,} rows  {splits}")
    lines.append(f'open it with: datasets.load_dataset("{folder}", "cases", split="test")')
    return "\n".join(lines)
