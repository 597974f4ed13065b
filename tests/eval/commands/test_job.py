"""``eval job``: what is started on the Hub's machines, and what is refused before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.errors import InputError, RemoteError
from eval.cli import eval_group
from tests.support.jobs_server import TOKEN, JobsServer

KEY = "sk-or-v1-a-key-of-the-router"
RUN = ("eval", "run", "--model", "openrouter/z-ai/glm-5", "--dataset", "acme/blind-refusal", "--yes")
JOB = ("job", "--secret", "OPENROUTER_API_KEY", "--package", "blind-refusal==1.2.3")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsServer]:
    with JobsServer() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.endpoint)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
        yield found


def command(*words: str) -> Result:
    return CliRunner().invoke(eval_group, list(words))


def test_a_run_is_started_followed_and_its_end_told(server: JobsServer) -> None:
    done = command(*JOB, "--bucket", "acme/runs", "--flavor", "cpu-upgrade", "--timeout", "90m", "--yes", "--", *RUN)
    assert done.exit_code == 0, (done.output, done.exception)
    ((namespace, job),) = server.jobs
    assert namespace == "alice"
    assert job["flavor"] == "cpu-upgrade"
    assert job["timeoutSeconds"] == 5400
    assert job["secrets"] == {"OPENROUTER_API_KEY": KEY}
    assert job["environment"] == {}
    assert [(v["type"], v["source"], v["mountPath"]) for v in job["volumes"]] == [("bucket", "acme/runs", "/work")]
    assert job["command"][:2] == ["sh", "-c"]
    assert job["command"][4:] == ["uv", "run", "--with", "blind-refusal==1.2.3", "blind-refusal", *RUN]
    assert "cd /work" in job["command"][2]
    assert "collecting\ndone\n" in done.output
    assert "The job ended: COMPLETED" in done.output
    assert KEY not in done.output + repr(job["command"])
    assert TOKEN not in done.output


def test_a_dry_run_prints_all_and_starts_nothing(server: JobsServer) -> None:
    done = command(*JOB, "--dry-run", "--", *RUN)
    assert done.exit_code == 0
    assert server.jobs == []
    assert "uv run --with blind-refusal==1.2.3 blind-refusal eval run --model openrouter/z-ai/glm-5" in done.output
    assert "Secrets, by name: OPENROUTER_API_KEY" in done.output
    assert "what it writes is lost" in done.output
    assert KEY not in done.output


def test_files_go_along_as_they_are(server: JobsServer, tmp_path: Path) -> None:
    text = 'models:\n  - model: openrouter/x  # it\'s $HOME `x` "y"\n'
    (tmp_path / "my models.yaml").write_text(text)
    words = ("eval", "set", str(tmp_path / "my models.yaml"), "--yes")
    assert command(*JOB, "--detach", "--yes", "--", *words).exit_code == 0
    ((_, job),) = server.jobs
    (name,) = job["environment"]
    assert job["environment"][name] == text
    # What the job's shell does with it, here.
    script = job["command"][2].replace("/tmp/blind-refusal", str(tmp_path / "there")).replace("cd /root", "true")
    last = [word.replace("/tmp/blind-refusal", str(tmp_path / "there")) for word in job["command"][3:]]
    place = last[last.index("set") + 1]
    subprocess.run(["sh", "-c", script.replace('exec "$@"', "true"), *last], env={name: text}, check=True)
    assert Path(place).read_text() == text


def test_again_and_again(server: JobsServer) -> None:
    worker = ("board", "worker", "--results", "acme/results", "--once")
    done = command("job", "--schedule", "@hourly", "--secret", "HF_TOKEN", "--yes", "--", *worker)
    assert done.exit_code == 0, (done.output, done.exception)
    ((namespace, made),) = server.scheduled
    assert (namespace, made["schedule"], made["concurrency"]) == ("alice", "@hourly", False)
    assert made["jobSpec"]["secrets"] == {"HF_TOKEN": TOKEN}
    assert "hf jobs scheduled delete sched-1" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eval", "score", "runs/x"), "not run as a job"),
        (("eval", "run", "--model", "openrouter/x"), "nobody to ask"),
        (("eval", "run", "--model", "hf/acme/x", "--yes"), "--secret HF_TOKEN"),
        (("eval", "run", "--model", "openrouter/x", "--dataset", "tests", "--yes"), "a folder of this machine"),
        (("board", "worker", "--results", "acme/results"), "--secret HF_TOKEN"),
    ],
)
def test_what_cannot_run_there_is_said_before(server: JobsServer, words: tuple[str, ...], said: str) -> None:
    done = command(*JOB, "--yes", "--", *words)
    assert isinstance(done.exception, InputError), done.output
    assert said in str(done.exception)
    assert server.jobs == []


def test_nothing_begins_unasked_and_what_fails_is_told(server: JobsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(command(*JOB, "--", *RUN).exception, InputError)
    assert isinstance(command(*JOB, "--timeout", "soon", "--yes", "--", *RUN).exception, InputError)
    assert server.jobs == []
    server.stage, server.log = "ERROR", ("broken\x1b[2J",)
    done = command(*JOB, "--yes", "--", *RUN)
    assert done.exit_code == 1
    assert "The job ended: ERROR (exit code 1)" in done.output
    assert "\x1b" not in done.output
    server.refuses = 402
    done = command(*JOB, "--yes", "--", *RUN)
    assert isinstance(done.exception, RemoteError)
    assert TOKEN not in str(done.exception)
    monkeypatch.delenv("OPENROUTER_API_KEY")
    assert "OPENROUTER_API_KEY" in str(command(*JOB, "--yes", "--", *RUN).exception)
