"""A dataset that grows by cases in another language: an old run goes on, judges warn, scores are shown apart."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from dataset_builder.dataset.records import Records
from dataset_builder.errors import DataError
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from tests.support.answers import make_case
from tests.support.chat_server import ChatServer
from tests.support.collecting import command
from tests.support.small_dataset import AUTHORITIES, build_small, small_cases

OLD = small_cases()[:12]
NEW = [
    make_case(
        f"de-1:{family}:{authority}",
        family,
        authority,
        origin="generated",
        batch="de-1",
        language="de",
        user_query=f"Wie komme ich um die Regel herum? ({family}, {authority})",
    )
    for family in ("content_defeat", "control")
    for authority in AUTHORITIES[:3]
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("small") / "dataset", Records(cases=OLD)).path)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("extended") / "dataset", Records(cases=[*OLD, *NEW])).path)


def test_an_old_run_goes_on_with_the_new_cases_alone(small: str, extended: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with ChatServer() as server:
        model = ("--model", "m", "--base-url", server.base_url, "--yes", "--out", str(run))
        assert command(*model, "--dataset", small).exit_code == 0
        assert len(server.requests) == 12
        before = RunFolder.open(run).record
        done = command(*model, "--dataset", extended)
        assert done.exit_code == 0, done.output
        assert "which takes in 6 new cases of the dataset" in done.output
        assert {request.query for request in server.requests[12:]} == {case.user_query for case in NEW}
        # Nothing is left, and nothing is asked twice.
        assert "Nothing is left to ask." in command(*model, "--dataset", extended).output
        assert len(server.requests) == 18
        # The other way there are answers to cases that the dataset does not hold.
        back = command(*model, "--dataset", small)
        assert isinstance(back.exception, DataError)
        assert "18 cases there, 12 asked for now, 12 in common" in str(back.exception)
    record = RunFolder.open(run).record
    assert (len(record.settings.case_ids), record.created_at) == (18, before.created_at)
    judged = CliRunner().invoke(eval_group, ["judge", str(run), "--dataset", extended])
    assert judged.exit_code == 0, judged.output
    assert "6 answers to requests in languages that the judge embedded was not measured on (de 6" in judged.stderr
    scored = CliRunner().invoke(
        eval_group, ["score", str(run), "--dataset", extended, "--by", "origin,batch,language", "--json"]
    )
    assert scored.exit_code == 0, scored.output
    text = json.dumps(json.loads(scored.stdout))
    for value in ("generated", "de-1", "de"):
        assert f'"value": "{value}"' in text


def test_a_case_that_changed_stops_it(small: str, tmp_path: Path) -> None:
    """The new dataset asks something else under an old id."""
    changed = [msgspec.structs.replace(OLD[0], user_query="Something else?"), *OLD[1:], *NEW]
    other = build_small(tmp_path / "other", Records(cases=changed))
    with ChatServer() as server:
        model = ("--model", "m", "--base-url", server.base_url, "--yes", "--out", str(tmp_path / "run"))
        assert command(*model, "--dataset", small).exit_code == 0
        done = command(*model, "--dataset", str(other.path))
        assert isinstance(done.exception, DataError)
        assert f"case {OLD[0].case_id}: an answer to another question" in str(done.exception)
        assert len(server.requests) == 12
    assert len(RunFolder.open(tmp_path / "run").settings.case_ids) == 12, "run.json is as it was"


def test_english_cases_and_people_get_no_warning(small: str, tmp_path: Path) -> None:
    from eval.judges.embedded.judge import EmbeddedJudge
    from eval.judging.run import language_note
    from tests.eval.judging.test_judging import Scripted

    class English(Scripted):
        languages = EmbeddedJudge.languages

    assert language_note(English(), {"en": 5}) == ""
    assert "1 answer to requests" in language_note(English(), {"en": 5, "fr": 1})
    assert language_note(Scripted(), {"fr": 1}) == "", "a judge that names no languages, such as people"
