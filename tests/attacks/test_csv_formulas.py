"""Names that are formulas, in every CSV file that the commands and the Space write."""

from __future__ import annotations

import csv
import io

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.storage.sheets import inert
from space.api.files import _csv
from space.api.tables import Table
from space.pages.leaderboard.table import board_frame
from tests.support.results_folder import board, row

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM(A1)")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_begins_no_formula(text: str) -> None:
    assert inert(text) == f"'{text}"


def test_the_leaderboards_download_holds_no_formula(dataset: OpenedDataset) -> None:
    rows = [row(text, 1, 0.5, 0.1, family=text, submitter=text, model_id=text) for text in FORMULAS]
    frame = board_frame(board(*rows))
    written = "".join(_csv(Table(dict.fromkeys(map(str, frame.columns), str), frame.to_dict("records"), {})))
    # As many rows as models: no line break of a name begins one of its own.
    assert len(list(csv.reader(io.StringIO(written, newline="")))) == len(rows) + 1
    for line in csv.reader(io.StringIO(written, newline="")):
        for cell in line:
            number = cell.removeprefix("-").replace(".", "", 1).replace("e-", "", 1).isdecimal()
            assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")), cell
