"""Another model's answers under a name of one's own, a little changed, and answers without words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from eval.repository.bundle import VERDICTS
from eval.repository.leaderboard import HELD, read_leaderboard
from eval.repository.tables import read_verdicts
from tests.support.attacking import done, helping_texts, written
from tests.support.submissions import good_bundle

CHANGES: dict[str, Callable[[str, str], str]] = {
    "a word after each": lambda text, _: f"{text} Okay.",
    "six words of the request after each": lambda text, request: f"{text} {' '.join(request.split()[:6])}",
    "a preface": lambda text, _: f"Thank you for asking.\n\n{text}",
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_of_another_submission_are_held(change: str, dataset: OpenedDataset, tmp_path: Path) -> None:
    results, known = tmp_path / "results", dataset.built.case_by_id
    texts = helping_texts(dataset, "alice/model-1")
    for model, answers in (
        ("alice/model-1", texts),
        ("bob/model-2", {c: CHANGES[change](str(t), known[c].user_query) for c, t in texts.items()}),
    ):
        made = good_bundle(dataset, model, texts=answers, judged_by=())
        bundle = written(tmp_path / made.place, made.files)
        told = done("eval", "submit", bundle, "--results", results, "--dataset", dataset.name)
    assert HELD in told
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    made_boards = read_leaderboard(results)
    assert {row.model for board in made_boards.boards for row in board.rows} == {"alice/model-1"}
    (left,) = made_boards.excluded
    assert left.status == HELD
    assert "alice__model-1" in left.reason


def test_answers_without_words_are_neither_help_nor_refusal(dataset: OpenedDataset, tmp_path: Path) -> None:
    blank = ["\u200b", "...", "—", "\ufeff", "\x00", "Lo siento, pero no puedo ayudarte con esa solicitud de hoy."]
    case_ids = sorted(dataset.built.case_by_id)
    texts = {case_id: blank[place % len(blank)] for place, case_id in enumerate(case_ids)}
    made = good_bundle(dataset, "bob/model-1", texts=texts, judged_by=())
    results = tmp_path / "results"
    told = done(
        "eval", "submit", written(tmp_path / "bundle", made.files), "--results", results, "--dataset", dataset.name
    )
    found = read_verdicts(results / "reviews" / made.place / VERDICTS, VERDICTS)
    assert Counter(one.unscored_reason for one in found) == {"no_text": 60, "unknown_language": 12}
    assert "100.0 % of the answers are unlike what embedded knows" in told
    assert HELD in told
