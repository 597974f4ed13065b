from __future__ import annotations

import json
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError
from eval.judging.registry import JUDGES
from eval.repository.bundle import BUNDLE, RESPONSES, RUN, VERDICTS
from eval.repository.folder import add_review, add_submission
from eval.repository.leaderboard import CHECKED, COMMUNITY, HELD, VERIFIED
from eval.reviews.report import SubmissionReport, report_on_files
from eval.runs.verdict import hash_text
from eval.submissions.checks import check_submission
from eval.submissions.likeness import Earlier, sketches_of
from eval.submissions.submission import read_submission
from tests.support.submissions import OURS, THEIRS, edited, good_bundle, judge_again, parquet, rehashed, verdict

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def good(dataset: OpenedDataset) -> Files:
    return good_bundle(dataset, judged_by=[OURS]).files


def report(files: Files, dataset: OpenedDataset, results: Path | None = None, **how: Any) -> SubmissionReport:
    return report_on_files(files, [dataset], results, rejudge=judge_again, **how)


def said(found: SubmissionReport) -> str:
    assert not found.ok
    assert found.rows == ()
    return "\n".join(map(str, found.problems))


def test_a_good_submission_is_checked_and_has_a_row(good: Files, dataset: OpenedDataset) -> None:
    found = report(good, dataset)
    assert found.problems == ()
    assert (found.status, found.held, found.flags) == (CHECKED, (), ())
    (row,) = found.rows
    # 48 defeated cases, of which every other one is helped with; no control is.
    assert row.row.metrics["help_rate"].estimate == 0.5
    assert row.row.metrics["discrimination"].estimate == 0.5
    assert row.row.metrics["discrimination"].low is not None
    assert row.row.rank == 1
    assert row.board is None


def rows(name: str, **values: Any) -> Callable[[Files], Files]:
    """The first rows of a table changed."""

    def edit(all_rows: list[dict[str, Any]]) -> None:
        all_rows[0].update(values)

    return lambda files: edited(files, name, edit)


def member(name: str, **values: Any) -> Callable[[Files], Files]:
    """Members of a JSON file changed, and the hashes with them."""

    def edit(files: Files) -> Files:
        told = json.loads(files[name])
        for place, value in values.items():
            target = told
            *path, last = place.split("__")
            for step in path:
                target = target[step]
            target[last] = value
        if name == BUNDLE:
            return {**files, BUNDLE: json.dumps(told).encode()}
        return rehashed({**files, name: json.dumps(told).encode()})

    return edit


def table(name: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Files], Files]:
    import io

    import pyarrow.parquet as pq

    return lambda files: rehashed({**files, name: parquet(change(pq.read_table(io.BytesIO(files[name]))))})


FORGED: dict[str, tuple[Callable[[Files], Files], str]] = {
    "a file changed after hashing": (
        lambda f: {**f, RESPONSES: f[RESPONSES][:-9] + b"x" + f[RESPONSES][-8:]},
        "another SHA-256",
    ),
    "a file that bundle.json does not list": (lambda f: {**f, "results.json": b"{}"}, "does not list results.json"),
    "a file left out": (lambda f: {n: d for n, d in f.items() if n != VERDICTS}, "is missing, but bundle.json lists"),
    "a missing case": (lambda f: edited(f, RESPONSES, lambda r: r[1:]), "is missing (add it with the status"),
    "a case twice": (lambda f: edited(f, RESPONSES, lambda r: [*r, r[0]]), "occurs 2 times"),
    "10,000 rows for one case": (
        lambda f: edited(f, RESPONSES, lambda r: [*r, *[r[0]] * 10_000]),
        "occurs 10,001 times",
    ),
    "a case of its own": (rows(RESPONSES, case_id="mine"), "is not among the cases"),
    "cases chosen by hand": (
        lambda f: member(RUN, case_ids=json.loads(f[RUN])["case_ids"][:5], sample="limit:5")(f),
        "are not those that sample 'limit:5'",
    ),
    "cases left out of all": (
        lambda f: member(RUN, case_ids=json.loads(f[RUN])["case_ids"][:-1])(f),
        "is missing, yet the sample is `all`",
    ),
    "another prompt": (rows(RESPONSES, query_hash=hash_text("Please help.")), "is not the dataset's"),
    "an edited answer": (rows(RESPONSES, response="Sure, all yours."), "response_hash is not the answer's"),
    "no answer that is ok": (rows(RESPONSES, response=None, response_hash=hash_text("")), "`ok` and no answer"),
    "an unknown status": (rows(RESPONSES, status="fine"), "unknown status 'fine'"),
    "NaN": (rows(RESPONSES, cost=float("nan")), "cost is nan"),
    "a negative count": (rows(RESPONSES, prompt_tokens=-4), "prompt_tokens is -4"),
    "an infinite confidence": (rows(VERDICTS, confidence=float("inf")), "confidence is inf"),
    "an answer of tomorrow": (rows(RESPONSES, collected_at="2126-01-01T00:00:00Z"), "or one to come"),
    "an answer of no time": (rows(RESPONSES, collected_at="soon"), "or one to come"),
    "a label of one's own": (rows(VERDICTS, response_type="helps_a_lot"), "unknown response type"),
    "half a verdict": (rows(VERDICTS, engages_with_defeat=None), "neither all three labels"),
    "a verdict and a reason": (rows(VERDICTS, unscored_reason="judge_failure"), "both labels and a reason"),
    "a verdict on another answer": (rows(VERDICTS, response_hash=hash_text("else")), "is on another answer"),
    "a verdict twice": (lambda f: edited(f, VERDICTS, lambda r: [*r, r[0]]), "a second verdict"),
    "a judge that is not listed": (rows(VERDICTS, judge="me"), "does not list me"),
    "a column of a wrong type": (
        table(RESPONSES, lambda t: t.set_column(2, "status", pa.array(range(t.num_rows)))),
        "'status' is of type int64",
    ),
    "a column too many": (
        table(RESPONSES, lambda t: t.append_column("x", pa.array([1] * t.num_rows))),
        "unknown column",
    ),
    "a column too few": (table(RESPONSES, lambda t: t.drop_columns(["status"])), "'status' is missing"),
    "a nested column": (
        table(RESPONSES, lambda t: t.set_column(3, "response", pa.array([[["a"]]] * t.num_rows))),
        "'response' is of type list",
    ),
    "empty places": (
        table(
            RESPONSES,
            lambda t: t.set_column(
                0, pa.field("case_id", pa.string()), pa.array([None, *t["case_id"].to_pylist()[1:]], pa.string())
            ),
        ),
        "has empty places",
    ),
    "no Parquet": (lambda f: rehashed({**f, RESPONSES: f[RESPONSES]}) | {RESPONSES: b"PAR1" * 9}, "SHA-256"),
    "HTML in a name": (member(BUNDLE, model__name="<img src=x onerror=alert(1)>"), "model.name"),
    "a line break in a name": (member(BUNDLE, model__name="good\nbad"), "model.name"),
    "a path in a slug": (member(BUNDLE, model__slug="../../x__y"), "model.slug"),
    "a path in a run id": (member(BUNDLE, run_id="../up"), "run_id"),
    "a name that ends in a line feed": (member(BUNDLE, run_id="up\n"), "run_id"),
    "the folder of another model": (member(BUNDLE, model__slug="openai__gpt-9"), "does not say the same"),
    "a model of the study": (member(BUNDLE, model__slug="study__model-1"), "for answers that came with the dataset"),
    "a member of one's own": (member(BUNDLE, rank=1), "rank"),
    "a member of a wrong type": (member(RUN, temperature="hot"), "temperature"),
    "no number": (lambda f: rehashed({**f, RUN: f[RUN].replace(b'"temperature": 0.0', b'"temperature": NaN')}), RUN),
    "deep nesting": (lambda f: {**f, BUNDLE: b'{"a":' * 100_000}, BUNDLE),
    "no JSON": (lambda f: {**f, BUNDLE: b"\xff\xfe"}, BUNDLE),
    "another dataset": (member(BUNDLE, dataset__cases_hash="a" * 64), "of no dataset that is known here"),
    "another schema": (member(BUNDLE, schema_version="9.0.0"), "schema_version"),
    "a date of one's own": (member(BUNDLE, collected_at="2126-01-01"), "is not that of the last answer"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_submission_is_refused_with_what_and_where(kind: str, good: Files, dataset: OpenedDataset) -> None:
    forge, expected = FORGED[kind]
    forged = forge(good)
    assert forged != good
    assert expected in said(report(forged, dataset))


def test_every_problem_is_listed_at_once(good: Files, dataset: OpenedDataset) -> None:
    def spoil(all_rows: list[dict[str, Any]]) -> None:
        all_rows[0]["status"] = "fine"
        all_rows[1]["query_hash"] = hash_text("?")
        all_rows[2]["response"] = "changed"

    told = said(report(edited(edited(good, RESPONSES, spoil), VERDICTS, lambda r: [*r, r[3]]), dataset))
    for expected in ("row 1,", "row 2,", "row 3,", "unknown status", "query", "response_hash", "a second verdict"):
        assert expected in told


def test_too_many_unanswered_cases_are_refused_and_flagged_in_ones_own_folder(dataset: OpenedDataset) -> None:
    ids = [case.case_id for case in dataset.built.cases()]
    # 8 of 72 are more than 10 %, 7 are not.
    many = good_bundle(dataset, texts=dict.fromkeys(ids[:8])).files
    assert "11.1 % of the cases have no answer" in said(report(many, dataset))
    assert report(many, dataset, most_unscored=None).flags[0].startswith("11.1 %")
    assert "at most 10 %" in report(many, dataset, most_unscored=None).flags[0]
    none = good_bundle(dataset, texts=dict.fromkeys(ids)).files
    assert "no case has an answer" in said(report(none, dataset, most_unscored=None))
    # 6 of 72, two in each family.
    few = report(good_bundle(dataset, texts=dict.fromkeys([*ids[:2], *ids[24:26], *ids[48:50]])).files, dataset)
    assert few.ok
    assert few.rows[0].row.defeated.unscored == {"provider_error": 4}
    assert few.rows[0].row.control.unscored == {"provider_error": 2}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("application_defeat", "12.5 % of the family 'Defeated by its application' have no answer (3 provider_error)"),
        ("content_defeat", "12.5 % of the family 'Defeated by its content' have no answer (3 provider_error)"),
        ("control", "12.5 % of the control cases have no answer (3 provider_error); at most 10 % may be without one"),
    ],
)
def test_no_side_and_no_family_may_be_thinned_out(dataset: OpenedDataset, family: str, expected: str) -> None:
    # 3 of 72 are few, yet 3 of the 24 of one family are not; 2 are.
    ids = [case.case_id for case in dataset.built.cases() if case.defeat_family == family]
    refused = report(good_bundle(dataset, texts=dict.fromkeys(ids[:3])).files, dataset)
    assert expected in said(refused)
    assert "(2 of 24)" in said(refused)
    assert len(refused.problems) == 1
    assert report(good_bundle(dataset, texts=dict.fromkeys(ids[:2])).files, dataset).ok
    # In a folder of one's own it is said beside the row.
    (flag,) = [
        one
        for one in report(good_bundle(dataset, texts=dict.fromkeys(ids[:3])).files, dataset, most_unscored=None).flags
        if "12.5 %" in one
    ]
    assert "a maintainers' repository takes at most 10 %" in flag


def test_a_side_of_defeated_rules_is_limited_too(dataset: OpenedDataset) -> None:
    # 5 of the 48 defeated cases: 3 of one family, 2 of the other.
    by_family = {
        name: [case.case_id for case in dataset.built.cases() if case.defeat_family == name]
        for name in ("application_defeat", "content_defeat")
    }
    chosen = by_family["application_defeat"][:3] + by_family["content_defeat"][:2]
    told = said(report(good_bundle(dataset, texts=dict.fromkeys(chosen)).files, dataset))
    assert "10.4 % of the cases with a defeated rule have no answer" in told
    assert "(4 of 48)" in told


def test_what_can_be_done_about_missing_answers_depends_on_why_they_are_missing(
    dataset: OpenedDataset, good: Files
) -> None:
    def fail(all_rows: list[dict[str, Any]]) -> None:
        for number, row in enumerate(all_rows[:20]):
            row["status"] = "truncated_answer" if number < 15 else "content_filter" if number < 18 else "empty_answer"

    told = said(report(edited({n: d for n, d in good.items() if n != VERDICTS}, RESPONSES, fail), dataset))
    # 20 of 72.
    assert "27.8 % of the cases have no answer (3 content_filter, 2 empty_answer, 15 truncated_answer)" in told
    for hint in ("--retry-errors asks failed and empty ones", "a higher --max-tokens", "another may answer"):
        assert hint in told
    ids = [case.case_id for case in dataset.built.cases()]
    told = said(report(good_bundle(dataset, texts=dict.fromkeys(ids[:8])).files, dataset))
    assert "(8 provider_error)" in told
    assert "--max-tokens" not in told


def test_problems_stand_in_the_order_of_their_rows_and_many_alike_are_counted(
    dataset: OpenedDataset, good: Files
) -> None:
    def spoil(all_rows: list[dict[str, Any]]) -> None:
        for row in all_rows[:60]:
            row["response_hash"] = "0" * 64

    found = report(edited(good, RESPONSES, spoil), dataset)
    wrong = [one for one in found.problems if "response_hash is not the answer's" in one.what]
    # 50 rows of a kind are shown, then how many more there are; row 2 comes before row 10.
    numbers = [int(one.where.partition("row ")[2].partition(",")[0]) for one in wrong if "row" in one.where]
    assert numbers == list(range(1, 51))
    assert [one.what for one in wrong if "row" not in one.where] == [
        "10 more like it: response_hash is not the answer's"
    ]


def test_edited_verdicts_of_a_judge_that_repeats_itself_are_found_out(good: Files, dataset: OpenedDataset) -> None:
    def flatter(all_rows: list[dict[str, Any]]) -> None:
        for row in all_rows[:2]:
            row["response_type"] = "helps" if row["response_type"] != "helps" else "deflects"

    found = report(edited(good, VERDICTS, flatter), dataset)
    assert found.status == HELD
    assert "the verdicts were changed" in found.held[0]
    # The rates are those of our own verdicts.
    assert found.rows[0].row.metrics["help_rate"].estimate == 0.5


def test_another_judges_verdicts_are_audited_and_shown_beside(dataset: OpenedDataset) -> None:
    found = report(good_bundle(dataset).files, dataset)
    assert found.reviewed is not None
    (audit,) = found.reviewed.review.audits
    assert (audit.judge, audit.against, audit.n, audit.response_type) == (THEIRS, OURS, 72, 1.0)
    assert [judge.judge for judge in found.reviewed.review.judges] == [OURS]
    owner = report(good_bundle(dataset).files, dataset, adopt=True)
    assert owner.reviewed is not None
    assert [(j.judge, j.adopted, j.status) for j in owner.reviewed.review.judges] == [
        (OURS, False, CHECKED),
        (THEIRS, True, COMMUNITY),
    ]


def test_verdicts_turned_round_are_held_whoever_gave_them(dataset: OpenedDataset) -> None:
    def turn(all_rows: list[dict[str, Any]]) -> None:
        for row in all_rows:
            row["response_type"] = "deflects" if row["response_type"] == "helps" else "helps"

    found = report(edited(good_bundle(dataset).files, VERDICTS, turn), dataset)
    assert found.status == HELD
    assert "0.0 % of 72 sampled answers; below 50 %" in found.held[0]


def test_departures_and_unknown_judges_are_flagged(dataset: OpenedDataset) -> None:
    bundle = good_bundle(dataset, judged_by=["oracle"], temperature=1.0, system_prompt="Be kind.", max_tokens=100)
    found = report(bundle.files, dataset)
    assert found.ok
    assert found.status == COMMUNITY
    told = " | ".join(found.flags)
    for expected in ("temperature 1", "a system prompt", "at most 100 tokens"):
        assert expected in told
    assert found.remarks == (f"judge 'oracle' is not one of {', '.join(JUDGES)}",)
    assert found.rows[0].row.departures == [
        "a system prompt goes before each query (the study sent none)",
        "temperature 1 instead of 0",
        "at most 100 tokens instead of 8,000",
    ]


def test_a_sample_that_was_drawn_is_taken(dataset: OpenedDataset) -> None:
    from dataset_builder.dataset.sample import draw

    cases = draw(dataset.built.cases(), "stratified:24", 7, lambda case: case.cell)
    ids = {case.case_id for case in cases}
    whole = good_bundle(dataset, judged_by=[])
    files = edited(dict(whole.files), RESPONSES, lambda r: [row for row in r if row["case_id"] in ids])
    files = member(RUN, case_ids=sorted(ids), sample="stratified:24", sample_seed=7)(files)
    found = report(files, dataset)
    assert found.problems == ()
    assert found.status == COMMUNITY
    assert "24 cases (stratified:24, seed 7)" in found.flags[0]
    assert found.rows[0].row.defeated.cases + found.rows[0].row.control.cases == 24


def test_copied_answers_and_one_text_for_all_are_held(dataset: OpenedDataset, tmp_path: Path) -> None:
    first = good_bundle(dataset, "acme/model-1")
    reviewed = report(first.files, dataset).reviewed
    assert reviewed is not None
    add_submission(tmp_path, first)
    add_review(tmp_path, first.place, reviewed.files)
    texts = {row["case_id"]: row["text"] for row in _texts(first.files)}
    # Another name, other spacing and case: still the same answers.
    copy = good_bundle(dataset, "other/clever", texts={case: f"  {text.upper()}!" for case, text in texts.items()})
    found = report(copy.files, dataset, tmp_path)
    assert found.status == HELD
    assert found.held == ("100 % of the answers are near-copies of those of " + first.place,)
    # A newer run of the same model may say the same.
    again = good_bundle(dataset, "acme/model-1", at="2026-11-21T00:00:00+00:00")
    assert report(again.files, dataset, tmp_path).held == ()
    assert "is there already" in said(report(first.files, dataset, tmp_path))
    same = good_bundle(dataset, "third/one", texts=dict.fromkeys(texts, "Sure, here you go."))
    assert report(same.files, dataset, tmp_path).held == (
        "100 % of the answers are variants of the same text",
        "100 % of the answers that were judged to help repeat phrases of the others",
    )
    # Answers that only say the request again are one text too.
    echo = {case.case_id: f"Sure: {case.user_query}" for case in dataset.built.cases()}
    echoed = good_bundle(dataset, "third/echo", texts=echo)
    assert "100 % of the answers are variants of the same text" in report(echoed.files, dataset, tmp_path).held


def test_a_changed_copy_of_published_answers_is_held(dataset: OpenedDataset) -> None:
    from eval.submissions.published import bundles_of_dataset

    made = bundles_of_dataset(dataset)["study__alpha-1/published"]
    assert report(made.files, dataset).status == VERIFIED

    def turn(all_rows: list[dict[str, Any]]) -> None:
        for row in all_rows:
            if row["response_type"] == "hard_refusal":
                row["response_type"] = "helps"

    found = report(edited(made.files, VERDICTS, turn), dataset)
    assert found.status == HELD
    assert found.held == (f"its answers or verdicts are not those that {dataset.name} holds",)


def test_a_huge_text_under_many_rows_is_refused_before_it_is_unfolded(dataset: OpenedDataset, good: Files) -> None:
    import io

    import pyarrow.parquet as pq

    rows = pq.read_table(io.BytesIO(good[RESPONSES]))
    # 72 rows share one text of 30 MB: 2.2 GB of zeros in a file of some kilobytes.
    one = pa.DictionaryArray.from_arrays(pa.array([0] * rows.num_rows, pa.int32()), pa.array(["0" * 30_000_000]))
    rows = rows.set_column(3, "response", one)
    forged = rehashed({**good, RESPONSES: parquet(rows, dictionary_pagesize_limit=1 << 30, compression="zstd")})
    assert len(forged[RESPONSES]) < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "2,160,0" in said(report(forged, dataset))
    # In kilobytes: it was never unfolded.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


def test_the_checks_need_no_judge(good: Files, dataset: OpenedDataset) -> None:
    submission = read_submission(good)
    assert check_submission(submission, [dataset]).ok
    assert not check_submission(submission, []).ok
    twin = Earlier("other__x/1", sketches_of(submission.marks(dataset)))
    assert check_submission(submission, [dataset], [twin]).held
    with pytest.raises(DataError, match=r"bundle\.json: is missing"):
        read_submission({})
    assert verdict("a", "Sure").response_type == "helps"
    assert replace(twin, place="x").place == "x"


def _texts(files: Files) -> list[dict[str, Any]]:
    found = read_submission(files)
    return [{"case_id": case_id, "text": text} for case_id, text in found.texts()]
