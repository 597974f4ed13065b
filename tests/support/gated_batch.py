"""Batches of generated cases that a scripted server wrote and gated."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from click.testing import CliRunner, Result

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.cli import dataset
from tests.support.case_writer import case
from tests.support.chat_server import ChatServer, Request, Script

CELLS = ("--cell", "control:school", "--cell", "content_defeat:club")


def run(server: ChatServer, *arguments: str) -> Result:
    where = ("--base-url", server.base_url, "--gate-base-url", server.base_url)
    return CliRunner().invoke(dataset, ["backfill", *arguments, "--model", "m", "--gate-model", "m", *where, "--yes"])


def write(out: Path, script: Script = case, count: int = 2) -> GenerationFolder:
    with ChatServer(script) as server:
        done = run(server, str(out), "--only", "generate", *CELLS, "--count", str(count), "--existing", "starter")
    assert done.exit_code == 0, done.output
    return GenerationFolder.open(out)


def gate(out: Path, script: Script, *arguments: str) -> tuple[Result, list[Request]]:
    with ChatServer(script) as server:
        return run(server, str(out), "--only", "gate", *arguments), server.requests


def outcomes(out: Path) -> Counter[str]:
    return Counter(line.outcome for line in GenerationFolder.open(out).lines())
