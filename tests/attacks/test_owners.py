"""Taking somebody else's row, name or place in the queue: through the real commands, on a Hub with several accounts.

Alice keeps the results repository. Carol is a member of the organization acme, bob is not, and nobody here
belongs to globex.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from eval.repository.bundle import BUNDLE, to_json
from eval.repository.leaderboard import BoardRow, Leaderboard, read_leaderboard
from eval.repository.notices import Notice, notice_path
from eval.repository.request_queue import RequestQueue
from eval.repository.requests import make_request, title_of
from space.cli import command as program
from tests.support.hub_server import ALICE, BOB, CAROL, HubServer
from tests.support.hub_store import User
from tests.support.results_hub import REPO, client, repo_of
from tests.support.submissions import answer_text, good_bundle, rehashed

pytestmark = pytest.mark.usefixtures("results")


@pytest.fixture
def results(hub: HubServer) -> HubServer:
    """The Hub with alice's empty results repository."""
    client().ensure_repo(REPO, "dataset")
    return hub


class Accounts:
    """The commands as each account runs them; every bundle has answers of its own."""

    def __init__(self, dataset: OpenedDataset, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dataset, self.folder, self._monkeypatch = dataset, folder, monkeypatch
        self._made = 0

    def run(self, user: User, *arguments: Any) -> Result:
        self._monkeypatch.setenv("HF_TOKEN", user.token)
        return CliRunner().invoke(program, [str(a) for a in arguments])

    def submit(self, user: User, model: str, *, repo: str | None = None, **changes: Any) -> str:
        """Hand a run in as that account, and have alice review and merge it; returns what she is told."""
        self._made += 1
        texts = {
            case.case_id: answer_text(case.case_id, f"{user.name} {self._made}", case.defeated)
            for case in self.dataset.built.cases()
        }
        made = good_bundle(self.dataset, model, texts=texts, judged_by=(), at=f"2026-11-{self._made:02}T10:00:00+00:00")
        told = msgspec.json.decode(made.files[BUNDLE])
        files = rehashed(made.files, **{"model": told["model"] | {"repo": repo}} | changes)
        folder = self.folder / f"bundle-{self._made}"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        sent = self.run(user, "eval", "submit", folder, "--results", REPO, "--dataset", self.dataset.name, "--yes")
        assert sent.exit_code == 0, sent.output
        reviewed = self.run(ALICE, "board", "check", "--results", REPO, "--dataset", self.dataset.name, "--merge")
        assert reviewed.exit_code == 0, reviewed.output
        return sent.output + reviewed.output

    def board(self) -> Leaderboard:
        done = self.run(ALICE, "board", "aggregate", "--results", REPO, "--dataset", self.dataset.name)
        assert done.exit_code == 0, done.output
        copy, _ = repo_of().copy(["leaderboard.json"])
        return read_leaderboard(copy)

    def row(self, model: str) -> BoardRow:
        (row,) = [row for board in self.board().boards for row in board.rows if row.model.lower() == model.lower()]
        return row


@pytest.fixture
def accounts(dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    return Accounts(dataset, tmp_path, monkeypatch)


def test_a_row_stays_with_whoever_had_it_merged_first(accounts: Accounts) -> None:
    accounts.submit(BOB, "globex/model-1")
    first = accounts.row("globex/model-1")
    assert first.submitter == "bob"
    told = accounts.submit(CAROL, "globex/model-1")
    assert "globex/model-1 has a run of bob already, and carol neither handed that in nor belongs to" in told
    assert accounts.row("globex/model-1") == first
    # The name in another case is the same name.
    assert "has a run of bob already" in accounts.submit(CAROL, "Globex/Model-1")
    assert accounts.row("globex/model-1") == first
    assert len([one for one in accounts.board().excluded if one.status == "held for review"]) == 2
    # Bob's own newer run takes the place of his older one.
    accounts.submit(BOB, "globex/model-1")
    newer = accounts.row("globex/model-1")
    assert (newer.submitter, newer.run_id == first.run_id) == ("bob", False)


def test_a_member_of_the_organization_takes_the_row_and_keeps_it(accounts: Accounts) -> None:
    accounts.submit(BOB, "acme/model-1", repo="acme/model-1")
    assert accounts.row("acme/model-1").submitter == "bob"
    accounts.submit(CAROL, "acme/model-1", repo="acme/model-1")
    assert accounts.row("acme/model-1").submitter == "carol"
    assert "has a run of bob, carol already" in accounts.submit(BOB, "acme/model-1", repo="acme/model-1")
    assert accounts.row("acme/model-1").submitter == "carol"
    # Reviewing everything again holds bob's last run alone: his first was before hers.
    accounts.run(ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name, "--again")
    assert accounts.row("acme/model-1").submitter == "carol"
    assert sorted(one.status for one in accounts.board().excluded) == ["held for review", "superseded"]


def test_a_hidden_membership_counts_by_the_organizations_own_list(accounts: Accounts, results: HubServer) -> None:
    results.store.users = tuple(
        User(one.name, one.token, orgs=one.orgs, hidden=one.orgs) if one is CAROL else one
        for one in results.store.users
    )
    accounts.submit(BOB, "acme/model-1", repo="acme/model-1")
    accounts.submit(CAROL, "acme/model-1", repo="acme/model-1")
    assert accounts.row("acme/model-1").submitter == "carol"
    assert results.asked("GET /api/organizations/acme/members")


def test_an_organization_registered_under_a_providers_name_gives_no_right(accounts: Accounts) -> None:
    """A model with no repository is named by its provider, whose names anybody can register on the Hub."""
    accounts.submit(BOB, "acme/model-1")
    assert "has a run of bob already" in accounts.submit(CAROL, "acme/model-1", repo="acme/model-1")
    assert accounts.row("acme/model-1").submitter == "bob"


def test_what_was_merged_by_hand_is_its_authors_too(accounts: Accounts, results: HubServer) -> None:
    accounts.submit(BOB, "globex/model-1")
    first = accounts.row("globex/model-1")
    made = good_bundle(accounts.dataset, "globex/model-1", judged_by=())
    add = {f"submissions/{made.place}/{name}": data for name, data in made.files.items()}
    done = repo_of(CAROL.token).commit("A small fix (#1)", add, parent=repo_of().head(), create_pr=True)
    assert done.pr_number is not None
    results.repo(REPO).merge(done.pr_number, "alice")
    reviewed = accounts.run(ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name)
    assert "carol neither handed that in" in reviewed.output
    assert accounts.row("globex/model-1") == first
    # Reviewing everything again leaves the claims as they are.
    again = accounts.run(ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name, "--again")
    assert again.exit_code == 0, again.output
    row = accounts.row("globex/model-1")
    assert (row.submitter, row.run_id) == ("bob", first.run_id)


def notice(user: User, place: str, kind: str, *, by: str, **said: Any) -> None:
    """Put a notice into a pull request past every check of the command, and have it merged by hand."""
    told = Notice(place=place, kind=kind, reason="The wrong weights.", by=by, at=f"2026-11-2{len(said)}", **said)  # type: ignore[arg-type]
    repo = repo_of(user.token)
    done = repo.commit("A small fix", {notice_path(told): to_json(told)}, parent=repo.head(), create_pr=True)
    client()._api.merge_pull_request(REPO, done.pr_number or 0, repo_type="dataset")


@pytest.mark.parametrize("said", [{"kind": "withdrawal"}, {"kind": "correction", "name": "globex/worse-1"}])
def test_a_stranger_says_nothing_of_anothers_run(accounts: Accounts, said: dict[str, Any]) -> None:
    """Carol withdraws bob's run, or renames it, in bob's name."""
    accounts.submit(BOB, "globex/model-1")
    first = accounts.row("globex/model-1")
    notice(CAROL, first.bundle.removeprefix("submissions/"), by="bob", **said)
    told = accounts.run(ALICE, "board", "aggregate", "--results", REPO, "--dataset", accounts.dataset.name).output
    assert f"a {said['kind']} by carol, who neither handed the submission in nor keeps {REPO}" in told
    assert accounts.row("globex/model-1") == first


def test_a_strangers_withdrawal_is_left_open(accounts: Accounts) -> None:
    accounts.submit(BOB, "globex/model-1")
    place = accounts.row("globex/model-1").bundle.removeprefix("submissions/")
    there = ("--results", REPO)
    asked = accounts.run(CAROL, "eval", "withdraw", place, *there, "--reason", "I am jealous.")
    assert asked.exit_code == 0, asked.output
    # In bob's name, and where no notice belongs.
    forged = Notice(place=place, kind="withdrawal", reason="A mistake.", by="bob", at="2026-11-20")
    repo = repo_of(CAROL.token)
    repo.commit("x", {f"notices/{place}/x.json": to_json(forged)}, parent=repo.head(), create_pr=True)
    told = accounts.run(ALICE, "board", "check", *there, "--dataset", accounts.dataset.name, "--merge").output
    assert f"is by carol, who neither handed {place} in nor keeps {REPO}" in told
    assert "says that bob speaks, but carol opened it" in told
    assert "is not where its place, time and words belong" in told
    assert "  merged: " not in told
    # One's own is let in.
    accounts.run(BOB, "eval", "withdraw", place, *there, "--reason", "A mistake.")
    told = accounts.run(ALICE, "board", "check", *there, "--dataset", accounts.dataset.name, "--merge").output
    assert f"by bob: a withdrawal of {place}: A mistake." in told
    assert told.count("  merged: ") == 1
    assert [one.status for one in accounts.board().excluded] == ["withdrawn"]


@pytest.mark.parametrize("user", [BOB, ALICE])
def test_a_withdrawal_bears_the_name_that_the_hub_gives(accounts: Accounts, user: User) -> None:
    """The submitter and whoever keeps the repository may withdraw a run, and neither in another's name."""
    accounts.submit(BOB, "globex/model-1")
    place = accounts.row("globex/model-1").bundle.removeprefix("submissions/")
    notice(user, place, "withdrawal", by="carol")
    (gone,) = accounts.board().excluded
    assert (gone.status, gone.reason.split(" on ")[0]) == ("withdrawn", f"withdrawn by {user.name}")


def test_a_submission_names_no_board(accounts: Accounts) -> None:
    """A stranger called the dataset ``MMLU-Pro gold``, and so the whole board was called."""
    made = good_bundle(accounts.dataset, "aaa/model-1")
    told = msgspec.json.decode(made.files[BUNDLE])["dataset"]
    accounts.submit(
        BOB, "aaa/model-1", dataset=told | {"name": "MMLU-Pro gold", "hub_id": "evil/gold", "revision": "main"}
    )
    made_board = accounts.board()
    assert made_board.boards
    for board in made_board.boards:
        assert (board.dataset, board.hub_id) == (accounts.dataset.built.path.resolve().name, None)
    assert "gold" not in msgspec.json.encode(made_board).decode()


# The queue of requests.


def ask(user: User, model: str, *, at: datetime | None = None, by: str | None = None, title: str | None = None) -> None:
    """Put a request into a pull request as a forger would, past every check of the command."""
    stamp = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = make_request(model, "c" * 64, by or user.name, stamp)
    repo = repo_of(user.token)
    add = {f"requests/{asked.id}.json": msgspec.json.encode(asked)}
    repo.commit(title or title_of(asked), add, parent=repo.head(), create_pr=True)


def queued() -> list[str]:
    return [one.model for one in RequestQueue(repo_of()).read().requests]


def test_limits_count_by_the_hubs_clock(accounts: Accounts, results: HubServer) -> None:
    """Requests that say that they are years old, or of the future, are neither first in the queue nor free."""
    policy = json.dumps({"open_per_user": 9, "per_user_and_day": 2}).encode()
    repo_of().commit("Policy", {"policy.json": policy}, parent=repo_of().head())
    for days in (-900, 900):
        ask(BOB, f"openrouter/acme/forged{days}", at=datetime.now(UTC) + timedelta(days=days))
    told = accounts.run(
        ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name, "--merge"
    ).output
    assert told.count("but was opened at") == 2
    assert queued() == []
    for number in range(3):
        ask(BOB, f"openrouter/acme/m{number}")
    told = accounts.run(
        ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name, "--merge"
    ).output
    assert "bob asked 2 times in 24 hours; at most 2" in told
    assert sorted(queued()) == ["openrouter/acme/m0", "openrouter/acme/m1"]
    # A day later, by the Hub, there is room again.
    results.repo(REPO).grow_older(25)
    ask(BOB, "openrouter/acme/m3")
    accounts.run(ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name, "--merge")
    assert "openrouter/acme/m3" in queued()


def test_what_stands_in_the_queue_under_a_false_time_or_name_counts_as_the_hub_has_it(accounts: Accounts) -> None:
    """Merged by hand, so that no check of ours has seen it."""
    policy = json.dumps({"open_per_user": 9, "per_user_and_day": 1}).encode()
    repo_of().commit("Policy", {"policy.json": policy}, parent=repo_of().head())
    ask(BOB, "openrouter/acme/m0", at=datetime.now(UTC) - timedelta(days=900), by="carol")
    client()._api.merge_pull_request(REPO, 1, repo_type="dataset")
    ask(BOB, "openrouter/acme/m1")
    ask(CAROL, "openrouter/acme/m2")
    told = accounts.run(
        ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name, "--merge"
    ).output
    assert "bob asked 1 times in 24 hours; at most 1" in told
    assert sorted(queued()) == ["openrouter/acme/m0", "openrouter/acme/m2"]


def test_nobody_asks_in_anothers_name_or_under_a_title_that_hides_it(accounts: Accounts) -> None:
    ask(BOB, "openrouter/acme/m0", by="carol")
    ask(BOB, "openrouter/acme/m1", title="Fix a typing error")
    told = accounts.run(
        ALICE, "board", "check", "--results", REPO, "--dataset", accounts.dataset.name, "--merge"
    ).output
    assert "says that carol asks, but bob opened it" in told
    assert "came under another title than" in told
    assert queued() == []
