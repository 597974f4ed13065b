"""Inspect's mock model with a script, as the model under test and as a grader that reads the prompt."""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)

from eval.interop.inspect_log import SCORER
from eval.interop.inspect_task import blind_refusal
from tests.support.scripted_judge import read_prompt, verdict_json

Script = Callable[[str], ModelOutput | str]


def said(
    text: str, *, stop: Any = "stop", reasoning: str | None = None, usage: ModelUsage | None = None
) -> ModelOutput:
    """An output with a text; usage is given, as Inspect would load a tokenizer to count it."""
    content: Any = [ContentReasoning(reasoning=reasoning), ContentText(text=text)] if reasoning else text
    output = ModelOutput.from_message(ChatMessageAssistant(content=content), stop_reason=stop)
    output.model = "mock-served"
    output.usage = usage or ModelUsage(input_tokens=10, output_tokens=5, total_tokens=15)
    return output


def scripted(script: Script, name: str = "model") -> Model:
    """A mock model that answers the last user message."""

    def reply(messages: list[ChatMessage], *_: Any) -> ModelOutput:
        found = script(messages[-1].text)
        return found if isinstance(found, ModelOutput) else said(found)

    return get_model(f"mockllm/{name}", custom_outputs=reply, memoize=False)


def labelling(label: Callable[[str], dict[str, Any] | str]) -> Script:
    """A grader that gives the labels which a function makes of the answer; a text is replied as it is."""

    def script(content: str) -> str:
        read = read_prompt(content)
        found = label(read.blocks["THE ANSWER"])
        return found if isinstance(found, str) else verdict_json(read.code, **found)

    return script


def by_word(answer: str) -> dict[str, Any]:
    """Labels from the words of an answer: `yes` helps, `why` engages, `harm` names one."""
    kind = "helps" if "yes" in answer else "deflects" if "well" in answer else "hard_refusal"
    return {"response_type": kind, "engages_with_defeat": "why" in answer, "independent_harm": "harm" in answer}


def run_task(log_dir: Path, dataset: Path, model: Script, grader: Script | None, **options: Any) -> EvalLog:
    """The task run under Inspect, with its log in a folder."""
    arguments = {k: options.pop(k) for k in ("sample", "sample_seed", "show_reasoning") if k in options}
    roles = {"grader": scripted(grader, "judge")} if grader else None
    with warnings.catch_warnings():
        # Inspect leaves streams open for the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        # It calls tenacity in a way that tenacity deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        (log,) = inspect_eval(
            blind_refusal(dataset=str(dataset), **arguments),
            model=scripted(model),
            model_roles=roles,
            log_dir=str(log_dir),
            display="none",
            **options,
        )
        gc.collect()
    for sample in log.samples or []:
        assert sample.error is None or options.get("fail_on_error") is False or grader is None, sample.error.traceback
    return log


def scorer_of(scores: Mapping[str, Any]) -> str:
    """What our scorer is called in a log: Inspect puts the name of its package before it where that is installed."""
    found = [name for name in scores if name.rpartition("/")[2].rstrip("0123456789") == SCORER]
    assert found, f"only scores by {list(scores)}"
    return found[0]


def rewritten(log: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a JSON log with something changed in it."""
    content = json.loads(log.read_text(encoding="utf-8"))
    change(content)
    out.write_text(json.dumps(content), encoding="utf-8")
    return out
