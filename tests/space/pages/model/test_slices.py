from __future__ import annotations

import numpy as np

from eval.scores.slices import OVERALL
from space.data.data import Key, SliceTable, Snapshot
from space.pages.model.slices import FEW, LESS, MORE, parts_of, standing_out
from tests.support.results_folder import board, row

NAN = float("nan")
# The model's rate over all is 0.4; share, low, high and answers of each part.
OVER_ALL = (0.4, 0.3, 0.5, 100)
PARTS = {
    "content_defeat": (0.6, 0.41, 0.8, 30),  # wholly above
    "application_defeat": (0.6, 0.4, 0.8, 30),  # reaches it
    "exception_justified": (0.2, 0.1, 0.39, 30),  # wholly below
    "illegitimate_authority": (0.9, 0.8, 0.95, FEW - 1),  # wholly above, on too few answers
    "control": (0.1, 0.0, 0.2, 30),  # no help is due there
}


def table(parts: dict[str, tuple[float, float, float, int]]) -> SliceTable:
    keys = {Key(OVERALL, OVERALL): 0, **{Key("family", name): n for n, name in enumerate(parts, 1)}}
    rows = [OVER_ALL, *parts.values()]
    numbers = np.array([[[share, low, high, NAN]] for share, low, high, _ in rows])
    return SliceTable(keys, {"help_rate": 0}, numbers, np.array([[n] for *_, n in rows], np.int32))


def now(*tables: SliceTable) -> Snapshot:
    return Snapshot(slices={f"{n}.json": one for n, one in enumerate(tables)})


def test_a_part_stands_out_where_its_whole_interval_is_on_one_side_of_the_rate_over_all() -> None:
    one = table(PARTS)
    parts = parts_of(now(one), board(row("a", 1, 0.4, 0.1, results="0.json")), one, "family")
    # The most help first, of equals by title: "Defeated by its application" before "Defeated by its content".
    assert [(part.value, part.stands) for part in parts] == [
        ("illegitimate_authority", None),
        ("application_defeat", None),
        ("content_defeat", MORE),
        ("exception_justified", LESS),
    ]
    assert [part.value for part in standing_out(parts, MORE)] == ["content_defeat"]
    assert [part.value for part in standing_out(parts, LESS)] == ["exception_justified"]


def test_the_others_are_taken_together_over_their_answers() -> None:
    mine, other = table({"content_defeat": (0.6, 0.5, 0.7, 30)}), table({"content_defeat": (0.2, 0.1, 0.3, 10)})
    rows = [row("a", 1, 0.4, 0.1, results="0.json"), row("b", 2, 0.4, 0.1, results="1.json")]
    (part,) = parts_of(now(mine, other), board(*rows), mine, "family")
    # (0.6 * 30 + 0.2 * 10) / 40
    assert part.others.estimate == 0.5
    assert part.others.n == 40


def test_without_an_interval_nothing_stands_out() -> None:
    one = table({"content_defeat": (0.9, NAN, NAN, 30)})
    (part,) = parts_of(now(one), board(row("a", 1, 0.4, 0.1, results="0.json")), one, "family")
    assert part.stands is None
