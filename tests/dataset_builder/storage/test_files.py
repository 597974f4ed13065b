"""Files and folders that are written whole: killed at every step, by two processes at once, and with leftovers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dataset_builder.storage import files
from dataset_builder.storage.files import complete, is_unfinished, new_folder, write_file, write_folder
from tests.support.killed_writes import NEW, OLD

ROOT = Path(__file__).parents[3]


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def places_of_killed_writers(what: str, root: Path) -> list[Path]:
    """What was written, by how far its writer came; the last one came to its end."""
    program = ROOT / "tests" / "support" / "killed_writes.py"
    subprocess.run([sys.executable, program, what, root], cwd=ROOT, check=True)
    return [folder / "place" for folder in sorted(root.iterdir())]


@pytest.mark.parametrize("what", ["exchange", "journal"])
def test_a_folder_is_the_old_or_the_new_one_wherever_its_writer_is_killed(what: str, tmp_path: Path) -> None:
    seen = []
    for place in places_of_killed_writers(what, tmp_path):
        # After an exchange nobody has to put anything right.
        assert what == "journal" or content(place) in (OLD, NEW)
        complete(place)
        seen.append(content(place))
        write_folder(place, {"a": b"third"}, replace=True)
        assert [path.name for path in place.parent.iterdir()] == ["place"], "something was left"
        assert content(place) == {"a": b"third"}
    # First the old ones, then the new ones, and of both so many that the kills went through all of it.
    assert seen == sorted(seen, key=lambda one: one == NEW)
    assert seen.count(OLD) > 5
    assert seen.count(NEW) > 3
    assert seen.count(OLD) + seen.count(NEW) == len(seen)


def test_between_two_renames_the_journal_is_needed(tmp_path: Path) -> None:
    """So that the test above does kill where a folder is absent."""
    assert not all(place.exists() for place in places_of_killed_writers("journal", tmp_path))


def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    places = places_of_killed_writers("new", tmp_path)
    for place in places:
        assert not place.exists() or content(place) == NEW
        write_folder(place, OLD, replace=True)
        assert [path.name for path in place.parent.iterdir()] == ["place"]
    assert len(places) > 5


def test_a_file_is_the_old_or_the_new_one_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    seen = []
    for place in places_of_killed_writers("file", tmp_path):
        seen.append(place.read_bytes())
        write_file(place, b"third")
        assert [path.name for path in place.parent.iterdir()] == ["place"]
    assert set(seen) == {b"old", b"new"}


def test_what_another_process_is_writing_is_no_leftover(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    script = (
        "import sys; from pathlib import Path; from dataset_builder.storage.files import new_folder\n"
        "with new_folder(Path(sys.argv[1]), replace=True) as folder:\n"
        "    (folder / 'a').write_bytes(b'slow'); print(folder.name, flush=True); sys.stdin.readline()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdin is not None
    assert child.stdout is not None
    unfinished = tmp_path / child.stdout.readline().decode().strip()
    write_folder(place, OLD)
    assert is_unfinished(unfinished)
    assert content(unfinished) == {"a": b"slow"}
    child.communicate(b"\n")
    assert child.returncode == 0
    assert content(place) == {"a": b"slow"}
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_leftovers_of_others_stay(tmp_path: Path) -> None:
    """Only those of the same place go, and a link that is named like one is not followed."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / ".other.building-00000000").mkdir()
    (tmp_path / ".folder.building-11111111").symlink_to(tmp_path / "mine")
    (tmp_path / ".folder.building-22222222").mkdir()
    write_folder(tmp_path / "folder", NEW)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    assert (tmp_path / ".other.building-00000000").exists()
    assert not (tmp_path / ".folder.building-22222222").exists()


@pytest.mark.parametrize("journal", ["", "mine", "../elsewhere", ".folder.building-99999999"])
def test_a_journal_that_speaks_of_nothing_changes_nothing(journal: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    write_folder(tmp_path / "folder", OLD)
    (tmp_path / ".folder.replacing").write_text(journal)
    complete(tmp_path / "folder")
    assert content(tmp_path / "folder") == OLD
    assert (tmp_path / "mine").is_dir()
    assert not (tmp_path / ".folder.replacing").exists()


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_that_fails_leaves_the_old_one(
    can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    place = tmp_path / "folder"
    write_folder(place, OLD)
    with pytest.raises(FileNotFoundError), new_folder(place, replace=True) as folder:
        (folder / "a" / "b").write_bytes(b"half")
    assert content(place) == OLD
    with pytest.raises(OSError, match=r"not empty|exists"):
        write_folder(place, NEW)
    assert content(place) == OLD
    write_folder(place, NEW, replace=True)
    assert content(place) == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
