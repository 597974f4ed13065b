"""A Python function as a model: of a caller's own, or ``python:FILE.py:NAME``, which is loaded from its file."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.in_process.answers import answer_of_text, failed, messages_of
from dataset_builder.models.request import ChatRequest

# What a request says of sampling that a function may ask for, by the names of its parameters.
_SETTINGS: Final = ("seed", "temperature", "max_tokens")


class Function:
    """A function of the request, plain or async; in ``threads`` where several may run at once.

    It gets the request's text, or its messages where its first parameter is called ``messages``; and what the run says
    of sampling where it has further parameters of these names.
    """

    def __init__(self, function: Callable[..., Any], *, threads: bool) -> None:
        names = _parameters(function)
        self._function = function
        self._messages = names[:1] == ["messages"]
        self._settings = [name for name in _SETTINGS if name in names[1:]]
        self._threads = threads

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """What the function returns; an exception of it is an answer that failed."""
        asked: Any = messages_of(request) if self._messages else request.messages[-1].content
        more = {name: getattr(request, name) for name in self._settings}
        try:
            if self._threads:
                given = await asyncio.to_thread(self._function, asked, **more)
            else:
                given = self._function(asked, **more)
            if inspect.isawaitable(given):
                given = await elsewhere(given)
        except Exception as error:
            return failed(error)
        if not isinstance(given, str) and given is not None:
            return failed(TypeError(f"the function returned a {type(given).__name__}; expected the answer, a string"))
        return answer_of_text(given or "", request)


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def function_in(path: Path, name: str) -> Callable[..., Any]:
    """A function of a file, which is run for it. Raises InputError where the file fails or has no such function."""
    title = f"blind_refusal_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(title, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: is no file of Python. Expected python:FILE.py:NAME.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module
    # What stands beside it may be imported, as for a script.
    sys.path.append(str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path}: cannot be run ({type(error).__name__}: {error}).") from None
    finally:
        sys.path.pop()
    found = getattr(module, name, None)
    if not callable(found):
        there = ", ".join(n for n, one in vars(module).items() if inspect.isfunction(one) and n[0] != "_") or "none"
        raise InputError(f"{path}: has no function {name!r}; it has: {there}.")
    return found  # type: ignore[no-any-return]


@cache
def lasting_loop() -> asyncio.AbstractEventLoop:
    """The event loop in which everything of the caller's is awaited, in a thread that ends with the process.

    A client keeps its connections to a loop; were there a new one for each evaluation, the second would find
    them dead.
    """
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="blind-refusal-async", daemon=True).start()
    return loop


async def elsewhere(awaitable: Awaitable[Any]) -> Any:
    """What an awaitable of the caller's comes to, awaited in the loop that lasts."""

    async def wait() -> Any:
        return await awaitable

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(wait(), lasting_loop()))
