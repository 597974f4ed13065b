"""What every judge is: a name, a rubric version, and a verdict for each answer it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import Case
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.request import ChatRequest
from dataset_builder.work.asking import Prompt, Reply, Try
from dataset_builder.work.choice import ModelChoice
from eval.runs.answer import Answer
from eval.runs.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class JudgeTask(NamedTuple):
    """One answer to judge, with the case that it answers. The answer is there: its status is ``ok``."""

    case: Case
    response: Answer


class Exchange(NamedTuple):
    """An answer's text with the case that it answers."""

    case: Case
    text: str


class Probabilities(NamedTuple):
    """Calibrated: of help, a deflection and a hard refusal, shape (items, 3), and of a yes to the others, (items,)."""

    response_type: NDArray[np.float64]
    engages_with_defeat: NDArray[np.float64]
    independent_harm: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What a user may say about a judge on the command line, beside its name."""

    dataset: OpenedDataset
    # The model of the run that is judged, as the run names it.
    model: str = ""
    # Where that run is.
    run: Path | None = None
    # The answers of that run that count, by case.
    answers: Mapping[str, Answer] | None = None
    # Where a model judge asks, and within which limits.
    choice: ModelChoice = field(default_factory=ModelChoice)
    # Whether a model judge sees the reasoning text beside the answer.
    show_reasoning: bool = False
    # For a cascade: the agreement with the study that the offline part is to keep, of 1.
    offline_floor: float | None = None
    # Most tokens of a model judge's reply; None for its own choice.
    max_tokens: int | None = None
    # Whether a council may have a judge of the same developer as the model that answered.
    own_developer: bool = False
    # Whether people's labels that match no answer are left out, rather than an error.
    partial: bool = False


@runtime_checkable
class OfflineJudge(Protocol):
    """What a judge that asks nobody and reads whatever it is shown also has; it costs nothing.

    ``part_rows`` is how many rows of a table it labels before they are kept; None for the usual number.
    """

    part_rows: int | None

    def read(self, items: Sequence[Exchange], *, explain: bool = True) -> tuple[list[Verdict], Probabilities]:
        """Verdicts on the answers, in order, and their probabilities; with ``explain`` the verdicts say why."""
        ...


@runtime_checkable
class PaidJudge(Protocol):
    """What a judge that asks a model also has, for an estimate; its settings hold ``max_tokens``."""

    def request_chars(self, task: JudgeTask) -> int:
        """Characters of the request that a task takes."""
        ...


@runtime_checkable
class QueuedJudge(Protocol):
    """What a judge that can be asked through a batch queue also has."""

    async def decided(self, tasks: Sequence[JudgeTask]) -> tuple[list[Verdict], list[JudgeTask]]:
        """The verdicts that need nobody to be asked, and the tasks that are left to ask about."""
        ...

    def prompt_of(self, task: JudgeTask, complaint: str | None) -> Prompt:
        """The question about an answer, with what was wrong with an earlier reply."""
        ...

    def request_of(self, prompt: Prompt) -> ChatRequest:
        """What is sent for it."""
        ...

    def reading(self, code: str, reply: ChatAnswer) -> Try[Any]:
        """What a reply to the prompt with that code came to."""
        ...

    def verdict_of(self, case_id: str, response_hash: str, reply: Reply[Any]) -> Verdict:
        """The verdict on an answer, from what became of the question about it."""
        ...


class Judge(Protocol):
    """A judge, made by the ``make(argument, options)`` of its file."""

    # As verdicts carry it: `embedded`, `model:ID`, `cascade:ID`, `published`, `human:NAME`.
    name: str
    # Version of the rubric or of the weights: with the name it keys the verdicts.
    rubric: str
    # What else decides its verdicts; kept in run.json and never mixed.
    settings: dict[str, Any]
    # How many answers it wants at once.
    batch_size: int

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """One verdict for each task, in order, with this judge's name and rubric.

        An answer that it cannot judge gets a verdict with ``unscored_reason``. Raises RemoteError
        where no further call can succeed.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and the like."""
        ...
