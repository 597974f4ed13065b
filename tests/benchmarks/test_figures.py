"""The docs quote ratios, and these are of the order of magnitude that the benchmarks last gave."""

from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec
import pytest

from benchmarks.__main__ import FILE, Figures

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"\| ([^|]+) \| (-?[\d.,]+) \| at (least|most) ([\d.]+) \|")
# A figure that is three times another is of its order of magnitude.
NEAR = math.log10(3.2)


@pytest.fixture(scope="module")
def kept() -> Figures:
    return msgspec.json.decode(FILE.read_bytes(), type=Figures)


def test_every_figure_says_where_it_is_from_and_why_it_is_missed(kept: Figures) -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", kept.date)
    assert kept.processor
    assert kept.figures
    for figure in kept.figures:
        assert figure.met == (
            figure.ratio >= figure.goal if figure.bound == "at least" else figure.ratio <= figure.goal
        )
        assert figure.met or figure.why, figure.name


def test_the_ratios_in_the_docs_are_of_the_order_of_those_measured(kept: Figures) -> None:
    measured = {figure.name: figure for figure in kept.figures}
    rows = _ROW.findall((ROOT / "docs" / "speed.md").read_text())
    assert {name for name, *_ in rows} == set(measured)
    for name, ratio, bound, goal in rows:
        figure = measured[name]
        assert (f"at {bound}", float(goal)) == (figure.bound, figure.goal)
        # What is near nothing, such as a growth that is none, has no order of magnitude.
        near = math.log10(max(float(ratio.replace(",", "")), 0.3) / max(figure.ratio, 0.3))
        assert abs(near) <= NEAR, f"{name}: the docs say {ratio}, {FILE.name} {figure.ratio:g}"


@pytest.mark.parametrize("path", ["README.md", "docs/index.md", "docs/embedded-judge.md"])
def test_no_figure_of_speed_stands_for_one_machine_alone(path: str) -> None:
    text = (ROOT / path).read_text()
    assert not re.search(r"\d (verdicts|answers|transcripts) a second|\d (ms|MiB)\b", text)
