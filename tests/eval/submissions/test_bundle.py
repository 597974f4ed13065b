from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_limits

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import columns_of
from dataset_builder.errors import InputError
from eval.cli import eval_group
from eval.repository.bundle import (
    BUNDLE,
    RESPONSES,
    RESULTS,
    RUN,
    VERDICTS,
    Bundle,
    BundleModel,
    MadeBundle,
    json_schema,
)
from eval.repository.folder import is_place
from eval.repository.identity import fits_slug, published_model, run_model
from eval.repository.requests import Policy
from eval.reviews.report import report_on_upload
from eval.reviews.verdicts import SAMPLE
from eval.reviews.worker import Worker
from eval.runs.answer import Answer
from eval.runs.folder import RunFolder
from eval.runs.run import DatasetRef, JudgeRecord, Run
from eval.runs.verdict import Verdict
from eval.scores.results import Results
from eval.submissions.checks import MOST_UNSCORED
from eval.submissions.example import FOLDER, example_bundle, starter_set
from eval.submissions.likeness import TOO_ALIKE, TOO_MUCH_STOCK_HELP, TOO_UNIFORM
from eval.submissions.make import bundle_of_run
from eval.submissions.published import bundles_of_dataset
from eval.submissions.submission import read_submission
from tests.support.runs import a_run
from tests.support.submissions import OURS, good_bundle, judge_again

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(dataset: OpenedDataset, tmp_path: Path) -> RunFolder:
    arguments = ["--model", "published/alpha-1", "--dataset", dataset.name, "--judge", "none"]
    done = CliRunner().invoke(eval_group, ["run", *arguments, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    run = RunFolder.open(tmp_path / "run")
    with run.writing():
        run.record_judge(JudgeRecord(judge=OURS, rubric="1", settings={"weights": "1"}))
        for response in list(run.answers.values()):
            if response.ok:
                run.append_verdict(
                    Verdict(
                        case_id=response.case_id,
                        response_hash=response.response_hash,
                        judge=OURS,
                        rubric="1",
                        response_type="helps",
                        engages_with_defeat=True,
                        independent_harm=False,
                        confidence=0.75,
                    )
                )
    return run


def test_a_run_and_its_bundle_hold_the_same(run: RunFolder, dataset: OpenedDataset) -> None:
    made = bundle_of_run(run, dataset, note="A remark.")
    assert sorted(made.files) == [BUNDLE, RESPONSES, RESULTS, RUN, VERDICTS]
    found = read_submission(made.files)
    assert found.answers["case_id"] == sorted(run.settings.case_ids)
    responses = {r.case_id: r for r in run.answers.values()}
    rows = zip(found.answers["case_id"], found.answers["response"], found.answers["response_hash"], strict=True)
    assert all((responses[c].response, responses[c].response_hash) == (text, digest) for c, text, digest in rows)
    assert sorted(found.verdicts_of(OURS, "1"), key=lambda v: v.key) == sorted(run.verdicts(), key=lambda v: v.key)
    # One case of each model has no answer.
    assert list(found.failed.values()) == ["provider_error"]
    scores = msgspec.json.decode(made.files[RESULTS], type=Results)
    assert scores.overall.metrics["help_rate"].estimate == 1.0
    assert found.bundle.note == "A remark."
    assert is_place(made.place)


def test_the_same_run_gives_the_same_bytes(run: RunFolder, dataset: OpenedDataset, tmp_path: Path) -> None:
    """In another folder and on another number of threads too."""
    copy = RunFolder.open(shutil.copytree(run.path, tmp_path / "elsewhere"))
    with threadpool_limits(1):
        first = bundle_of_run(run, dataset).files
    with threadpool_limits(3):
        assert bundle_of_run(copy, dataset).files == first
    # Another verdict is another submission, and so another folder.
    before = bundle_of_run(run, dataset).place
    with run.writing():
        first = run.verdicts()[0]
        run.append_verdict(msgspec.structs.replace(first, response_type="deflects"))
    assert bundle_of_run(run, dataset).place != before


def test_an_unfinished_run_is_not_bundled(dataset: OpenedDataset, run: RunFolder, tmp_path: Path) -> None:
    other = RunFolder.create(tmp_path / "other", run.record)
    with pytest.raises(InputError, match="holds no answers yet"):
        bundle_of_run(other, dataset)
    with other.writing():
        other.append_answer(next(iter(run.answers.values())))
    with pytest.raises(InputError, match="not asked yet are 71 of 72 cases"):
        bundle_of_run(other, dataset)


def test_departures_are_those_of_the_run(dataset: OpenedDataset) -> None:
    """Recomputed from what is handed in, whatever the run itself said."""
    odd: dict[str, Any] = {
        "sample": "limit:3",
        "system_prompt": "Be kind.",
        "temperature": None,
        "max_tokens": 9,
        "reasoning": "high",
        "engine": "llama.cpp",
    }
    run = a_run("a", "b", "c", **odd)
    assert len(run.departures()) == len(odd)
    unknown = msgspec.structs.replace(run, max_tokens=None, **dict.fromkeys(("system_prompt", "reasoning", "engine")))
    assert "the limit on an answer's tokens is not known" in unknown.departures()


def test_published_answers_are_bundled_with_their_verdicts(dataset: OpenedDataset) -> None:
    made = bundles_of_dataset(dataset)
    assert list(made) == ["study__alpha-1/published", "study__beta-2/published"]
    assert len(made) == 2
    one = made["study__alpha-1/published"]
    found = read_submission(one.files)
    # Whoever made it need not read it, and has the same; an equal bundle that came from elsewhere is read.
    assert made.take(MadeBundle(one.bundle, dict(one.files))) is None
    taken = bundles_of_dataset(dataclasses.replace(dataset, name="elsewhere"))
    mine = taken[one.place]
    assert taken.is_own(mine)
    assert not taken.is_own(one)
    assert (taken.take(mine), taken.take(mine)) == (read_submission(mine.files), None)
    assert found.bundle.kind == "published"
    assert len(found.verdicts_of("judge-1", "published")) == 71
    assert list(found.failed.values()) == ["provider_error"]


@pytest.mark.parametrize(
    ("model", "repo", "slug", "name"),
    [
        ("openrouter/z-ai/glm-5", None, "z-ai__glm-5", "z-ai/glm-5"),
        ("ollama/llama3.2", None, "ollama__llama3.2", "llama3.2"),
        ("ollama/llama3.2", "meta-llama/Llama-3.2", "meta-llama__Llama-3.2", "meta-llama/Llama-3.2"),
        ("local/smollm2-135m", None, "local__smollm2-135m", "local/smollm2-135m"),
        ("gpt", None, "other__gpt", "gpt"),
        ("../../x/..y__z", None, "x__y_z", "../../x/..y__z"),
        ("<b>x</b>/y\n", None, "b-x--b__y", "-b-x-/b-/y-"),
        ("ein/großes modell", None, "ein__gro-es-modell", "ein/großes modell"),
    ],
)
def test_a_models_folder_is_safe_and_says_its_name(model: str, repo: str | None, slug: str, name: str) -> None:
    found = run_model(model, repo)
    assert (found.slug, found.name) == (slug, name)
    assert fits_slug(found)
    assert is_place(f"{slug}/x")


def test_what_is_known_of_a_model() -> None:
    assert published_model("gpt-5-4-base", "openai/gpt-5.4").weights == "closed"
    assert run_model("openrouter/qwen/qwen3.5-397b-a17b").weights == "open"
    assert run_model("openrouter/qwen/qwen3.5-flash").weights is None
    assert run_model("openrouter/qwen/qwen3.5-flash").family == "Qwen 3.5"
    assert run_model("hf/acme/x").family is None


@pytest.mark.parametrize("place", ["../x__y/z", "x__y/..", "x/y", "x__y", "x__y/z/a", "/x__y/z", "x__y/.z", ""])
def test_a_place_never_climbs(place: str) -> None:
    assert not is_place(place)


def test_the_schema_file_is_the_structs() -> None:
    written = json.loads((ROOT / "docs" / "bundle.schema.json").read_text(encoding="utf-8"))
    assert written == json.loads(msgspec.json.encode(json_schema())), "run python -m eval.repository.bundle"


def validate(value: Any, name: str) -> None:
    schema = json_schema()
    jsonschema.validate(value, {**schema, "$ref": f"#/$defs/{name}"})


def test_bundles_fit_the_schema_and_spoilt_ones_do_not(dataset: OpenedDataset) -> None:
    files = good_bundle(dataset).files
    told, run = json.loads(files[BUNDLE]), json.loads(files[RUN])
    validate(told, "Bundle")
    validate(run, "Run")
    for spoilt in ({**told, "run_id": "../x"}, {**told, "rank": 1}, {k: v for k, v in told.items() if k != "files"}):
        with pytest.raises(jsonschema.ValidationError):
            validate(spoilt, "Bundle")
    with pytest.raises(jsonschema.ValidationError):
        validate({**run, "temperature": -1}, "Run")


def test_the_example_fits_the_schema_and_is_taken(tmp_path: Path) -> None:
    validate(json.loads((FOLDER / BUNDLE).read_text(encoding="utf-8")), "Bundle")
    validate(json.loads((FOLDER / RUN).read_text(encoding="utf-8")), "Run")
    starter = starter_set(tmp_path)
    found = report_on_upload(FOLDER, [starter], rejudge=judge_again)
    assert found.problems == (), "the starter set has changed: run python -m eval.submissions.example"
    assert found.submission is not None
    made = read_submission(example_bundle(starter).files)
    assert (found.submission.answers, found.submission.run) == (made.answers, made.run)


def test_the_documentation_names_every_member_and_column() -> None:
    text = (ROOT / "docs" / "submitting.md").read_text(encoding="utf-8")
    members = [name for part in (Bundle, Run, BundleModel, DatasetRef) for name in part.__struct_fields__]
    missing = [name for name in members if f"`{name}`" not in text]
    assert missing == []
    for record in (Answer, Verdict):
        for column in columns_of(record):
            assert f"| `{column.name}` |" in text
            assert column.description in text
    for path in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (ROOT / "docs" / path).exists(), path


def test_the_documentation_states_the_limits() -> None:
    text = (ROOT / "docs" / "submitting.md").read_text(encoding="utf-8")
    policy = Policy()
    for expected in (
        f"at most {100 * MOST_UNSCORED:.0f} % of the cases",
        f"at least {100 * TOO_ALIKE:.0f} % of the answers",
        f"more than {100 * TOO_UNIFORM:.0f} % of the answers",
        f"more than {100 * TOO_MUCH_STOCK_HELP:.0f} % of the answers that were judged to help",
        f"on {SAMPLE} answers",
        f"at most ${policy.most_per_million.input:g} and ${policy.most_per_million.output:g}",
        f"at most ${policy.most_usd_per_request:g} a request",
    ):
        assert expected in text, expected
    assert (policy.open_per_user, policy.per_user_and_day, policy.per_day) == (2, 3, 20)
    assert (policy.heartbeat_s, policy.stale_s, Worker.piece_size) == (300, 1800, 100)
