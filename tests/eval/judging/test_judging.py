from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import BlindRefusalError, DataError, InputError
from dataset_builder.work.stopping import Stop
from eval.cli import eval_group
from eval.judges.human.sheet import write_sheet
from eval.judges.interface import JudgeTask
from eval.judging.run import judge_run, pending_answers, tasks_of
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict
from tests.support.sessions import session
from tests.support.small_dataset import small_cases

CASES = len(small_cases())


class Scripted:
    """A judge that helps everyone, fails where told, and remembers what it was shown."""

    name = "scripted"
    rubric = "1"

    def __init__(
        self, *, batch_size: int = 4, cost: float | None = None, fails: Sequence[str] = (), **label: Any
    ) -> None:
        self.settings: dict[str, Any] = {}
        self.batch_size = batch_size
        self.shown: list[str] = []
        self.closed = False
        self._cost, self._fails = cost, fails
        self._label = {"response_type": "helps", "engages_with_defeat": True, "independent_harm": False, **label}

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        await asyncio.sleep(0)
        self.shown += [task.case.case_id for task in tasks]
        return [self._verdict(task) for task in tasks]

    def _verdict(self, task: JudgeTask) -> Verdict:
        failed = task.case.case_id in self._fails
        return Verdict(
            case_id=task.case.case_id,
            response_hash=task.response.response_hash,
            judge=self.name,
            rubric=self.rubric,
            cost=self._cost,
            unscored_reason="judge_failure" if failed else None,
            **({} if failed else self._label),
        )

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def run(dataset: OpenedDataset, tmp_path: Path) -> RunFolder:
    """A run of published answers: all cases but one have one."""
    done = command(
        "run", "--model", "published/alpha-1", "--dataset", dataset.name, "--judge", "none", "--out", tmp_path / "run"
    )
    assert done.exit_code == 0, done.output
    return RunFolder.open(tmp_path / "run")


def command(*arguments: Any) -> Result:
    return CliRunner().invoke(eval_group, [str(a) for a in arguments])


def sit(
    run: RunFolder, dataset: OpenedDataset, judge: Scripted, budget: float | None = None, **options: Any
) -> Stop | None:
    pending = pending_answers(run, dataset, judge, **options)

    async def work() -> Stop | None:
        tasks = tasks_of(run, dataset, pending.case_ids)
        return await judge_run(run, tasks, judge, session(budget, 0.01))

    with run.writing():
        return asyncio.run(work())


def test_every_answer_is_judged_once_and_none_twice(run: RunFolder, dataset: OpenedDataset) -> None:
    judge = Scripted()
    assert sit(run, dataset, judge) is None
    assert judge.closed
    answered = {case_id for case_id, status in run.statuses().items() if status == "ok"}
    assert sorted(judge.shown) == sorted(answered)
    assert len(answered) == CASES - 1
    again = Scripted()
    sit(run, dataset, again)
    assert again.shown == []
    assert {v.case_id for v in run.verdicts("scripted", "1")} == answered
    assert [j.judge for j in RunFolder.open(run.path).record.judges] == ["scripted"]


def test_a_sample_is_spread_over_the_cells_and_grows(run: RunFolder, dataset: OpenedDataset) -> None:
    sit(run, dataset, judge := Scripted(), sample=24)
    cells = {c.case_id: c.cell for c in small_cases()}
    assert len(judge.shown) == 24
    # 71 answers in 24 cells: two neighbours may share a step, and no cell has three of them.
    assert len({cells[case_id] for case_id in judge.shown}) >= 22
    rest = Scripted()
    sit(run, dataset, rest)
    assert not set(rest.shown) & set(judge.shown)
    assert len(rest.shown) == CASES - 1 - 24


def test_new_verdicts_supersede_when_asked_for(run: RunFolder, dataset: OpenedDataset) -> None:
    sit(run, dataset, Scripted(), sample=5)
    sit(run, dataset, Scripted(response_type="deflects"), sample=5, again=True)
    verdicts = list(run.verdicts("scripted"))
    assert [v.response_type for v in verdicts] == ["deflects"] * 5
    lines = (run.path / "verdicts.jsonl").read_text().splitlines()
    assert len(lines) == 10
    # The same verdict again is not written again.
    sit(run, dataset, Scripted(response_type="deflects"), sample=5, again=True)
    assert (run.path / "verdicts.jsonl").read_text().splitlines() == lines


def test_a_judge_that_failed_is_asked_again_only_when_told_to(run: RunFolder, dataset: OpenedDataset) -> None:
    fails = [small_cases()[0].case_id, small_cases()[1].case_id]
    sit(run, dataset, Scripted(fails=fails))
    sit(run, dataset, second := Scripted())
    assert second.shown == []
    sit(run, dataset, third := Scripted(), retry_errors=True)
    assert sorted(third.shown) == sorted(fails)
    assert all(v.scored for v in run.verdicts("scripted"))


def test_the_budget_stops_a_judge_and_the_rest_follows(run: RunFolder, dataset: OpenedDataset) -> None:
    reason = sit(run, dataset, first := Scripted(batch_size=1, cost=0.01), budget=0.1)
    assert "is used up" in str(reason)
    assert len(first.shown) == 10
    assert sit(run, dataset, second := Scripted(batch_size=1, cost=0.01)) is None
    assert len(first.shown) + len(second.shown) == CASES - 1


@pytest.mark.parametrize("change", [{"response_type": None}, {"engages_with_defeat": None}])
def test_half_a_verdict_is_a_fault_of_the_judge(
    run: RunFolder, dataset: OpenedDataset, change: dict[str, None]
) -> None:
    with pytest.raises(BlindRefusalError, match="not whole"):
        sit(run, dataset, Scripted(**change))
    assert list(run.verdicts()) == []


def test_the_published_judge_gives_the_datasets_own_verdicts(run: RunFolder, dataset: OpenedDataset) -> None:
    done = command("judge", run.path, "--judge", "published")
    assert done.exit_code == 0, done.output
    assert "71 answers to judge, 0 judged already, 1 case without an answer" in done.output
    table = dataset.built.table("responses", "alpha_1").to_pylist()
    expected = {r["case_id"]: r["response_type"] for r in table if r["response_type"] is not None}
    assert {v.case_id: v.response_type for v in run.verdicts("published")} == expected
    assert RunFolder.open(run.path).record.judges[0].settings == {"judged_by": ["judge-1"]}


def test_people_label_a_sheet_that_is_made_for_them(run: RunFolder, tmp_path: Path) -> None:
    sheet = tmp_path / "ann.csv"
    made = command("judge", run.path, "--judge", f"human:{sheet}", "--sample", "6")
    assert "Wrote 6 answers" in made.output
    empty = command("judge", run.path, "--judge", f"human:{sheet}")
    assert isinstance(empty.exception, InputError)
    rows = _read(sheet)
    assert len(rows) == 6
    for number, row in enumerate(rows):
        if number < 4:
            row.update(response_type="deflects", engages_with_defeat="Yes", independent_harm="0")
    _write(sheet, rows)
    done = command("judge", run.path, "--judge", f"human:{sheet}")
    assert done.exit_code == 0, done.output
    scored = [v for v in run.verdicts("human:ann") if v.scored]
    assert len(scored) == 4
    assert {(v.response_type, v.engages_with_defeat, v.independent_harm) for v in scored} == {("deflects", True, False)}
    # A label that was added later counts without another word.
    rows[4].update(response_type="helps", engages_with_defeat="no", independent_harm="no")
    _write(sheet, rows)
    command("judge", run.path, "--judge", f"human:{sheet}")
    assert len([v for v in run.verdicts("human:ann") if v.scored]) == 5


def test_everything_that_is_wrong_with_a_sheet_is_listed(run: RunFolder, tmp_path: Path) -> None:
    sheet = tmp_path / "bad.csv"
    ids = [c.case_id for c in small_cases()]
    good = {"response_type": "helps", "engages_with_defeat": "yes", "independent_harm": "no"}
    _write(
        sheet,
        [
            {"case_id": ids[0], **good, "response_type": "help"},
            {"case_id": ids[1], **good, "independent_harm": "maybe"},
            {"case_id": ids[2], **good},
            {"case_id": ids[2], **good},
            {"case_id": "", **good},
        ],
    )
    done = command("judge", run.path, "--judge", f"human:{sheet}")
    assert isinstance(done.exception, DataError)
    assert [p.where.rpartition(":")[2] for p in done.exception.problems] == ["2", "3", "5", "6"]


def test_a_label_for_another_answer_is_refused(run: RunFolder, tmp_path: Path) -> None:
    sheet = tmp_path / "other.jsonl"
    sheet.write_text(
        '{"case_id": "content_defeat:school:0", "response_hash": "%s", "response_type": "helps", '
        '"engages_with_defeat": true, "independent_harm": false}\n' % ("0" * 64)
    )
    done = command("judge", run.path, "--judge", f"human:{sheet}")
    assert "for another answer" in str(done.exception)


def test_a_label_that_fits_no_case_is_named_and_nothing_is_judged(run: RunFolder, tmp_path: Path) -> None:
    sheet = tmp_path / "s.csv"
    rows = [{"case_id": f" {small_cases()[0].case_id} ", "response_type": "Hard refusal"}, {"case_id": "no_such_0"}]
    good = {"response_type": "helps", "engages_with_defeat": "WAHR", "independent_harm": "0.0"}
    _write(sheet, [good | row for row in rows])
    done = command("judge", run.path, "--judge", f"human:{sheet}")
    assert isinstance(done.exception, DataError)
    assert done.exception.exit_code == 2
    (problem,) = done.exception.problems
    assert str(problem) == f"{sheet}:3: case 'no_such_0' (not in the dataset)"
    assert list(run.verdicts()) == []
    _write(sheet, [good | rows[0]])
    assert command("judge", run.path, "--judge", f"human:{sheet}").exit_code == 0
    (verdict,) = (v for v in run.verdicts() if v.scored)
    assert (verdict.response_type, verdict.engages_with_defeat) == ("hard_refusal", True)


def test_labels_of_cases_that_the_run_has_no_answer_to_are_named_with_their_lines(
    run: RunFolder, tmp_path: Path
) -> None:
    (failed,) = (case_id for case_id, answer in run.answers.items() if not answer.ok)
    answered = [c.case_id for c in small_cases() if c.case_id != failed]
    good = {"response_type": "helps", "engages_with_defeat": "yes", "independent_harm": "no", "response_hash": ""}
    sheet = tmp_path / "s.csv"
    rows = [{"case_id": case_id} for case_id in (answered[0], failed, "nowhere", answered[1], answered[2])]
    rows[3]["response_hash"] = "0" * 64
    # More than an error shows of its problems: the lines of all of them are told all the same.
    _write(sheet, [good | row for row in [*rows, *({"case_id": f"far_{n}"} for n in range(30))]])
    done = command("judge", run.path, "--judge", f"human:{sheet}")
    assert isinstance(done.exception, DataError)
    assert done.exception.exit_code == 2
    assert "lines 3-5, 7-36" in str(done.exception)
    assert "--partial" in str(done.exception)
    assert [str(p).removeprefix(f"{sheet}:") for p in done.exception.problems[:3]] == [
        f"3: case '{failed}' (without an answer in this run: {run.answers[failed].status})",
        "4: case 'nowhere' (not in the dataset)",
        f"5: case '{answered[1]}' (for another answer than this run's)",
    ]
    assert list(run.verdicts()) == []
    kept = command("judge", run.path, "--judge", f"human:{sheet}", "--partial")
    assert kept.exit_code == 0, kept.output
    assert "left out lines 3-5, 7-36 (" in kept.stderr
    assert "31 not in the dataset" in kept.stderr
    assert {v.case_id for v in run.verdicts() if v.scored} == {answered[0], answered[2]}


def test_a_sheet_of_another_run_altogether_is_an_error_with_partial_too(run: RunFolder, tmp_path: Path) -> None:
    sheet = tmp_path / "s.csv"
    row = {"case_id": "x", "response_type": "helps", "engages_with_defeat": "yes", "independent_harm": "no"}
    _write(sheet, [row])
    done = command("judge", run.path, "--judge", f"human:{sheet}", "--partial")
    assert isinstance(done.exception, InputError)
    assert "none of its labels" in str(done.exception)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"doc_id": 0, "doc": {}, "resps": []}, "samples of lm-evaluation-harness, and no labels. 'blind-refusal eval"),
        ({"custom_id": "a", "response": {}}, "output of an OpenAI batch, and no labels. 'blind-refusal eval import'"),
        ({"evaluation_id": "a", "evaluation_results": []}, "an Every Eval Ever record, and no labels."),
        ({"case_id": "a", "response": "Yes."}, "holds no label. Fill in the columns"),
    ],
)
def test_answers_in_place_of_labels_are_named(row: dict[str, Any], told: str, run: RunFolder, tmp_path: Path) -> None:
    sheet = tmp_path / "s.jsonl"
    sheet.write_bytes(msgspec.json.encode(row))
    assert told in str(command("judge", run.path, "--judge", f"human:{sheet}").exception)


def test_a_formula_in_an_answer_is_no_formula_in_the_sheet(
    run: RunFolder, dataset: OpenedDataset, tmp_path: Path
) -> None:
    (task, *_) = tasks_of(run, dataset, [c.case_id for c in small_cases()])
    hostile = msgspec.structs.replace(task.response, response='=HYPERLINK("http://x")')
    write_sheet(tmp_path / "s.csv", [JudgeTask(task.case, hostile)])
    (row,) = _read(tmp_path / "s.csv")
    assert row["response"] == '\'=HYPERLINK("http://x")'


@pytest.mark.parametrize("spec", ["", "nobody", "model", "model:", "embedded:x", "published:", "human:"])
def test_a_judge_that_is_none(run: RunFolder, spec: str) -> None:
    done = command("judge", run.path, "--judge", spec)
    assert isinstance(done.exception, InputError)
    assert "expected one of" in str(done.exception)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
