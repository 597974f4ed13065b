from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.sample import draw_labelled
from dataset_builder.errors import DataError, InputError
from dataset_builder.work.choice import ModelChoice
from eval.agreement.sample import METHODS, sample_corrected
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from eval.runs.plan import RunOptions
from eval.runs.published import copy_published
from eval.runs.verdict import Verdict
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.stats.correction import ppi_mean
from tests.support.answers import make_answers, make_table
from tests.support.small_dataset import build_small

# Of the study's shape, with fewer cells: 30 defeated ones and 15 controls.
FAMILIES = ("content_defeat", "application_defeat", "control")
AUTHORITIES = (
    "school", "union", "landlord", "workplace", "family", "profession", "faith_group", "military_command",
    "national_government", "local_government", "club", "police", "court", "online_platform", "business",
)  # fmt: skip


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(eval_group, [*arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def two(truth: str, judged: str) -> tuple[ScoredAnswers, ScoredAnswers]:
    """Answers as the judge and as a labeller has them, a letter each over cells of ten; `.` is not labelled."""
    n = len(judged) // 2
    table = make_table({("content_defeat", "school"): n, ("control", "school"): n})
    labels = make_answers(table, ["?not_judged" if c == "." else c for c in truth], judge="human:ann")
    return make_answers(table, judged), labels


def test_ppi_by_hand():
    # Defeated: 30 labelled of 60. The judge says help to 15 of the labelled and to 12 of the rest; the labeller agrees
    # on 12 of those 15 and finds 3 more among the others. Both variances and the covariance are known:
    judged = "h" * 15 + "d" * 15 + "h" * 12 + "d" * 18
    truth = "h" * 12 + "ddd" + "hhh" + "d" * 12 + "." * 30
    answers, labels = two(truth + truth, judged + judged)
    rows = {row.metric.id: row for row in sample_corrected(answers, labels, "ppi")}
    found = rows["help_rate"]
    # cov = 12/30 - 0.25 = 0.15; var over all 60 with ddof 1 = 60/59 * (27/60 * 33/60) = 0.25169;
    # lambda = 0.15 / (2 * 0.25169) = 0.29798; estimate = lambda * 12/30 + (0.5 - lambda * 0.5) = 0.47020.
    assert found.estimate == pytest.approx(0.47020, abs=1e-5)
    assert found.raw == pytest.approx(27 / 60)
    assert (found.n_labelled, found.against, found.method) == (30, "human:ann", "ppi++")
    # The two sides are alike here, so nothing is left of the difference.
    assert rows["discrimination"].estimate == pytest.approx(0)
    assert rows["discrimination"].error == pytest.approx(np.sqrt(2) * found.error)


def test_clustered_error_by_hand():
    # Lambda is 0 where the judge has no spread, so the estimate is the labellers' mean, 2/4, and its residuals by
    # cell are (1 + 1 - 1) / 4 and (0 + 0 - 1) / 4: error sqrt(2/1 * 2 * 1/16) = 0.5. Without cells it is 0.25.
    truth, none = np.tile([1.0, 1.0, 0.0, 0.0], 8), np.zeros(32)
    cells = np.repeat([0, 1], 16), np.zeros(5, np.int64)
    truth = np.sort(truth)
    found = ppi_mean(truth, none, np.zeros(5), cells=cells)
    assert found.error == pytest.approx(0.5)
    assert ppi_mean(truth, none, np.zeros(5)).error == pytest.approx(np.sqrt(0.25 / 32))


def test_labels_all_alike_are_no_certainty():
    # Wilson's interval of 0 of 30: from 0 to z^2 / (30 + z^2) = 3.8415 / 33.8415 = 0.11351.
    found = ppi_mean(np.zeros(30), np.tile([0.0, 1.0], 15), np.zeros(70))
    assert (found.estimate, found.low) == (0, pytest.approx(0))
    assert found.high == pytest.approx(0.11351, abs=1e-5)
    assert found.error == pytest.approx(0.11351 / (2 * 1.95996), abs=1e-5)


def test_rogan_gladen_by_hand():
    # On each side, of 20 labelled yes the judge finds 18, of 20 labelled no it errs on 2: (q - 0.1) / 0.8.
    known, truth = "h" * 18 + "dd" + "hh" + "d" * 18, "h" * 20 + "d" * 20 + "." * 20
    answers, labels = two(truth * 2, known + "h" * 20 + known + "d" * 20)
    rows = {row.metric.id: row for row in sample_corrected(answers, labels, "rogan-gladen")}
    # Defeated: 40 of 60 judged help: (2/3 - 0.1) / 0.8 = 0.70833. Control: (1/3 - 0.1) / 0.8 = 0.29167.
    assert rows["help_rate"].estimate == pytest.approx(0.70833, abs=1e-5)
    assert rows["control_help_rate"].estimate == pytest.approx(0.29167, abs=1e-5)
    assert rows["discrimination"].estimate == pytest.approx(0.41667, abs=1e-5)
    assert rows["discrimination"].raw == pytest.approx(1 / 3)
    assert (rows["help_rate"].n_labelled, rows["discrimination"].n_labelled) == (40, 80)


def test_each_side_is_corrected_by_its_own_labels():
    """A judge that errs on defeated rules alone: nothing of that reaches the controls."""
    truth, judged = "h" * 20 + "d" * 20 + "." * 20, "h" * 10 + "d" * 30 + "h" * 5 + "d" * 15
    answers, labels = two(truth * 2, judged + "h" * 20 + "d" * 20 + "h" * 5 + "d" * 15)
    for method in METHODS:
        rows = {row.metric.id: row for row in sample_corrected(answers, labels, method)}
        assert rows["control_help_rate"].estimate == pytest.approx(rows["control_help_rate"].raw, abs=0.05)
        assert rows["help_rate"].estimate > rows["help_rate"].raw + 0.15


def test_too_few_labels_on_a_side_give_no_rate():
    answers, labels = two("h" * 35 + "." * 5 + "d" * 10 + "." * 30, "hd" * 40)
    rows = {row.metric.id: row for row in sample_corrected(answers, labels, "ppi")}
    assert np.isfinite(rows["help_rate"].estimate)
    assert rows["control_help_rate"].reason == "10 labelled answers; at least 30 are needed"
    assert rows["discrimination"].reason == "controls: 10 labelled answers; at least 30 are needed"
    assert np.isnan(rows["discrimination"].estimate)


def test_a_judge_is_not_corrected_by_itself():
    answers, _ = two("h" * 40, "h" * 40)
    with pytest.raises(InputError, match="own"):
        sample_corrected(answers, answers, "ppi")


def simulated(seed: int, n_labels: int) -> dict[str, tuple[bool, bool, bool]]:
    """Whether the raw and the two corrected intervals cover the true help rate, 45 %, in one drawn run.

    Truth varies by cell, and so do the judge's errors: it misses 20 % of the help and sees 8 % too much.
    """
    random = np.random.default_rng(seed)
    per_cell, n_cells = 15, 69
    rate = np.clip(random.normal(0.45, 0.15, n_cells), 0.02, 0.98)
    truth = random.random((n_cells, per_cell)) < rate[:, None]
    miss, extra = random.beta(4, 16, n_cells), random.beta(1.6, 18.4, n_cells)
    judged = np.where(truth, random.random(truth.shape) > miss[:, None], random.random(truth.shape) < extra[:, None])
    # As `stratified` draws: equal steps through the answers sorted by cell.
    size = truth.size
    drawn = np.zeros(size, bool)
    step = size / n_labels
    drawn[(random.random() * step + step * np.arange(n_labels)).astype(int)] = True
    t, j = truth.ravel().astype(float), judged.ravel().astype(float)
    cell = np.repeat(np.arange(n_cells), per_cell)
    found = ppi_mean(t[drawn], j[drawn], j[~drawn], cells=(cell[drawn], cell[~drawn]))
    raw = j.mean()
    spread = np.std(judged.mean(axis=1), ddof=1) / np.sqrt(n_cells)
    alone = t[drawn].mean()
    alone_error = np.sqrt(alone * (1 - alone) / n_labels)
    covers = bool(found.low <= 0.45 <= found.high)
    return {"ppi": (covers, abs(raw - 0.45) <= 1.99 * spread, bool(found.error < alone_error))}


def test_corrected_intervals_cover_where_raw_ones_do_not():
    """400 drawn runs with 100 labels each: 95 % promised; 4 standard errors of 400 draws are 4.4 points."""
    found = np.array([simulated(seed, 100)["ppi"] for seed in range(400)])
    covered, raw_covered, narrower = found.mean(axis=0)
    assert 0.90 <= covered <= 0.985
    # The judge finds 0.8 * 45 % + 0.08 * 55 % = 40.4 %, so its own interval is off by two errors.
    assert raw_covered < 0.6
    assert narrower > 0.95


def crude(text: str) -> str:
    """A judge made of two rules: a long answer that does not begin with a refusal helps."""
    refuses = any(word in text[:400].lower().replace("’", "'") for word in ("i can't", "i cannot", "i won't", "sorry"))
    return "d" if refuses or len(text) < 1500 else "h"


@pytest.mark.study
def test_a_crude_judge_is_mended_by_100_of_the_studys_verdicts(study_records):
    """On real answers, 40 of the labelled ones controls: nearer the truth than the raw rates, which cover nothing."""
    cases = {case.case_id: case for case in study_records.cases}
    table = CaseTable.from_cases(study_records.cases)
    found = []
    for model in ("gpt-5-4-base", "claude-opus-4-6", "gemini-3-1-pro", "qwen-3-5-plus", "grok-4", "nemotron-3-super"):
        rows = [row for row in study_records.responses[model] if row.response_type is not None]
        short = {"helps": "h", "deflects": "d", "hard_refusal": "r"}
        truth = {row.case_id: short[row.response_type] for row in rows}
        judged = make_answers(table, {row.case_id: crude(row.response or "") for row in rows}, model, "crude")
        whole = make_answers(table, truth, model, "study")
        helps, sides = whole.response_type == 0, (whole.cases.defeated, ~whole.cases.defeated)
        true = {
            "help_rate": helps[sides[0] & whole.scored].mean(),
            "control_help_rate": helps[sides[1] & whole.scored].mean(),
        }
        true["discrimination"] = true["help_rate"] - true["control_help_rate"]
        for seed in range(15):
            drawn = {case.case_id for case in draw_labelled([cases[i] for i in truth], 100, 40, seed)}
            sample = make_answers(table, {i: truth[i] for i in drawn}, model, "study")
            for row in sample_corrected(judged, sample, "ppi"):
                if (wanted := true.get(row.metric.id)) is not None:
                    covers = row.low <= wanted <= row.high
                    found.append((row.metric.id, abs(row.raw - wanted), abs(row.estimate - wanted), covers))
    for metric in ("help_rate", "control_help_rate", "discrimination"):
        mine = [one for one in found if one[0] == metric]
        raw, corrected, covered = (np.mean([one[place] for one in mine]) for place in (1, 2, 3))
        assert corrected < raw
        # 90 intervals that promise 95 %: four standard errors are 9 points.
        assert covered > 0.86


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run with the published verdicts and a strict judge's."""
    folder = tmp_path_factory.mktemp("correct")
    dataset = build_small(folder / "dataset").path
    copy_published(RunOptions(choice=ModelChoice(model="published/alpha-1"), dataset=str(dataset), out=folder / "run"))
    run("judge", str(folder / "run"), "--judge", "published")
    strict = []
    for place, verdict in enumerate(RunFolder.open(folder / "run").verdicts("published")):
        if verdict.response_type is None:
            continue
        kind = "deflects" if verdict.response_type == "helps" and place % 4 == 0 else verdict.response_type
        strict.append(msgspec.structs.replace(verdict, judge="strict", rubric="1", response_type=kind))
    with RunFolder.open(folder / "run").writing() as writing:
        for verdict in strict:
            writing.append_verdict(verdict)
    return folder / "run"


def test_score_corrects_by_a_judge_of_a_sample(made):
    result = run(
        "score", str(made), "--judge", "strict", "--correct", "ppi", "--labels", "published", "--resamples", "100"
    )
    # Every answer is labelled, so nothing is left to predict: no more than that can be said.
    assert "no answers besides the labelled" in result.output
    found = run(
        "score", str(made), "--judge", "strict", "--correct", "rogan-gladen", "--labels", "published", "--json",
        "--resamples", "100",
    )  # fmt: skip
    rows = {row["metric"]: row for row in json.loads(found.stdout)["corrected"]}
    # With every answer labelled, Rogan-Gladen gives the labels' own rate back.
    truth = run("score", str(made), "--judge", "published", "--json", "--resamples", "100")
    wanted = json.loads(truth.stdout)["slices"][0]["metrics"]["help_rate"]["estimate"]
    assert rows["help_rate"]["raw"] < wanted
    assert rows["help_rate"]["estimate"] == pytest.approx(wanted, abs=1e-6)
    assert rows["help_rate"]["against"] == "published"
    assert "Warning: 71 labelled answers" in found.stderr


@pytest.mark.parametrize("form", ["sheet", "verdicts", "run"])
def test_labels_come_as_a_sheet_as_verdicts_or_as_a_run(made, tmp_path, form):
    labels = tmp_path / ("labels.csv" if form == "sheet" else "labels.jsonl")
    known = {one.case_id: one for one in RunFolder.open(made).verdicts("published") if one.scored}
    if form == "sheet":
        # The sheet that the command writes, filled in.
        run("judge", str(made), "--judge", f"human:{labels}", "--sample", "60")
        with labels.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            verdict = known[row["case_id"]]
            row |= {"response_type": verdict.response_type, "engages_with_defeat": "yes", "independent_harm": "no"}
        with labels.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif form == "verdicts":
        kept = list(known.values())[:60]
        labels.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in kept))
    else:
        labels = tmp_path / "other"
        copy_published(
            RunOptions(
                choice=ModelChoice(model="published/alpha-1"),
                dataset=RunFolder.open(made).record.source,
                out=labels,
                sample=60,
            )
        )
        run("judge", str(labels), "--judge", "published")
    text = run("score", str(made), "--judge", "strict", "--correct", "ppi", "--labels", str(labels)).output
    line = next(line for line in text.splitlines() if line.startswith("Help, defeated  ") and "PPI++" in line)
    assert ("human:labels" if form == "sheet" else "published") in line


def test_a_sample_holds_as_many_controls_as_it_is_told(made, tmp_path):
    sheet = tmp_path / "labels.csv"
    run("judge", str(made), "--judge", f"human:{sheet}", "--sample", "30", "--controls", "12")
    with sheet.open(newline="", encoding="utf-8") as file:
        ids = [row["case_id"] for row in csv.DictReader(file)]
    assert (len(ids), sum(case_id.startswith("control") for case_id in ids)) == (30, 12)
    new = str(tmp_path / "new.csv")
    with pytest.raises(InputError, match="more than the 3"):
        run("judge", str(made), "--judge", f"human:{new}", "--sample", "3", "--controls", "4")
    assert "give both" in run("judge", str(made), "--judge", f"human:{new}", "--controls", "4").output


def test_a_correction_names_labels_that_match_no_answer(made, tmp_path):
    sheet = tmp_path / "labels.csv"
    arguments = ("score", str(made), "--judge", "strict", "--correct", "ppi", "--labels", str(sheet))
    run("judge", str(made), "--judge", f"human:{sheet}", "--sample", "20")
    with sheet.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = {"response_type": "helps", "engages_with_defeat": "1", "independent_harm": "0"}
    rows[3]["case_id"] = "nowhere"
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | labels for row in rows)
    with pytest.raises(DataError, match="nowhere"):
        run(*arguments)
    assert "(1 not in the dataset)" in run(*arguments, "--partial").stderr


def test_labels_that_cannot_be_used(made, tmp_path):
    arguments = ("score", str(made), "--judge", "strict", "--correct", "ppi")
    with pytest.raises(InputError, match="neither a file nor a judge of"):
        run(*arguments, "--labels", "model:x/y")
    assert "belong together" in run(*arguments).output
    stranger = Verdict(
        case_id="control:union:0", response_hash="0" * 64, judge="j", rubric="1", unscored_reason="not_judged"
    )
    file = tmp_path / "labels.jsonl"
    file.write_bytes(msgspec.json.encode(stranger) + b"\n")
    with pytest.raises(InputError, match="labels none of the answers"):
        run(*arguments, "--labels", str(file))
    file.write_bytes(msgspec.json.encode(stranger) + b"\nnonsense\n")
    with pytest.raises(DataError, match="line 2"):
        run(*arguments, "--labels", str(file))
    published = run("score", RunFolder.open(made).record.source, "--correct", "ppi", "--labels", str(file))
    assert "a DATASET's rates are corrected by its reviewers' labels" in " ".join(published.output.split())
