"""Readers' labels as pull requests: let in by the maintainers' command, replaced, taken back; and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from click.testing import CliRunner

from dataset_builder.dataset.opened import OpenedDataset
from eval.agreement.report import agreement_report
from eval.cli import board as board_group
from eval.judges.human.readers import LARGEST, MOST_OPEN, label_bytes, label_path, read_labels, reader_label
from eval.judges.human.readers import request_title as title
from eval.runs.verdict import Verdict
from tests.support.hub_server import BOB, CAROL, HubServer, User
from tests.support.results_hub import REPO, client, repo_of, review, submit
from tests.support.submissions import good_bundle

CASE, TEXT = "control:school:1", "alpha-1 on control:school:1"


def label(case_id: str = CASE, text: str = TEXT, kind: str = "helps", reader: str = "bob", note: str = "") -> Verdict:
    return reader_label(reader, case_id, text, kind, engages=True, harm=False, note=note, at=datetime.now(UTC))


def ask(add: Mapping[str, bytes], name: str = "", by: User = BOB, delete: tuple[str, ...] = ()) -> None:
    repo_of(by.token).commit(
        name or title(CASE), dict(add), parent=client().head(REPO, "dataset"), delete=delete, create_pr=True
    )


def files(one: Verdict, reader: str = "bob") -> dict[str, bytes]:
    return {label_path(reader, one.case_id, one.response_hash): label_bytes(one)}


def command(dataset: OpenedDataset) -> str:
    """What ``board check --merge`` says."""
    words = ["check", "--results", REPO, "--dataset", str(dataset.built.path), "--merge"]
    done = CliRunner().invoke(board_group, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def labels(folder: Path) -> list[tuple[str, str | None]]:
    copy, _ = repo_of().copy(("labels/*",), dest=folder)
    return [(one.judge, one.response_type) for one in read_labels(copy)]


def test_a_label_is_let_in_replaced_used_and_taken_back(
    results: HubServer, dataset: OpenedDataset, tmp_path: Path
) -> None:
    ask(files(label()))
    said = command(dataset)
    assert "pull request 1 by bob: Label an answer to control:school:1: a reader's label, as it should be" in said
    assert "merged: " in said
    # Labels change no row of the leaderboard.
    assert "board aggregate" not in said
    assert labels(tmp_path / "one") == [("human:bob", "helps")]

    ask(files(label(kind="hard_refusal", note="No, it does not.")))
    command(dataset)
    assert labels(tmp_path / "two") == [("human:bob", "hard_refusal")]
    report = agreement_report(dataset.built, verdicts=[tmp_path / "two" / "labels" / "bob"])
    assert (report.judge, report.pairs[0].n) == ("human:bob", 1)

    (path,) = files(label())
    ask({}, title(CASE, back=True), delete=(path,))
    assert "Take a label back on control:school:1" in command(dataset)
    assert labels(tmp_path / "three") == []


def test_an_answer_of_a_submission_is_labelled_too(results: HubServer, dataset: OpenedDataset) -> None:
    texts = {CASE: "Words of a submission."}
    one = files(label(text=texts[CASE]))
    submit(good_bundle(dataset, "carol/model-1", texts=texts), dataset, CAROL)
    ask(one)
    # Submitted, but not let in when the label is looked at.
    run, early = review(dataset, number=None)
    assert (run.report.ok, [problem.what for problem in early.report.problems]) == (
        True, ["is of an answer that is not here"],
    )  # fmt: skip
    assert [done.merged for done in review(dataset, merge=True)] == [True, True]


def with_(**changes: object) -> Callable[[], dict[str, bytes]]:
    def made() -> dict[str, bytes]:
        one = label()
        (path,) = files(one)
        return {path: label_bytes(msgspec.structs.replace(one, **changes))}

    return made


def at(path: str) -> Callable[[], dict[str, bytes]]:
    return lambda: {path: label_bytes(label())}


PLACE = label_path("bob", CASE, label().response_hash)
LONG_AGO = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
ATTACKS: dict[str, tuple[Callable[[], dict[str, bytes]], str]] = {
    "an answer that is not there": (lambda: files(label(text="Nobody said this.")), "an answer that is not here"),
    "a case that is not there": (lambda: files(label("no:such:case")), "an answer that is not here"),
    "an answer that never came": (lambda: files(label("content_defeat:school:2", "")), "an answer that is not here"),
    "another reader's folder": (lambda: files(label(reader="carol"), "carol"), "is a label of carol, but bob opened"),
    "another reader's name": (with_(judge="human:carol"), "not as the page writes"),
    "a machine's name": (with_(judge="gpt-5.4-2026-03-05", rubric="1"), "not as the page writes"),
    "a folder in a folder": (at("labels/bob/x/0.json"), "a pull request of its own"),
    "another place": (at("labels/bob/0.json"), "not where a label of that answer belongs"),
    "no kind": (with_(response_type=None), "Say first what the answer does"),
    "HTML for a kind": (with_(response_type="<script>alert(1)</script>"), "Say first what the answer does"),
    "a note without an end": (with_(reasoning="x" * 501), "at most 500 characters"),
    "more than a label holds": (with_(confidence=1.0, raw_reply="x"), "not as the page writes"),
    "a huge file": (lambda: {PLACE: b" " * (LARGEST + 1)}, "bytes; at most 16,384"),
    "no JSON": (lambda: {PLACE: b"\x80\x04pickle"}, "JSON"),
    "a deep nest": (lambda: {PLACE: b"[" * LARGEST}, "Expected `object`"),
    "another day": (with_(judged_at=LONG_AGO), "another time"),
    "a time that is none": (with_(judged_at="tomorrow"), "another time"),
    "two at once": (lambda: files(label()) | files(label("control:school:0", "x")), "would be added"),
    "a label and the card": (lambda: files(label()) | {"README.md": b"hi"}, "would be added"),
    "a program": (lambda: {"labels/bob/run.py": b"import os"}, "would be added"),
}


def test_what_is_no_label_of_the_account_is_refused(results: HubServer, dataset: OpenedDataset) -> None:
    for made, _ in ATTACKS.values():
        ask(made())
    ask(files(label()), "Submit a run")
    for (name, (_, told)), found in zip(
        [*ATTACKS.items(), ("another title", (None, "another title"))],
        # Each by its number, as one account's labels that are looked at in one go have a limit.
        (review(dataset, merge=True, number=n)[0] for n in range(1, len(ATTACKS) + 2)),
        strict=True,
    ):
        assert (name, found.merged) == (name, False)
        assert any(told in f"{problem.what} {problem.hint}" for problem in found.report.problems), (
            name, found.report.problems,
        )  # fmt: skip
    assert list(results.repo(REPO).files) == [".gitattributes"]


def test_nobody_takes_back_what_another_said(results: HubServer, dataset: OpenedDataset) -> None:
    ask(files(label()))
    assert review(dataset, merge=True)[0].merged
    ask({}, title(CASE, back=True), CAROL, delete=(PLACE,))
    ask({PLACE: label_bytes(label(kind="deflects"))}, by=CAROL)
    found = review(dataset, merge=True)
    assert [one.merged for one in found] == [False, False]
    assert "is a label of bob, but carol opened it" in found[0].report.problems[0].what


def test_ten_thousand_labels_are_no_flood(results: HubServer, dataset: OpenedDataset) -> None:
    """In one request they are no label, and of many requests some are looked at, whoever else waits."""
    ask({f"labels/bob/{n}.json": b"{}" for n in range(300)}, "Much")
    for n in range(MOST_OPEN + 5):
        ask({f"labels/bob/{n}.json": b"{}"})
    ask(files(label(reader="carol"), "carol"), by=CAROL)
    told: list[str] = []
    found = review(dataset, merge=True, progress=told.append)
    assert len(found) == 1 + MOST_OPEN + 1
    assert len(found[0].report.problems) == 41
    assert found[0].report.problems[-1].what == "and 260 more paths like these"
    assert [one.merged for one in found] == [False] * (1 + MOST_OPEN) + [True]
    assert told[-1].startswith("bob: 5 more labels wait, and 20 of an account are looked at in one go")


def test_of_two_labels_at_once_the_first_is_let_in(results: HubServer, dataset: OpenedDataset) -> None:
    for kind in ("helps", "deflects"):
        ask(files(label(kind=kind)))
    first, second = review(dataset, merge=True)
    assert (first.merged, second.merged) == (True, False)
    assert second.report.problems[0].hint == "close it, and label the answer once more"
