"""A built dataset in the hands of other libraries: each opens what the card and the manifest name.

`tests/try_readers.py` does the work: it also runs alone, beside other versions of `datasets` (the weekly checks).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.dataset.opened import BuiltDataset
from tests.support.small_dataset import build_small
from tests.try_readers import READERS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltDataset:
    return build_small(tmp_path_factory.mktemp("readers") / "dataset")


@pytest.mark.parametrize("library", READERS)
def test_a_library_opens_every_config_and_file(built: BuiltDataset, library: str) -> None:
    pytest.importorskip(library)
    READERS[library](built.path)


def test_a_row_of_responses_says_what_was_asked_of_which_rule(built: BuiltDataset, tmp_path: Path) -> None:
    import datasets

    rows = datasets.load_dataset(str(built.path), "responses", split="test", cache_dir=str(tmp_path))
    assert len(rows) == 144  # two models, 72 cases each
    row = rows[0]
    assert (row["case_id"], row["model"]) == ("content_defeat:school:0", "alpha-1")
    assert (row["user_query"], row["cell"], row["defeated"]) == (
        "content_defeat school 0?",
        "content_defeat:school",
        True,
    )
    assert row["policy"]
    one = datasets.load_dataset(str(built.path), "by_model", split="beta_2", cache_dir=str(tmp_path))
    chosen = rows.filter(lambda answer: answer["model"] == "beta-2")
    assert list(chosen) == list(one)
