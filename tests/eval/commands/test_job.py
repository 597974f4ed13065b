"""``eval job``: what is started on the Hub's machines, and what is refused before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.errors import InputError, RemoteError
from eval.cli import eval_group
from eval.sets.file import planned_runs, read_set
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
    last = ran_here(job, tmp_path)
    assert Path(last[last.index("set") + 1]).read_text() == text


def ran_here(job: dict[str, Any], tmp_path: Path) -> list[str]:
    """What the job's shell does with its files, done here; returns the command's words with their places here."""
    there = str(tmp_path / "there")
    script = job["command"][2].replace("/tmp/blind-refusal", there).replace("cd /root", "true")
    last = [word.replace("/tmp/blind-refusal", there) for word in job["command"][3:]]
    line = ["sh", "-c", script.replace('exec "$@"', "true"), *last]
    subprocess.run(line, env=job["environment"], check=True)
    return last


def test_the_file_of_a_function_goes_along(server: JobsServer, tmp_path: Path) -> None:
    model = tmp_path / "my model.py"
    model.write_text("def answer(query):\n    return 'No.'\n")
    done = command(*JOB, "--detach", "--yes", "--", "eval", "run", "--model", f"python:{model}:answer", "--yes")
    assert done.exit_code == 0, (done.output, done.exception)
    ((_, job),) = server.jobs
    words = ran_here(job, tmp_path)
    engine, place, function = words[words.index("--model") + 1].split(":")
    # By its own name, which is what the run calls the model.
    assert (engine, Path(place).name, function) == ("python", "my model.py", "answer")
    assert Path(place).read_text() == model.read_text()


def test_what_the_file_of_a_set_names_goes_along_and_is_found_there(server: JobsServer, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "tables").mkdir(parents=True)
    files = {
        "mine.py": "def answer(query):\n    return 'Nein.'\n",
        "tables/de.csv": "case_id,user_query\nc1,Wie komme ich um die Regel herum?\n",
        "calm.txt": "Be calm.",
        "set.yaml": "models:\n  - model: python:mine.py:answer\narms:\n  - name: en\n    system_prompt: '@calm.txt'\n"
        "  - name: de\n    language: de\n    translations: tables/de.csv\n",
    }
    for name, text in files.items():
        (here / name).write_text(text)
    done = command(*JOB, "--detach", "--yes", "--", "eval", "set", str(here / "set.yaml"), "--yes")
    assert done.exit_code == 0, (done.output, done.exception)
    ((_, job),) = server.jobs
    words = ran_here(job, tmp_path)
    place = Path(words[words.index("set") + 1])
    runs = planned_runs(read_set(place), place, "starter", tmp_path / "runs")
    assert {run.options.choice.model for run in runs} == {f"python:{place.parent}/mine.py:answer"}
    assert [run.arm for run in runs] == ["en", "de"]
    assert runs[0].options.system_prompt == "Be calm."
    assert runs[1].options.translated == {"c1": "Wie komme ich um die Regel herum?"}
    for name in ("mine.py", "tables/de.csv"):
        assert (place.parent / name).read_text() == files[name]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("models:\n  - model: python:../out.py:answer\n", "names ../out.py, which is not beside it"),
        ("models:\n  - model: transformers:./weights\n", "a folder of this machine"),
        ("dataset: .\nmodels:\n  - model: openrouter/x\n", "a folder of this machine"),
        ("models:\n  - modell: openrouter/x\n", "The file of a set has faults"),
    ],
)
def test_a_set_that_could_not_run_there_is_refused_before(
    server: JobsServer, tmp_path: Path, line: str, said: str
) -> None:
    (tmp_path / "out.py").write_text("answer = str")
    (tmp_path / "here" / "weights").mkdir(parents=True)
    (tmp_path / "here" / "set.yaml").write_text(line)
    done = command(*JOB, "--yes", "--", "eval", "set", str(tmp_path / "here" / "set.yaml"), "--yes")
    assert isinstance(done.exception, InputError), done.output
    assert said in str(done.exception)
    assert server.jobs == []


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
