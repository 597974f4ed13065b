"""Every command that a message, a page, a docstring or a document names exists, with the options that it names."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dataset_builder.cli import LazyGroup
from space.cli import command

ROOT = Path(__file__).resolve().parents[1]
GROUPS = "dataset|eval|board|space"
# The whole name anywhere, or a group's command in quotes.
_NAMED = re.compile(rf"blind-refusal ((?:{GROUPS}|demo)\b[^\n`'\"|#]*)|[`']((?:{GROUPS}) [a-z-]+[^\n`'\"|#]*)")


def documents() -> Iterator[Path]:
    for package in ("dataset_builder", "eval", "space", "blind_refusal", "benchmarks"):
        for ending in ("py", "j2", "md"):
            yield from (ROOT / package).rglob(f"*.{ending}")
    yield from (ROOT / "docs").rglob("*.md")
    yield from (ROOT / "docs").rglob("*.ipynb")
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "DATASET_CARD.md", "Makefile"))
    for folder in (".github", ".ci"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file())


def found_in(text: str) -> Iterator[tuple[int, str]]:
    """Each command that a text names, with its line."""
    for found in _NAMED.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, (found[1] or found[2]).strip()


def what_is_wrong(named: str) -> str | None:
    """Why there is no such command, or no such option; None where all is there."""
    words = re.split(r"\s+", named)
    here: click.Command = command
    while words and isinstance(here, LazyGroup):
        name = words[0].strip(".,:;()")
        if not re.fullmatch(r"[a-z-]+", name):
            # ``blind-refusal eval …`` is the group.
            return None
        both = f"{name} {words[1]}" if len(words) > 1 else name
        name = both if both in here.targets else name
        del words[: len(name.split())]
        found = here.get_command(click.Context(here, info_name=""), name)
        if found is None:
            return f"no command {name!r}"
        here = found
    # Another command may be named in the same breath.
    rest = re.split(rf" (?:{GROUPS}) [a-z]", " ".join(words))[0]
    known = {option for param in here.params for option in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
    unknown = sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)) - known)
    return f"no option {', '.join(unknown)}" if unknown else None


def test_what_is_named_exists() -> None:
    wrong, seen = [], 0
    for path in documents():
        for line, named in found_in(path.read_text(encoding="utf-8")):
            seen += 1
            if why := what_is_wrong(named):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {named}: {why}")
    assert seen > 150
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("run 'blind-refusal eval scores RUN'", "no command 'scores'"),
        ("as `dataset check DIR --fix` does", "no option --fix"),
        ("as `blind-refusal eval score RUN --full` does", None),
        ("`blind-refusal eval …`", None),
    ],
)
def test_the_search_sees_what_is_wrong(text: str, why: str | None) -> None:
    ((_, named),) = found_in(text)
    assert what_is_wrong(named) == why


def test_the_guide_lists_every_command_of_each_group() -> None:
    text = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    for group in GROUPS.split("|"):
        found = command.get_command(click.Context(command), group)
        assert isinstance(found, LazyGroup)
        (row,) = re.findall(rf"^\| `{group}` \|[^|]*\|(.*)\|$", text, re.MULTILINE)
        assert re.findall(r"`([a-z-]+)`", row) == list(found.targets)


def test_commands_that_are_imported_by_name_are_there() -> None:
    seen = 0
    for path in documents():
        if path.suffix != ".py":
            continue
        for module, name in re.findall(r'"([a-z_.]+\.commands\.[a-z_.]+):(\w+)"', path.read_text(encoding="utf-8")):
            seen += 1
            assert isinstance(getattr(importlib.import_module(module), name), click.Command), f"{path}: {module}:{name}"
    assert seen > 3
