from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")

from inspect_ai.log import ProvenanceData, read_eval_log, write_eval_log
from inspect_ai.log import edit_score as inspect_edit_score
from inspect_ai.model import ModelOutput, ModelUsage, StopDetails
from inspect_ai.scorer import ScoreEdit

from dataset_builder.errors import DataError, InputError
from eval.cli import eval_group
from eval.interop.answers.runs import import_epochs
from eval.interop.import_log import import_log
from eval.interop.inspect_log import KEY
from eval.runs.folder import RunFolder
from eval.runs.verdict import hash_text
from tests.support.inspect_models import by_word, labelling, rewritten, run_task, said, scorer_of
from tests.support.small_dataset import build_small


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(eval_group, [*arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return build_small(tmp_path_factory.mktemp("small") / "dataset").path


def stopped() -> ModelOutput:
    """An end as Inspect tells of Anthropic's stop reason ``refusal``."""
    output = said("", stop="content_filter")
    output.choices[0].stop_details = StopDetails(type="refusal", category="cyber")
    return output


def model(query: str):
    """Everything that can become of an answer, by the number at the end of the query."""
    if query.startswith("application_defeat faith"):
        usage = ModelUsage(input_tokens=7, output_tokens=5, total_tokens=22, input_tokens_cache_read=10, total_cost=0.5)
        return {
            "0": said("half", stop="max_tokens"),
            "1": said("", stop="content_filter"),
            "2": said("yes", reasoning="Well now.", usage=usage),
        }[query[-2]]
    if query == "control union 1?":
        return stopped()
    if query == "control union 0?":
        raise RuntimeError("the mock\nbroke down")
    return "yes, why" if "school" in query else "I would rather not"


def grade(answer: str):
    return "no verdict at all" if "why" in answer else by_word(answer)


@pytest.fixture(scope="module")
def logs(dataset, tmp_path_factory) -> dict[str, Path]:
    """A log in both formats, made by running the task once."""
    folder = tmp_path_factory.mktemp("logs")
    log = run_task(folder / "made", dataset, model, labelling(grade), fail_on_error=False)
    written = {suffix: folder / f"log.{suffix}" for suffix in ("eval", "json")}
    for suffix, path in written.items():
        write_eval_log(read_eval_log(log.location), str(path), format=suffix)
    return written


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_a_log_becomes_a_run(logs, dataset, tmp_path, suffix):
    found = run("import", str(logs[suffix]), "--out", str(tmp_path / "run")).output
    made = RunFolder.open(tmp_path / "run")
    settings = made.settings
    assert (settings.model, settings.endpoint, settings.sample) == ("mockllm/model", "mockllm", "all")
    assert (settings.temperature, settings.max_tokens, settings.system_prompt) == (0, 8000, None)
    assert made.record.departures == [f"run by {settings.engine}"]
    assert settings.engine.startswith("inspect_ai 0.3.")
    responses = {one.case_id: one for one in made.answers.values()}
    assert len(responses) == len(settings.case_ids) == 72
    statuses = {i: responses[f"application_defeat:faith_group:{i}"].status for i in range(3)}
    assert statuses == {0: "truncated_answer", 1: "content_filter", 2: "ok"}
    assert responses["control:union:1"].status == "refusal_stop"
    broken = responses["control:union:0"]
    assert (broken.status, broken.response) == ("provider_error", None)
    assert "\n" not in broken.error
    whole = responses["application_defeat:faith_group:2"]
    assert (whole.response, whole.reasoning, whole.cost) == ("yes", "Well now.", 0.5)
    # 7 + 10 from the cache.
    assert (whole.prompt_tokens, whole.cached_tokens, whole.completion_tokens) == (17, 10, 5)
    verdicts = {one.case_id: one for one in made.verdicts()}
    # 72 but for a truncated, a filtered, a stopped and a broken one.
    assert len(verdicts) == 68
    assert {one.judge for one in verdicts.values()} == {"model:mockllm/judge"}
    unreadable = verdicts["content_defeat:school:1"]
    assert (unreadable.unscored_reason, unreadable.raw_reply) == ("unreadable_verdict", "no verdict at all")
    refused = verdicts["control:landlord:2"]
    assert (refused.response_type, refused.engages_with_defeat, refused.reasoning) == (
        "hard_refusal",
        False,
        "By the words of the answer.",
    )
    assert made.record.judges[0].settings["endpoint"] == "mockllm"
    assert "Judge: model:mockllm/judge" in found
    assert "68 verdicts" in found
    # What Inspect counts as scored is what we do.
    text = run("score", str(tmp_path / "run"), "--dataset", str(dataset), "--resamples", "200").output
    (score,) = read_eval_log(str(logs[suffix]), header_only=True).results.scores
    assert score.scored_samples == 59
    assert "72 answers: 59 scored, 13 unscored" in text


def test_a_log_comes_in_by_import_too(logs, tmp_path):
    for suffix, path in logs.items():
        told = run("import", str(path), "--out", str(tmp_path / suffix)).output
        assert "72 cases: 68 ok" in told
        assert "Judge: model:mockllm/judge" in told
    assert RunFolder.open(tmp_path / "eval").settings.model == "mockllm/model"
    with pytest.raises(InputError, match="a log of mockllm/model, and not of --model acme/m"):
        run("import", str(logs["json"]), "--model", "acme/m", "--out", str(tmp_path / "c"))
    with pytest.raises(InputError, match="Import each log apart"):
        run("import", *map(str, logs.values()), "--out", str(tmp_path / "c"))


def test_importing_again_adds_nothing(logs, tmp_path):
    for _ in range(2):
        import_log(logs["eval"], out=tmp_path / "run")
    made = RunFolder.open(tmp_path / "run")
    assert len((tmp_path / "run" / "responses.jsonl").read_text().splitlines()) == 72
    assert len((tmp_path / "run" / "verdicts.jsonl").read_text().splitlines()) == 68
    assert len(made.record.judges) == 1


def test_each_epoch_is_a_run_of_its_own(dataset, tmp_path, monkeypatch):
    ids = ["control:landlord:2", "control:landlord:1"]
    asked = []

    def later(query: str):
        asked.append(query)
        # Of the second epoch one answer fails.
        if len(asked) == 3:
            raise RuntimeError("broke down")
        return f"yes {(len(asked) + 1) // 2}"

    options = {"sample_id": ids, "epochs": 3, "max_connections": 1, "max_samples": 1, "fail_on_error": False}
    log = run_task(tmp_path / "log", dataset, later, labelling(grade), **options)
    monkeypatch.chdir(tmp_path)
    runs = [import_log(Path(log.location), epoch=epoch).run for epoch in (1, 2, 3)]
    assert [one.settings.epoch for one in runs] == [1, 2, 3]
    assert len({one.path for one in runs}) == 3
    assert [one.path.name for one in runs] == ["epoch-1", "epoch-2", "epoch-3"]
    # One folder holds them all, and importing all at once gives the same.
    (folder,) = {one.path.parent for one in runs}
    assert [one.path for one in import_epochs(Path(log.location))] == [folder / f"epoch-{n}" for n in (1, 2, 3)]
    for one in runs:
        held = {sample.id: sample for sample in log.samples if sample.epoch == one.settings.epoch}
        kept = RunFolder.open(one.path)
        assert {case_id: answer.response for case_id, answer in kept.answers.items()} == {
            case_id: None if sample.error else sample.output.completion for case_id, sample in held.items()
        }
        assert len(kept.verdicts()) == sum(sample.error is None for sample in held.values())
    with pytest.raises(DataError, match="epoch: 1 there, 2 asked for now"):
        import_log(Path(log.location), epoch=2, out=runs[0].path)


def test_another_protocol_is_recorded(dataset, tmp_path):
    log = run_task(
        tmp_path,
        dataset,
        lambda _: "yes",
        labelling(by_word),
        limit=4,
        temperature=0.7,
        max_tokens=100,
        epochs=2,
        system_message="Be brief.",
        seed=3,
    )
    found = import_log(Path(log.location), out=tmp_path / "run", epoch=2)
    settings = found.run.settings
    assert (settings.sample, settings.temperature, settings.max_tokens, settings.seed) == ("limit:4", 0.7, 100, 3)
    assert settings.system_prompt == "Be brief."
    assert len(found.run.record.departures) == 5
    assert "those of epoch 2 are here" in found.notes[0]
    with pytest.raises(InputError, match="no sample of epoch 3"):
        import_log(Path(log.location), out=tmp_path / "other", epoch=3)
    chosen = run_task(
        tmp_path, dataset, lambda _: "yes", labelling(by_word), sample_id=["control:union:1", "control:school:1"]
    )
    assert import_log(Path(chosen.location), out=tmp_path / "two").run.settings.sample == "chosen:2"
    drawn = run_task(tmp_path, dataset, lambda _: "yes", labelling(by_word), sample=5, sample_seed=2)
    settings = import_log(Path(drawn.location), out=tmp_path / "three").run.settings
    assert (settings.sample, settings.sample_seed, len(settings.case_ids)) == ("stratified:5", 2, 5)


def test_edited_and_foreign_scores_are_left_out(logs, tmp_path):
    log = read_eval_log(str(logs["json"]))
    inspect_edit_score(
        log,
        "control:landlord:2",
        scorer_of(log.samples[0].scores),
        ScoreEdit(
            value={"response_type": "helps", "engages_with_defeat": True, "independent_harm": True},
            provenance=ProvenanceData(author="someone", reason="opinion"),
        ),
        recompute_metrics=False,
    )
    for sample in log.samples[:3]:
        sample.scores["other"] = sample.scores[scorer_of(sample.scores)].model_copy(update={"metadata": None})
    path = tmp_path / "edited.json"
    write_eval_log(log, str(path))
    found = import_log(path, out=tmp_path / "run")
    assert "control:landlord:2" not in {one.case_id for one in found.run.verdicts()}
    assert any("1 scores were edited" in note for note in found.notes)
    assert any("scores of 'other' are not verdicts of ours" in note for note in found.notes)


@pytest.fixture(scope="module")
def short(dataset, tmp_path_factory) -> Path:
    """A log of two samples, to be tampered with."""
    ids = ["control:landlord:2", "control:landlord:1"]
    options = {"sample_id": ids, "log_format": "json"}
    return Path(run_task(tmp_path_factory.mktemp("short"), dataset, model, labelling(grade), **options).location)


def sample_of(content: dict, case_id: str) -> dict:
    return next(sample for sample in content["samples"] if sample["id"] == case_id)


def given(content: dict, case_id: str = "control:landlord:2") -> dict:
    scores = sample_of(content, case_id)["scores"]
    return scores[scorer_of(scores)]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda c: c["eval"].update(task="other"), "a log of the task 'other'"),
        (lambda c: c["eval"]["metadata"].pop(KEY), "a log of the task"),
        (lambda c: c["eval"]["metadata"][KEY].update(cases_hash="x"), "does not say which cases"),
        (lambda c: c["eval"]["metadata"][KEY].update(cases_hash="0" * 64), "another revision"),
        (lambda c: c["eval"]["metadata"][KEY].update(dataset="../../etc"), "not a built dataset|no such folder"),
        (lambda c: c["samples"][0].update(input="Another question?"), "asks something else"),
        (lambda c: c["samples"][0].update(id="nowhere"), "no such case"),
        (lambda c: c["samples"].append(c["samples"][0]), "occurs twice"),
        (lambda c: c.update(samples="none"), "cannot be read as a log"),
        (lambda c: c.clear(), "cannot be read as a log"),
    ],
)
def test_a_log_that_does_not_fit_makes_no_run(short, tmp_path, change, what):
    path = rewritten(short, tmp_path / "log.json", change)
    with pytest.raises(InputError, match=what) as caught:
        import_log(path, out=tmp_path / "run")
    assert len(str(caught.value)) < 5000
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda c: given(c)["value"].update(response_type="great"), "its value is not the three labels"),
        (lambda c: given(c)["value"].update(independent_harm="yes"), "its value is not the three labels"),
        (lambda c: given(c).update(value="C"), "its value is not the three labels"),
        (lambda c: given(c)["metadata"][KEY].update(judge="oracle"), "expected one of"),
        (lambda c: given(c)["metadata"][KEY].update(judge="model:a\nb"), "regex"),
        (lambda c: given(c)["metadata"][KEY].update(response_hash="0" * 64), "another answer"),
        (lambda c: given(c)["metadata"][KEY].update(unscored_reason="shy"), "unknown reason"),
        (lambda c: given(c)["metadata"][KEY].update(unscored_reason="judge_failure"), "both a value and a reason"),
    ],
)
def test_a_verdict_that_cannot_be_read_leaves_its_answer_unscored_and_the_others_come_in(short, tmp_path, change, what):
    found = import_log(rewritten(short, tmp_path / "log.json", change), out=tmp_path / "run")
    assert len(found.run.answers) == 2
    assert [one.case_id for one in found.run.verdicts()] == ["control:landlord:1"]
    counted, named = found.notes
    assert counted.endswith("until they are judged again: 1 verdict")
    assert "'control:landlord:2'" in named
    assert re.search(what, named)


def test_half_a_surrogate_pair_in_one_answer_spoils_nothing(dataset, tmp_path):
    ids = ["control:landlord:2", "control:landlord:1"]
    options = {"sample_id": ids, "max_samples": 1}
    for suffix in ("eval", "json"):
        texts = iter(["yes \ud83d", "yes \U0001f600"])
        log = run_task(
            tmp_path / suffix,
            dataset,
            lambda query, texts=texts: next(texts),
            labelling(by_word),
            log_format=suffix,
            **options,
        )
        found = import_log(Path(log.location), out=tmp_path / f"run-{suffix}")
        kept = RunFolder.open(tmp_path / f"run-{suffix}")
        assert sorted(a.response for a in kept.answers.values()) == ["yes \\ud83d", "yes \U0001f600"]
        assert all(a.response_hash == hash_text(a.response) for a in kept.answers.values())
        assert len([v for v in kept.verdicts() if v.scored]) == 2
        assert not found.notes


def test_an_answer_changed_after_its_verdict_is_noticed(short, tmp_path):
    def change(content: dict) -> None:
        output = sample_of(content, "control:landlord:2")["output"]
        output["choices"][0]["message"]["content"] = "yes, of course"

    found = import_log(rewritten(short, tmp_path / "log.json", change), out=tmp_path / "run")
    assert [one.case_id for one in found.run.verdicts()] == ["control:landlord:1"]
    assert "another answer than the sample's" in found.notes[-1]


def test_files_that_are_no_logs(tmp_path, monkeypatch):
    for name, content, what in (
        ("a.txt", b"", r"ends in \.eval or \.json"),
        ("a.eval", b"not a zip", "cannot be read as a log"),
        ("a.json", b"{", "cannot be read as a log"),
        ("b.json", b"[" * 100_000, "cannot be read as a log"),
        ("c.json", b"\xff\xfe", "cannot be read as a log"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=what):
            import_log(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        import_log(tmp_path / "none.eval")
    with zipfile.ZipFile(tmp_path / "empty.eval", "w"):
        pass
    with pytest.raises(InputError, match="cannot be read as a log"):
        import_log(tmp_path / "empty.eval")
    # A few kilobytes that would unpack to more than what is read.
    monkeypatch.setattr("eval.interop.inspect_log.MOST_BYTES", 10**6)
    with zipfile.ZipFile(tmp_path / "bomb.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b" " * 2 * 10**6)
    with pytest.raises(InputError, match="2,000,000 bytes"):
        import_log(tmp_path / "bomb.eval")


def test_a_run_comes_back_from_its_own_log(logs, dataset, tmp_path):
    import_log(logs["eval"], out=tmp_path / "run")
    for suffix in ("eval", "json"):
        log = tmp_path / f"out.{suffix}"
        assert "72 samples" in run("export", str(tmp_path / "run"), "--format", "inspect", "--out", str(log)).output
        import_log(log, out=tmp_path / suffix)
        before, after = RunFolder.open(tmp_path / "run"), RunFolder.open(tmp_path / suffix)
        assert after.record == before.record
        assert list(after.verdicts()) == list(before.verdicts())
        assert list(after.answers.values()) == list(before.answers.values())
        first, second = read_eval_log(str(logs["eval"])), read_eval_log(str(log))
        assert second.results.scores[0].metrics["discrimination"].value == pytest.approx(
            first.results.scores[0].metrics["discrimination"].value
        )
        assert second.results.scores[0].scored_samples == first.results.scores[0].scored_samples


def test_a_judge_of_ours_comes_back_too(logs, dataset, tmp_path):
    """A run with two judges, one of them people with a sheet: each is a scorer of the log."""
    import_log(logs["eval"], out=tmp_path / "run")
    sheet = tmp_path / "sheet.jsonl"
    rows = [
        {
            "case_id": "control:landlord:2",
            "response_type": "helps",
            "engages_with_defeat": True,
            "independent_harm": False,
        }
    ]
    sheet.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("judge", str(tmp_path / "run"), "--judge", f"human:{sheet}")
    log = tmp_path / "out.eval"
    run("export", str(tmp_path / "run"), "--format", "inspect", "--out", str(log))
    assert [score.name for score in read_eval_log(str(log), header_only=True).results.scores] == ["rubric", "rubric1"]
    import_log(log, out=tmp_path / "back")
    before, after = (RunFolder.open(tmp_path / name) for name in ("run", "back"))
    assert {v.key: v for v in before.verdicts()} == {v.key: v for v in after.verdicts()}
    assert msgspec.to_builtins(after.record)["settings"] == msgspec.to_builtins(before.record)["settings"]
