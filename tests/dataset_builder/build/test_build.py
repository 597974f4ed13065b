"""Building: whole or not at all, the same bytes every time, and opened by load_dataset."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.build.build import build_dataset
from dataset_builder.build.check import check_folder, read_records
from dataset_builder.build.facts import splits_from
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Case, Records, columns_of
from dataset_builder.dataset.tables import schema_of, stored_schema, table_of
from dataset_builder.errors import DataError, InputError
from dataset_builder.sources import read_source
from dataset_builder.storage.files import is_unfinished
from tests.support import mini_study
from tests.support.small_dataset import build_small


def test_what_every_row_of_the_study_holds_is_left_out_and_read_all_the_same(archive: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    source = read_source(str(archive))
    built = BuiltDataset.open(build(archive, tmp_path / "a"))
    assert built.manifest.constants["cases"] == {"origin": "study", "language": "en", "batch": None, "canary": None}
    assert built.manifest.constants["responses"] == {"temperature": 0.0, "max_tokens": 8000, "canary": None}
    for config in ("cases", "by_rule", "responses"):
        split = built.splits(config)[0]
        held = pq.read_schema(built.path / f"data/{config}/{split}.parquet").names
        assert not set(held) & {"language", "canary", "max_tokens"}
    assert built.cases() == source.records.cases
    assert read_records(built).responses == source.records.responses
    # A column that is left out can be asked for alone, and beside one that is not.
    assert built.table("responses", "alpha_1", ["max_tokens", "model"]).to_pydict() == {
        "max_tokens": [8000] * 3, "model": ["alpha-1"] * 3
    }  # fmt: skip
    assert built.table("cases", "test", ["origin"]).to_pydict() == {"origin": ["study"] * 3}


def test_where_a_value_varies_its_column_stays(tmp_path: Path) -> None:
    built = build_small(tmp_path / "small")
    assert built.manifest.constants == {}, "the starter set's kind of build keeps every column"
    assert built.table("cases", "test").schema == schema_of(Case)


def test_a_constant_that_the_rows_do_not_bear_out_is_found(archive: Path, tmp_path: Path) -> None:
    built = BuiltDataset.open(build(archive, tmp_path / "a"))
    built.manifest.constants["cases"]["origin"] = "starter"
    (built.path / "manifest.json").write_bytes(built.manifest.to_json())
    found = "\n".join(map(str, check_folder(built.path)))
    assert "generated: case 'seed_control_workplace_1': differs from the case of the same id" in found
    built.manifest.constants["cases"]["origin"] = ["no", "text"]
    (built.path / "manifest.json").write_bytes(built.manifest.to_json())
    with pytest.raises(InputError, match="constants of cases"):
        BuiltDataset.open(built.path).cases()


def test_a_build_of_an_earlier_schema_is_named(tmp_path: Path) -> None:
    from dataset_builder.build.build import write_parquet

    built = build_small(tmp_path / "old")
    path = built.path / "data/responses/alpha_1.parquet"
    write_parquet(built.table("responses", "alpha_1").drop_columns(["user_query", "cell"]), path)
    with pytest.raises(InputError, match=r"lacks user_query, cell.*build the dataset again"):
        built.table("responses", "alpha_1")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mini_study.write_archive(tmp_path_factory.mktemp("mini") / "a.tar.gz")


def build(archive: Path, out: Path) -> Path:
    read = read_source(str(archive))
    build_dataset(read.records, [read.source], out)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_source_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    first, second = build(archive, tmp_path / "a"), build(archive, tmp_path / "b")
    assert contents(first) == contents(second)
    assert len(contents(first)) > 10


def test_a_build_passes_its_own_check(archive: Path, tmp_path: Path) -> None:
    out = build(archive, tmp_path / "a")
    assert check_folder(out) == []
    assert read_records(BuiltDataset.open(out)) == read_source(str(archive)).records
    source = BuiltDataset.open(out).manifest.sources[0]
    assert (source.kind, source.commit) == ("study", "0123456789abcdef0123456789abcdef01234567")


def test_an_older_build_is_replaced_and_anything_else_left_alone(archive: Path, tmp_path: Path) -> None:
    out = build(archive, tmp_path / "a")
    (out / "data" / "cases" / "old.parquet").write_bytes(b"left over")
    build(archive, out)
    assert not (out / "data" / "cases" / "old.parquet").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="no older build"):
        build(archive, mine)
    assert (mine / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="in the way"):
        build(archive, tmp_path / "file")


def test_records_that_do_not_fit_leave_nothing_behind(archive: Path, tmp_path: Path) -> None:
    records = read_source(str(archive)).records
    records.cases.append(msgspec.structs.replace(records.cases[0], cell="elsewhere", defeat_family="novel"))
    with pytest.raises(DataError) as caught:
        build_dataset(records, [Source(kind="study", content_hash="0" * 64)], tmp_path / "a")
    text = "\n".join(map(str, caught.value.problems))
    assert "occurs twice" in text
    assert "unknown defeat_family 'novel'" in text
    assert list(tmp_path.iterdir()) == []


def test_a_killed_build_leaves_the_old_one_whole(archive: Path, tmp_path: Path) -> None:
    out = build(archive, tmp_path / "a")
    before = contents(out)
    script = (
        "import sys, time; from pathlib import Path; from dataset_builder.build import build; "
        "from dataset_builder.sources import read_source\n"
        "real = build.write_parquet\n"
        "def slow(table, path): real(table, path); print('wrote', flush=True); time.sleep(60)\n"
        "build.write_parquet = slow\n"
        f"read = read_source({str(archive)!r}); build.build_dataset(read.records, [read.source], Path({str(out)!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    assert child.stdout is not None
    # Two files are written at once.
    assert child.stdout.read(5) == b"wrote"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert contents(out) == before
    assert [is_unfinished(path) for path in tmp_path.iterdir() if path != out] == [True]
    build(archive, out)
    assert list(tmp_path.iterdir()) == [out], "what the killed build left is still there"
    assert contents(out) == before


def test_every_split_loads_with_its_rows_and_columns(archive: Path, tmp_path: Path) -> None:
    """In a process of its own, as `datasets` keeps a cache that this test wants empty."""
    out = build(archive, tmp_path / "a")
    assert load_all(out, tmp_path / "cache") == expected_rows(out)


def expected_rows(out: Path) -> dict[str, list]:
    manifest = BuiltDataset.open(out).manifest
    return {
        f"{split.config}/{split.split}": [split.rows, stored_schema(split.config, manifest.constants).names]
        for split in splits_from(manifest.files)
    }


def load_all(out: Path, cache: Path) -> dict[str, list]:
    script = (
        "import json, sys, datasets; datasets.disable_progress_bars(); found = {}; path = sys.argv[1]\n"
        "for config in datasets.get_dataset_config_names(path):\n"
        "    for split, data in datasets.load_dataset(path, config).items():\n"
        "        found[f'{config}/{split}'] = [len(data), data.column_names]\n"
        # To the end: a stream left half read can abort the process when Python shuts down.
        "streamed = sum(1 for _ in datasets.load_dataset(path, split='test', streaming=True))\n"
        "assert streamed == found['cases/test'][0], 'the default config does not stream whole'\n"
        "print(json.dumps(found))"
    )
    env = os.environ | {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(cache / "d")}
    done = subprocess.run(
        [sys.executable, "-c", script, str(out)], env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.study
def test_the_study_loads_whole(study_dataset: Path, tmp_path: Path) -> None:
    found = load_all(study_dataset, tmp_path / "cache")
    assert found == expected_rows(study_dataset)
    assert found["cases/test"][0] == 1290
    assert found["generated/test"][0] == 1869
    assert sum(rows for name, (rows, _) in found.items() if name.startswith("responses/")) == 23220
    configs = [name.split("/")[0] for name in found]
    assert (configs.count("by_subtype"), configs.count("by_authority"), configs.count("by_authority_group")) == (
        39,
        19,
        4,
    )


@pytest.mark.study
def test_the_study_passes_its_check(study_dataset: Path) -> None:
    assert check_folder(study_dataset) == []


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda d: (d / "data/cases/test.parquet").write_bytes(b"x"), "the manifest says"),
        (lambda d: (d / "data/cases/test.parquet").unlink(), "is missing"),
        (lambda d: (d / "extra.txt").write_text("x"), "is not in the manifest"),
        (lambda d: (d / "README.md").write_text("---\nconfigs: 3\n---\n"), "front matter cannot be read"),
        (lambda d: flip(d / "data/cases/test.parquet"), "hash was taken of"),
    ],
)
def test_check_names_what_was_spoilt(archive: Path, tmp_path: Path, spoil, expected: str) -> None:
    out = build(archive, tmp_path / "a")
    spoil(out)
    found = "\n".join(map(str, check_folder(out)))
    assert expected in found


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_check_reads_the_records_too(archive: Path, tmp_path: Path) -> None:
    """A folder whose manifest was made to fit a wrong table is still found out by its records."""
    from dataset_builder.build.build import write_parquet
    from dataset_builder.dataset.manifest import FileEntry, hash_file

    out = build(archive, tmp_path / "a")
    built = BuiltDataset.open(out)
    wrong = [msgspec.structs.replace(case, authority_group="government") for case in built.cases()]
    path = out / "data/cases/test.parquet"
    write_parquet(table_of(Case, wrong).select(stored_schema("cases", built.manifest.constants).names), path)
    built.manifest.files["data/cases/test.parquet"] = FileEntry(
        sha256=hash_file(path), bytes=path.stat().st_size, rows=len(wrong)
    )
    (out / "manifest.json").write_bytes(built.manifest.to_json())
    found = "\n".join(map(str, check_folder(out)))
    assert "belongs to voluntary, not to 'government'" in found
    assert "data/by_rule/defeated.parquet: does not hold the cases" in found


def test_eval_yaml_is_one_that_inspect_reads(archive: Path, tmp_path: Path) -> None:
    hf = pytest.importorskip("inspect_ai._eval.task.hf", reason="needs the extra `inspect`")
    out = build(archive, tmp_path / "a")
    content = yaml.safe_load((out / "eval.yaml").read_text(encoding="utf-8"))
    assert content["evaluation_framework"] == "inspect-ai"
    tasks = [hf.HFTask.model_validate(task) for task in content["tasks"]]
    built = BuiltDataset.open(out)
    assert [task.id for task in tasks] == ["help_on_defeated", "decline_on_control"]
    for task in tasks:
        row = built.table(task.config, task.split).to_pylist()[0]
        sample = hf._record_to_sample_hf(row, task.field_spec)
        assert sample.input == row["user_query"]
        assert sample.target.startswith("Criterion: the reply")
        # Inspect builds the scorer from these arguments; a name it does not know would raise.
        from inspect_ai.scorer import model_graded_qa

        model_graded_qa(**task.scorers[0].args)
    with pytest.raises(ValueError, match="scores"):
        hf.HFTask.model_validate({**content["tasks"][0], "scores": []})


labels = st.sampled_from
texts = st.text(max_size=200)
_hints = {c.name: st.one_of(st.none(), texts) if c.nullable else texts for c in columns_of(Case) if c.type is str}


@given(
    rows=st.lists(
        st.builds(
            Case, **_hints, defeated=st.booleans(), dual_use=st.none() | st.booleans(), structural_facts=st.lists(texts)
        ),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_records_survive_the_table_and_back(rows: list[Case]) -> None:
    table = table_of(Case, rows)
    assert table.schema == schema_of(Case)
    assert [Case(**row) for row in table.to_pylist()] == rows


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no case"):
        build_dataset(Records(cases=[]), [Source(kind="study", content_hash="0")], tmp_path / "a")


def test_the_families_share_out_the_cases(archive: Path, tmp_path: Path) -> None:
    built = BuiltDataset.open(build(archive, tmp_path / "a"))
    families = {f: built.table("by_family", f).column("case_id").to_pylist() for f in built.splits("by_family")}
    assert set(families) <= set(taxonomy.ids(taxonomy.FAMILIES))
    assert sorted(case for cases in families.values() for case in cases) == sorted(c.case_id for c in built.cases())


def test_time_does_not_enter_a_build(archive: Path, tmp_path: Path) -> None:
    first, second = contents(build(archive, tmp_path / "a")), int(time.time())
    # File formats tell time in seconds: the next one has to have begun.
    while int(time.time()) == second:
        time.sleep(0.01)
    assert contents(build(archive, tmp_path / "a")) == first
