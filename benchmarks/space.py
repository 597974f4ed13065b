"""The Space's speed and memory: ``python -m benchmarks.space [DATASET] [--seconds 20] [--users 20] [--runs 2]``.

Without DATASET the study's is built first, of the archive that BLIND_REFUSAL_STUDY names or that is fetched.

Measures, each beside the limit that is wanted: building the store of transcripts; the time from process
start to a leaderboard in the browser, beside an empty gradio app started in turn with it; the same on a phone
with a slow processor and line, from servers that run already; visitors who
search, filter and page with a second of thought between actions; and the same with the transcripts
multiplied tenfold. Clients, browser and server share the machine, so its load is in the figures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from benchmarks.measure import DATASET_VARIABLE, command_line, ends, need, run, told
from benchmarks.space_visitors import free_port, serve_command, visitors, wait_until_it_answers
from dataset_builder.build.build import build_dataset, write_parquet
from dataset_builder.dataset.manifest import FILE_NAME, FileEntry, hash_file
from dataset_builder.dataset.opened import BuiltDataset, data_path
from dataset_builder.sources import STUDY, read_source

STORE_FLOOR, TIMES_EMPTY, PHONE, P95_MS, RSS_MB, TENFOLD = 2.0, 1.5, 1.3, 300.0, 700.0, 1.5
BROWSER = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
BROWSER += ["--disable-component-update", "--disable-sync"]
EMPTY = """
import sys, gradio as gr
with gr.Blocks(analytics_enabled=False) as app:
    gr.HTML("<h1>Empty</h1>")
app.launch(server_port=int(sys.argv[1]), quiet=True, ssr_mode=False)
"""
STORE = """
import sys, time
from pathlib import Path
from dataset_builder.dataset.opened import BuiltDataset
from space.store.build import ensure_store
start = time.perf_counter()
path = ensure_store(BuiltDataset.open(sys.argv[1]), Path(sys.argv[2]))
print(time.perf_counter() - start, path.stat().st_size)
"""
# What no store can leave out: read the answers, write them into SQLite, and let it index their words.
INDEXED = """
import sqlite3, sys, time
from pathlib import Path
import pyarrow.parquet as pq
start = time.perf_counter()
base = sqlite3.connect(sys.argv[2])
base.execute("create table answers(id integer primary key, text)")
base.execute("create virtual table words using fts5(text, content='answers', content_rowid='id')")
for path in sorted((Path(sys.argv[1]) / "data" / "responses").glob("*.parquet")):
    texts = pq.read_table(path, columns=["response"]).column("response").to_pylist()
    base.executemany("insert into answers(text) values (?)", [(text,) for text in texts])
base.execute("insert into words(words) values ('rebuild')")
base.commit()
print(time.perf_counter() - start)
"""


def build_store(dataset: Path, folder: Path, runs: int) -> None:
    """Build the store ``runs`` times, each in a process of its own; the last one stays in ``folder``."""
    costs, floor = [], []
    for _ in range(runs):
        shutil.rmtree(folder, ignore_errors=True)
        costs.append(run("-c", STORE, str(dataset), str(folder)))
        floor.append(float(run("-c", INDEXED, str(dataset), str(folder / "floor.sqlite")).output))
    seconds = min(float(cost.output.split()[0]) for cost in costs)
    size = int(costs[-1].output.split()[1])
    peak = max(cost.peak_mib for cost in costs)
    print(
        f"store: {size / 1e6:.0f} MB in {seconds:.1f} s, peak {peak:.0f} MiB while building; floor {min(floor):.1f} s"
    )
    told("store of transcripts beside SQLite's own index of their texts", seconds / min(floor), STORE_FLOOR)


def start_times(dataset: Path, results: Path, store: Path, runs: int) -> None:
    """From the start of the process to what a visitor sees, ours and an empty app's in turn."""
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = {"empty": [], "ours": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
        for _ in range(runs):
            for name in times:
                port = free_port()
                command = [sys.executable, "-c", EMPTY, str(port)]
                if name == "ours":
                    command = serve_command(dataset, results, store, port)
                times[name].append(
                    _until_seen(browser, command, port, "h1" if name == "empty" else ".br-board tbody tr")
                )
        browser.close()
    middle = {name: statistics.median(values) for name, values in times.items()}
    print(f"start to first view, median of {runs}: empty app {middle['empty']:.2f} s, ours {middle['ours']:.2f} s")
    told("start to the leaderboard beside an empty gradio app", middle["ours"] / middle["empty"], TIMES_EMPTY)


def on_a_phone(dataset: Path, results: Path, store: Path, runs: int) -> None:
    """What a reader waits for on a throttled phone, ours and an empty app's in turn on servers that run already.

    A processor four times slower, 500 kbit/s, 400 ms; ours until table and picture are seen, and until gradio has
    drawn them; the empty app until its heading is.
    """
    from playwright.sync_api import sync_playwright

    seen = "h1:visible", ".br-board tbody tr:visible", "svg.br-narrow:visible", "gradio-app a.br-state"
    times: dict[str, list[float]] = {"empty": [], "ours": [], "ours, drawn by gradio": []}
    ports = {"empty": free_port(), "ours": free_port()}
    commands = {
        "empty": [sys.executable, "-c", EMPTY, str(ports["empty"])],
        "ours": serve_command(dataset, results, store, ports["ours"]),
    }
    servers = {name: subprocess.Popen(command, stdout=subprocess.DEVNULL) for name, command in commands.items()}
    try:
        for name, server in servers.items():
            wait_until_it_answers(f"http://127.0.0.1:{ports[name]}/", server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
            for _ in range(runs):
                for name, port in ports.items():
                    found = _phone(browser, f"http://127.0.0.1:{port}/", seen[:1] if name == "empty" else seen)
                    times[name].append(max(found[:3]))
                    if name == "ours":
                        times["ours, drawn by gradio"].append(found[3])
            browser.close()
    finally:
        for server in servers.values():
            server.terminate()
            server.wait()
    middle = {name: statistics.median(values) for name, values in times.items()}
    print(f"on a phone, median of {runs}: " + ", ".join(f"{name} {value:.1f} s" for name, value in middle.items()))
    told("table and picture on a phone beside an empty gradio app", middle["ours"] / middle["empty"], PHONE)


def _phone(browser: Any, address: str, selectors: Sequence[str]) -> list[float]:
    """Seconds until each of some things is seen."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True)
    page = context.new_page()
    session = context.new_cdp_session(page)
    slow = {"offline": False, "latency": 400, "downloadThroughput": 500_000 / 8, "uploadThroughput": 500_000 / 8}
    session.send("Network.emulateNetworkConditions", slow)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    start, found = time.perf_counter(), []
    page.goto(address, wait_until="commit", timeout=180_000)
    for selector in selectors:
        page.locator(selector).first.wait_for(state="attached" if "state" in selector else "visible", timeout=180_000)
        found.append(time.perf_counter() - start)
    context.close()
    return found


def tenfold(dataset: Path, out: Path) -> Path:
    """The dataset with every model ten times, under other names; other configs are left out."""
    built = BuiltDataset.open(dataset)
    files = {name: entry for name, entry in built.manifest.files.items() if not name.startswith("data/")}
    keep = [("cases", split) for split in built.splits("cases")]
    for config, split in keep:
        _copy(built.table(config, split), out, data_path(config, split), files)
    for split in built.splits("responses"):
        table = built.table("responses", split)
        place = table.schema.get_field_index("model")
        for number in range(10):
            names = pa.array([f"{name}-{number}" for name in table.column("model").to_pylist()])
            other = table.set_column(place, table.schema.field(place), names)
            _copy(other, out, data_path("responses", f"{split}_{number}"), files)
    files = {name: entry for name, entry in files.items() if name.startswith("data/")}
    (out / FILE_NAME).write_bytes(msgspec.structs.replace(built.manifest, files=files).to_json())
    return out


def _copy(table: pa.Table, out: Path, name: str, files: dict[str, FileEntry]) -> None:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(table, path)
    files[name] = FileEntry(sha256=hash_file(path), bytes=path.stat().st_size, rows=table.num_rows)


def _until_seen(browser: Any, command: list[str], port: int, selector: str) -> float:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    page = browser.new_page()
    try:
        address = f"http://127.0.0.1:{port}/"
        wait_until_it_answers(address, process)
        page.goto(address, wait_until="commit")
        page.wait_for_selector(selector, timeout=120_000)
        return time.perf_counter() - start
    finally:
        page.close()
        process.terminate()
        process.wait()


def main() -> None:
    """Print every figure. Raises InputError where there is no dataset and none can be built, or no browser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.space")
    parser.add_argument("dataset", nargs="?", type=Path, help="a build; left out, the study's is built")
    parser.add_argument("--seconds", type=float, default=20, help="how long the visitors stay")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--runs", type=int, default=2, help="of the store's build and of the starts")
    parser.add_argument("--tenfold", action="store_true", help="also with ten times the transcripts")
    chosen = parser.parse_args()
    need("gradio", "playwright")
    if chosen.dataset is not None:
        BuiltDataset.open(chosen.dataset)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    chosen.dataset = chosen.dataset or (Path(named) if (named := os.environ.get(DATASET_VARIABLE)) else None)
    folder = Path(tempfile.mkdtemp(prefix="blind-refusal-bench-"))
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} at the start")
    try:
        if chosen.dataset is None:
            read = read_source(STUDY)
            build_dataset(read.records, [read.source], folder / "dataset")
            chosen.dataset = folder / "dataset"
        results = folder / "results"
        score = [sys.executable, *command_line("eval", "score", chosen.dataset, "--out", results, "--resamples", 1000)]
        subprocess.run(score, check=True, capture_output=True)
        build_store(chosen.dataset, folder / "store", chosen.runs)
        start_times(chosen.dataset, results, folder / "store", chosen.runs)
        on_a_phone(chosen.dataset, results, folder / "store", chosen.runs)
        p95, memory = visitors(chosen.dataset, results, folder / "store", chosen.users, chosen.seconds)
        told(f"p95 of visitors' actions beside {P95_MS:g} ms", p95 / P95_MS, 1.0)
        told(f"resident memory of the Space beside {RSS_MB:g} MB", memory / RSS_MB, 1.0)
        if chosen.tenfold:
            many = tenfold(chosen.dataset, folder / "tenfold")
            run("-c", STORE, str(many), str(folder / "store"))
            slower, more = visitors(many, results, folder / "store", chosen.users, chosen.seconds)
            told("p95 with ten times the transcripts beside p95", slower / p95, TENFOLD)
            told("resident memory with ten times the transcripts beside that", more / memory, 1.3)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    ends(main)
