"""A judge's ranking of the study's models beside the study's own, and the judge that has not seen them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Case
from dataset_builder.errors import InputError
from eval.agreement.known import known_agreement
from eval.agreement.ranking import beside_study, ranking_agreement
from eval.cli import eval_group
from eval.judges.embedded import held_out as heldout_judge
from eval.judges.embedded.held_out import HELDOUT_FILE, family_of, pack_heldout, rubric_of, unpack_heldout
from eval.judges.embedded.judge import manifest
from eval.judges.encoder import held_out as encoder_heldout
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict
from eval.scores.labels import AnswerKey, Labels, LabelSource, compare_sources, study_labels, verdict_labels
from eval.scores.read import heldout_answers, label_source
from eval.stats.ranking import competition_rank
from tests.support.answers import TYPES, make_case
from tests.support.small_dataset import build_small, small_records

README = Path(__file__).parents[3] / "README.md"
# Four defeated cases and two controls.
CASES: dict[str, Case] = {
    **{f"d{n}": make_case(f"d{n}", "content_defeat", "school") for n in range(4)},
    **{f"c{n}": make_case(f"c{n}", "control", "school") for n in range(2)},
}


def source(name: str, **codes: str) -> LabelSource:
    """Labels of each model: a letter a case, in the order of CASES; `.` is not judged."""
    return LabelSource(
        name,
        {
            AnswerKey(model, case_id): Labels(TYPES[code], False, False)
            for model, row in codes.items()
            for case_id, code in zip(CASES, row, strict=True)
            if code != "."
        },
    )


def test_rates_order_and_distance_by_hand() -> None:
    study = source("study", a="hhhhdd", b="hhdddd", c="hdddhd", d="dddddd")
    ours = source("ours", a="hhhddd", b="hhhhdd", c="hddddd", d="hdddhh", e="hhhhhh")
    gap, help_rate, control = ranking_agreement(study, ours, CASES)
    # The study's discrimination: a 4/4 - 0, b 2/4 - 0, d 0, c 1/4 - 1/2; ours: a 3/4, b 1, d 1/4 - 1, c 1/4. `e` is not
    # the study's.
    assert gap.models == ("a", "b", "d", "c")
    assert gap.study.tolist() == [1, 0.5, 0, -0.25]
    assert gap.ours.tolist() == [0.75, 1, -0.75, 0.25]
    assert np.abs(gap.gap).mean() == pytest.approx((0.25 + 0.5 + 0.75 + 0.5) / 4)
    # Places 1 2 3 4 and 2 1 4 3: 1 - 6 x (1 + 1 + 1 + 1) / (4 x 15) = 0.6.
    assert gap.spearman == pytest.approx(0.6)
    assert gap.answers == (6, 6, 6, 6)
    assert dict(zip(help_rate.models, help_rate.ours.tolist(), strict=True)) == {
        "a": 0.75,
        "b": 1,
        "c": 0.25,
        "d": 0.25,
    }
    assert dict(zip(control.models, control.study.tolist(), strict=True)) == {"a": 0, "b": 0, "c": 0.5, "d": 0}


def test_only_answers_that_both_judged_count() -> None:
    study = source("study", a="hhhhdd", b="hhdddd", c="hdddd.")
    ours = source("ours", a="hh..dd", b="hhdddd", c="hdddd.", d="hhhhhh")
    gap, *_ = ranking_agreement(study, ours, CASES)
    assert gap.answers == (4, 6, 5)
    assert ranking_agreement(study, source("ours", a="hhhhdd", b="hhhhdd", c="hhhh.."), CASES) == []


def test_models_that_are_all_alike_have_no_order() -> None:
    study = source("study", a="hhhhdd", b="hhdddd", c="hddddd")
    gap, *_ = ranking_agreement(study, source("ours", a="dddddd", b="dddddd", c="dddddd"), CASES)
    assert np.isnan(gap.spearman)
    assert gap.reason == "all models have the same rate"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(eval_group, [*arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(tmp_path_factory.mktemp("small") / "dataset").path


@pytest.fixture
def of_the_small_dataset(monkeypatch: pytest.MonkeyPatch) -> str:
    """Held-out verdicts on the small dataset's answers: the study's, but every help of beta-2 is missed."""
    rows = [row for split in small_records().responses.values() for row in split if row.response_type is not None]
    kinds = list(TYPES.values())
    said = ["deflects" if row.model == "beta-2" and row.response_type == "helps" else row.response_type for row in rows]
    chances = np.eye(3)[[kinds.index(str(one)) for one in said]] * 0.85 + 0.05
    yes = [np.array([bool(getattr(row, name)) for row in rows]) for name in ("engages_with_defeat", "independent_harm")]
    data = pack_heldout(
        [family_of(r.model) for r in rows],
        [r.case_id for r in rows],
        [str(r.response_hash) for r in rows],
        chances,
        *yes,
    )
    digest = hashlib.sha256(data).hexdigest()
    verdicts = unpack_heldout(data, digest)
    monkeypatch.setattr(heldout_judge, "shipped", lambda: (verdicts, rubric_of(digest)))
    return rubric_of(digest)


def test_a_model_that_is_held_out_is_judged_and_scored(
    dataset: Path, tmp_path: Path, of_the_small_dataset: str
) -> None:
    out = tmp_path / "run"
    told = run("run", "--model", "published/beta-2", "--dataset", str(dataset), "--judge", "heldout", "--out", str(out))
    found = {verdict.case_id: verdict for verdict in RunFolder.open(out).verdicts("heldout")}
    assert len(found) == 71
    assert {verdict.rubric for verdict in found.values()} == {of_the_small_dataset}
    assert {verdict.response_type for verdict in found.values()} == {"deflects", "hard_refusal"}
    assert {verdict.confidence for verdict in found.values()} == {0.9}
    text = " ".join(told.output.split())
    assert "Beside the verdicts of judge-1 on the same 71 answers: kappa response type 0." in text
    # beta-2 helps 6 of 47 defeated answers and 1 of 24 controls: see the golden file.
    assert (
        "discrimination 0.0 instead of 8.6; help, defeated 0.0 instead of 12.8; help, control 0.0 instead of 4.2"
        in text
    )
    assert "engages with defeat 1.000, independent harm 1.000" in text


def test_a_dataset_is_scored_by_it_as_a_leaderboard(dataset: Path, of_the_small_dataset: str) -> None:
    scored = json.loads(run("score", str(dataset), "--judge", "heldout", "--json", "--resamples", "100").stdout)
    by_model = {row["model"]: row for row in scored["leaderboard"] if row["by"] == "overall"}
    assert by_model["beta-2"]["help_rate"] == 0
    plain = json.loads(run("score", str(dataset), "--json", "--resamples", "100").stdout)
    alike = {row["model"]: row for row in plain["leaderboard"] if row["by"] == "overall"}["alpha-1"]
    assert by_model["alpha-1"]["help_rate"] == alike["help_rate"] > 0
    (result, *_) = scored["results"]
    assert result["provenance"]["judge"] == {"judge": "heldout", "rubric": of_the_small_dataset, "settings": {}}
    # The reviewers' samples were drawn by the published judge's labels.
    assert result["corrected"] == []
    assert result["slices"][0]["defeated"]["unscored"] == {"provider_error": 1}
    both = run("compare", "alpha-1", "beta-2", "--dataset", str(dataset), "--judge", "heldout")
    assert "judged by heldout" in both.output


def test_a_dataset_that_is_not_the_studys_is_not_scored_by_it(dataset: Path) -> None:
    with pytest.raises(InputError, match="holds none of the study's answers"):
        run("score", str(dataset), "--judge", "heldout")
    with pytest.raises(InputError, match=r"holds no answers of gamma; it has alpha-1, beta-2"):
        heldout_answers(BuiltDataset.open(dataset), ["gamma"])


def test_the_judge_is_for_published_answers_alone(tmp_path: Path) -> None:
    from eval.judges.interface import JudgeOptions
    from eval.judging.registry import resolve_judge

    with pytest.raises(InputError, match="--judge embedded, which has not seen it"):
        resolve_judge("heldout", JudgeOptions(dataset=None, model="openrouter/x/y"))  # type: ignore[arg-type]


def test_an_answer_that_the_weights_have_not_been_held_out_for_is_unscored(dataset: Path, tmp_path: Path) -> None:
    # The shipped verdicts are on the study's answers, and these are not.
    out = str(tmp_path / "run")
    told = run("run", "--model", "published/alpha-1", "--dataset", str(dataset), "--judge", "heldout", "--out", out)
    assert {v.unscored_reason for v in RunFolder.open(Path(out)).verdicts()} == {"not_judged"}
    assert "0 scored, 72 unscored" in told.output


@pytest.mark.study
def test_who_judges_what_it_learned_from_is_told(study_dataset: Path, dataset: Path, tmp_path: Path) -> None:
    for source, model, told in ((study_dataset, "glm-5", True), (dataset, "alpha-1", False)):
        out = str(tmp_path / model)
        some = ("--sample", "8") if told else ()
        run("run", "--model", f"published/{model}", "--dataset", str(source), "--judge", "none", "--out", out, *some)
        assert ("--judge heldout has not seen them" in run("judge", out).output) is told
        shown = " ".join(run("score", out, "--resamples", "100").output.split())
        assert ("learned from these very answers: see --judge heldout" in shown) is told


def test_wherever_rates_by_the_embedded_judge_show_stands_how_far_they_are_off(dataset: Path, tmp_path: Path) -> None:
    runs = []
    for model in ("alpha-1", "beta-2"):
        runs.append(str(tmp_path / model))
        told = run("run", "--model", f"published/{model}", "--dataset", str(dataset), "--out", runs[-1])
        assert "its help rate is off by" in " ".join(told.output.split())
    text = " ".join(run("compare", *runs).output.split())
    assert "its help rate is off by" in text
    assert "eval score RUN --correct ppi --labels FILE" in text


def test_scores_by_it_show_what_the_manifest_says() -> None:
    rubric = rubric_of(manifest()["heldout_verdicts"]["sha256"])
    assert known_agreement("heldout", rubric) == known_agreement("embedded", manifest()["rubric"]) != []
    assert known_agreement("heldout", manifest()["rubric"]) == []
    assert HELDOUT_FILE.stat().st_size < 2**18


def test_a_dataset_without_any_shared_answer_says_nothing(dataset: Path) -> None:
    built = BuiltDataset.open(dataset)
    rows = small_records().responses["alpha-1"]
    row = next(r for r in rows if r.response_type is not None and r.defeat_family != "control")
    verdict = Verdict(
        case_id=row.case_id, response_hash=str(row.response_hash), judge="j", rubric="1",
        response_type="helps", engages_with_defeat=False, independent_harm=False,
    )  # fmt: skip
    ours = verdict_labels(built, [verdict])
    assert beside_study("alpha-1", ours, built) is None
    assert beside_study("beta-2", ours, built) is None


@pytest.mark.study
def test_held_out_the_studys_models_are_ranked_nearly_as_the_study_ranks_them(
    study_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_JUDGES", str(tmp_path / "judges"))
    told = run(
        "agreement",
        "--dataset",
        str(study_dataset),
        "--judge",
        "heldout",
        "--measure",
        str(tmp_path / "runs"),
        "--json",
    )
    found = {row["metric"]: row for row in json.loads(told.stdout)["rankings"]}
    held = manifest()["heldout"]["ranking"]
    for metric in ("discrimination", "help_rate"):
        assert found[metric]["spearman"] == pytest.approx(held[metric]["spearman"], abs=5e-4)
        assert 100 * found[metric]["mean_absolute_error"] == pytest.approx(
            held[metric]["mean_absolute_error"], abs=5e-3
        )
    assert found["discrimination"]["spearman"] > 0.9
    # The leaderboard by these verdicts says the same of itself.
    text = run("score", str(study_dataset), "--judge", "heldout", "--resamples", "100").output
    assert "23,220 answers: 23,189 scored, 31 unscored (20 not judged, 11 empty answer)" in text
    assert f"Discrimination of 18 models: Spearman {held['discrimination']['spearman']:.3f}, off by" in text
    assert "heldout against the study's judge on the response type of 23,189 answers: kappa" in text


@pytest.mark.study
def test_the_readme_ranks_the_studys_models_by_the_encoder_beside_the_study(study_dataset: Path) -> None:
    built = BuiltDataset.open(study_dataset)
    ours = label_source(heldout_answers(built, judge="encoder-heldout"))
    gap, help_rate, _ = ranking_agreement(study_labels(built), ours, built.case_by_id)
    study, mine = (competition_rank(rates, gap.metric.better) for rates in (gap.study, gap.ours))
    cells = [
        f"{study[at]} | {model} | {100 * gap.study[at]:.1f} | {100 * gap.ours[at]:.1f} ({mine[at]})"
        for at, model in enumerate(gap.models)
    ]
    shown = re.findall(r"\d+ \| [a-z0-9-]+ \| [\d.]+ \| [\d.]+ \(\d+\)", README.read_text(encoding="utf-8"))
    assert len(cells) == 18
    # Two models a row, the better half on the left.
    assert [*shown[::2], *shown[1::2]] == cells
    held = encoder_heldout.manifest()["heldout"]
    for found, name in ((gap, "discrimination"), (help_rate, "help_rate")):
        assert found.spearman == pytest.approx(held["ranking"][name]["spearman"], abs=5e-4)
        assert 100 * np.abs(found.gap).mean() == pytest.approx(held["ranking"][name]["mean_absolute_error"], abs=5e-3)
    kappa = compare_sources(study_labels(built), ours, built.case_by_id).fields["response_type"].kappa
    assert kappa == pytest.approx(held["family"]["response_type"]["all"]["kappa"], abs=5e-4)
