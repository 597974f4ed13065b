"""How often a judge errs on help: counts worked by hand, and the study's by the held-out verdicts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dataset_builder.dataset.opened import locate_dataset
from dataset_builder.dataset.taxonomy import HELPS
from eval.agreement.help_error import ALL_FAMILIES, errors_on_help, help_error_in_words, short_of_goal
from eval.agreement.known import known_help_error
from eval.judges.embedded.held_out import shipped
from eval.judges.embedded.judge import load_judge
from eval.scores.labels import study_labels
from eval.scores.read import heldout_answers, label_source
from tests.support.answers import make_answers, make_table


def test_precision_and_recall_by_hand() -> None:
    table = make_table({("content_defeat", "landlord"): 6})
    # Alpha: of four that help it finds two and calls one more help; what one of the two left unscored counts not.
    truth = [make_answers(table, "hhhhr?", "alpha-1"), make_answers(table, "hrrrrr", "beta-1")]
    said = [make_answers(table, "hhrrhh", "alpha-1"), make_answers(table, "rrrrrr", "beta-1")]
    first, second, whole = errors_on_help(label_source(truth), label_source(said))
    assert (first.family, first.n, first.helps, first.called) == ("alpha", 5, 4, 3)
    assert (first.precision, first.recall) == (pytest.approx(2 / 3), 0.5)
    # 2 of 5 alike; by chance 4/5 x 3/5 + 1/5 x 2/5 = 14/25, so (10 - 14) / (25 - 14).
    assert first.kappa == pytest.approx(-4 / 11, abs=1e-6)
    assert (second.family, second.precision, second.recall) == ("beta", None, 0.0)
    assert (whole.family, whole.n, whole.helps, whole.called) == (ALL_FAMILIES, 11, 5, 3)
    told = help_error_in_words([first, second, whole])
    assert told is not None
    assert "67 % helps by the study's judge (precision)" in told
    assert "finds 40 % (recall)" in told
    assert told.endswith("at its worst 67 % (all) and 0 % (beta), where the goal is 75 % in every family")
    assert help_error_in_words([]) is None
    assert short_of_goal([first, second, whole]) == [
        "alpha (precision 66.7 %)",
        "alpha (recall 50.0 %)",
        "beta (recall 0.0 %)",
    ]


@pytest.mark.study
def test_the_embedded_judges_errors_are_of_the_held_out_verdicts(study_dataset: Path) -> None:
    """The manifest's by another way: labels by answer, as ``eval agreement`` compares them."""
    dataset = locate_dataset(study_dataset)
    known = known_help_error("embedded", load_judge().rubric)
    truth, said = study_labels(dataset.built), label_source(heldout_answers(dataset.built))
    assert [one.family for one in known] == ["claude", "gemini", "glm", "gpt", "grok", "nemotron", "qwen", "all"]
    for one, found in zip(known, errors_on_help(truth, said), strict=True):
        assert (one.family, one.n, one.helps, one.called) == (found.family, found.n, found.helps, found.called)
        for name in ("precision", "recall", "kappa"):
            assert getattr(one, name) == pytest.approx(getattr(found, name), abs=6e-4), (one.family, name)
    both = truth.labels.keys() & said.labels.keys()
    right = sum(truth.labels[key].response_type == said.labels[key].response_type == HELPS for key in both)
    assert known[-1].recall == pytest.approx(right / known[-1].helps, abs=6e-4)


def test_of_other_weights_and_judges_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_JUDGES", str(tmp_path))
    known = known_help_error("embedded", load_judge().rubric)
    assert known == known_help_error("heldout", shipped()[1])
    assert msgspec.to_builtins(known[0])["family"] == "claude"
    assert known_help_error("model:x", "1") == known_help_error("embedded", "weights-of-old") == []
