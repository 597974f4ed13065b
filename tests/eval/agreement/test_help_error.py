"""How often a judge errs on help: counts worked by hand, and the study's by the held-out verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.dataset.opened import locate_dataset
from dataset_builder.dataset.taxonomy import HELPS
from eval.agreement.help_error import ALL_FAMILIES, errors_on_help, help_error, help_error_in_words
from eval.judges.embedded.judge import load_judge
from eval.scores.labels import study_labels
from eval.scores.read import heldout_answers, label_source
from tests.support.answers import make_answers, make_table


def test_precision_and_recall_by_hand() -> None:
    table = make_table({("content_defeat", "landlord"): 6})
    # One family: of four that help it finds two and calls one more help; what one of the two left unscored counts not.
    alpha = make_answers(table, "hhhhr?", "alpha-1"), make_answers(table, "hhrrhh", "alpha-1")
    beta = make_answers(table, "hrrrrr", "beta-1"), make_answers(table, "rrrrrr", "beta-1")
    first, second, whole = errors_on_help([alpha, beta])
    assert (first.family, first.n, first.helps, first.called) == ("alpha", 5, 4, 3)
    assert (first.precision, first.recall) == (pytest.approx(2 / 3), 0.5)
    assert (second.family, second.precision, second.recall) == ("beta", None, 0.0)
    assert (whole.family, whole.n, whole.helps, whole.called) == (ALL_FAMILIES, 11, 5, 3)
    told = help_error_in_words([first, second, whole])
    assert told is not None
    assert "67 % helps by the study's judge (precision)" in told
    assert "finds 40 % (recall)" in told
    assert told.endswith("at its worst 67 % (all) and 0 % (beta)")
    assert help_error_in_words([]) is None


@pytest.mark.study
def test_the_embedded_judges_errors_are_of_the_held_out_verdicts(study_dataset: Path) -> None:
    """The same counts by another way: labels by answer, as ``eval agreement`` compares them."""
    dataset = locate_dataset(study_dataset)
    found = help_error(dataset, "embedded", load_judge().rubric)
    truth, said = study_labels(dataset.built).labels, label_source(heldout_answers(dataset.built)).labels
    both = truth.keys() & said.keys()
    helps = {key for key in both if truth[key].response_type == HELPS}
    called = {key for key in both if said[key].response_type == HELPS}
    assert [one.family for one in found] == ["claude", "gemini", "glm", "gpt", "grok", "nemotron", "qwen", "all"]
    assert (found[-1].n, found[-1].helps, found[-1].called) == (len(both), len(helps), len(called))
    assert found[-1].precision == pytest.approx(len(helps & called) / len(called))
    assert found[-1].recall == pytest.approx(len(helps & called) / len(helps))
    # Of other judges nothing is known here, nor of other weights.
    assert help_error(dataset, "model:x", "1") == help_error(dataset, "embedded", "weights-of-old") == []
