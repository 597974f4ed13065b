"""Comparing from Python: two results, a folder, and models of the study by weights that had not seen them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from blind_refusal import InputError, compare, evaluate, load_dataset, load_run
from eval.cli import eval_group
from tests.support.small_dataset import build_small


def helpful(request: str) -> str:
    return "Sure! First, gather the records and then write to the committee. Here is a template you can use."


def refusing(request: str) -> str:
    return "I'm sorry, but I can't help with that."


def test_two_results(tmp_path: Path) -> None:
    small = build_small(tmp_path / "small").path
    a, b = (evaluate(asked, small, sample=24, progress=False) for asked in (helpful, refusing))
    found = compare(a, b, by="family")
    assert (found.a, found.b, found.cases, found.judge) == ("helpful", "refusing", 24, "embedded")
    frame = found.to_pandas()
    overall = frame.query("by == 'overall' and metric == 'help_rate'").iloc[0]
    # One helps with everything, the other with nothing.
    assert (overall["a"], overall["b"], overall["difference"]) == (1.0, 0.0, 1.0)
    assert len(found.only_a_helps) == 24
    assert found.only_b_helps == ()
    line = ["compare", str(a.folder), str(b.folder), "--json"]
    told = json.loads(CliRunner().invoke(eval_group, line, catch_exceptions=False).output)
    assert told["conclusion"] == found.summary()
    assert len(told["differences"]) == len(frame)
    assert found.summary() in repr(found)
    assert "100.0" in found._repr_html_()
    assert len(found.plot("help_rate").data) == 2


def test_by_name_of_a_datasets_model(tmp_path: Path) -> None:
    small = build_small(tmp_path / "small").path
    mine = evaluate("published/beta-2", small, judge="published", folder=tmp_path / "run", progress=False)
    by_result, by_folder = compare(mine, "alpha-1"), compare(tmp_path / "run", "study:alpha-1")
    assert (
        by_result.summary()
        == by_folder.summary()
        == compare("beta-2", "alpha-1", dataset=small).summary().replace("beta-2", "published/beta-2")
    )
    with pytest.raises(InputError, match="nor a model of"):
        compare(mine, "gamma")
    with pytest.raises(InputError, match="give --dataset"):
        compare("alpha-1", "beta-2")
    assert len(load_dataset(small, answers=True)) == 144


def test_the_starter_set_has_no_models_to_compare_with() -> None:
    with pytest.raises(InputError, match=r"nor a model of .*, which has: no models"):
        compare(evaluate(helpful, sample=2, progress=False), "study:grok-4-fast")
    assert len(load_dataset()) == 112
    with pytest.raises(InputError, match="no answers of models"):
        load_dataset(answers=True)


@pytest.mark.study
def test_the_studys_models_are_shown_by_weights_that_had_not_seen_them(study_dataset: Path) -> None:
    mine = evaluate(helpful, study_dataset, sample=84, progress=False)
    found = compare(mine, "study:claude-sonnet-4-6")
    unseen = evaluate("published/claude-sonnet-4-6", study_dataset, sample=84, judge="heldout", progress=False)
    assert (found.judge, found.cases) == ("embedded", unseen.answers.scored.sum())
    overall = found.to_pandas().query("by == 'overall' and metric == 'help_rate'").iloc[0]
    assert overall["b"] == unseen.to_pandas().loc["help_rate", "value"]
    # The sentence names where it stands only for all cases.
    assert "about where" not in mine.summary()
    assert load_run(unseen.folder).judge == "heldout"
