"""Killing a piece of work again and again, each time in its midst, on a fast machine as on a slow one."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable


class Sittings:
    """Sittings of one piece of work, each in a child process, killed by SIGKILL when it has got somewhere.

    ``sit`` does the work up to a mark, which each sitting finds ``step`` further on: where one is over before
    its kill, as on a machine that did not let the killer run, the next has new work to be killed in. ``size``
    says how far the work is, in any unit.
    """

    def __init__(self, sit: Callable[[int], None], size: Callable[[], int], *, step: int, seed: int) -> None:
        self.sit, self.size, self.step = sit, size, step
        self.rng = random.Random(seed)
        self.mark = 0

    def kill(self, times: int, at_most: int) -> None:
        """Kill ``times`` sittings, each after 1 to ``at_most`` more units of work, or in three of ten at its start."""
        killed = 0
        while killed < times:
            self.mark += self.step
            wanted = self.size() + self.rng.randrange(1, at_most + 1)
            child = self._fork()
            if self.rng.random() < 0.3:
                time.sleep(self.rng.uniform(0.0, 0.06))
            else:
                while self.size() < wanted and not _is_over(child):
                    time.sleep(0.0005)
            os.kill(child, signal.SIGKILL)
            killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])

    def finish(self, mark: int) -> int:
        """Let a last sitting go on to its end; its exit code."""
        self.mark = mark
        return os.waitstatus_to_exitcode(os.waitpid(self._fork(), 0)[1])

    def _fork(self) -> int:
        child = os.fork()
        if child:
            return child
        try:
            self.sit(self.mark)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)


def _is_over(child: int) -> bool:
    """Whether a child has ended; it is left to be waited for, so that its number is nobody else's."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
