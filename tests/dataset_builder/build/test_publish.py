"""Publishing to a real HTTP server: what is sent, what is not, and what is refused before anything is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.build.publish import local_files, publish
from dataset_builder.dataset.manifest import FILE_NAME, read_manifest
from dataset_builder.errors import ConflictError, DataError, InputError
from dataset_builder.hub.client import Hub
from tests.support.built_folder import LAYOUT, write_build
from tests.support.hub_server import BOB, HubServer
from tests.support.publishing import REPO, WRITING, contents, on_disk, send, titles

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
