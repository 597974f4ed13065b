"""Deploying the Space: what differs from the Hub's newest commit, sent in one commit, and its variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dataset_builder.errors import InputError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.naming import without_scheme
from dataset_builder.hub.records import RepoState, is_repo_at_revision, is_repo_name
from dataset_builder.wording import counted
from space.hosting.serve import DATASET, RESULTS
from space.hosting.stage import PACKAGES, SDK, stage

KIND: Final = "space"
# Below these every file is ours: what an earlier version staged there and this one does not is deleted.
_OURS: Final = tuple(f"{package}/" for package in PACKAGES)


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment did, or (``dry_run``) would do."""

    repo: str
    url: str
    created: bool
    added: tuple[str, ...]
    deleted: tuple[str, ...]
    variables: tuple[str, ...]
    """Variables that were set, as ``NAME=VALUE``; an emptied one ends with the sign."""
    size: int
    sha: str | None = None
    dry_run: bool = False

    @property
    def changed(self) -> bool:
        """Whether the Space's files differ from the staged ones."""
        return bool(self.added or self.deleted)


def deploy(
    repo: str,
    *,
    dataset: str | None = None,
    results: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    hub: Hub | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Deployed:
    """Make the Space ``repo`` serve a dataset and results repository with these packages.

    It is created where there is none; where nothing differs, nothing is sent. A commit that someone
    else made in the meantime stops it (ConflictError). No token is put into the Space: for private
    data, give it a secret HF_TOKEN in its settings.

    Raises InputError for a name that is none, and RemoteError where the Hub refuses or fails.
    """
    dataset, results = (value if value is None else without_scheme(value) for value in (dataset, results))
    _check(repo, dataset, results)
    progress("staging the Space")
    hub = hub or Hub()
    files = stage(dataset=dataset, url=f"{hub.endpoint}/spaces/{repo}")
    if not dry_run:
        hub.whoami()
    progress(f"comparing with {repo}")
    state = hub.state(repo, KIND, private=private)
    remote = hub.list_files(repo, KIND, state.sha) if state else {}
    wanted = {DATASET: dataset or "", RESULTS: results or ""}
    there = hub.variables(repo) if state and not (dry_run and not _can_see(hub)) else {}
    variables = {name: value for name, value in wanted.items() if there.get(name, "") != value}
    added = tuple(name for name, content in files.items() if name not in remote or not remote[name].holds(content))
    plan = Deployed(
        repo=repo,
        url=f"{hub.endpoint}/spaces/{repo}",
        created=state is None,
        added=added,
        deleted=tuple(sorted(name for name in remote.keys() - files.keys() if name.startswith(_OURS))),
        variables=tuple(f"{name}={value}" for name, value in variables.items()),
        size=sum(len(files[name]) for name in added),
        sha=state.sha if state else None,
        dry_run=dry_run,
    )
    return plan if dry_run else _carry_out(hub, plan, state, files, variables, private, progress)


def _carry_out(
    hub: Hub,
    plan: Deployed,
    state: RepoState | None,
    files: Mapping[str, bytes],
    variables: Mapping[str, str],
    private: bool,
    progress: Callable[[str], None],
) -> Deployed:
    if state is None:
        progress(f"creating {plan.repo}")
        hub.ensure_repo(plan.repo, KIND, private=private, sdk=SDK)
    # Before the commit, so that what the commit starts has them.
    for name, value in variables.items():
        progress(f"setting {name}")
        hub.set_variable(plan.repo, name, value)
    sha = plan.sha
    if plan.changed:
        progress(f"sending {counted(len(plan.added), 'file')} ({plan.size / 1e6:.1f} MB), deleting {len(plan.deleted)}")
        sha = hub.commit(
            plan.repo,
            KIND,
            message="Deploy the Space",
            add={name: files[name] for name in plan.added},
            delete=plan.deleted,
            parent=state.sha if state else None,
        ).sha
    return replace(plan, sha=sha)


def _can_see(hub: Hub) -> bool:
    """Whether there is an account: variables are for those who may write."""
    from dataset_builder.errors import RemoteError

    try:
        hub.whoami()
    except RemoteError:
        return False
    return True


def _check(repo: str, dataset: str | None, results: str | None) -> None:
    if not is_repo_name(repo):
        raise InputError(f"{repo!r} is not the name of a Space; expected NAMESPACE/NAME, such as me/blind-refusal")
    for option, value in (("--dataset", dataset), ("--results", results)):
        if value is not None and not is_repo_at_revision(value):
            raise InputError(
                f"{option} {value}: expected NAMESPACE/NAME[@REVISION] on the Hub; a Space cannot read this machine's "
                "folders. Publish the dataset with 'blind-refusal dataset publish' first"
            )
