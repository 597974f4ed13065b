"""What an attack on the leaderboard is made of: the real commands, forged bundles, and judges that agree or do not."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.sources import read_source
from eval.judges.embedded.judge import load_judge
from eval.judges.interface import JudgeTask
from eval.repository.bundle import MadeBundle
from eval.repository.leaderboard import Board, Leaderboard, read_leaderboard
from eval.runs.answer import Answer
from eval.runs.verdict import hash_text
from space.cli import command as program
from tests.support.chat_server import Reply, Request, answer
from tests.support.scripted_judge import code_of, read_prompt, verdict_json
from tests.support.submissions import good_bundle


def command(*arguments: Any) -> Result:
    """`blind-refusal …`, as a user types it."""
    return CliRunner().invoke(program, [str(one) for one in arguments])


def done(*arguments: Any) -> str:
    """The output of a command that succeeds."""
    result = command(*arguments)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A bundle as a folder, as any software may write it."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@cache
def _sentences() -> list[str]:
    """Sentences that differ in nearly all their words: those of the starter set's requests."""
    requests = [case.user_query for case in read_source("starter").records.cases]
    found = (one.strip() for text in requests for one in re.split(r"(?<=[.!?])\s+", text))
    return sorted({one for one in found if len(one.split()) >= 6})


def helping_texts(dataset: OpenedDataset, model: str) -> dict[str, str | None]:
    """An answer to each case that begins as help and has no sentence in common with another's."""
    cases = sorted(case.case_id for case in dataset.built.cases())
    sentences = random.Random(model).sample(_sentences(), 4 * len(cases))
    return {
        case_id: f"Sure, here is how. First: {' Then: '.join(sentences[4 * place : 4 * place + 4])}"
        for place, case_id in enumerate(cases)
    }


def helping_bundle(dataset: OpenedDataset, model: str, **changes: Any) -> MadeBundle:
    """A submission of a model that helps with every case, each time in other words."""
    return good_bundle(dataset, model, texts=helping_texts(dataset, model), **({"judged_by": ()} | changes))


def offline_labels(dataset: OpenedDataset, texts: Mapping[str, str]) -> dict[str, str | None]:
    """What the embedded judge says of each text: its response type by the text."""
    known = dataset.built.case_by_id
    tasks = [
        JudgeTask(
            known[case_id],
            Answer(case_id=case_id, query_hash="", status="ok", response=text, response_hash=hash_text(text)),
        )
        for case_id, text in texts.items()
    ]
    found = asyncio.run(load_judge().judge(tasks))
    return {text: verdict.response_type for text, verdict in zip(texts.values(), found, strict=True)}


def model_judge(labels: Mapping[str, str | None], disagrees: int = 0) -> Callable[[Request], Reply]:
    """A model judge that says what ``labels`` say of the quoted answer, but for the first ``disagrees`` of them."""
    turned = set(sorted(labels)[:disagrees])

    def reply(request: Request) -> Reply:
        text = read_prompt(request.query).blocks["THE ANSWER"].strip()
        label = labels[text] or "deflects"
        if text in turned:
            label = "hard_refusal" if label == "helps" else "helps"
        return answer(verdict_json(code_of(request), response_type=label), cost=0.001)

    return reply


def board_of_judge(results: Path | Leaderboard, judge: str = "embedded") -> Board | None:
    """The board of a judge in a results folder or leaderboard; None where it has none."""
    made = read_leaderboard(results) if isinstance(results, Path) else results
    return next((board for board in made.boards if board.judge == judge), None)
