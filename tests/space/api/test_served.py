"""The data for programs, from a server: the guide's examples, endpoints, an MCP client, files, hostile requests."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from pyarrow import parquet

from dataset_builder.dataset.opened import locate_dataset
from tests.support.documents import ROOT, run_document
from tests.support.hostile import strings
from tests.support.results_folder import write_results_folder
from tests.support.space_data import build_space_dataset
from tests.support.space_server import serving

SUBMITTED = "acme__model-1"
ENDPOINTS = ["/leaderboard", "/model", "/compare", "/breakdown", "/transcripts", "/cases", "/verdict"]
CASE = "control:school:1"
HERE = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the small dataset with the hostile cases, and a results folder with a submitted run."""
    folder: Path = tmp_path_factory.mktemp("programs")
    dataset = locate_dataset(build_space_dataset(folder / "dataset").path)
    # In a thread of its own: a judge runs an event loop.
    with ThreadPoolExecutor() as pool:
        results = pool.submit(write_results_folder, dataset, folder / "results").result()
    with serving(dataset.built.path, results, folder / "cache") as address:
        yield address


@pytest.fixture(scope="module")
def client(served: str) -> Client:
    return Client(served, verbose=False, analytics_enabled=False)


@pytest.fixture(scope="module")
def http(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, timeout=60) as made:
        yield made


def test_the_guide(served: str, tmp_path: Path) -> None:
    guide = tmp_path / "programs.md"
    guide.write_text((ROOT / "docs" / "programs.md").read_text(encoding="utf-8").replace(HERE, served), "utf-8")
    run_document(guide, tmp_path, least=5)


def test_there_is_nothing_else_to_call_and_each_parameter_is_described(http: httpx.Client) -> None:
    info = http.get("/gradio_api/info").json()
    assert list(info["named_endpoints"]) == ENDPOINTS
    assert info["unnamed_endpoints"] == {}
    for name, endpoint in info["named_endpoints"].items():
        assert endpoint["description"], name
        for parameter in endpoint["parameters"]:
            told = (name, parameter["parameter_name"])
            assert parameter["type"]["description"], told
            assert parameter["python_type"]["type"], told
            # What has to be named is what cannot be guessed.
            needed = parameter["parameter_name"] in ("a", "b", "case") or told == ("/model", "model")
            assert parameter["parameter_has_default"] != (needed or told == ("/verdict", "model")), told


def test_answers_have_one_shape_and_models_one_name(client: Client) -> None:
    asked: dict[str, dict[str, Any]] = {name: {} for name in ENDPOINTS}
    asked["/model"] = {"model": SUBMITTED}
    asked["/compare"] = {"a": SUBMITTED, "b": "alpha-1"}
    asked["/transcripts"] = {"model": [SUBMITTED], "search": "school"}
    asked["/verdict"] = {"case": CASE, "model": SUBMITTED}
    found = {name: client.predict(**named, api_name=name) for name, named in asked.items()}
    for name, answer in found.items():
        assert list(answer) == ["data", "meta"], name
        assert {"dataset", "cases_hash", "results"} <= set(answer["meta"]), name
    # 9 cases are about a school.
    assert [found["/transcripts"]["meta"][name] for name in ("total", "returned", "next")] == [9, 9, None]
    answer = found["/verdict"]["data"]["answer"]
    assert answer in [
        {**row, "reasoning": answer["reasoning"], "response": answer["response"]}
        for row in found["/transcripts"]["data"]
    ]
    row = next(row for row in found["/leaderboard"]["data"] if row["id"] == SUBMITTED)
    assert found["/model"]["data"]["row"] == row
    # A difference is of the two models' own rates.
    (gap,) = [
        one
        for one in found["/compare"]["data"]["differences"]
        if (one["by"], one["metric"]) == ("overall", "help_rate")
    ]
    assert gap["difference"] == pytest.approx(gap["a"] - gap["b"], abs=2e-6)
    parted = found["/compare"]["data"]["cases"][0]
    sides = {"a": SUBMITTED, "b": "alpha-1"}
    for side, model in sides.items():
        kind = client.predict(parted["case_id"], model, api_name="/verdict")["data"]["answer"]["response_type"]
        assert (kind == "helps") == (side == parted["helps"])


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("/cases", {"limit": 0}, "limit: expected `int` >= 1"),
        ("/cases", {"limit": "1; DROP TABLE cases"}, "limit: expected `int`, got `str`"),
        ("/cases", {"limit": True}, "limit: expected `int`, got `bool`"),
        ("/cases", {"start": -1}, "start: expected `int` >= 0"),
        ("/cases", {"family": "control"}, "family: expected `array | null`, got `str`"),
        ("/cases", {"family": ["contrl"]}, "family: there is no 'contrl' here; the nearest is 'control'"),
        ("/cases", {"family": ["x"] * 51}, "family: expected `array` of length <= 50"),
        ("/transcripts", {"search": "x" * 201}, "search: expected `str` of length <= 200"),
        ("/transcripts", {"judge": "' OR 1=1 --"}, 'judge: there is no "\' OR 1=1 --" here'),
        ("/transcripts", {"engages": "yes"}, "engages: expected `bool | null`, got `str`"),
        ("/leaderboard", {"board": "../../etc/passwd"}, "board: there is no '../../etc/passwd' here"),
        ("/leaderboard", {"sort": {"$gt": ""}}, "sort: expected `str`, got `object`"),
        ("/leaderboard", {"size": ["huge"]}, "size: there is no 'huge' here"),
        ("/model", {"model": "alpha-2"}, "model: 'alpha-2' is not on the board"),
        ("/compare", {"a": "alpha-1", "b": "alpha-1"}, "one and the same model"),
        ("/verdict", {"case": "/etc/passwd", "model": "alpha-1"}, "case: there is no '/etc/passwd' here"),
    ],
)
def test_what_is_wrong_is_said(client: Client, name: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(AppError) as told:
        client.predict(**asked, api_name=name)
    assert said in str(told.value)


def test_hostile_texts_find_what_is_theirs_or_nothing(client: Client, http: httpx.Client) -> None:
    for number, text in enumerate(strings()):
        for name, query in (("transcripts", {"q": text[:200], "limit": "1"}), ("leaderboard", {"q": text[:100]})):
            assert http.get(f"/data/{name}.json", params=query).status_code == 200, text
        # A call of a named endpoint takes a while, so that these are some of them.
        if number % 9 == 0:
            answer = client.predict(f"hostile-{number:03}", "alpha-1", api_name="/verdict")
            assert answer["data"]["case"]["user_query"] == text
            with pytest.raises(AppError, match="there is no"):
                client.predict(text[:200] or "x", "alpha-1", api_name="/verdict")


def test_a_file_holds_what_the_endpoint_says(client: Client, http: httpx.Client) -> None:
    """By every kind the same rows, whole or page by page."""
    whole = http.get("/data/transcripts.json", params={"model": "alpha-1"}).json()
    n = 72 + len(strings())
    assert len(whole["data"]) == whole["meta"]["total"] == n
    pages, address = [], "data/transcripts.json?model=alpha-1&limit=50"
    while address:
        page = http.get(f"/{address}").json()
        pages += page["data"]
        address = page["meta"]["next"]
    assert pages == whole["data"]
    first = client.predict(model=["alpha-1"], limit=50, whole=True, api_name="/transcripts")["data"]
    assert first == whole["data"][:50]
    table = parquet.read_table(io.BytesIO(http.get("/data/transcripts.parquet?model=alpha-1").content))
    assert table.to_pylist() == whole["data"]
    lines = list(csv.DictReader(io.StringIO(http.get("/data/transcripts.csv?model=alpha-1").text)))
    assert [line["case_id"] for line in lines] == [row["case_id"] for row in whole["data"]]
    pair = f"?a={SUBMITTED}&b=alpha-1"
    for name, asked in (("leaderboard", ""), ("breakdown", ""), ("cases", ""), ("compare", pair), ("parted", pair)):
        data = http.get(f"/data/{name}.json{asked}").json()["data"]
        found = parquet.read_table(io.BytesIO(http.get(f"/data/{name}.parquet{asked}").content))
        assert json.loads(json.dumps(found.to_pylist())) == data, name


def test_each_page_links_the_data_of_what_it_shows(http: httpx.Client) -> None:
    """Every link in the bar of every page gives rows, alike by every kind, and those that the page has."""
    case, pair = quote(CASE, safe=""), f"a={SUBMITTED}&b=alpha-1"
    first = http.get("/data/leaderboard.json").json()
    board, row = first["meta"]["board"], first["data"][0]
    for name, asked in (
        ("model", f"model={row['id']}"),
        ("case", f"case={case}"),
        ("judges", ""),
        ("judged", ""),
        ("pairs", "metric=help_rate"),
        ("differences", pair),
    ):
        told = http.get(f"/data/{name}.json?{asked}").json()
        assert told["data"], name
        found = parquet.read_table(io.BytesIO(http.get(f"/data/{name}.parquet?{asked}").content))
        assert json.loads(json.dumps(found.to_pylist())) == told["data"], name
        lines = list(csv.DictReader(io.StringIO(http.get(f"/data/{name}.csv?{asked}").text)))
        assert [list(line) for line in lines] == [list(one) for one in told["data"]], name
        page = http.get(f"/data/{name}.json?{asked}&limit=2&start=1").json()
        assert page["data"] == told["data"][1:3], name
    # The rates of a model are those of its row; help by family is what the breakdown has.
    told = http.get(f"/data/model.json?model={row['id']}").json()
    assert told["meta"]["board"] == board
    overall = {one["metric"]: one["share"] for one in told["data"] if one["by"] == "overall"}
    assert overall["help_rate"] == row["help_rate"]
    families = {one["title"]: one["share"] for one in told["data"] if one["by"] == "family"}
    rates = http.get(f"/data/breakdown.json?model={row['id']}").json()["data"]
    assert families.items() <= {one["label"]: one["share"] for one in rates}.items()
    # All answers to a case are those that the transcripts have, whole, and what people said.
    told = http.get(f"/data/case.json?case={case}").json()["data"]
    whole = [one for one in http.get("/data/transcripts.json").json()["data"] if one["case_id"] == CASE]
    assert [{name: one[name] for name in whole[0]} for one in told] == whole
    # Two judges part on as many answers as stand beside the diagonal of their table.
    table = http.get("/data/judges.json?what=engages").json()
    apart = http.get("/data/judged.json?what=engages").json()
    assert sum(one["n"] for one in table["data"]) == table["meta"]["n"]
    assert sum(one["n"] for one in table["data"] if one["a"] != one["b"]) == apart["meta"]["total"]
    assert all(one["a"] != one["b"] for one in apart["data"])
    some = http.get("/data/judged.json?what=engages&says=yes&other=yes").json()["meta"]["total"]
    assert [some] == [one["n"] for one in table["data"] if (one["a"], one["b"]) == ("yes", "yes")]
    # Of all pairs, one is what the comparison of its two models says, but for the correction over all of them.
    gaps = http.get(f"/data/differences.json?{pair}&board={board}").json()["data"]
    (gap,) = [one for one in gaps if (one["by"], one["metric"]) == ("overall", "help_rate")]
    pairs = http.get(f"/data/pairs.json?metric=help_rate&board={board}").json()["data"]
    (same,) = [one for one in pairs if {one["a"], one["b"]} == {SUBMITTED, "alpha-1"}]
    assert abs(same["difference"]) == pytest.approx(abs(gap["difference"]), abs=2e-6)
    assert {one["metric"] for one in gaps} < {
        one["metric"] for one in http.get(f"/data/compare.json?{pair}").json()["data"]
    }


def test_a_number_below_zero_is_no_formula(http: httpx.Client) -> None:
    address = f"/data/compare.csv?a=alpha-1&b={SUBMITTED}"
    (row, *_) = csv.DictReader(io.StringIO(http.get(address).text))
    assert float(row["difference"]) == pytest.approx(float(row["a"]) - float(row["b"]), abs=2e-6)
    assert float(row["difference"]) < 0


def test_no_cell_of_a_csv_is_a_formula(http: httpx.Client) -> None:
    read = list(csv.reader(io.StringIO(http.get("/data/cases.csv").text, newline="")))
    assert len(read) == 1 + 72 + len(strings())
    assert any(one.startswith("=") for one in strings())
    assert not [cell for line in read for cell in line if cell.startswith(("=", "+", "@", "\t", "\r"))]


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("cases.json?limit=abc", 400, "limit: expected `int | null`, got `str`"),
        ("cases.json?limit=1001", 400, "limit: expected `int` <= 1000"),
        ("cases.json?fmily=control", 400, "'fmily': no such parameter; expected authority, family, subtype"),
        ("leaderboard.csv?board=old", 400, "board: there is no 'old' here"),
        ("breakdown.parquet?model=nobody", 400, "model: there is no 'nobody' here"),
        ("model.csv", 400, "model: missing"),
        ("case.json?case=../../etc/passwd", 400, "case: there is no '../../etc/passwd' here"),
        ("judged.csv?a=nobody", 400, "a: there is no 'nobody' here"),
        (f"leaderboard.csv?q={'x' * 101}", 400, "q: has 101 characters, and at most 100 are read"),
        (f"transcripts.csv?q={'x' * 201}", 400, "q: has 201 characters, and at most 200 are read"),
        ("arms.csv", 400, "there is no set of runs here"),
        (f"cases.json?{'family=control&' * 2000}", 400, "The address is longer than"),
        ("secrets.json", 404, ""),
        ("cases.exe", 404, ""),
        ("%2e%2e/%2e%2e/etc/passwd", 404, ""),
    ],
)
def test_a_wrong_address_of_a_file_is_told(http: httpx.Client, address: str, status: int, said: str) -> None:
    answer = http.get(f"/data/{address}")
    assert answer.status_code == status
    assert said in answer.json().get("error", "")


def test_an_agent_gets_the_same(client: Client, served: str) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def ask() -> tuple[Any, ...]:
        async with (
            streamable_http_client(f"{served}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            board = await session.call_tool("leaderboard", {"limit": 1, "family": None})
            wrong = [
                await session.call_tool(name, given)
                for name, given in (
                    ("cases", {"limit": 10**6}),
                    ("cases", {"sql": "DROP TABLE cases"}),
                    ("delete", {}),
                    ("verdict", {"case": CASE}),
                )
            ]
            return tools, board, wrong

    tools, board, wrong = asyncio.run(ask())
    assert [f"/{tool.name}" for tool in tools] == ENDPOINTS
    assert all(tool.annotations.readOnlyHint and tool.description for tool in tools)
    assert board.structuredContent == client.predict(limit=1, api_name="/leaderboard")
    assert json.loads(board.content[0].text) == board.structuredContent
    assert all(one.isError for one in wrong)
    assert [one.content[0].text for one in wrong] == [
        "limit: expected `int` <= 100. How many rows, at most 100.",
        "'sql': no such parameter; expected family, subtype, authority, limit, start",
        "'delete': no such tool; expected one of leaderboard, model, compare, breakdown, transcripts, cases, verdict",
        "A parameter is missing: `model`",
    ]


def test_what_is_asked_may_not_be_huge(http: httpx.Client) -> None:
    for address in ("/gradio_api/mcp/", "/gradio_api/call/cases", "/gradio_api/queue/join"):
        answer = http.post(address, content=b"[" * 2_000_000, headers={"content-type": "application/json"})
        assert answer.status_code == 413, address
