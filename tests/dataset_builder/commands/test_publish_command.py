"""``dataset publish`` as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.commands.publish import publish as command
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.publishing import REPO, titles


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_the_command_says_what_it_did(hub: HubServer, build: Path) -> None:
    first = run(str(build), "--repo", REPO, "--tag", "v1.0.0")
    assert first.exit_code == 0, first.output
    assert "7 files sent" in first.stdout
    assert "downloaded config cases again: as sent" in first.stdout
    assert f"{hub.endpoint}/datasets/{REPO} at {hub.repo(REPO).head}" in first.stdout
    again = run(str(build), "--repo", f"hf://datasets/{REPO}", "--tag", "v1.0.0")
    assert "holds this build already: nothing to commit" in again.stdout
    assert "tagged" not in again.stdout


def test_the_command_signs_in_with_the_named_variable(
    hub: HubServer, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("BOBS", BOB.token)
    result = run(str(build), "--repo", "bob/set", "--token-env", "BOBS")
    assert result.exit_code == 0, result.output
    assert {asked.user for asked in hub.asked("/api/")} == {"bob"}


def test_a_dry_run_by_command(hub: HubServer, build: Path) -> None:
    result = run(str(build), "--repo", REPO, "--dry-run", "--tag", "v1.0.0")
    assert f"{REPO} does not exist: would create it" in result.stdout
    assert "would send data/responses/model_a.parquet" in result.stdout
    assert result.stdout.endswith("would tag it v1.0.0\ndry run: nothing was sent\n")
    assert hub.store.repos == {}


@pytest.mark.parametrize("status", [None, 401, 403, 500])
def test_no_output_holds_the_token(hub: HubServer, build: Path, tmp_path: Path, status: int | None) -> None:
    if status:
        message = f"you sent Authorization: Bearer {ALICE.token}"
        hub.fail("^POST /api/datasets/", status=status, times=99, message=message, retry_after="0")
    environment = {**os.environ, **hub.environment(str(tmp_path / "home")), "HF_HUB_VERBOSITY": "info"}
    code = "from space.cli import main; main()"
    arguments = [sys.executable, "-c", code, "dataset", "publish", str(build), "--repo", REPO]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == (2 if status else 0), done.stderr
    assert ALICE.token not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file() and ALICE.token.encode() in path.read_bytes()]
    assert left == []
    if status:
        assert "error: committing to alice/blind-refusal" in done.stderr


def test_a_server_that_does_not_speak_xet_is_explained(hub: HubServer, build: Path, tmp_path: Path) -> None:
    environment = {**os.environ, **hub.environment(str(tmp_path / "home")), "HF_HUB_DISABLE_XET": "0"}
    code = "from space.cli import main; main()"
    arguments = [sys.executable, "-c", code, "dataset", "publish", str(build), "--repo", REPO]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert "set HF_HUB_DISABLE_XET=1" in done.stderr
    assert titles(hub) == ["initial commit"]
