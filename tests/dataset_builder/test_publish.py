"""Publishing to a real HTTP server: what is sent, what is not, and that `load_dataset` reads it back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.build import build_dataset
from dataset_builder.built import BuiltDataset
from dataset_builder.commands.publish import publish as command
from dataset_builder.errors import ConflictError, DataError, InputError, RemoteError
from dataset_builder.hub import Hub
from dataset_builder.hub_patience import Patience
from dataset_builder.manifest import FILE_NAME, Source, read_manifest
from dataset_builder.publish import Published, local_files, publish
from dataset_builder.records import Records
from tests.support.built_folder import LAYOUT, write_build
from tests.support.hub_server import ALICE, BOB, HubServer

REPO = "alice/blind-refusal"
WRITING = r"^(POST (?!.*paths-info)|PUT|DELETE)"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    folder.mkdir()
    return write_build(folder)


def send(folder: Path, repo: str = REPO, *, token: str = ALICE.token, **how: Any) -> Published:
    patience = Patience(attempts=4, timeout=5.0, sleep=lambda _: None)
    return publish(folder, repo, hub=Hub(token=token, patience=patience), **how)


def titles(hub: HubServer, repo: str = REPO) -> list[str]:
    return [commit.title for commit in reversed(hub.repo(repo).history("main"))]


def contents(hub: HubServer, repo: str = REPO) -> dict[str, bytes]:
    return {path: blob.data for path, blob in hub.repo(repo).files.items() if path != ".gitattributes"}


def on_disk(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- what is sent ---


def test_the_whole_build_goes_up_in_one_commit(hub: HubServer, build: Path) -> None:
    done = send(build)
    assert contents(hub) == on_disk(build)
    assert titles(hub) == ["initial commit", "Publish the build with cases cccccccccccc"]
    assert hub.repo(REPO).files["data/cases/test.parquet"].lfs
    assert not hub.repo(REPO).files["README.md"].lfs
    assert (done.created, done.sha, done.checked, done.deleted) == (True, hub.repo(REPO).head, "cases", ())
    assert set(done.added) == on_disk(build).keys()
    assert not hub.repo(REPO).private


def test_a_private_repo_stays_private(hub: HubServer, build: Path) -> None:
    send(build, private=True)
    assert hub.repo(REPO).private
    assert not send(build, private=True).changed


def test_private_is_not_promised_of_a_public_repo(hub: HubServer, build: Path) -> None:
    send(build)
    with pytest.raises(InputError, match="is public; make it private"):
        send(build, private=True)


def test_publishing_again_does_nothing(hub: HubServer, build: Path) -> None:
    first = send(build)
    before = len(hub.asked(WRITING))
    again = send(build)
    assert (again.changed, again.sha, again.checked, again.created) == (False, first.sha, None, False)
    assert len(hub.asked(WRITING)) == before
    assert len(titles(hub)) == 2


def test_only_what_changed_is_sent_and_what_is_gone_is_deleted(hub: HubServer, build: Path, tmp_path: Path) -> None:
    send(build)
    uploads = len(hub.asked("^PUT"))
    shutil.rmtree(build)
    build.mkdir()
    layout = {**LAYOUT, "by_family": {"control": 4, "exception": 2}}
    write_build(build, layout)
    done = send(build)
    assert done.added == ("README.md", "data/by_family/exception.parquet", FILE_NAME)
    assert done.deleted == ("data/by_family/content_defect.parquet",)
    assert contents(hub) == on_disk(build)
    assert len(titles(hub)) == 3
    assert len(hub.asked("^PUT")) == uploads + 1


def test_files_that_no_build_made_are_left_alone(hub: HubServer, build: Path) -> None:
    send(build)
    Hub().commit(REPO, "dataset", message="by hand", add={"notes/why.md": b"keep", "data/odd.parquet": b"keep"})
    write_build(build, salt="x")
    done = send(build)
    assert done.foreign == ("data/odd.parquet", "notes/why.md")
    assert done.deleted == ()
    assert contents(hub)["notes/why.md"] == b"keep"


@pytest.mark.parametrize("manifest", [b"not json", b"[1]", b'{"files": 3}', b'{"files": {"precious.txt": {}}}'])
def test_a_strange_manifest_on_the_hub_does_no_harm(hub: HubServer, build: Path, manifest: bytes) -> None:
    Hub().ensure_repo(REPO, "dataset")
    Hub().commit(REPO, "dataset", message="odd", add={FILE_NAME: manifest, "other.txt": b"1", ".gitattributes": b"x"})
    send(build)
    assert contents(hub) == {**on_disk(build), "other.txt": b"1"}


def test_a_tag_is_set_and_a_build_published_again_keeps_it(hub: HubServer, build: Path) -> None:
    first = send(build, tag="v1.0.0")
    assert (first.tag, hub.repo(REPO).refs["refs/tags/v1.0.0"]) == ("v1.0.0", first.sha)
    assert send(build, tag="v1.0.0").tag is None
    later = send(build, tag="v1.0.1")
    assert (later.tag, later.changed) == ("v1.0.1", False)
    assert hub.repo(REPO).refs["refs/tags/v1.0.1"] == first.sha


def test_a_tag_of_another_build_stops_it_before_anything_is_sent(hub: HubServer, build: Path) -> None:
    first = send(build, tag="v1.0.0")
    write_build(build, salt="x")
    writes = len(hub.asked(WRITING))
    with pytest.raises(ConflictError, match=r"has the tag v1\.0\.0 already.*choose the next one"):
        send(build, tag="v1.0.0")
    assert len(hub.asked(WRITING)) == writes
    assert hub.repo(REPO).head == first.sha


@pytest.mark.parametrize("tag", ["1.0.0", "v1.0", "v1.0.0.0", "v01.0.0", "v1.0.0-rc1", "latest", "v1.0.0\n", "v１.0.0"])
def test_a_tag_must_be_a_version(hub: HubServer, build: Path, tag: str) -> None:
    with pytest.raises(InputError, match=r"expected vX\.Y\.Z"):
        send(build, tag=tag)
    assert hub.faults.asked == []


@pytest.mark.parametrize(
    "repo", ["blind-refusal", "a/b/c", "../x", "a/..", "alice/", "alice/a--b", "alice/é", "alice/x\n"]
)
def test_a_repo_must_have_a_namespace_and_a_name(hub: HubServer, build: Path, repo: str) -> None:
    with pytest.raises(InputError, match="expected NAMESPACE/NAME"):
        send(build, repo)
    assert hub.faults.asked == []


def test_a_pull_request_from_someone_else(hub: HubServer, build: Path) -> None:
    first = send(build)
    write_build(build, salt="x")
    done = send(build, token=BOB.token, create_pr=True)
    assert done.pr_url == f"{hub.endpoint}/datasets/{REPO}/discussions/1"
    assert (done.checked, done.sha) == ("cases", hub.repo(REPO).refs["refs/pr/1"])
    assert hub.repo(REPO).head == first.sha
    with pytest.raises(InputError, match="a pull request cannot be tagged"):
        send(build, create_pr=True, tag="v1.0.0")


@pytest.mark.parametrize("there", [False, True], ids=["no repo", "older build"])
def test_a_dry_run_sends_nothing(hub: HubServer, build: Path, there: bool) -> None:
    if there:
        send(build)
        shutil.rmtree(build)
        build.mkdir()
        write_build(build, {"cases": {"test": 9}})
    writes = len(hub.asked(WRITING))
    plan = send(build, dry_run=True, tag="v2.0.0")
    assert len(hub.asked(WRITING)) == writes
    assert (plan.dry_run, plan.created, plan.tag, plan.changed) == (True, not there, "v2.0.0", True)
    assert plan.size == sum((build / name).stat().st_size for name in plan.added)
    assert len(plan.deleted) == (3 if there else 0)


def test_a_dry_run_needs_no_token(hub: HubServer, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert publish(build, REPO, dry_run=True).created


# --- what is refused before anything is sent ---


def spoil_no_manifest(folder: Path) -> None:
    (folder / FILE_NAME).unlink()


def spoil_bad_manifest(folder: Path) -> None:
    (folder / FILE_NAME).write_text('{"files": ')


def spoil_changed(folder: Path) -> None:
    (folder / "data/cases/test.parquet").write_bytes(b"PAR1")


def spoil_missing(folder: Path) -> None:
    (folder / "eval.yaml").unlink()


def spoil_stray(folder: Path) -> None:
    (folder / ".env").write_text("SECRET=1")


def spoil_link(folder: Path) -> None:
    (folder / "eval.yaml").rename(folder.parent / "eval.yaml")
    (folder / "eval.yaml").symlink_to(folder.parent / "eval.yaml")


def spoil_linked_folder(folder: Path) -> None:
    (folder / "data/cases").rename(folder.parent / "cases")
    (folder / "data/cases").symlink_to(folder.parent / "cases")


def spoil_path_outside(folder: Path) -> None:
    manifest = json.loads((folder / FILE_NAME).read_bytes())
    manifest["files"]["../outside.txt"] = manifest["files"].pop("eval.yaml")
    (folder / "eval.yaml").rename(folder.parent / "outside.txt")
    (folder / FILE_NAME).write_text(json.dumps(manifest))


SPOILERS = {
    spoil_no_manifest: "holds no manifest.json, so it is not a built dataset",
    spoil_bad_manifest: "manifest.json",
    spoil_changed: "data/cases/test.parquet: is not the file that the manifest was written for",
    spoil_missing: "eval.yaml: is missing",
    spoil_stray: r"\.env: is not in the manifest",
    spoil_link: "eval.yaml: is not a plain file",
    spoil_linked_folder: "data/cases/test.parquet: is missing",
    spoil_path_outside: r"\.\./outside.txt: is missing",
}


@pytest.mark.parametrize(("spoil", "said"), SPOILERS.items(), ids=lambda item: getattr(item, "__name__", ""))
def test_a_folder_that_is_no_intact_build_is_not_published(hub: HubServer, build: Path, spoil: Any, said: str) -> None:
    spoil(build)
    with pytest.raises(InputError, match=said):
        send(build)
    assert hub.faults.asked == []


def test_what_a_clone_has_beside_the_build_is_not_sent(hub: HubServer, build: Path) -> None:
    for name in (".git/config", ".cache/huggingface/x", ".gitattributes"):
        (build / name).parent.mkdir(parents=True, exist_ok=True)
        (build / name).write_text("token = hf_secret")
    assert local_files(build, read_manifest(build)).keys() == {*read_manifest(build).files, FILE_NAME}
    assert send(build).added == tuple(sorted({*read_manifest(build).files, FILE_NAME}))


def test_every_problem_of_a_folder_is_listed(build: Path) -> None:
    for spoil in (spoil_changed, spoil_missing, spoil_stray):
        spoil(build)
    with pytest.raises(DataError) as caught:
        local_files(build, read_manifest(build))
    assert {problem.where for problem in caught.value.problems} == {"data/cases/test.parquet", "eval.yaml", ".env"}


# --- faults on the way ---

FAULTS: list[dict[str, Any]] = [
    {"pattern": "^POST /api/repos/create", "kind": "lost"},
    {"pattern": "^POST .*/preupload/", "status": 503},
    {"pattern": "^POST .*/batch", "kind": "cut"},
    {"pattern": "^GET .*/revision/", "status": 429, "retry_after": "0"},
    {"pattern": "^POST .*/commit/", "kind": "lost"},
    {"pattern": "^POST .*/commit/", "kind": "cut"},
    {"pattern": "^POST .*/commit/", "status": 429},
    {"pattern": "^POST .*/commit/", "status": 504},
    {"pattern": "^HEAD .*/resolve/", "status": 502},
    {"pattern": "^POST .*/tag/", "kind": "lost"},
    {"pattern": "^GET .*/refs", "kind": "cut"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_that_passes_changes_nothing_about_the_outcome(
    hub: HubServer, build: Path, fault: dict[str, Any]
) -> None:
    hub.fail(**fault)
    done = send(build, tag="v1.0.0")
    assert contents(hub) == on_disk(build)
    assert len(titles(hub)) == 2
    assert hub.repo(REPO).refs["refs/tags/v1.0.0"] == done.sha == hub.repo(REPO).head
    assert not send(build, tag="v1.0.0").changed


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412, 413])
def test_a_refused_commit_leaves_the_repo_as_it_was(hub: HubServer, build: Path, status: int) -> None:
    first = send(build)
    write_build(build, salt="x")
    hub.fail("^POST .*/commit/", status=status)
    with pytest.raises(RemoteError, match=f"answered {status}"):
        send(build, tag="v1.0.0")
    assert hub.repo(REPO).head == first.sha
    assert "refs/tags/v1.0.0" not in hub.repo(REPO).refs


def test_someone_elses_repo(hub: HubServer, build: Path) -> None:
    with pytest.raises(RemoteError, match=r"403.*rights to create"):
        send(build, "bob/blind-refusal")


def test_someone_elses_commit_in_between_is_not_overwritten(hub: HubServer, build: Path) -> None:
    send(build)
    write_build(build, salt="x")

    def meddle(step: str) -> None:
        if step.startswith("sending"):
            Hub().commit(REPO, "dataset", message="theirs", add={"README.md": b"theirs"})

    with pytest.raises(ConflictError, match="not as it was when we looked"):
        send(build, progress=meddle)
    assert titles(hub)[-1] == "theirs"


def test_bytes_that_come_back_changed_are_noticed(hub: HubServer, build: Path) -> None:
    def rot(step: str) -> None:
        if step.startswith("downloading"):
            blob = hub.repo(REPO).files["data/cases/test.parquet"]
            hub.store.large[blob.sha256] = blob.data[:-1] + b"?"

    with pytest.raises(RemoteError, match=r"data/cases/test\.parquet is not what was sent"):
        send(build, progress=rot)


# --- the command ---


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_the_command_says_what_it_did(hub: HubServer, build: Path) -> None:
    first = run(str(build), "--repo", REPO, "--tag", "v1.0.0")
    assert first.exit_code == 0, first.output
    assert "7 files sent" in first.stdout
    assert "downloaded config cases again: as sent" in first.stdout
    assert f"{hub.endpoint}/datasets/{REPO} at {hub.repo(REPO).head}" in first.stdout
    again = run(str(build), "--repo", REPO, "--tag", "v1.0.0")
    assert "holds this build already: nothing to commit" in again.stdout
    assert "tagged" not in again.stdout


def test_the_command_signs_in_with_the_named_variable(
    hub: HubServer, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("BOBS", BOB.token)
    result = run(str(build), "--repo", "bob/set", "--token-env", "BOBS")
    assert result.exit_code == 0, result.output
    assert {asked.user for asked in hub.asked("/api/")} == {"bob"}


def test_a_dry_run_by_command(hub: HubServer, build: Path) -> None:
    result = run(str(build), "--repo", REPO, "--dry-run", "--tag", "v1.0.0")
    assert f"{REPO} does not exist: would create it" in result.stdout
    assert "would send data/responses/model_a.parquet" in result.stdout
    assert result.stdout.endswith("would tag it v1.0.0\ndry run: nothing was sent\n")
    assert hub.store.repos == {}


@pytest.mark.parametrize("status", [None, 401, 403, 500])
def test_no_output_holds_the_token(hub: HubServer, build: Path, tmp_path: Path, status: int | None) -> None:
    if status:
        message = f"you sent Authorization: Bearer {ALICE.token}"
        hub.fail("^POST /api/datasets/", status=status, times=99, message=message, retry_after="0")
    environment = {**os.environ, **hub.environment(str(tmp_path / "home")), "HF_HUB_VERBOSITY": "info"}
    code = "from space.command import main; main()"
    arguments = [sys.executable, "-c", code, "dataset", "publish", str(build), "--repo", REPO]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == (2 if status else 0), done.stderr
    assert ALICE.token not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file() and ALICE.token.encode() in path.read_bytes()]
    assert left == []
    if status:
        assert "error: committing to alice/blind-refusal" in done.stderr


def test_a_server_that_does_not_speak_xet_is_explained(hub: HubServer, build: Path, tmp_path: Path) -> None:
    environment = {**os.environ, **hub.environment(str(tmp_path / "home")), "HF_HUB_DISABLE_XET": "0"}
    code = "from space.command import main; main()"
    arguments = [sys.executable, "-c", code, "dataset", "publish", str(build), "--repo", REPO]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "set HF_HUB_DISABLE_XET=1" in done.stderr
    assert titles(hub) == ["initial commit"]


# --- load_dataset ---

LOADER = """
import json, sys
from datasets import get_dataset_config_names, get_dataset_split_names, load_dataset
repo, revision, each = sys.argv[1], sys.argv[2], sys.argv[3] == "each split"
told = {"configs": {}, "first": {}}
told["default"] = list(load_dataset(repo))
for config in get_dataset_config_names(repo):
    if each:
        names = get_dataset_split_names(repo, config)
        splits = {name: load_dataset(repo, config, split=name) for name in names}
    else:
        splits = load_dataset(repo, config)
    told["configs"][config] = {name: len(rows) for name, rows in splits.items()}
    told["first"][config] = next(iter(splits.values()))[0]
streamed = load_dataset(repo, "cases", split="test", streaming=True)
told["streamed"] = sum(1 for _ in streamed)
told["tagged"] = load_dataset(repo, "cases", split="test", revision=revision).num_rows
print(json.dumps(told, default=str))
"""


def load_all(hub: HubServer, home: Path, repo: str, revision: str, how: str) -> dict[str, Any]:
    """What `datasets`, in a process of its own with an empty cache, finds in a repo."""
    environment = {**os.environ, **hub.environment(str(home)), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    arguments = [sys.executable, "-W", "ignore", "-c", LOADER, repo, revision, how]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=240, cwd=home)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "empty-home"
    folder.mkdir()
    return folder


def test_load_dataset_reads_every_config_and_split(hub: HubServer, build: Path, home: Path) -> None:
    send(build, tag="v1.0.0")
    write_build(build, {**LAYOUT, "cases": {"test": 11}})
    send(build, private=False)
    told = load_all(hub, home, REPO, "v1.0.0", "each split")
    assert told["configs"] == {**LAYOUT, "cases": {"test": 11}}
    assert told["default"] == ["test"]
    assert told["streamed"] == 11
    assert told["tagged"] == 7
    assert told["first"]["cases"] == {"case_id": "case-0", "defeated": True, "facts": ["fact 0", "naïve “quotes”"]}


@pytest.mark.study
def test_the_study_is_published_and_loaded_whole(
    hub: HubServer, study_records: Records, tmp_path: Path, home: Path
) -> None:
    source = Source(kind="study", content_hash="0" * 64)
    manifest = build_dataset(study_records, [source], tmp_path / "study")
    done = send(tmp_path / "study", tag="v1.0.0")
    assert (len(done.added), done.checked) == (len(manifest.files) + 1, "cases")
    told = load_all(hub, home, REPO, "v1.0.0", "each config")
    built = BuiltDataset(tmp_path / "study", manifest)
    expected: dict[str, dict[str, int | None]] = {config: {} for config in told["configs"]}
    for path, entry in manifest.files.items():
        if path.startswith("data/"):
            _, config, split = path.removesuffix(".parquet").split("/")
            expected[config][split] = entry.rows
    assert told["configs"] == expected
    assert told["streamed"] == told["tagged"] == len(study_records.cases)
    assert told["first"]["cases"] == built.table("cases", "test").slice(0, 1).to_pylist()[0]
