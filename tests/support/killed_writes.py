"""Replaces a folder or file over and over, killed each time one step later; run by its path, as its own process.

Arguments: what to do, and a folder for one folder a step, each with what stands there when its writer is dead. The
last of them is that of a writer that came to its end. A step is anything that Python does to the file system:
making, opening, renaming, removing; the kill comes just before it.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path

from dataset_builder.storage import files

OLD, NEW = {"a": b"old", "gone": b"old"}, {"a": b"new", "b/c": b"new"}
_STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")


def write(what: str, place: Path, last: int) -> None:
    done = 0

    def step(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal done
        if event in _STEPS and any(isinstance(one, str | Path) and str(place.parent) in str(one) for one in arguments):
            if done == last:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1

    if what == "journal":
        # As on a system that cannot exchange two names.
        files._exchange = lambda first, second: False
    sys.addaudithook(step)
    if what == "file":
        files.write_file(place, b"new")
    else:
        files.write_folder(place, NEW, replace=what != "new")


def main() -> None:
    what, root = sys.argv[1], Path(sys.argv[2])
    for step in range(200):
        place = root / f"{step:03}" / "place"
        if what == "file":
            files.write_file(place, b"old")
        elif what == "new":
            place.parent.mkdir(parents=True)
        else:
            files.write_folder(place, OLD)
        child = os.fork()
        if not child:
            try:
                write(what, place, step)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            sys.exit(code)
    sys.exit("it never came to its end")


if __name__ == "__main__":
    main()
