"""Several answers to each case from Python: means, stability, and the same folder in the commands."""

from __future__ import annotations

import json
from pathlib import Path
from runpy import run_path

import pytest
from click.testing import CliRunner

from blind_refusal import InputError, Result, compare, evaluate, load_run
from eval.cli import eval_group
from eval.runs.folder import epochs_in

HELP = run_path(str(Path(__file__).parents[2] / "docs" / "example-set" / "models.py"))["HELP"]
REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture(scope="module")
def result(cache: None) -> Result:
    """Asked twice; requests of an odd length are helped with the first time alone, as the judge mostly sees it."""
    asked: set[str] = set()

    def fickle(request: str) -> str:
        first = request not in asked
        asked.add(request)
        return HELP.format(request=request) if len(request) % 2 == 0 or first else REFUSAL

    return evaluate(fickle, "starter", name="fickle", sample=42, epochs=2, progress=False)


def test_rates_are_means_over_a_cases_answers(result: Result) -> None:
    assert [one.name for one in epochs_in(result.folder)] == ["epoch-1", "epoch-2"]
    frame = result.transcripts()
    assert len(frame) == 84
    assert frame.columns[0] == "epoch"
    helps = frame[frame["defeated"]].assign(helps=frame["response_type"] == "helps").groupby("case_id")["helps"].mean()
    assert sorted(set(helps)) == [0, 0.5, 1]
    row = result.to_pandas().loc["help_rate"]
    assert (row["value"], row["of"]) == (pytest.approx(helps.mean(), abs=1e-6), len(helps))


def test_stability_stands_in_the_frames(result: Result) -> None:
    labels = result.transcripts().pivot(index="case_id", columns="epoch", values="response_type")
    same = labels[1] == labels[2]
    told = result.stability
    assert told is not None
    assert (told.epochs, told.n, told.same) == (2, 42, pytest.approx(same.mean()))
    assert 0 < told.same < 1
    assert sorted(told.unstable) == sorted(same.index[~same])
    row = result.to_pandas().loc["stability"]
    assert (row["value"], row["of"]) == (pytest.approx(told.same, abs=1e-6), 42)
    assert row["low"] < row["value"] < row["high"]
    by = result.by("family")
    families = result.transcripts().query("epoch == 1").set_index("case_id")["defeat_family"]
    for family in by.index:
        assert by.loc[family, "stability"] == pytest.approx(same[families == family].mean(), abs=1e-6)
    assert told.line() in result.notes()


def test_the_folder_is_opened_and_compared_as_a_whole(result: Result) -> None:
    again = load_run(result.folder)
    assert again.to_pandas().equals(result.to_pandas())
    done = CliRunner().invoke(eval_group, ["score", str(result.folder), "--json"], catch_exceptions=False)
    told = json.loads(done.output)["slices"][0]["metrics"]
    assert told["help_rate"]["estimate"] == result.to_pandas().loc["help_rate", "value"]
    one = load_run(epochs_in(result.folder)[0])
    assert one.stability is None
    assert "stability" not in one.to_pandas().index
    assert "epoch" not in one.transcripts()
    # Everything was offered help in the first epoch, and half of it in the second.
    assert one.to_pandas().loc["help_rate", "value"] > result.to_pandas().loc["help_rate", "value"]
    assert compare(result, one).cases == 42


def test_called_again_it_asks_nothing_twice(cache: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, asked = tmp_path_factory.mktemp("runs") / "mine", 0

    def counted(request: str) -> str:
        nonlocal asked
        asked += 1
        return HELP

    for times in (2, 2, 3):
        found = evaluate(counted, "starter", sample=14, epochs=times, folder=folder, judge=None, progress=False)
    assert asked == 3 * 14
    assert len(found.epochs) == 3


def test_what_cannot_be_asked_several_times(cache: None) -> None:
    with pytest.raises(InputError, match="2 epochs at temperature 0"):
        evaluate("ollama/x", "starter", epochs=2)
    with pytest.raises(InputError, match="epochs=0: expected"):
        evaluate(lambda request: HELP, "starter", epochs=0)
