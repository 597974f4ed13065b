"""What a user's name for a repository means, in every option that takes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.errors import InputError
from dataset_builder.hub.naming import NamedRepo, repo_meant


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("acme/results", NamedRepo("acme/results", None)),
        ("acme/results@v1.0.0", NamedRepo("acme/results", "v1.0.0")),
        ("hf://acme/results", NamedRepo("acme/results", None)),
        ("hf://datasets/acme/results@main", NamedRepo("acme/results", "main")),
        # There is a folder build with nothing in it, and one build/there.
        ("build/results", None),
        ("build/there", None),
        ("build/results@main", NamedRepo("build/results", "main")),
        ("hf://build/there", NamedRepo("build/there", None)),
        # No such folder, and where runs are put.
        ("runs/mine", None),
        ("hf://runs/mine", NamedRepo("runs/mine", None)),
        ("results", None),
        ("./acme/results", None),
        ("/acme/results", None),
        ("a/b/c", None),
    ],
)
def test_a_folder_or_a_repository(
    spec: str, meant: NamedRepo | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build" / "there").mkdir(parents=True)
    assert repo_meant(spec) == meant


@pytest.mark.parametrize("spec", ["hf://", "hf://name", "hf://a/b/c", "hf://a/b@"])
def test_an_address_that_names_none(spec: str) -> None:
    with pytest.raises(InputError, match="names no repository; expected hf://NAMESPACE/NAME"):
        repo_meant(spec)
