"""Two submissions to one place at the same moment: one of them stands, whole, and the other is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from eval.repository.bundle import MadeBundle
from eval.repository.folder import SUBMISSIONS, add_submission
from tests.support.submissions import good_bundle


class _Late(dict[str, bytes]):
    """The files of a bundle; while they are written, another submission takes the place."""

    def __init__(self, files: dict[str, bytes], results: Path, first: MadeBundle) -> None:
        super().__init__(files)
        self._results, self._first = results, first

    def items(self) -> Any:
        assert add_submission(self._results, self._first)
        return super().items()


@pytest.mark.parametrize("same", [True, False])
def test_of_two_submissions_to_one_place_the_first_stands(same: bool, dataset: OpenedDataset, tmp_path: Path) -> None:
    first = good_bundle(dataset, "acme/model-1", judged_by=())
    files = first.files if same else first.files | {"run.json": b"{}"}
    second = replace(first, files=_Late(files, tmp_path, first))
    if same:
        assert not add_submission(tmp_path, second)
    else:
        with pytest.raises(InputError, match="another submission stands there"):
            add_submission(tmp_path, second)
    folder = tmp_path / SUBMISSIONS / first.place
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first.files
    # Nothing half-written is left beside it.
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
