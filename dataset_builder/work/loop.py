"""Running a coroutine to its end, also where an event loop runs already, as it does in a notebook."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the coroutine that ``make`` makes; raises what it raises.

    Where this thread runs an event loop, which cannot be entered twice, the coroutine runs in a thread of its
    own while this one waits. Whoever interrupts the waiting (Ctrl-C, "stop" in a notebook) ends the coroutine.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    found: list[T] = []
    failed: list[BaseException] = []
    started = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def observed() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type
        running.append((asyncio.get_running_loop(), task))
        started.set()
        return await make()

    def work() -> None:
        try:
            found.append(asyncio.run(observed()))
        except BaseException as error:
            failed.append(error)
        finally:
            started.set()

    # A notebook finds the cell that output belongs to by its context.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="blind-refusal")
    thread.start()
    try:
        thread.join()
    except BaseException:
        started.wait()
        for loop, task in running:
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if failed:
        raise failed[0]
    return found[0]
