"""The shape of the code: which way imports run, what the command imports, what is in the wheel's packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORDER = ("dataset_builder", "eval", "space")


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


@pytest.mark.parametrize("package", ORDER)
def test_imports_run_one_way(package: str) -> None:
    above = ORDER[ORDER.index(package) + 1 :]
    for path in sources(package):
        for name in imported(path):
            assert name.split(".")[0] not in above, f"{path.relative_to(ROOT)} imports {name} from above"


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
    others = {name for name in users if not name.startswith("dataset_builder/hub")}
    assert others <= {"eval/hub_results.py"}


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['blind-refusal', '--help']\n"
        "from space.command import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = 'pandas numpy pyarrow scipy gradio datasets huggingface_hub httpx plotly rich'.split()\n"
        "print(sorted(set(heavy) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "dataset" in done.stdout


@pytest.mark.parametrize("group", ["dataset", "eval", "space"])
def test_every_command_answers_help(group: str) -> None:
    from click.testing import CliRunner

    from space.command import command

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
