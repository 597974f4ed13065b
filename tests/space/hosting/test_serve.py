from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.errors import InputError
from space.cli import command
from tests.support.small_dataset import build_small
from tests.support.space_data import write_results
from tests.support.space_server import free_port


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(tmp_path_factory.mktemp("space") / "dataset").path


@pytest.fixture(scope="module")
def results(dataset: Path) -> Path:
    return write_results(dataset, dataset.parent / "results")


def serve(*arguments: object) -> str:
    """The message with which serving ends; it must end before it listens."""
    if "--port" not in arguments:
        arguments += ("--port", free_port())
    done = CliRunner().invoke(command, ["space", "serve", *map(str, arguments)])
    assert isinstance(done.exception, InputError), done.output
    return str(done.exception)


def test_a_port_that_is_taken(dataset: Path, results: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = serve("--dataset", dataset, "--results", results, "--port", port)
    assert f"127.0.0.1:{port}: cannot listen there" in said
    assert "--port" in said


def test_a_dataset_that_is_none(tmp_path: Path, results: Path) -> None:
    assert "manifest.json" in serve("--dataset", tmp_path, "--results", results)
    assert "no such folder" in serve("--dataset", tmp_path / "gone", "--results", results)


def test_results_that_are_none(tmp_path: Path, dataset: Path) -> None:
    (tmp_path / "notes.txt").write_text("something else")
    assert "results.json" in serve("--dataset", dataset, "--results", tmp_path)
    assert "no such folder, and no name of a repository" in serve("--dataset", dataset, "--results", tmp_path / "gone")
