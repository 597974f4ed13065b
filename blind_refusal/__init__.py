"""The benchmark from Python: evaluate a model, look at the result, compare it.

    from blind_refusal import evaluate

    result = evaluate(my_function, dataset="starter")
    print(result.summary())

In: a function, a client, a pipeline or a model's name. Out: a ``Result`` with pandas frames and pictures, made
by the same code as the command's. Each name is imported when it is first used. May import everything.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dataset_builder import __version__ as __version__

if TYPE_CHECKING:
    from blind_refusal.comparing import Comparison as Comparison
    from blind_refusal.comparing import compare as compare
    from blind_refusal.evaluating import evaluate as evaluate
    from blind_refusal.evaluating import import_answers as import_answers
    from blind_refusal.evaluating import load_run as load_run
    from blind_refusal.opening import load_dataset as load_dataset
    from blind_refusal.result import Result as Result
    from blind_refusal.tables import judge_table as judge_table
    from dataset_builder.errors import BlindRefusalError as BlindRefusalError
    from dataset_builder.errors import InputError as InputError

_PLACES = {
    "evaluate": "blind_refusal.evaluating",
    "load_run": "blind_refusal.evaluating",
    "import_answers": "blind_refusal.evaluating",
    "Result": "blind_refusal.result",
    "compare": "blind_refusal.comparing",
    "Comparison": "blind_refusal.comparing",
    "load_dataset": "blind_refusal.opening",
    "judge_table": "blind_refusal.tables",
    "BlindRefusalError": "dataset_builder.errors",
    "InputError": "dataset_builder.errors",
}
__all__ = [  # noqa: RUF022 - the names that are handed on, in the order in which they are met
    "evaluate",
    "load_run",
    "import_answers",
    "compare",
    "load_dataset",
    "judge_table",
    "Result",
    "Comparison",
    "BlindRefusalError",
    "InputError",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'blind_refusal' has no attribute {name!r}; it has {', '.join(__all__)}")
    found = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
