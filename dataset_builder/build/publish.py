"""Publishing a built dataset: what differs from the Hub's newest commit, sent in one commit."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.dataset.manifest import FILE_NAME, Manifest, hash_file, read_manifest
from dataset_builder.dataset.tables import DEFAULT_CONFIG
from dataset_builder.errors import ConflictError, DataError, InputError, Problem, RemoteError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.records import Hashes, RemoteFile, RepoState, is_repo_name
from dataset_builder.wording import counted

KIND: Final = "dataset"
# Semantic versioning 2.0.0, item 2: three numbers without leading zeros.
_TAG: Final = re.compile(r"v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
# What a clone from the Hub has beside the files of the build.
_FOREIGN: Final = (".git/", ".cache/", ".gitattributes")
_LARGEST_MANIFEST: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to publish: where it is, its size in bytes, and by which hashes the Hub may know it."""

    path: Path
    size: int
    hashes: Hashes


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did, or (``dry_run``) would do."""

    repo: str
    url: str
    created: bool
    added: tuple[str, ...]
    """Paths that are new or changed."""
    deleted: tuple[str, ...]
    foreign: tuple[str, ...]
    """Files of the repo that no build put there; they are left as they are."""
    size: int
    """Bytes in ``added``."""
    sha: str | None = None
    """The commit that holds the build; None where a dry run would make it."""
    pr_url: str | None = None
    tag: str | None = None
    """The tag to be set; None where none is wanted or it stands there already."""
    checked: str | None = None
    """The config that was downloaded again and compared; None where nothing was sent."""
    dry_run: bool = False

    @property
    def changed(self) -> bool:
        """Whether the repo's files differ from the build."""
        return bool(self.added or self.deleted)


def publish(
    folder: Path,
    repo: str,
    *,
    private: bool = False,
    tag: str | None = None,
    create_pr: bool = False,
    dry_run: bool = False,
    hub: Hub | None = None,
    progress: Callable[[str], None] | None = None,
) -> Published:
    """Make the dataset repo ``repo`` hold the built dataset in ``folder``, in one commit.

    The repo is created where there is none; files of an earlier build that this one lacks are
    deleted; files that no build put there are left alone; where nothing differs, nothing is
    committed. A commit that someone else made in the meantime stops it (ConflictError). Afterwards
    one config is downloaded and compared. ``progress`` is told each step in a few words.

    Raises InputError for a folder, name or tag that cannot be published, DataError where the folder
    is not what its manifest says, and RemoteError where the Hub refuses or fails.
    """
    tell = progress or (lambda _: None)
    _check_names(repo, tag, create_pr)
    manifest = read_manifest(folder)
    if manifest.held_back and not private:
        raise InputError(
            f"{folder}: holds the cases that are held back, which are worth nothing once they are public. Publish the "
            "public part, or keep these in a repo of your own with --private."
        )
    tell("hashing the build")
    files = local_files(folder, manifest)
    hub = hub or Hub()
    if not dry_run:
        hub.whoami()
    tell(f"comparing with {repo}")
    state = hub.state(repo, KIND, private=private)
    plan = _plan(hub, repo, state, files, dry_run)
    if tag and state and _has_tag(hub, repo, tag, state.sha, plan.changed):
        tag = None
    if dry_run:
        return replace(plan, tag=tag)
    return _carry_out(hub, plan, state, files, manifest, private=private, tag=tag, create_pr=create_pr, tell=tell)


def local_files(folder: Path, manifest: Manifest) -> dict[str, LocalFile]:
    """The files of a build by their paths, hashed; raises DataError where they are not what the manifest says."""
    problems = []
    # Folders that are links are not entered: they come up as files that the manifest does not name.
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}
    listed = {*manifest.files, FILE_NAME}
    files: dict[str, LocalFile] = {}
    for name in sorted(listed):
        path, entry = found.pop(name, None), manifest.files.get(name)
        if path is None or path.is_symlink() or not path.is_file():
            problems.append(Problem(name, "is missing" if path is None else "is not a plain file"))
            continue
        files[name] = _hashed(path)
        if entry and (files[name].size, files[name].hashes.sha256) != (entry.bytes, entry.sha256):
            problems.append(Problem(name, "is not the file that the manifest was written for"))
    problems += [Problem(name, "is not in the manifest") for name in sorted(found) if not name.startswith(_FOREIGN)]
    if problems:
        raise DataError(f"{folder} is not as it was built; build it again", problems)
    return files


def _hashed(path: Path) -> LocalFile:
    data = path.read_bytes()
    return LocalFile(path, len(data), Hashes.of(data))


def _check_names(repo: str, tag: str | None, create_pr: bool) -> None:
    if not is_repo_name(repo):
        raise InputError(f"{repo!r} is not the name of a repo; expected NAMESPACE/NAME, such as me/blind-refusal")
    if tag is not None and not _TAG.fullmatch(tag):
        raise InputError(f"{tag!r} is not a version; expected vX.Y.Z, such as v1.0.0")
    if tag and create_pr:
        raise InputError("a pull request cannot be tagged; leave out --tag, and tag the commit that merges it")


def _has_tag(hub: Hub, repo: str, tag: str, head: str, changed: bool) -> bool:
    there = hub.tags(repo, KIND).get(tag)
    if there is not None and (changed or there != head):
        raise ConflictError(
            f"{repo} has the tag {tag} already, on commit {there[:12]}, which does not hold this build; "
            "a published version does not change: choose the next one"
        )
    return there is not None


def _plan(hub: Hub, repo: str, state: RepoState | None, files: Mapping[str, LocalFile], dry_run: bool) -> Published:
    remote = hub.list_files(repo, KIND, state.sha) if state else {}
    ours = _earlier_build(hub, repo, state.sha, remote) if state else frozenset()
    added = tuple(
        name for name, file in sorted(files.items()) if name not in remote or not remote[name].is_of(file.hashes)
    )
    gone = remote.keys() - files.keys()
    return Published(
        repo=repo,
        url=f"{hub.endpoint}/datasets/{repo}",
        created=state is None,
        added=added,
        deleted=tuple(sorted(gone & ours)),
        foreign=tuple(sorted(gone - ours - {".gitattributes"})),
        size=sum(files[name].size for name in added),
        sha=state.sha if state else None,
        dry_run=dry_run,
    )


def _earlier_build(hub: Hub, repo: str, sha: str, remote: Mapping[str, RemoteFile]) -> frozenset[str]:
    """The files that the repo's own manifest lists: what an earlier publication put there.

    Whatever else is there was put there by someone, perhaps under a mistyped name, and is not ours to delete.
    """
    there = remote.get(FILE_NAME)
    if there is None or there.size > _LARGEST_MANIFEST:
        return frozenset()
    try:
        told: Any = msgspec.json.decode(hub.read_file(repo, KIND, FILE_NAME, sha))
    except (msgspec.DecodeError, UnicodeError):
        return frozenset()
    listed = told.get("files") if isinstance(told, dict) else None
    return frozenset(listed) if isinstance(listed, dict) else frozenset()


def _carry_out(
    hub: Hub,
    plan: Published,
    state: RepoState | None,
    files: Mapping[str, LocalFile],
    manifest: Manifest,
    *,
    private: bool,
    tag: str | None,
    create_pr: bool,
    tell: Callable[[str], None],
) -> Published:
    repo, sha, pr_url, checked = plan.repo, plan.sha, None, None
    if state is None:
        tell(f"creating {repo}")
        hub.ensure_repo(repo, KIND, private=private)
    if plan.changed:
        tell(f"sending {counted(len(plan.added), 'file')} ({plan.size / 1e6:.1f} MB), deleting {len(plan.deleted)}")
        done = hub.commit(
            repo,
            KIND,
            message=f"Publish the build with cases {manifest.cases_hash[:12]}",
            add={name: files[name].path for name in plan.added},
            delete=plan.deleted,
            parent=state.sha if state else None,
            create_pr=create_pr,
        )
        sha, pr_url = done.sha, done.pr_url
        tell("downloading one config again")
        checked = load_back(hub, repo, f"refs/pr/{done.pr_number}" if pr_url else sha, manifest)
    if tag and sha:
        tell(f"tagging as {tag}")
        hub.tag(repo, KIND, tag, sha)
    return replace(plan, sha=sha, pr_url=pr_url, tag=tag, checked=checked)


def load_back(hub: Hub, repo: str, revision: str, manifest: Manifest) -> str | None:
    """Download one config into an empty folder and compare it with the manifest; returns its name.

    Raises RemoteError where a file is missing, differs, or is no Parquet file of that many rows.
    """
    tables = {name: entry for name, entry in manifest.files.items() if entry.rows is not None}
    configs = list(dict.fromkeys(PurePosixPath(name).parent.as_posix() for name in tables))
    if not configs:
        return None
    wanted = f"data/{DEFAULT_CONFIG}"
    config = wanted if wanted in configs else configs[0]
    with tempfile.TemporaryDirectory(prefix="blind-refusal-") as place:
        folder, sha = hub.download_snapshot(repo, KIND, revision, [f"{config}/*"], Path(place))
        for name, entry in tables.items():
            if PurePosixPath(name).parent.as_posix() != config:
                continue
            path = folder / name
            if not path.is_file() or hash_file(path) != entry.sha256:
                raise RemoteError(f"{repo} at {sha[:12]}: {name} is not what was sent; publish it again")
            try:
                rows = pq.read_metadata(path).num_rows
            except (OSError, pa.ArrowException) as error:
                raise RemoteError(f"{repo} at {sha[:12]}: {name} cannot be read as Parquet ({error})") from error
            if rows != entry.rows:
                raise RemoteError(
                    f"{repo} at {sha[:12]}: {name} has {counted(rows, 'row')}, the manifest says {entry.rows}"
                )
    return PurePosixPath(config).name
