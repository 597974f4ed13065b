"""Who served a run's answers, by share, and the rates of each route."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.dataset.opened import OpenedDataset
from eval.boards.aggregate import aggregate
from eval.cli import eval_group
from eval.repository.leaderboard import read_leaderboard
from eval.results.routes import MOST_ROUTES, OTHERS, routes_of, row_routes, scores_by_route, served_by, shares
from eval.reviews.submitter import submit_locally
from eval.runs.answer import Answer
from space.data.snapshot import row_key
from space.pages.leaderboard.markup import board_notes
from tests.support.answers import make_answers, make_table
from tests.support.chat_server import ChatServer, Reply, Request, answer
from tests.support.submissions import edited, good_bundle, judge_again


def served(number: int, provider: str | None = None, model: str | None = None, mark: str | None = None) -> Answer:
    return Answer(
        case_id=f"case-{number:03}",
        query_hash="",
        status="ok",
        response_hash="",
        provider=provider,
        served_model=model,
        system_fingerprint=mark,
    )


def test_a_route_is_named_by_what_tells_it_apart() -> None:
    many = [served(n, "A", "m") for n in range(9)] + [served(9, "B", "m")]
    assert shares(routes_of(many)) == [("A", 9, 0.9), ("B", 1, 0.1)]
    assert served_by(routes_of(many)) == "served by A 90.0 %, B 10.0 %"
    assert shares(routes_of([served(0, "A", "m1"), served(1, "A", "m2")])) == [("A m1", 1, 0.5), ("A m2", 1, 0.5)]
    # Without a router the model that the server says, and its marks where nothing else differs.
    assert served_by(routes_of([served(0, None, "m")])) == "served by m 100.0 %"
    assert [name for name, _, _ in shares(routes_of([served(0, "A", "m", "x"), served(1, "A", "m", "y")]))] == [
        "A x",
        "A y",
    ]
    assert routes_of([served(0)]) == {}
    assert served_by({}) is None


def test_many_routes_and_odd_names_are_bounded() -> None:
    names = [f"P{n:03}" for n in range(50)] + ["=1+1\u202e\n" + "x" * 500]
    found = shares(routes_of([served(n, name) for n, name in enumerate(names)]))
    assert len(found) == MOST_ROUTES + 1
    assert found[0] == (OTHERS, 51 - MOST_ROUTES, (51 - MOST_ROUTES) / 51)
    assert all(name.isprintable() and len(name) <= 80 for name, _, _ in found)


def test_each_route_has_the_rates_of_its_own_cases() -> None:
    """Route A helps with 3 of 4 defeated and 1 of 2 controls: J = 0.25. Route B refuses all: J = 0."""
    table = make_table({("content_defeat", "school"): 6, ("control", "school"): 4})
    codes = dict.fromkeys(table.ids, "r")
    ids = sorted(table.ids)
    defeated, control = [i for i in ids if "content" in i], [i for i in ids if "control" in i]
    codes |= dict.fromkeys([*defeated[:3], control[0]], "h")
    routes = dict.fromkeys([*defeated[:4], *control[:2]], "A") | dict.fromkeys([*defeated[4:], *control[2:]], "B")
    answers = make_answers(table, codes)
    rates = {name: row.metrics for name, row in scores_by_route(answers, routes, resamples=50).items()}
    assert [rates["A"][name].estimate for name in ("help_rate", "control_help_rate", "discrimination")] == [
        0.75,
        0.5,
        0.25,
    ]
    assert [rates["B"][name].estimate for name in ("help_rate", "control_help_rate", "discrimination")] == [0, 0, 0]
    first, second = row_routes(answers, routes)
    assert (first.route, first.answers, first.share, second.share) == ("A", 6, 0.6, 0.4)
    assert first.metrics["help_rate"].estimate == 0.75
    assert row_routes(answers, dict.fromkeys(table.ids, "A"))[0].metrics == {}


def test_a_row_says_who_served_it(dataset: OpenedDataset, tmp_path: Path) -> None:
    """A hostile provider's name is text on the page."""

    def serve(rows: list[dict[str, object]]) -> None:
        for number, row in enumerate(rows):
            row["provider"] = "Plain" if number % 4 else "<script>alert(1)</script>"

    made = good_bundle(dataset, "acme/model-1", judged_by=())
    made = replace(made, files=edited(made.files, "responses.parquet", serve))
    submit_locally([made], dataset, tmp_path / "results", rejudge=judge_again)
    aggregate(tmp_path / "results", [dataset])
    (board,) = read_leaderboard(tmp_path / "results").boards
    (row,) = board.rows
    assert [(one.route, one.share) for one in row.routes] == [("Plain", 0.75), ("<script>alert(1)</script>", 0.25)]
    assert all(one.metrics["help_rate"].estimate is not None for one in row.routes)
    text = board_notes(board, [row_key(row)])
    assert "served by Plain 75" in text
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert "which has no owners" in text


def test_score_shows_rates_by_route(routed_run: Path) -> None:
    shown = CliRunner().invoke(eval_group, ["score", str(routed_run)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "Answers served by A 75.0 %, B 25.0 %." in shown.output
    assert "By route" in shown.output


@pytest.fixture
def routed_run(dataset: OpenedDataset, tmp_path: Path) -> Path:
    """A run whose answers two providers gave, by a router on loopback, judged by the script."""
    count = 0

    def reply(request: Request) -> Reply:
        nonlocal count
        count += 1
        told = answer(f"Sure, number {count}.")
        return replace(told, body=json.dumps(json.loads(told.body) | {"provider": "AAAB"[count % 4]}).encode())

    with ChatServer(reply) as server:
        out = tmp_path / "run"
        where = ["--base-url", server.base_url, "--price", "0,0", "--dataset", dataset.name, "--out", str(out)]
        done = CliRunner().invoke(eval_group, ["run", "--model", "m", *where, "--judge", "embedded"])
        assert done.exit_code == 0, done.output
    return out
