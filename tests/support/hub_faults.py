"""Faults that the loopback Hub commits on purpose, and the record of what it was asked."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["status", "cut", "cut_body", "hang", "late", "lost"]


@dataclass
class Fault:
    """One way to fail the next ``times`` requests whose ``METHOD path?query`` matches ``pattern``.

    status    answers with ``status`` (and ``retry_after`` seconds) without doing anything
    cut       closes the connection without doing anything
    cut_body  does it, promises the whole answer, sends half of it and closes
    hang      does nothing and keeps silent until this server ends
    late      keeps silent, and does it when the next request of the kind comes in, or when it is settled
    lost      does it, then closes the connection without an answer
    """

    pattern: str
    kind: Kind = "status"
    status: int = 503
    retry_after: str | None = None
    times: int = 1
    message: str = "made to fail"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request: who asked (None = nobody's token), and what was answered (0 = nothing)."""

    method: str
    path: str
    user: str | None
    status: int


@dataclass(frozen=True)
class Held:
    """A late request: ``go`` is set when it is to be carried out, ``done`` when it was."""

    pattern: str
    go: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


class Faults:
    """The faults still to commit, and every request so far, in order."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._waiting: list[Fault] = []
        self._held: list[Held] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, line: str) -> Fault | None:
        """The fault to commit on a request, if one is waiting for it."""
        with self._lock:
            for fault in self._waiting:
                if fault.times > 0 and re.search(fault.pattern, line):
                    fault.times -= 1
                    return fault
        return None

    def hold(self, pattern: str) -> Held:
        """Have a request wait until another one of its kind comes, or until ``settle``."""
        held = Held(pattern)
        with self._lock:
            self._held.append(held)
        return held

    def settle(self, line: str | None = None) -> None:
        """Have every late request carried out, or those of the kind of another one, and wait until they are."""
        with self._lock:
            due = [held for held in self._held if line is None or re.search(held.pattern, line)]
            self._held = [held for held in self._held if held not in due]
        for held in due:
            held.go.set()
            assert held.done.wait(60), "a late request was never carried out"

    def log(self, method: str, path: str, user: str | None, status: int) -> None:
        with self._lock:
            self.asked.append(Asked(method, path, user, status))

    def matching(self, pattern: str) -> list[Asked]:
        with self._lock:
            return [asked for asked in self.asked if re.search(pattern, f"{asked.method} {asked.path}")]
