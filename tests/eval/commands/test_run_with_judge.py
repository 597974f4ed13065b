"""`eval run` with a model judge at an address and with a key of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import InputError
from dataset_builder.work.stopping import StoppedEarlyError
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from tests.support.chat_server import ChatServer, answer, error
from tests.support.scripted_judge import judge_script
from tests.support.small_dataset import build_small

MODEL_KEY, JUDGE_KEY = "sk-model-0123456789abcdef", "sk-judge-0123456789abcdef"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("data") / "small").path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(eval_group, ["run", *arguments])


def at_no_cost(server: ChatServer, dataset: str, out: Path) -> tuple[str, ...]:
    """The options of a run of a model that costs nothing."""
    where = ("--model", "m", "--base-url", server.base_url, "--price", "0,0")
    return *where, "--dataset", dataset, "--out", str(out)


def test_model_and_judge_at_different_addresses_in_one_command(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", MODEL_KEY)
    monkeypatch.setenv("JUDGE_KEY", JUDGE_KEY)
    out = tmp_path / "run"
    with ChatServer() as model, ChatServer(judge_script(response_type="helps")) as judge:
        done = run(
            *("--model", "m", "--base-url", model.base_url, "--api-key-env", "MODEL_KEY"),
            *("--judge", "model:j", "--judge-base-url", judge.base_url, "--judge-api-key-env", "JUDGE_KEY"),
            *("--price", "0,0", "--judge-price", "0,0"),
            *("--dataset", dataset, "--limit", "5", "--out", str(out), "--concurrency", "2"),
        )
        assert done.exit_code == 0, done.output
        asked = [[(r.body["model"], r.headers["authorization"]) for r in s.requests] for s in (model, judge)]
        assert judge.most_under_way <= 2
    assert asked == [[("m", f"Bearer {MODEL_KEY}")] * 5, [("j", f"Bearer {JUDGE_KEY}")] * 5]
    assert [v.response_type for v in RunFolder.open(out).verdicts("model:j")] == ["helps"] * 5
    assert "judged by model:j" in done.output
    assert "5 answers: 5 scored" in done.output


def test_a_judge_that_cannot_be_reached_is_told_of_before_the_model_is_asked(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer() as model:
        base = at_no_cost(model, dataset, tmp_path / "run")
        for judge, said in (("model:j", "no telling where it runs"), ("model:openai/gpt-5.4", "OPENAI_API_KEY")):
            done = run(*base, "--judge", judge)
            assert isinstance(done.exception, InputError)
            assert said in str(done.exception)
            assert str(done.exception).startswith(f"--judge {judge}: ")
            assert str(done.exception).endswith("For the judge these are --judge-base-url and --judge-api-key-env.")
        assert isinstance(run(*base, "--judge", "model:j", "--judge-price", "2").exception, InputError)
        # A judge on this machine may be a gateway to one that costs money.
        done = run(*base, "--judge", "model:j", "--judge-base-url", model.base_url, "--budget", "1")
        assert isinstance(done.exception, InputError)
        assert "Give --judge-price IN,OUT" in str(done.exception)
        # A judge that costs money, a model that does not, and nobody to ask.
        monkeypatch.setenv("OPENAI_API_KEY", JUDGE_KEY)
        done = run(*base, "--judge", "model:openai/gpt-5.4")
        assert "what it costs is shown and asked about when the answers are there" in done.output
        assert "nobody to ask. Give --yes" in str(done.exception)
        assert model.requests == []


@pytest.mark.parametrize("more", [(), ("--epochs", "2", "--temperature", "1")])
def test_an_unusable_judge_leaves_no_folder(more: tuple[str, ...], dataset: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for model in (("--model", "m", "--base-url", "http://127.0.0.1:9/v1", *more), ("--model", "published/alpha-1")):
        done = run(*model, "--dataset", dataset, "--out", str(out), "--judge", "model:j", "--price", "0,0")
        assert isinstance(done.exception, InputError)
        assert str(done.exception).startswith("--judge model:j: ")
        assert not out.exists()


def test_a_choice_of_the_judges_providers_needs_a_router_and_a_judge_that_asks(dataset: str, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    with ChatServer() as model:
        base = (*at_no_cost(model, dataset, Path(out)), "--limit", "1")
        judge = ("--judge-base-url", model.base_url, "--judge-price", "0,0")
        done = run(*base, "--judge", "model:j", *judge, "--judge-provider", "Azure")
        assert str(done.exception).startswith(
            "--judge model:j: --judge-provider and --exclude-judge-provider choose among those that a router asks, "
            "and localhost is none."
        )
        done = run(*base, "--judge", "embedded", "--exclude-judge-provider", "Azure")
        assert "--judge embedded: asks no model, so there is no provider to choose." in str(done.exception)
        assert model.requests == []
        assert run(*base, "--judge", "none").exit_code == 0
        judged = ("judge", out, "--judge", "model:j", "--base-url", model.base_url, "--price", "0,0")
        done = CliRunner().invoke(eval_group, [*judged, "--exclude-judge-provider", "Azure"])
        assert "--exclude-judge-provider choose among those that a router asks" in str(done.exception)
        assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--provider", " "), "--provider ' ': expected one provider's name"),
        (("--exclude-provider", "Azure,Groq"), "--exclude-provider 'Azure,Groq': expected one provider's name"),
        (("--provider", "Azure", "--exclude-provider", "Azure"), "both name Azure"),
    ],
)
def test_a_choice_of_providers_that_cannot_be_meant(given: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run("--model", "ollama/m", "--dataset", "nowhere", "--out", str(tmp_path / "run"), *given)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_without_a_whole_answer_there_is_nothing_to_score_and_that_is_said(dataset: str, tmp_path: Path) -> None:
    with ChatServer(lambda _: answer("First, take", finish="length")) as model:
        base = (
            "--model",
            "m",
            "--base-url",
            model.base_url,
            "--price",
            "0,0",
            "--dataset",
            dataset,
            "--out",
            str(tmp_path / "run"),
        )
        done = run(*base, "--limit", "2")
        again = run(*base, "--limit", "2")
    assert done.exit_code == 1, done.output
    assert "2 cases: 2 truncated_answer" in done.output
    told = (
        f"{tmp_path / 'run'}: no whole answer to any of 2 cases, so there is nothing to score.\n"
        "  2 times truncated_answer. What helps: a new run with a higher --max-tokens.\n"
    )
    assert done.output.endswith(told)
    # Nothing is left to ask, and that is no success either.
    assert again.exit_code == 1
    scored = CliRunner().invoke(eval_group, ["score", str(tmp_path / "run")])
    assert scored.exit_code == 1
    assert scored.output == told


def test_the_most_frequent_reasons_come_first_each_with_a_way_out(dataset: str, tmp_path: Path) -> None:
    replies = iter(
        [answer("", finish="content_filter"), answer("Well", finish="length"), answer("No", finish="length")]
    )
    with ChatServer(lambda _: next(replies)) as model:
        base = ("--model", "m", "--base-url", model.base_url, "--price", "0,0", "--concurrency", "1")
        done = run(*base, "--dataset", dataset, "--out", str(tmp_path / "run"), "--limit", "3")
    assert done.exit_code == 1, done.output
    first, second = done.output.splitlines()[-2:]
    assert first == "  2 times truncated_answer. What helps: a new run with a higher --max-tokens."
    assert second.startswith("  1 time content_filter. What helps: another provider")


def test_a_limit_of_tokens_that_fits_is_named_whole_at_the_end(dataset: str, tmp_path: Path) -> None:
    long = "max_tokens is too large: 8000. " + "This model supports at most 4096 completion tokens. " * 6
    with ChatServer(lambda _: error(400, long)) as model:
        base = ("--model", "m", "--base-url", model.base_url, "--price", "0,0", "--concurrency", "1")
        done = run(*base, "--dataset", dataset, "--out", str(tmp_path / "run"), "--limit", "2")
    assert done.exit_code == 1, done.output
    helps = "What helps: a new run with --max-tokens 4096, or a model with a longer context."
    assert done.output.splitlines()[-1].endswith(helps)


def test_a_header_without_a_value_is_named(dataset: str, tmp_path: Path) -> None:
    with ChatServer() as model:
        done = run(*at_no_cost(model, dataset, tmp_path / "run"), "--header", "X-Team=NOT_SET_ANYWHERE")
    assert "No value for the header X-Team: the environment variable NOT_SET_ANYWHERE is not set" in str(done.exception)
    submitted = CliRunner().invoke(eval_group, ["submit", "runs/none-of-that-name", "--dry-run"])
    assert str(submitted.exception).startswith("runs/none-of-that-name: no such folder or file. Expected a run,")


def test_a_run_that_stops_as_all_is_refused_says_why_too(dataset: str, tmp_path: Path) -> None:
    with ChatServer(lambda _: error(400, "not today")) as model:
        base = (*at_no_cost(model, dataset, tmp_path / "run"), "--concurrency", "1", "--stop", "END")
        done = run(*base)
        assert isinstance(done.exception, StoppedEarlyError)
        assert "  5 times provider_error (HTTP 400: not today). What helps: mend what the server says" in done.output
        judged = CliRunner().invoke(eval_group, ["judge", str(tmp_path / "run")])
        assert judged.exit_code == 1
        assert judged.output.startswith(f"{tmp_path / 'run'}: no whole answer to any of 5 cases")
        (tmp_path / "run" / "responses.jsonl").unlink()
        for name in ("judge", "score"):
            empty = CliRunner().invoke(eval_group, [name, str(tmp_path / "run")])
            assert empty.exit_code == 1
            assert empty.output.endswith("holds no answers yet. The command that made it goes on with it.\n")
        other = run(*base, "--stop", "STOP")
        assert "stop: ['END'] there, ['END', 'STOP'] asked for now" in str(other.exception)


def test_whoever_takes_the_first_cases_hears_that_all_are_of_one_kind(dataset: str, tmp_path: Path) -> None:
    kinds = [case.defeated for case in BuiltDataset.open(dataset).cases()]
    alike = kinds.index(not kinds[0])
    assert alike > 1
    told = (
        f"The first {alike} cases all {'' if kinds[0] else 'do not '}deserve help, so there will be no discrimination. "
    )
    with ChatServer() as server:
        asked = ("--model", "m", "--base-url", server.base_url, "--price", "0,0", "--dataset", dataset)
        done = run(*asked, "--judge", "none", "--limit", str(alike), "--out", f"{tmp_path}/alike")
        assert told + f"Give --sample {alike} in place of --limit to spread them over all kinds." in done.output
        for more in (("--limit", str(alike + 1)), ("--sample", str(alike)), ("--limit", "1")):
            done = run(*asked, "--judge", "none", *more, "--out", f"{tmp_path}/{''.join(more)}")
            assert done.exit_code == 0
            assert "no discrimination. Give" not in done.output
