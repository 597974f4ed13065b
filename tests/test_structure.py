"""The shape of the code: which way imports run, what the command imports, what is in the wheel's packages."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORDER = ("dataset_builder", "eval", "space", "blind_refusal")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
    return names


def folder_of(name: str) -> str:
    """The folder of a dotted module name, as a path."""
    path = Path(*name.split("."))
    return (path if (ROOT / path).is_dir() else path.parent).as_posix()


def folder_order() -> list[str]:
    """The folders from the ground up, as the map in CONTRIBUTING.md lists them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| folder | what it is |")[2].partition("\n\n")[0]
    return [name for line in table.splitlines()[2:] for name in re.findall(r"`([\w/]+)`", line.split("|")[1])]


def test_the_map_lists_every_folder_once() -> None:
    there = {path.parent.relative_to(ROOT).as_posix() for package in ORDER for path in sources(package)}
    order = folder_order()
    assert sorted(order) == sorted(there)
    assert [name.split("/")[0] for name in order] == sorted(
        (name.split("/")[0] for name in order), key=lambda package: ORDER.index(package)
    )


def test_a_folder_imports_only_folders_above_it_in_the_map() -> None:
    order = folder_order()
    upward = []
    for package in ORDER:
        for path in sources(package):
            # The root of a package holds its commands by name and, for the Space, the app.
            here = path.parent.relative_to(ROOT).as_posix()
            for name in imported(path):
                if name.split(".")[0] not in ORDER:
                    continue
                there = folder_of(name)
                if order.index(there) > order.index(here):
                    upward.append(f"{path.relative_to(ROOT)} imports {name}")
    assert upward == []


def test_a_folder_is_one_domain() -> None:
    """At most 12 modules beside its face, three levels deep, and a face that says what it is."""
    for folder in folder_order():
        modules = [path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 12, f"{folder} has {len(modules)} modules: which of them are a domain of their own?"
        assert folder.count("/") <= 2, f"{folder} is more than three levels deep"
        face = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8")))
        assert face, f"{folder}/__init__.py does not say what comes in and what goes out"


def test_the_builtin_eval_is_never_hidden() -> None:
    for package in ORDER:
        for path in sources(package):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    plain = [alias.asname or alias.name for alias in node.names]
                    assert "eval" not in plain, f"{path.relative_to(ROOT)}: write 'from eval.x import y'"


def test_only_one_place_talks_to_the_hub() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ORDER
        for path in sources(package)
        if any(name.split(".")[0] == "huggingface_hub" for name in imported(path))
    }
    # Where only its data classes are used, to write a file in the Hub's format, nothing is sent.
    others = {name for name in users if not name.startswith("dataset_builder/hub/")}
    # ``secret.py`` reads the token that 'hf auth login' stored.
    assert others <= {"eval/interop/hub_yaml.py", "dataset_builder/net/secret.py"}


def test_counts_are_worded_in_one_place() -> None:
    """``counted`` and ``plural`` know that one is no plural; a message that adds an s by itself forgets it."""
    by_hand = re.compile(r"""['"]s['"] (\*|if) """)
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for package in ORDER
        for path in sources(package)
        if path.name != "wording.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if by_hand.search(line)
    ]
    assert found == []


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['blind-refusal', '--help']\n"
        "from space.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = 'pandas numpy pyarrow scipy gradio datasets huggingface_hub httpx plotly rich'.split()\n"
        "print(sorted(set(heavy) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "dataset" in done.stdout


@pytest.mark.parametrize("group", ["dataset", "eval", "board", "space"])
def test_every_command_answers_help(group: str) -> None:
    from click.testing import CliRunner

    from space.cli import command

    runner = CliRunner()
    listed = runner.invoke(command, [group, "--help"])
    assert listed.exit_code == 0, listed.output
    parent = command.get_command(None, group)  # type: ignore[arg-type]
    assert parent is not None
    for name in parent.list_commands(None):  # type: ignore[attr-defined]
        told = runner.invoke(command, [group, name, "--help"])
        assert told.exit_code == 0, f"{group} {name}: {told.output}"
        assert "Usage:" in told.output


def test_no_module_is_named_like_one_of_python() -> None:
    names = {path.stem for package in ORDER for path in sources(package)} - {"__init__", "__main__"}
    clash = names & set(sys.stdlib_module_names)
    assert clash == set()
