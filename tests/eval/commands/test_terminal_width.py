"""Tables in a real pseudo-terminal: nothing is wider than it, no number is cut, nothing vanishes without a word."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from space.cli import command as program
from tests.support.small_dataset import build_small, small_records

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from tests.support.terminal import all_in_terminal, all_piped, piped

WIDTHS = (60, 80, 100, 120, 200)
LONG = "a-model-with-quite-a-long-name-0325-preview-fp8-of-its-second-revision"
QUICK = ("--resamples", "100")
NUMBER = re.compile(r"\[[^\]\n]*\d[^\]\n]*\]|[+-]?\d[\d,]*\.\d+")
RATES = ("Discrimination", "Help, defeated", "Help, control")
PAIRED = ("n", "A", "B", "A - B [95%]", "p (Holm)", "p (BH)")
# Arguments of the command, and the columns of its tables.
TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "score of a dataset": (
        ("eval", "score", "small", "--by", "family", "--correct", "ppi", *QUICK),
        ("Rank", "Model", *RATES, "Engages", "Engaged refusals", "Pure blind", "Unscored", "Raw", "Corrected [95%]"),
    ),
    "score of a run": (
        ("eval", "score", "run", "--by", "authority", *QUICK),
        ("Metric", "Value [95%]", "Of", "Bootstrap", "With unscored", "Cells", "Detectable", "Interval by", "Slice"),
    ),
    "all of a run": (
        ("eval", "score", "run", "--full", *QUICK),
        ("Metric", "Value [95%]", "Of", "Bootstrap", "With unscored", "Cells", "Detectable", "Interval by"),
    ),
    "compare": (
        ("eval", "compare", "alpha-1", LONG, "--dataset", "small", "--cases", "1"),
        ("Slice", "Metric", *PAIRED),
    ),
    "pairs": (("eval", "compare", "alpha-1", "beta-2", LONG, "--dataset", "small"), ("Model A", "Model B", *PAIRED)),
    "agreement": (
        ("eval", "agreement", "--dataset", "small"),
        (
            "First",
            "Second",
            "Field",
            "n",
            "Kappa [95%]",
            "Agree % [95%]",
            "Precision",
            "Recall",
            "NPV",
            "Both",
            "Family",
            "Answers",
            "Help",
            "Called help",
            "Kappa",
        ),
    ),
    "reproduce": (
        ("eval", "reproduce", "--dataset", "small"),
        ("Figure", "Where", "Paper", "Recomputed", "n", "Result", "Blind refusal"),
    ),
    "set": (
        ("eval", "set", "models.yaml", "--dataset", "small", "--judge", "published", "--out", "runs"),
        ("Rank", "Model", *RATES, "Model A", "Model B", *PAIRED),
    ),
    "aggregate": (
        ("board", "aggregate", "--results", "results", "--dataset", "small"),
        ("Rank", "Model", *RATES, "Status"),
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with three models, a run of one of them, and a results folder."""
    there = tmp_path_factory.mktemp("wide")
    records = small_records()
    records.responses[LONG] = [
        msgspec.structs.replace(row, model=LONG, model_id=f"vendor/{LONG}") for row in records.responses["beta-2"]
    ]
    build_small(there / "small", records)
    (there / "models.yaml").write_text("models:\n  - model: published/alpha-1\n  - model: published/beta-2\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        for line in (
            f"eval run --model published/{LONG} --dataset small --judge published --out run",
            "eval submit small --results results",
            "board aggregate --results results --dataset small",
        ):
            done = CliRunner().invoke(program, line.split(), catch_exceptions=False)
            assert done.exit_code == 0, done.output
    return there


def unnamed(columns: tuple[str, ...], text: str) -> list[str]:
    """The columns whose titles are nowhere; a title may stand on several lines."""
    words = set(re.findall(r"[^\s,]+", text.replace(".", " ")))
    return [title for title in columns if not words.issuperset(re.findall(r"[^\s,]+", title))]


@pytest.fixture(scope="module")
def everything_piped(folder: Path) -> dict[str, str]:
    """All that each command has to tell, by the command's name here."""
    whole = [[*arguments, *([] if "--full" in arguments else ["--full"])] for arguments, _ in TABLES.values()]
    return dict(zip(TABLES, all_piped(whole, folder), strict=True))


@pytest.fixture(scope="module")
def shown(folder: Path, everything_piped: dict[str, str]) -> dict[str, dict[int, str]]:
    """What each command shows in each terminal, when all of it was handed to a program before."""
    return dict(zip(TABLES, all_in_terminal([one for one, _ in TABLES.values()], WIDTHS, folder), strict=True))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_fits_every_terminal(
    everything_piped: dict[str, str], shown: dict[str, dict[int, str]], name: str
) -> None:
    columns, everything = TABLES[name][1], everything_piped[name]
    numbers = set(NUMBER.findall(everything))
    assert numbers
    assert not unnamed(columns, everything), f"{name}, piped"
    for width, text in shown[name].items():
        at = f"{name} at {width} columns"
        # Below 80 columns the name of a model may lose its middle.
        assert width < 80 or "…" not in text, at
        wide = [line for line in text.splitlines() if cell_len(line.rstrip()) > width]
        assert not wide, f"{at}: {wide[0]}"
        assert not unnamed(columns, text), f"{at}: neither shown nor named as hidden\n{text}"
        # Sentences break between words, and so may an interval in one.
        flat = " ".join(text.split())
        cut = [number for number in NUMBER.findall(flat) if number not in numbers]
        assert not cut, f"{at}: {cut}\n{text}"


def test_a_pipe_gets_every_column(folder: Path) -> None:
    text = piped(["eval", "score", "small", *QUICK], folder)
    assert "No room for" not in text
    assert max(map(len, text.splitlines())) > 132, "the long name needs more than the usual width"
    assert re.search(rf"{LONG} +-?\d+\.\d \[", text)


def test_what_is_hidden_is_shown_on_request(folder: Path) -> None:
    few, full = ("eval", "score", "run", *QUICK), ("eval", "score", "run", "--full", *QUICK)
    narrow, everything = (text[60] for text in all_in_terminal([few, full], (60,), folder))
    assert "blind-refusal eval score run --full adds: Bootstrap, With" in narrow
    assert "10 more rates" in " ".join(narrow.split())
    assert "Hard refusal" not in narrow
    # All of it does not fit into 60 columns: a list, a line a value.
    assert re.search(r"^Metric +Hard refusal$", everything, re.MULTILINE)
    assert re.search(r"^Detectable +\d+\.\d$", everything, re.MULTILINE)
