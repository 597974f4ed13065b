"""The one rule of how a repository is named."""

from __future__ import annotations

import pytest

from dataset_builder.hub.records import is_repo_at_revision, is_repo_name


@pytest.mark.parametrize("name", ["me/blind-refusal", "a/b", "0x/Data.set_1", "org-1/a-b.c"])
def test_a_name_that_the_hub_takes(name: str) -> None:
    assert is_repo_name(name)
    assert is_repo_at_revision(name)
    assert is_repo_at_revision(f"{name}@v1.0.0")
    assert is_repo_at_revision(f"{name}@refs/pr/3")


@pytest.mark.parametrize(
    "name",
    ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b..c", "a--b/c", ".a/b", "-a/b", "a/-b", "a/b\n", "ä/b", "a b/c"],
)
def test_a_name_that_it_does_not_take(name: str) -> None:
    assert not is_repo_name(name)
    assert not is_repo_at_revision(name)
    assert not is_repo_at_revision(f"{name}@main")


@pytest.mark.parametrize("name", ["a/b@", "a/b@x y", "a/b@main@main", "a/b@main\n"])
def test_a_revision_that_is_none(name: str) -> None:
    assert not is_repo_at_revision(name)
