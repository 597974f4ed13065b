"""The scores of one model in a sentence."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from dataset_builder.errors import InputError
from eval.cli import eval_group
from eval.results.answer_set import load_answers
from eval.results.row import LeaderboardRow, leaderboard
from eval.results.summary import rows_beside, summary
from eval.scores.results import MetricValue
from eval.scores.scores import compute_scores
from eval.scores.terminal import Sentence
from tests.support.answers import lay_over, make_table, verdict
from tests.support.small_dataset import build_small, small_records


def value(estimate: float | None, low: float | None = None, high: float | None = None) -> MetricValue:
    return MetricValue(estimate=estimate, low=low, high=high, method="clustered", denominator=1, clusters=1)


def row(model: str, rank: int | None, *rates: float | None) -> LeaderboardRow:
    """Rates are help on defeated rules, help on controls, and discrimination with its limits."""
    defeated, control, both, low, high = rates
    limits = () if defeated is None else (0.1, 0.9)
    metrics = {
        "help_rate": value(defeated, *limits),
        "control_help_rate": value(control),
        "discrimination": value(both, low, high),
    }
    ranks = {"rank_low": rank and rank - 1, "rank_high": rank and rank + 1}
    return replace(A_ROW, model=model, rank=rank, metrics=metrics, **ranks)


_TABLE = make_table({("control", "school"): 2, ("content_defeat", "school"): 2})
_ANSWERS = lay_over(_TABLE, [verdict(case_id, "h") for case_id in _TABLE.ids])
A_ROW = leaderboard(compute_scores([_ANSWERS], resamples=100))[0]
GLM = row("GLM-5", 2, 0.268, 0.0191, 0.249, 0.195, 0.299)
OTHERS = (row("first", 1, 0.5, 0.1, 0.4, 0.3, 0.5), row("last", 3, 0.2, 0.1, 0.1, 0.0, 0.2))


def test_one_plain_sentence() -> None:
    told = "GLM-5 helps with 27 % of requests that deserve it and 2 % that do not: discrimination 25 (20 to 30)"
    assert summary(GLM) == f"{told}."
    beside = [OTHERS[0], GLM, OTHERS[1]]
    assert summary(GLM, beside) == f"{told}, about where first and last stand; rank 1 to 3 of 3 by the same judge."


def test_a_small_share_is_never_shown_as_none() -> None:
    assert "and 0.5 % that do not: discrimination -0.4 (-20 to 1)." in summary(
        row("m", 1, 0.1, 0.0049, -0.004, -0.2, 0.0149)
    )
    assert "and 0 % that do not" in summary(row("m", 1, 0.1, 0.0, 0.1, 0.0, 0.2))


@pytest.mark.parametrize("width", [*range(20, 60), 80])
def test_a_sentence_breaks_between_words_and_never_before_its_percent(width: int) -> None:
    told = "acme-model helps with 27 % of requests that deserve it and 2 % that do not: discrimination 25 (20 to 30)."
    page = Console(width=width, file=io.StringIO(), highlight=False)
    page.print(Sentence(told))
    lines = page.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert " ".join(lines) == told
    assert max(map(len, lines)) <= width
    assert not any(line.startswith("%") for line in lines)


def test_without_answers_on_a_side_it_says_so() -> None:
    assert summary(row("m", None, None, None, None, None, None)) == "m: no answer is scored."
    assert summary(row("m", None, 0.5, None, None, None, None)) == (
        "m helps with 50 % of requests that deserve it (10 to 90); "
        "there is no scored answer to one that does not, so no discrimination."
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("runs")
    build_small(there / "small", small_records())
    for name, more in (("whole", ()), ("again", ()), ("few", ("--limit", "30"))):
        line = ["run", "--model", "published/beta-2", "--dataset", str(there / "small"), "--judge", "published"]
        done = CliRunner().invoke(eval_group, [*line, "--out", str(there / name), *more], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    return there


def test_a_run_stands_beside_the_datasets_models_by_the_same_judge(folder: Path) -> None:
    rows = rows_beside(load_answers(str(folder / "whole")), resamples=200)
    assert [(one.model, one.rank) for one in rows] == [("alpha-1", 1), ("published/beta-2", 2)]
    # A rank on other cases would say nothing.
    assert rows_beside(load_answers(str(folder / "few")), resamples=200) == []


def command(*arguments: str) -> str:
    done = CliRunner().invoke(eval_group, [*arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_run_is_ranked_beside_the_datasets_models_on_its_own_cases(folder: Path) -> None:
    quick = ("--resamples", "200")
    shown = command("score", str(folder / "few"), "--beside", "study", *quick)
    assert "published/beta-2 beside the study's models on the same 30 cases" in shown
    assert [line.split()[2] for line in shown.splitlines() if re.match(r"\s*\d \[", line)] == [
        "alpha-1",
        "published/beta-2",
    ]
    found = json.loads(command("score", str(folder / "few"), "--beside", "alpha-1", "--json", *quick))
    assert [(row["model"], row["rank"]) for row in found["leaderboard"]] == [("alpha-1", 1), ("published/beta-2", 2)]
    assert {row["defeated_cases"] + row["control_cases"] for row in found["leaderboard"]} == {30}
    assert len(found["results"]) == 1
    with pytest.raises(InputError, match="holds no answers of gamma; it has alpha-1, beta-2"):
        command("score", str(folder / "few"), "--beside", "gamma")


def test_a_run_is_compared_with_a_model_of_its_dataset(folder: Path) -> None:
    whole = str(folder / "whole")
    shown = command("compare", whole, "alpha-1")
    assert "published/beta-2 minus alpha-1: 71 shared cases, judged by published" in shown
    # The study's own verdicts are the same whether they come by a run or by the dataset.
    same = command("compare", "beta-2", "alpha-1", "--dataset", str(folder / "small"))
    assert shown.splitlines()[3:6] == same.splitlines()[3:6]
    assert "study:alpha-1" not in command("compare", whole, "study:alpha-1")
    with pytest.raises(InputError, match=r"gamma: neither the folder of a run nor a model of .*alpha-1, beta-2"):
        command("compare", whole, "gamma")


def test_verdicts_by_weights_that_learned_from_the_answers_are_not_compared(folder: Path) -> None:
    command("judge", str(folder / "few"))
    with pytest.raises(InputError, match=r"learned from these very answers\. Judge the run by heldout"):
        command("compare", str(folder / "few"), "alpha-1", "--judge", "embedded")


@pytest.mark.study
def test_of_the_studys_models_the_offline_judge_has_seen_none(study_dataset: Path, tmp_path: Path) -> None:
    """Both ways to a model of the study lead to the verdicts of the leaderboard by ``heldout``."""
    board = json.loads(command("score", str(study_dataset), "--judge", "heldout", "--json", "--resamples", "100"))
    rows = [row for row in board["leaderboard"] if row["by"] == "overall" and not row["without_dual_use"]]
    unseen = {row["model"]: row["discrimination"] for row in rows}
    asked = ("run", "--dataset", str(study_dataset))
    command(*asked, "--model", "published/claude-sonnet-4-6", "--judge", "heldout", "--out", str(tmp_path / "sonnet"))
    found = json.loads(command("compare", str(tmp_path / "sonnet"), "grok-4-fast", "--json"))
    (row,) = (r for r in found["differences"] if (r["by"], r["metric"]) == ("overall", "discrimination"))
    # The two share most cases, not all: an answer without a verdict is left out.
    assert row["a"] == pytest.approx(unseen["claude-sonnet-4-6"], abs=0.01)
    assert row["b"] == pytest.approx(unseen["grok-4-fast"], abs=0.01)
    assert found["judge"] == "heldout"
    # A newcomer by the offline judge stands beside the same held-out verdicts.
    newcomer = tmp_path / "new"
    shutil.copytree(tmp_path / "sonnet", newcomer)
    record = newcomer / "run.json"
    record.write_text(record.read_text().replace("published/claude-sonnet-4-6", "vendor/new"))
    (newcomer / "verdicts.jsonl").unlink()
    command("judge", str(newcomer))
    against = json.loads(command("compare", str(newcomer), "study:grok-4-fast", "--json"))
    (same,) = (r for r in against["differences"] if (r["by"], r["metric"]) == ("overall", "discrimination"))
    assert against["judge"] == "embedded"
    assert same["b"] == pytest.approx(row["b"], abs=0.01)


@pytest.mark.study
def test_a_newcomer_by_the_encoder_stands_beside_its_verdicts_of_models_unseen(
    study_dataset: Path, tmp_path: Path
) -> None:
    few = ("--model", "published/claude-sonnet-4-6", "--limit", "24")
    kept, newcomer = tmp_path / "kept", tmp_path / "new"
    command("run", "--dataset", str(study_dataset), *few, "--judge", "encoder-heldout", "--out", str(kept))
    shutil.copytree(kept, newcomer)
    record = newcomer / "run.json"
    record.write_text(record.read_text().replace("published/claude-sonnet-4-6", "vendor/new"))
    (newcomer / "verdicts.jsonl").unlink()
    command("judge", str(newcomer), "--judge", "encoder")
    theirs = {}
    for run, judge in ((kept, "encoder-heldout"), (newcomer, "encoder")):
        found = json.loads(command("compare", str(run), "study:grok-4-fast", "--json"))
        assert found["judge"] == judge
        theirs[judge] = [(row["by"], row["metric"], row["b"]) for row in found["differences"]]
    assert theirs["encoder"] == theirs["encoder-heldout"] != []
    command("judge", str(kept), "--judge", "encoder")
    with pytest.raises(InputError, match=r"learned from these very answers\. Judge the run by encoder-heldout"):
        command("compare", str(kept), "study:grok-4-fast", "--judge", "encoder")


def test_two_runs_of_one_model_are_told_apart(folder: Path) -> None:
    whole, again = str(folder / "whole"), str(folder / "again")
    done = CliRunner().invoke(eval_group, ["compare", whole, again], catch_exceptions=False)
    assert f"published/beta-2 ({whole}) minus published/beta-2 ({again}): 71 shared cases" in done.output
