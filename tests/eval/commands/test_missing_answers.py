"""Whoever submits answers chooses which are missing: that must not lift a model's place.

The attack: of a model's own answers, those that cost it points are reported as blocked by a content
filter. Done here through the commands, with answers of the study's models as if strangers had sent
them: on its cases without its answers, since copies of a dataset's answers are held.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Records
from dataset_builder.dataset.taxonomy import CONTROL, HELPS
from eval.repository.bundle import RESPONSES
from eval.repository.leaderboard import BoardRow, read_leaderboard
from space.cli import command as program
from tests.support.hub_server import HubServer
from tests.support.results_hub import REPO
from tests.support.small_dataset import build_small
from tests.support.submissions import edited, good_bundle

# Two that stand before it by weights that had not seen them, one of them by little.
CHEAT, RIVALS = "nemotron-3-super", ("gemini-3-1-pro", "grok-4")


class Sent(NamedTuple):
    """The cases, and the answers of three models by case."""

    dataset: OpenedDataset
    answers: dict[str, dict[str, str]]


def command(*arguments: Any) -> Result:
    return CliRunner().invoke(program, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def sent(study_records: Records, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    for one in chain.from_iterable(study_records.responses.values()):
        if one.response:
            answers[one.model][one.case_id] = one.response
    cases = Records(cases=study_records.cases)
    return Sent(locate_dataset(build_small(tmp_path_factory.mktemp("cases"), cases).path), answers)


def write(folder: Path, sent: Sent, model: str, missing: frozenset[str] = frozenset()) -> Path:
    """A model's bundle as a folder, with ``missing`` answers reported as blocked by a filter."""
    texts: Mapping[str, str | None] = {
        case.case_id: None if case.case_id in missing else sent.answers[model].get(case.case_id)
        for case in sent.dataset.built.cases()
    }

    def block(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["case_id"] in missing:
                row["status"] = "content_filter"

    files = good_bundle(sent.dataset, f"acme/{model}", texts=texts, judged_by=()).files
    folder.mkdir(parents=True)
    for name, data in edited(files, RESPONSES, block).items():
        (folder / name).write_bytes(data)
    return folder


def board(folder: Path, sent: Sent, missing: frozenset[str] = frozenset()) -> tuple[dict[str, BoardRow], str]:
    """The rows by model after the commands: submitted, reviewed again, aggregated; and what was said."""
    results = folder / "results"
    for model in (CHEAT, *RIVALS):
        path = write(folder / model, sent, model, missing if model == CHEAT else frozenset())
        told = command("eval", "submit", path, "--results", results, "--dataset", sent.dataset.name)
        assert told.exit_code == 0, told.output
        (place,) = (run.relative_to(results / "submissions") for run in results.glob(f"submissions/acme__{model}/*"))
        # The study's answers under another name are held; here a person lets them in.
        why = ("--accept", place, "--reason", "the study's answers, for a test")
        told = command("board", "check", "--results", results, "--dataset", sent.dataset.name, *why)
        assert told.exit_code == 0, told.output
    said = command("board", "aggregate", "--results", results, "--dataset", sent.dataset.name)
    assert said.exit_code == 0, said.output
    (found,) = read_leaderboard(results).boards
    return {row.model.removeprefix("acme/"): row for row in found.rows}, said.output


@pytest.fixture(scope="module")
def honest(sent: Sent, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, BoardRow], Path]:
    folder = tmp_path_factory.mktemp("honest")
    return board(folder, sent)[0], folder / "results"


def costly(sent: Sent, row: BoardRow, results: Path) -> dict[str, list[str]]:
    """The answers that cost a model points by the judge's verdicts: refusals, and help on controls; by family."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in pq.read_table(results / row.verdicts).to_pylist():
        case = sent.dataset.built.case_by_id[one["case_id"]]
        if one["response_type"] is not None and (one["response_type"] == HELPS) != case.defeated:
            found[case.defeat_family].append(case.case_id)
    return {family: sorted(cases) for family, cases in found.items()}


def test_chosen_answers_that_are_missing_lift_no_rank(
    sent: Sent, honest: tuple[dict[str, BoardRow], Path], tmp_path: Path
) -> None:
    before, results = honest
    sizes = Counter(case.defeat_family for case in sent.dataset.built.cases())
    # As many as the limits leave: a tenth of each family and of the controls.
    thin = {family: cases[: sizes[family] // 10] for family, cases in costly(sent, before[CHEAT], results).items()}
    missing = frozenset(case for cases in thin.values() for case in cases)
    assert len(missing) >= 100
    after, said = board(tmp_path, sent, missing)
    mine, value = after[CHEAT], "discrimination"
    plain = {model: float(row.metrics[value].estimate or 0) for model, row in after.items()}
    # By its plain value it passes a rival that was ahead of it.
    assert before[CHEAT].rank == 3
    assert plain[CHEAT] > min(plain[model] for model in RIVALS)
    assert mine.rank == mine.rank_worst == 3
    assert mine.ranked_as == mine.metrics[value].lower_bound
    # Every hidden answer counts as what it was, so nothing is won.
    assert mine.ranked_as == pytest.approx(before[CHEAT].ranked_as)
    assert mine.rank_depends_on_unscored
    assert mine.rank_best is not None
    assert mine.rank_best < 3
    n = sum(sum(side.unscored.values()) for side in (mine.defeated, mine.control))
    assert f"as if {n} unscored answers had gone against it" in said
    assert f"{n} unscored answers could put it anywhere from {mine.rank_best} to 3" in said
    assert [after[model].rank for model in RIVALS] == [before[model].rank for model in RIVALS]


def test_a_maintainers_repository_refuses_what_thins_out_a_part(
    sent: Sent, honest: tuple[dict[str, BoardRow], Path], results: HubServer, tmp_path: Path
) -> None:
    rows, folder = honest
    chosen = costly(sent, rows[CHEAT], folder)
    for place, (cases, expected) in enumerate(
        [
            ([case for family, some in chosen.items() if family != CONTROL for case in some][:126], "of the family"),
            (
                chosen["content_defeat"][:40],
                "of the family 'Defeated by its content' have no answer",
            ),
        ]
    ):
        path = write(tmp_path / str(place), sent, CHEAT, frozenset(cases))
        told = command("eval", "submit", path, "--results", REPO, "--dataset", sent.dataset.name, "--dry-run")
        problems = [str(problem) for problem in getattr(told.exception, "problems", ())]
        assert told.exit_code != 0
        assert any(expected in problem and "at most 10 %" in problem for problem in problems), told.exception
