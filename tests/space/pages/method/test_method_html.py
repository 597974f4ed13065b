from __future__ import annotations

from importlib.resources import files

import pytest

from eval.judges.model.rubric import RUBRIC_VERSION
from eval.results.reproduction import AGREES, EXPLAINED, NOT_AT_HAND, ReproducedFigure
from space.pages.method.page import JUDGE_CHANGES, _fill, agreement_table, figures_table, metrics_table
from tests.support.results_folder import board, leaderboard, row


def figure(title: str, paper: str | None, status: str, note: str = "") -> ReproducedFigure:
    return ReproducedFigure("paper", title, "abstract", paper, 75.4, "75.4 %", 100, status, note)


def test_figures_that_differ_say_why_and_the_rest_is_folded() -> None:
    shown = figures_table(
        [
            figure("One", "75.4 %", AGREES),
            figure("<i>Two", "75 %", EXPLAINED, "rounded & cut"),
            figure("Three", None, NOT_AT_HAND),
            ReproducedFigure("model", "glm-5: Help", None, None, 75.4, "75.4 %", 100, NOT_AT_HAND),
            ReproducedFigure("family", "glm-5: Help", None, None, 75.4, "75.4 %", 100, NOT_AT_HAND),
        ],
        {"glm-5": "GLM-5"},
    )
    assert "1 agrees, 1 explained" in shown
    assert "&lt;i&gt;Two" in shown
    assert "rounded &amp; cut" in shown
    assert "<summary>3 more rates" in shown
    # A model by its name, and nothing else that is written as one.
    assert shown.count("GLM-5: Help") == shown.count("glm-5: Help") == 1


def test_every_judge_is_listed_once_with_its_agreement_or_without() -> None:
    one, twin, unknown = (
        board(row("a", 1, 0.5, 0.1)),
        board(row("b", 1, 0.5, 0.1), id="twin"),
        board(row("c", 1, 0.5, 0.1), judge="<b>new", judge_agreement=[]),
    )
    shown = agreement_table([one, twin, unknown])
    assert shown.count('<span title="judge-1">Judge 1</span> (1)') == 1
    assert "0.700 to 0.900" in shown
    assert 'Not measured for: <span title="&lt;b&gt;new">&lt;b&gt;new</span>.' in shown
    assert "no results" in agreement_table([])


def test_every_metric_is_defined() -> None:
    made = leaderboard()
    shown = metrics_table(made.metrics)
    assert all(metric.title in shown for metric in made.metrics)


def test_the_changelog_of_judges_has_the_present_rubric() -> None:
    """Whoever changes the rubric says what changed."""
    assert any(change.judge.startswith("model:") and change.version == RUBRIC_VERSION for change in JUDGE_CHANGES)
    shown = _fill("judges_table", judges=JUDGE_CHANGES)
    assert all(change.what in shown for change in JUDGE_CHANGES if "'" not in change.what)


@pytest.mark.parametrize("name", ["measured", "protocol", "limits", "judges", "licence"])
def test_prose_is_whole(name: str) -> None:
    text = (files("space") / "prose" / f"{name}.html").read_text(encoding="utf-8")
    for tag in ("p", "ul", "li", "h2", "div", "b", "i", "a"):
        assert text.count(f"<{tag}>") + text.count(f"<{tag} ") == text.count(f"</{tag}>"), tag
