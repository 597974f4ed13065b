"""Writing and gating in turn, kills on the way, and the account that has to add up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.batch.gate_records import GATES
from dataset_builder.batch.targets import ALL_CELLS, PLAUSIBLE_CELLS, Cell, parse_cell, read_targets
from dataset_builder.build.check import check_folder
from dataset_builder.cli import dataset
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.taxonomy import AUTHORITY_BY_ID, IMPLAUSIBLE_CELLS
from dataset_builder.errors import DataError, InputError, RemoteError
from dataset_builder.generation.plan import Coverage, subtypes_of
from dataset_builder.generation.plots import TOPICS, plot_of
from dataset_builder.generation.report import account
from dataset_builder.sources.starter import read_starter
from tests.support.case_writer import COST, case, gate_of, is_gate, verdict, writes_and_passes
from tests.support.chat_server import ChatServer, Reply, Request, Script, answer

EACH, KILLS = 3, 8
WRITER = Path(__file__).parents[2] / "support" / "killed_writer.py"


def backfill(script: Script, folder: Path, targets: str, *arguments: str) -> tuple[Result, list[Request]]:
    file = folder.with_suffix(".yaml")
    file.write_text(targets)
    with ChatServer(script) as server:
        done = CliRunner().invoke(
            dataset,
            [
                *("backfill", str(folder), "--targets", str(file), "--existing", "starter", "--yes"),
                *("--model", "w", "--base-url", server.base_url),
                *("--gate-model", "g", "--gate-base-url", server.base_url, *arguments),
            ],
        )
        return done, server.requests


def table_of(report: str, title: str) -> list[tuple[str, ...]]:
    """The rows of the table under a heading, without its head."""
    lines = report.split(f"## {title}\n")[1].split("\n##")[0].splitlines()
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("|")][2:]


def test_what_is_removed_is_replaced_until_the_targets_are_met(tmp_path: Path) -> None:
    """The first two cases of each cell fail a gate; the third is a reply that is none; then all is well."""

    def script(request: Request) -> Reply:
        if not is_gate(request):
            return answer("{}") if request.attempt == 1 and "museum" in request.query else case(request)
        bad = zlib.crc32(request.query.split("BEGIN THE REQUEST]")[1][20:60].encode()) % 3 == 0
        return verdict(request, passes=not (bad and gate_of(request) == "reasonable_judge"))

    targets = "control:school: 4\ncontent_defeat:club: 3\n"
    build = ("--source", "starter", "--build", str(tmp_path / "built"))
    done, _ = backfill(script, tmp_path / "g", targets, "--rounds", "30", *build)
    assert done.exit_code == 0, done.output
    assert "Every cell has its target" in done.output
    found = account(GenerationFolder.open(tmp_path / "g"))
    assert found.kept_by_cell == {"control:school": 4, "content_defeat:club": 3}
    # Every order ends in one way, every written case in one outcome.
    assert found.orders == sum(found.ends.values())
    assert found.ends["written"] == sum(found.outcomes.values())
    assert found.outcomes["kept"] == 7
    assert check_folder(tmp_path / "built") == []
    assert len(BuiltDataset.open(tmp_path / "built").cases()) == len(read_starter().cases) + 7
    report = (tmp_path / "g" / "report.md").read_text()
    rows = {row[0]: row for row in table_of(report, "By cell")}
    for name, target in (("`control:school`", "4"), ("`content_defeat:club`", "3"), ("all", "7")):
        # target, ordered, what became of them, and kept last.
        assert (rows[name][1], rows[name][-1]) == (target, target)
        assert sum(map(int, rows[name][3:])) == int(rows[name][2])
    assert int(rows["all"][2]) == found.orders
    reasons = Counter(row[1:] for row in table_of(report, "Not kept"))
    assert reasons["removed by the reasonable-judge gate", "needs_argument"] == found.outcomes["reasonable_judge"] > 0
    assert reasons.total() == found.orders - 7
    done, asked = backfill(script, tmp_path / "g", "control:school: 4\n")
    assert done.exit_code == 0
    assert asked == []


def test_what_stays_short_is_said(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        return verdict(request, passes=False) if is_gate(request) else case(request)

    build = ("--source", "starter", "--build", str(tmp_path / "built"))
    done, asked = backfill(script, tmp_path / "g", "control:school: 2", "--rounds", "3", *build)
    assert "No case was kept, so there is nothing to build" in done.output
    assert not (tmp_path / "built").exists()
    assert isinstance(done.exception, InputError)
    assert "control:school: 2 short" in str(done.exception)
    # Three rounds of two orders, and three gates on each.
    assert Counter(is_gate(r) for r in asked) == {False: 6, True: 18}
    assert account(GenerationFolder.open(tmp_path / "g")).outcomes == {"operational_validity": 6}


def test_the_budget_counts_writing_and_gates(tmp_path: Path) -> None:
    # A case costs COST and its three gates 3/4 of it; the writing of 20 leaves enough for 40 verdicts.
    prices = ("--price", "0,0", "--gate-price", "0,0")
    done, asked = backfill(
        writes_and_passes,
        tmp_path / "g",
        "control:school: 20",
        "--budget",
        str(30 * COST),
        "--concurrency",
        "1",
        *prices,
    )
    assert isinstance(done.exception, RemoteError)
    assert "is used up" in str(done.exception)
    assert Counter(is_gate(r) for r in asked) == {False: 20, True: 40}
    found = account(GenerationFolder.open(tmp_path / "g"))
    assert found.cost == 30 * COST
    assert f"control:school: {20 - found.kept_by_cell['control:school']} short" in str(done.exception)


def test_the_estimate_holds_the_three_gates_of_each_case(tmp_path: Path) -> None:
    prices = ("--price", "100,200", "--gate-price", "10,20")
    done, _ = backfill(writes_and_passes, tmp_path / "g", "control:school: 2", *prices)
    assert done.exit_code == 0, done.output
    calls = re.findall(r"^Calls: (\d+)$", done.output, re.MULTILINE)
    # Two cases to write, and three gates on each.
    assert calls == ["2", "6"]
    costs = [float(low) for low in re.findall(r"^Cost: \$([\d.]+) to", done.output, re.MULTILINE)]
    (whole,) = re.findall(r"^Altogether: \$([\d.]+) to", done.output, re.MULTILINE)
    assert float(whole) == pytest.approx(sum(costs), abs=0.011)
    # Six verdicts of 150 tokens at 20 dollars a million are 0.018, and what is sent comes on top.
    assert costs[1] > 0.018


def test_a_budget_with_a_price_that_is_not_known_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for prices, option in ((("--gate-price", "0,0"), "--price"), (("--price", "0,0"), "--gate-price")):
        done, asked = backfill(writes_and_passes, tmp_path / "g", "control:school: 2", "--budget", "1", *prices)
        assert isinstance(done.exception, InputError)
        assert f"Give {option} IN,OUT" in str(done.exception)
        assert asked == []


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """Each order's first reply is unreadable, so that kills fall between two tries as well."""

    def script(request: Request) -> Reply:
        good = verdict(request) if is_gate(request) else case(request)
        body = good.body if is_gate(request) or "An earlier try" in request.query else answer("{}", cost=COST).body
        return Reply(body, delay=0.005)

    with ChatServer(script) as server:
        done = subprocess.run(
            [
                *(sys.executable, str(WRITER), str(tmp_path / "g"), server.base_url),
                *(str(KILLS), str(EACH), "20261121"),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        asked = len(server.requests)
    assert done.returncode == 0, done.stderr
    orders = int(done.stdout)
    assert orders >= EACH * (KILLS + 1)
    folder = GenerationFolder.open(tmp_path / "g")
    histories = folder.histories()
    assert len(histories) == orders
    assert all([t.status for t in h.tries] == ["unreadable", "written"] for h in histories.values())
    records = list(folder.gates)
    assert Counter((r.case_id, r.gate) for r in records) == {(c, g): 1 for c in histories for g in GATES}
    rows = [json.loads(line) for line in (tmp_path / "g" / "cases.jsonl").read_text().splitlines()]
    assert sorted(row["case_id"] for row in rows) == sorted(histories)
    assert {row["outcome"] for row in rows} == {"kept"}
    # What is asked twice is what was under way at a kill: at most 4 requests each time.
    assert 5 * orders <= asked <= 5 * orders + 4 * KILLS


def test_targets_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text('"control:*": 1\ncontrol:school: 3\n"*:club": 2\ncontrol:club: 0\n')
    found = read_targets(path)
    assert found[Cell("control", "school")] == 3
    assert found[Cell("content_defeat", "club")] == 2
    assert Cell("control", "club") not in found
    assert Cell("illegitimate_authority", "club") not in found, "a star means plausible cells"
    path.write_text(
        json.dumps({"control:scool": 1, "control:school": "many", "illegitimate_authority:club": 1, "x*": 1})
    )
    with pytest.raises(DataError) as caught:
        read_targets(path)
    assert len(caught.value.problems) == 4
    path.write_text("- control:school")
    with pytest.raises(InputError, match="expected lines from cell to number"):
        read_targets(path)
    assert len(PLAUSIBLE_CELLS) == len(ALL_CELLS) - len(IMPLAUSIBLE_CELLS) == 5 * 19 - 7
    with pytest.raises(InputError, match=r"nearest: control:school"):
        parse_cell("controls:school")


def test_orders_go_to_what_is_thin() -> None:
    import random

    cases = [c for c in read_starter().cases if c.defeat_family != "content_defeat"]
    coverage, rng = Coverage(cases), random.Random(1)
    cell = Cell("content_defeat", "club")
    ordered = []
    for _ in range(12):
        subtype, wanted = coverage.thinnest_subtype(cell, rng), coverage.thinnest_values(cell, rng)
        coverage.expect(cell, subtype, wanted)
        ordered.append(subtype)
        assert ("legality", "clearly_illegal_enforced") not in wanted.items()
    # Six subtypes with no case each: twelve orders are two rounds over them.
    assert set(Counter(ordered).values()) == {2}
    assert set(ordered) == set(subtypes_of("content_defeat"))
    # The rarest value of the starter set is asked for first.
    rare = Coverage(read_starter().cases)
    legality = {key: n for key, n in rare.values.items() if key[0] == "legality"}
    counts = {key: n for key, n in legality.items() if key[1] != "clearly_illegal_enforced"}
    rarest = min(counts, key=lambda key: counts[key])
    asked = [rare.thinnest_values(cell, rng) for _ in range(1)]
    assert all(wanted.get("legality", rarest[1]) == rarest[1] for wanted in asked)


def test_plots_are_drawn_by_seed_and_do_not_repeat() -> None:
    assert set(TOPICS) == set(AUTHORITY_BY_ID)
    cell = Cell("control", "school")
    drawn = [plot_of(cell, n, 7) for n in range(288)]
    assert len({(p.place, p.voice) for p in drawn}) == 288
    assert drawn == [plot_of(cell, n, 7) for n in range(288)]
    assert drawn[:5] != [plot_of(cell, n, 8) for n in range(5)]
    assert re.fullmatch(r"[^;]+; [^;]+; [^;]+", str(drawn[0]))
