"""Visitors of the Space: simulated ones, all at once, and the server that they visit."""

from __future__ import annotations

import random
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

from benchmarks.measure import command_line

THOUGHT = 1.0
WORDS = (
    "landlord",
    "permission",
    "school rule",
    '"terms of service"',
    "appeal",
    "safety",
    "tax",
    "curfew",
    "rent ch",
    "data",
)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_command(dataset: Path, results: Path, store: Path, port: int) -> list[str]:
    """The command that serves some data."""
    where = ("--dataset", dataset, "--results", results, "--store-cache", store, "--port", port)
    return [sys.executable, *command_line("space", "serve", *where)]


def wait_until_it_answers(address: str, process: subprocess.Popen[bytes]) -> None:
    """Ask for the first page until it comes."""
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                raise SystemExit("the server ended before it answered") from None
            time.sleep(0.02)


def visitors(dataset: Path, results: Path, store: Path, users: int, seconds: float) -> tuple[float, float]:
    """The p95 in milliseconds of everything that ``users`` visitors do at once, and the server's memory in MB."""
    with _server(dataset, results, store) as (address, pid), _most_memory(pid) as memory:
        times, errors = _crowd(address, users, seconds)
    ordered = sorted(times)
    p95 = ordered[int(len(ordered) * 0.95)] * 1000
    print(
        f"{users} visitors, {seconds:.0f} s: {len(times)} actions, median {statistics.median(times) * 1000:.0f} ms, "
        f"p95 {p95:.0f} ms, slowest {ordered[-1] * 1000:.0f} ms, {len(errors)} errors, "
        f"{memory[0] / 1e6:.0f} MB resident"
    )
    for error in errors[:3]:
        print(f"  error: {error}")
    return p95, memory[0] / 1e6


@contextmanager
def _server(dataset: Path, results: Path, store: Path) -> Iterator[tuple[str, int]]:
    """The address and process id of a server that answers."""
    port = free_port()
    process = subprocess.Popen(serve_command(dataset, results, store, port), stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(address, process)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _most_memory(pid: int) -> Iterator[list[int]]:
    """A list whose one number is the most resident bytes so far of a process; Linux alone tells it."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            most[0] = max(most[0], int(resident[1]) * 1024 if resident else 0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def _crowd(address: str, users: int, seconds: float) -> tuple[list[float], list[str]]:
    from gradio_client import Client

    times: list[float] = []
    errors: list[str] = []
    # Without ssl_verify=False each request loads the certificates of all authorities anew, although the
    # address is plain HTTP: 35 ms of our own CPU that would be counted as the server's.
    clients = [Client(address, verbose=False, analytics_enabled=False, ssl_verify=False) for _ in range(users)]
    end = time.monotonic() + seconds

    def visit(number: int) -> None:
        chance = random.Random(number)
        # Visitors do not think in step.
        time.sleep(chance.random() * THOUGHT)
        while time.monotonic() < end:
            for act in _visit(clients[number], chance):
                start = time.perf_counter()
                try:
                    act()
                    times.append(time.perf_counter() - start)
                except Exception as error:
                    errors.append(f"{type(error).__name__}: {error}")
                time.sleep(THOUGHT)
                if time.monotonic() > end:
                    break

    threads = [threading.Thread(target=visit, args=[number]) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, errors


def _visit(client: Any, chance: random.Random) -> list[Callable[[], None]]:
    """A search, a filter on it, the next page, one transcript of it, all answers to its case."""
    seen: dict[str, str] = {"list": ""}
    text, kind = chance.choice(WORDS), chance.choice(("helps", "deflects", "hard_refusal"))
    family = chance.choice(("control", "content_defeat", "application_defeat", "exception_justified"))

    def search(*filters: str) -> None:
        seen["list"] = client.predict("&".join((f"q={text}", *filters)), api_name="/transcripts_at")[0]
        assert "br-count" in seen["list"]

    def follow(pattern: str) -> None:
        links = re.findall(r'data-go="([^"]*)"[^>]*>(?=' + pattern + ")", seen["list"])
        go = unescape(chance.choice(links)) if links else f"q={text}"
        found = client.predict(go, api_name="/transcripts_at")
        assert "br-count" in found[0]

    return [
        search,
        lambda: search(f"type={kind}"),
        lambda: search(f"type={kind}", f"family={family}"),
        lambda: follow("Next"),
        lambda: follow("<span class="),
        lambda: follow("[^<]"),
    ]
