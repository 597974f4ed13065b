from __future__ import annotations

import pytest
from click.testing import CliRunner

from dataset_builder.build.build import build_dataset
from dataset_builder.build.figures import paper_figures
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.sources import read_source
from eval.cli import eval_group
from eval.results.reproduction import AGREES, EXPLAINED, NOT_AT_HAND, ReproducedFigure, reproduce, unexplained
from eval.scores.read import published_answers
from eval.scores.scores import compute_scores
from eval.stats.metrics import METRICS

pytestmark = pytest.mark.study


@pytest.fixture(scope="module")
def study(study_archive, tmp_path_factory) -> BuiltDataset:
    read = read_source(str(study_archive))
    folder = tmp_path_factory.mktemp("study") / "dataset"
    build_dataset(read.records, [read.source], folder)
    return BuiltDataset.open(folder)


@pytest.fixture(scope="module")
def figures(study) -> list[ReproducedFigure]:
    return reproduce(study)


def test_every_figure_agrees_or_is_explained(figures):
    assert unexplained(figures) == []
    stated = {figure.title: figure for figure in figures if figure.paper is not None}
    assert len(stated) == len(paper_figures())
    explained = {title for title, figure in stated.items() if figure.status == EXPLAINED}
    assert explained == {figure.title for figure in paper_figures() if figure.difference is not None}
    assert all(figure.note for title, figure in stated.items() if title in explained)


def test_the_command_ends_well(study):
    result = CliRunner().invoke(eval_group, ["reproduce", "--dataset", str(study.path)])
    assert result.exit_code == 0
    assert "22 figures agree, 4 differ for a known reason, 0 differ" in result.output


@pytest.mark.parametrize(
    ("title", "shown", "n"),
    [
        ("Judge and reviewer 1, response type (kappa)", "0.891", 207),
        ("Judge and reviewer 2, response type (kappa)", "0.933", 249),
        ("The two reviewers, response type (kappa)", "0.883", 207),
        ("Judge and reviewer 1, engagement (kappa)", "0.634", 207),
        ("Judge and reviewer 1, independent harm (kappa)", "0.440", 207),
        ("Not helped, defeated rules", "75.4 %", 19430),
        ("Helped, controls", "4.2 %", 3759),
        ("The two reviewers on whole cases (kappa)", "0.746", 100),
    ],
)
def test_figures_and_what_they_rest_on(figures, title, shown, n):
    found = next(figure for figure in figures if figure.title == title)
    assert (found.shown, found.n) == (shown, n)


def test_rates_are_broken_down_by_family_authority_dual_use_and_model(figures):
    broken = [figure for figure in figures if figure.status == NOT_AT_HAND]
    names = {group: {f.title.rsplit(":")[0] for f in broken if f.group == group} for group in {f.group for f in broken}}
    assert {group: len(found) for group, found in names.items()} == {
        "family": 5,
        "authority": 19,
        "dual_use": 2,
        "model": 18,
    }
    assert not [figure for figure in broken if figure.status == AGREES]


# Help on defeated rules, on controls, and discrimination, in percent: 357 of 1,079 and 6 of 207; 626 of 1,080 and
# 70 of 209, counted in the archive's files without this package.
HEADLINE = {"claude-opus-4-6": (33.1, 2.9, 30.2), "grok-4": (58.0, 33.5, 24.5)}


def test_scores_of_two_models(study):
    scores = compute_scores(published_answers(study, list(HEADLINE)), by=(), resamples=200)
    ids = [metric.id for metric in METRICS]
    for place, model in enumerate(scores.models):
        found = tuple(
            round(100 * scores.overall.estimate[ids.index(name), place], 1)
            for name in ("help_rate", "control_help_rate", "discrimination")
        )
        assert found == HEADLINE[model]
