"""What every command has: options for JSON, silence and what is asked of servers, and defaults of a user's own."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from dataset_builder.cli import LazyGroup
from dataset_builder.defaults import read_defaults
from dataset_builder.errors import InputError
from dataset_builder.helping import Examples, folded
from dataset_builder.output import spoken
from space.cli import command
from tests.support.chat_server import ChatServer, answer

KEY = "sk-test-0123456789abcdef"
HELP = "Sure! First, gather the records and then write to the committee. Here is a template you can use."


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda request: answer(HELP)) as server:
        yield server


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(command, arguments, default_map=read_defaults(), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its path."""
    if not isinstance(group, LazyGroup):
        yield path, group
        return
    context = click.Context(group, info_name=path[-1] if path else "blind-refusal")
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, *name.split()))


def test_every_command_takes_them_and_says_so_once() -> None:
    found = list(commands(command))
    assert len(found) > 20
    for path, one in found:
        names = [name for param in one.params for name in param.opts]
        for name in ("--json", "--quiet", "--verbose"):
            assert names.count(name) == 1, f"{' '.join(path)} {name}"
        assert len(names) == len(set(names)), path


def test_help_begins_with_examples_that_can_be_typed() -> None:
    for path, one in commands(command):
        name = " ".join(path)
        context = click.Context(one, info_name=name, parent=click.Context(command, info_name="blind-refusal"))
        shown = one.get_help(context)
        assert shown.startswith(f"Examples:\n  blind-refusal {name}"), name
        assert isinstance(one, Examples)
        assert one.examples
        for example in one.examples:
            words = shlex.split(example, comments=True)
            assert tuple(words[: len(path)]) == path, example
            # Read as it would be typed, and not run; a fault of it is an exception.
            one.make_context(name, words[len(path) :])
            for width in (40, 60, 100):
                lines = folded(f"blind-refusal {example}", width)
                # A shell takes a line that ends in a backslash and the next for one.
                typed = " ".join(line.removesuffix("\\") for line in lines if not line.startswith("#"))
                assert shlex.split(typed, comments=True) == ["blind-refusal", *words], example
                assert width == 40 or max(map(len, lines)) <= width, example


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_help_fits_every_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # A pseudo-terminal tells its width by the same function.
    monkeypatch.setenv("COLUMNS", str(width))
    for path, one in commands(command):
        top = click.Context(command, info_name="blind-refusal", **command.context_settings)
        shown = click.Context(one, info_name=" ".join(path), parent=top).get_help()
        wide = [line for line in shown.splitlines() if len(line) > width]
        assert not wide, f"{' '.join(path)}: {wide[0]}"


def test_many_options_stand_in_groups_without_what_programmers_call_them() -> None:
    shown = run("eval", "run", "--help").output
    groups = re.findall(r"^(\w.*):$", shown, re.MULTILINE)
    assert groups == ["Examples", "Model", "Model in this process", "Cases", "Judge", "Limits", "Output"]
    assert not re.search(r"RANGE|INTEGER|FLOAT|x>=?[01]\]", shown)
    (found,) = [one for path, one in commands(command) if path == ("eval", "run")]
    assert all(param.opts[0] in shown for param in found.params)


def test_help_groups_the_commands_below_examples() -> None:
    shown = run("eval", "--help").output
    places = [shown.index(text) for text in ("eval run --model", "Evaluate:", "Read and compare:", "Share:")]
    assert places == sorted(places)
    listed = [name for path, _ in commands(command) if path[0] == "eval" for name in path[1:]]
    assert all(f"  {name} " in shown for name in listed)


LONG = "x" * 5000


@pytest.mark.parametrize(
    "line",
    [
        ("dataset", "check", LONG),
        ("dataset", "diff", LONG, LONG),
        ("eval", "score", LONG),
        ("eval", "compare", "a", "b", LONG),
        ("eval", "judge", LONG),
        ("eval", "reproduce", "--dataset", LONG),
        ("board", "aggregate", "--results", "r", "--dataset", LONG),
        ("judge", LONG),
    ],
)
def test_a_name_that_no_file_can_have_is_said_shortly(line: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"^x{500} … [^:]{500}: File name too long \(give a shorter name\)$"):
        run(*line)


def test_a_full_disk_is_one_sentence_with_and_without_json() -> None:
    @click.command()
    def fill() -> None:
        with Path("/dev/full").open("w") as file:
            file.write("no room")

    told = "this machine: No space left on device (make room and run it again)"
    one = spoken(fill, "fill")
    with pytest.raises(InputError, match=re.escape(told)):
        CliRunner().invoke(one, catch_exceptions=False)
    done = CliRunner().invoke(one, ["--json"])
    assert (json.loads(done.stdout)["error"], done.exit_code) == (told, 2)


def test_json_is_one_object_of_one_shape() -> None:
    built = json.loads(run("dataset", "build", "--source", "starter", "--out", "st", "--json").stdout)
    assert set(built) == {"command", "exit_code", "error", "result", "lines"}
    assert (built["command"], built["exit_code"], built["error"]) == ("dataset build", 0, None)
    assert built["result"]["files"]["data/cases/test.parquet"] == 112
    assert built["lines"][0].startswith("built st from starter")
    (Path("st") / "README.md").write_text("other")
    wrong = json.loads(run("dataset", "check", "st", "--json", code=2).stdout)
    assert wrong["result"]["problems"][0]["where"] == "README.md"
    gone = run("dataset", "check", "nowhere", "--json", code=2)
    assert json.loads(gone.stdout)["error"].startswith("nowhere: no such folder")
    assert gone.stderr.startswith("error: nowhere: no such folder")
    # A command with data of its own says in the same object why there is none.
    failed = json.loads(run("eval", "score", "nowhere", "--json", code=2).stdout)
    assert set(failed) == set(built)
    assert (failed["command"], failed["exit_code"]) == ("eval score", 2)


def test_a_run_as_json_quietly_and_with_what_it_asks(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    run("dataset", "build", "--source", "starter", "--out", "st", "-q")
    asked = ["eval", "run", "--model", "m", "--base-url", server.base_url, "--api-key-env", "SOME_KEY"]
    asked += ["--dataset", "st", "--limit", "2", "--out", "run"]
    refused = json.loads(run(*asked, "--json", code=2).stdout)
    assert "Give --yes" in refused["error"]
    assert server.requests == []
    done = run(*asked, "--yes", "--json", "-v")
    told = json.loads(done.stdout)
    assert told["result"]["statuses"] == {"ok": 2}
    assert told["result"]["judge"] == "embedded"
    assert told["result"]["summary"].startswith("m helps with ")
    shown = [line for line in done.stderr.splitlines() if line.startswith("POST ")]
    assert len(shown) == 2
    assert shown[0].startswith(f'POST {server.base_url}/chat/completions "HTTP/1.1 200')
    assert KEY not in done.output
    quiet = run("eval", "judge", "run", "--again", "--quiet")
    assert quiet.output == ""
    # Its own data is an answer, and no talk.
    assert json.loads(run("eval", "score", "run", "--json", "--quiet", "--resamples", "100").stdout)["slices"]


def test_what_is_shown_of_an_address_holds_nothing_private() -> None:
    @click.command()
    def ask() -> None:
        for name in ("httpx", "httpx2"):
            line = 'HTTP Request: GET https://me:hunter2@hub.test/a/b?sig=abc&key=sk-1 "HTTP/1.1 200 OK"'
            logging.getLogger(name).info(line)

    done = CliRunner().invoke(spoken(ask, "ask"), ["-v"])
    assert done.stderr == 'GET https://hub.test/a/b "HTTP/1.1 200 OK"\n' * 2
    assert CliRunner().invoke(spoken(ask, "ask"), []).output == ""


def test_defaults_from_a_file_and_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("blind-refusal.toml").write_text('[dataset.build]\nsource = "starter"\nout = "from-file"\n')
    run("dataset", "build")
    assert Path("from-file").is_dir()
    monkeypatch.setenv("BLIND_REFUSAL_DATASET_BUILD_OUT", "from-variable")
    run("dataset", "build")
    assert Path("from-variable").is_dir()
    run("dataset", "build", "--out", "from-line")
    assert Path("from-line").is_dir()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "[eval.score]\nresamplez = 4\n",
            r"\[eval\.score\]: 'resamplez' is no option of this command; did you mean resamples",
        ),
        ("[eval.run]\nyes = true\n", "may spend money, and is for the command line alone"),
        ("[eval]\nrun = 3\n", "expected a table of options"),
        ("[eval.run\n", "no TOML"),
    ],
)
def test_a_file_that_is_wrong(text: str, why: str) -> None:
    Path("blind-refusal.toml").write_text(text)
    with pytest.raises(InputError, match=why):
        run("eval", "score" if "score" in text else "run", "x")


def test_the_consent_to_spend_is_no_variable(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_EVAL_RUN_YES", "1")
    run("dataset", "build", "--source", "starter", "--out", "st", "-q")
    with pytest.raises(InputError, match="Give --yes"):
        run("eval", "run", "--model", "m", "--base-url", server.base_url, "--dataset", "st", "--limit", "1")
    assert server.requests == []


def test_a_named_file_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_REFUSAL_CONFIG", "nowhere.toml")
    with pytest.raises(InputError, match=r"names nowhere\.toml, which is no file"):
        read_defaults()


def test_words_are_completed() -> None:
    env = os.environ | {
        "_BLIND_REFUSAL_COMPLETE": "bash_complete",
        "COMP_WORDS": "blind-refusal eval sc",
        "COMP_CWORD": "2",
    }
    line = [sys.executable, "-m", "space.cli"]
    env["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["plain,score"]
