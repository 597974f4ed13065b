"""A reader's own label of an answer, put where results are put: into a folder of this machine, or a pull request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from dataset_builder.errors import InputError
from dataset_builder.hub.pull_requests import open_requests
from dataset_builder.storage.files import write_file
from eval.judges.human.readers import (
    BACK,
    LABELS,
    MOST_OF_A_READER,
    MOST_OPEN,
    TITLE,
    label_bytes,
    label_path,
    reader_label,
    request_title,
)
from eval.repository.hub import KIND
from eval.runs.verdict import Verdict, hash_text
from space.intake.intake import HubIntake, LocalIntake, OpenedRequest
from space.store.transcript import Transcript

# What this machine's user is called among the readers.
HERE: Final = "reader"


@dataclass(frozen=True, slots=True)
class Said:
    """What a reader says of an answer."""

    response_type: str
    engages: bool
    harm: bool
    note: str = ""


def label_here(intake: LocalIntake, answer: Transcript, said: Said) -> None:
    """Put a label into the results folder; an earlier one of the same answer is replaced."""
    label = _label(HERE, answer, said)
    path = intake.results / label_path(HERE, label.case_id, label.response_hash)
    there = len(list(path.parent.glob("*.json"))) if path.parent.is_dir() else 0
    if not path.exists() and there >= MOST_OF_A_READER:
        raise InputError(f"{path.parent} holds {there:,} labels, and that is the most. Take some back first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, label_bytes(label))


def take_back_here(intake: LocalIntake, answer: Transcript) -> None:
    """Delete the label again; raises InputError where there is none."""
    path = intake.results / label_path(HERE, answer.case_id, _hash(answer))
    if not path.is_file():
        raise InputError("There is no label of yours on this answer.")
    path.unlink()


def label_on_hub(intake: HubIntake, answer: Transcript, said: Said, token: str) -> OpenedRequest:
    """Open a pull request with the label by the reader's account."""

    def files(account: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
        label = _label(account, answer, said)
        return {label_path(account, label.case_id, label.response_hash): label_bytes(label)}, ()

    return _ask(intake, token, request_title(answer.case_id), files)


def take_back_on_hub(intake: HubIntake, answer: Transcript, token: str) -> OpenedRequest:
    """Open a pull request that deletes the label; raises InputError where none was merged."""

    def files(account: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
        path = label_path(account, answer.case_id, _hash(answer))
        copy, _ = intake.as_visitor(token).copy((f"{LABELS}/{account}/*",))
        if not (copy / path).is_file():
            raise InputError(
                "There is no label of yours on this answer here yet. One that waits in a pull request is taken back by "
                "closing that request on the Hub."
            )
        return {}, (path,)

    return _ask(intake, token, request_title(answer.case_id, back=True), files)


def _ask(
    intake: HubIntake, token: str, title: str, files: Callable[[str], tuple[dict[str, bytes], tuple[str, ...]]]
) -> OpenedRequest:
    repo = intake.as_visitor(token)
    account = repo.hub.whoami()
    add, delete = files(account)
    mine = [
        one
        for one in open_requests(repo.hub, repo.name, KIND)
        if one.author == account and one.title.startswith((TITLE, BACK))
    ]
    if len(mine) >= MOST_OPEN:
        raise InputError(f"{len(mine)} labels of yours wait for the maintainers, and that is the most at a time.")
    if any(one.title == title for one in mine):
        raise InputError("A label of yours on an answer to this case waits already; close that pull request first.")
    done = repo.commit(title, add, parent=repo.head(), delete=delete, create_pr=True)
    return OpenedRequest(account, done.pr_url or repo.url)


def _label(reader: str, answer: Transcript, said: Said) -> Verdict:
    if answer.response is None:
        raise InputError("There is no answer here to label.")
    return reader_label(
        reader,
        answer.case_id,
        answer.response,
        said.response_type,
        engages=said.engages,
        harm=said.harm,
        note=said.note,
        at=datetime.now(UTC),
    )


def _hash(answer: Transcript) -> str:
    return hash_text(answer.response or "")
