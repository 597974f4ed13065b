from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from click.testing import CliRunner

from dataset_builder.build.publish import publish
from dataset_builder.dataset.opened import locate_dataset, open_dataset, published_models, reviews
from dataset_builder.dataset.records import Records
from dataset_builder.dataset.taxonomy import OK
from dataset_builder.errors import InputError, RemoteError
from dataset_builder.hub.client import Hub
from eval.cli import eval_group
from eval.results.answer_set import is_run, load_answers, load_models
from eval.runs.answer import Answer
from eval.runs.folder import RunFolder
from eval.runs.run import JudgeRecord
from eval.runs.verdict import Verdict, hash_text
from eval.scores.answers import REASON_CODES
from eval.scores.read import published_answers
from eval.scores.scores import compute_scores
from tests.support.hub_server import ALICE, HubServer
from tests.support.runs import a_record, a_run
from tests.support.small_dataset import JUDGE, build_small, small_cases, small_records


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_small(tmp_path_factory.mktemp("small") / "dataset")


def make_run(folder, built, *, judges=("judge-1",), content_hash=None, case_ids=None, unanswered=()) -> RunFolder:
    """A run over the small dataset that helped everywhere, judged by each of ``judges``."""
    queries = {case.case_id: case.user_query for case in small_cases()}
    case_ids = tuple(case_ids or queries)
    settings = a_run(*case_ids, sample="limit:5" if len(case_ids) == 5 else "all", model="vendor/new")
    record = a_record(settings, source=str(built.path), cases_hash=content_hash or built.cases_hash)
    run = RunFolder.create(folder, record)
    with run.writing():
        for case_id in case_ids:
            text = "" if case_id in unanswered else f"answer to {case_id}"
            run.append_answer(
                Answer(
                    case_id=case_id,
                    query_hash=hash_text(queries.get(case_id, "")),
                    status="content_filter" if case_id in unanswered else OK,
                    response=text or None,
                    response_hash=hash_text(text),
                    collected_at="2026-01-02T00:00:00+00:00",
                )
            )
            for judge in judges if text else ():
                run.append_verdict(
                    Verdict(
                        case_id=case_id,
                        response_hash=hash_text(text),
                        judge=judge,
                        rubric="1",
                        response_type="helps",
                        engages_with_defeat=True,
                        independent_harm=False,
                    )
                )
        for judge in judges:
            run.record_judge(JudgeRecord(judge=judge, rubric="1", settings={"temperature": 0}))
    return RunFolder.open(folder)


def test_published_answers_of_a_dataset(built):
    found = load_answers(str(built.path))
    assert [one.model for one in found.answers] == ["alpha-1", "beta-2"] == list(published_models(built))
    assert {one.judge for one in found.answers} == {JUDGE}
    assert [int((~one.scored).sum()) for one in found.answers] == [1, 1]
    assert len(reviews(built)) == 2 * 2 * 39
    assert set(found.corrected()) == {"alpha-1", "beta-2"}
    assert [pair.first for pair in found.judge_agreement()] == ["reviewer_1", "reviewer_2"]


def test_some_models_of_a_dataset(built):
    assert [one.model for one in published_answers(built, ["beta-2"])] == ["beta-2"]
    with pytest.raises(InputError, match="holds no answers of gamma; it has alpha-1, beta-2"):
        published_answers(built, ["gamma"])
    with pytest.raises(InputError, match="are by judge-1, not by other"):
        published_answers(built, judge="other")


def test_a_dataset_without_answers_says_what_to_do(tmp_path):
    bare = build_small(tmp_path / "bare", Records(cases=small_cases()))
    assert published_models(bare) == ()
    assert reviews(bare) == []
    with pytest.raises(InputError, match="holds cases but no answers"):
        load_answers(str(bare.path))


def test_published_verdicts_of_two_judges_are_an_error(tmp_path):
    records = small_records()
    rows = records.responses["alpha-1"]
    rows[0] = msgspec.structs.replace(rows[0], judge="judge-2")
    mixed = build_small(tmp_path / "mixed", records)
    with pytest.raises(InputError, match=r"by judge-1, judge-2\. Judges are never mixed"):
        load_answers(str(mixed.path))


def test_a_run(built, tmp_path):
    first, second = (case.case_id for case in small_cases()[:2])
    make_run(tmp_path / "run", built, unanswered=[first])
    assert is_run(tmp_path / "run")
    found = load_answers(str(tmp_path / "run"))
    (answers,) = found.answers
    scores = compute_scores([answers], by=(), resamples=100)
    assert scores.overall.estimate[0, 0] == 0  # helps everywhere: discriminates nowhere
    assert answers.scored.sum() == 71
    assert answers.reason[answers.cases.index[first]] == REASON_CODES["content_filter"]
    assert answers.scored[answers.cases.index[second]]
    provenance = found.provenance()["vendor/new"]
    assert provenance.judge.settings == {"temperature": 0}
    assert provenance.collected_at == "2026-01-02T00:00:00+00:00"
    assert found.corrected() == {}
    assert found.judge_agreement() == []


def test_a_run_over_some_cases_is_scored_on_these(built, tmp_path):
    chosen = [case.case_id for case in small_cases()[:5]]
    make_run(tmp_path / "run", built, case_ids=chosen)
    assert load_answers(str(tmp_path / "run")).answers[0].cases.ids == tuple(sorted(chosen))


def test_judges_of_a_run_are_never_mixed(built, tmp_path):
    make_run(tmp_path / "run", built, judges=("one", "two"))
    with pytest.raises(InputError, match="more than one judge"):
        load_answers(str(tmp_path / "run"))
    assert load_answers(str(tmp_path / "run"), judge="two").answers[0].judge == "two"


def test_another_revision_of_the_dataset_is_an_error(built, tmp_path):
    make_run(tmp_path / "run", built, content_hash="f" * 64)
    with pytest.raises(InputError, match="another revision"):
        load_answers(str(tmp_path / "run"))


def test_one_model_by_name_or_run(built, tmp_path):
    make_run(tmp_path / "run", built)
    assert load_models([str(tmp_path / "run")])[0].model == "vendor/new"
    assert load_models(["alpha-1"], dataset=str(built.path))[0].model == "alpha-1"
    with pytest.raises(InputError, match="give --dataset"):
        load_models(["alpha-1"])
    with pytest.raises(InputError, match="which has: alpha-1, beta-2"):
        load_models(["gamma"], dataset=str(built.path))


def test_what_names_a_dataset(built, tmp_path):
    opened = locate_dataset(built.path)
    assert (opened.hub_id, opened.revision) == (None, None)
    assert open_dataset(str(built.path)).cases_hash == built.cases_hash
    with pytest.raises(InputError, match="no such folder, and no name of a repository"):
        open_dataset("not/a/repo/name")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="a file; expected a folder"):
        open_dataset(file)
    with pytest.raises(InputError, match="not a built dataset"):
        open_dataset(tmp_path)


def test_verdicts_on_no_case_of_the_dataset(built, tmp_path):
    make_run(tmp_path / "run", built, case_ids=["elsewhere"])
    with pytest.raises(InputError, match="does not hold, such as elsewhere"):
        load_answers(str(tmp_path / "run"))


def test_a_dataset_on_the_hub(hub, built):
    publish(built.path, "alice/small", hub=Hub(token=ALICE.token))
    opened = locate_dataset("alice/small")
    assert opened.hub_id == "alice/small"
    assert opened.revision == hub.repo("alice/small").head
    assert opened.built.cases_hash == built.cases_hash
    found = load_answers("alice/small@main").provenance()["alpha-1"].dataset
    assert (found.name, found.hub_id, found.revision) == ("alice/small", "alice/small", opened.revision)
    # Named as hf:// too, and the heading of a table tells the commit.
    headed = CliRunner().invoke(eval_group, ["score", "hf://datasets/alice/small", "--resamples", "100"])
    assert f"alice/small@{opened.revision}, judged by" in " ".join(headed.output.split())
    with pytest.raises(RemoteError, match="alice/nothing"):
        locate_dataset("alice/nothing")


def test_a_dataset_in_the_cache_opens_without_the_hub(monkeypatch, built, capsys):
    repo = "alice/kept-for-the-train"
    with HubServer() as server:
        for name, value in server.environment("unused").items():
            if name != "HF_HOME":
                monkeypatch.setenv(name, value)
        publish(built.path, repo, hub=Hub(token=ALICE.token), tag="v1.0.0")
        first = locate_dataset(f"{repo}@v1.0.0")
        assert first.revision == server.repo(repo).head
        asked = len(server.asked(""))
        # A commit that is there whole needs nobody.
        again = locate_dataset(f"{repo}@{first.revision}")
        assert again.built.path == first.built.path
        assert len(server.asked("")) == asked
        # Where a file is missing, it is fetched.
        (again.built.path / "data/cases/test.parquet").unlink()
        assert locate_dataset(f"{repo}@{first.revision}").built.cases_hash == built.cases_hash
        assert len(server.asked("")) > asked
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    # Nobody listens on the port for discarding: the commit opens, and so does the tag, with a word about it.
    assert locate_dataset(f"{repo}@{first.revision}").built.cases_hash == built.cases_hash
    assert capsys.readouterr().err == ""
    # Beside each other, as each waits for a while.
    with ThreadPoolExecutor() as pool:
        kept, unknown = (pool.submit(locate_dataset, f"{repo}@{tag}") for tag in ("v1.0.0", "v2.0.0"))
    assert kept.result().revision == first.revision
    assert f"as it was last downloaded, commit {first.revision[:12]}" in capsys.readouterr().err
    with pytest.raises(RemoteError, match="cannot be reached"):
        unknown.result()
