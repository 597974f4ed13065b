"""What a run has come to so far: answers by status, tokens, money, and why it brought nothing where it did."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    CONTEXT_LIMIT,
    CONTROL_MARKS,
    EMPTY,
    JUDGE_OUT_OF_TOKENS,
    OK,
    PROVIDER_ERROR,
    REFUSAL_STOP,
    RESPONSE_STATUSES,
    TOOL_CALL,
    TRUNCATED,
    UNKNOWN_FINISH,
)
from dataset_builder.models.replies.thoughts import looks_leaked
from dataset_builder.models.replies.usage import Usage
from dataset_builder.models.request import NO_TEMPERATURE
from dataset_builder.wording import counted
from eval.runs.answer import Answer
from eval.runs.verdict import Verdict

if TYPE_CHECKING:
    from eval.runs.folder import RunFolder

NO_TOKENS: Final = Usage()
_SHOWN: Final = 3
# Servers count the tokens that end an answer differently.
_SLACK: Final = 16


@dataclass(slots=True)
class Tally:
    """Counts over finished requests, those of earlier sittings included where they were added."""

    statuses: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    # Answers whose tokens of reasoning the server told.
    reasoned: int = 0
    # US dollars over the answers whose cost is known, and how many those are.
    cost: float = 0.0
    priced: int = 0
    # Answers whose tokens the server did not count, so that we estimated them.
    estimated: int = 0
    # Tries that brought nothing, whose estimated tokens are counted as they are paid for.
    lost: int = 0
    attempts: int = 0

    @property
    def done(self) -> int:
        """Finished requests."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Finished requests that brought no answer."""
        return self.done - self.statuses[OK]

    def add(self, response: Answer, lost_tries: int = 0, lost: Usage = NO_TOKENS) -> None:
        """Count one finished request, with the tokens of its tries that brought nothing."""
        self.lost += lost_tries
        self.prompt_tokens += lost.prompt_tokens or 0
        self.completion_tokens += lost.completion_tokens or 0
        self.statuses[response.status] += 1
        self.attempts += response.attempts or 0
        self.prompt_tokens += response.prompt_tokens or 0
        self.completion_tokens += response.completion_tokens or 0
        self.reasoning_tokens += response.reasoning_tokens or 0
        self.reasoned += response.reasoning_tokens is not None
        self.estimated += response.tokens_estimated
        if response.cost is not None:
            self.cost += response.cost
            self.priced += 1

    def token_line(self) -> str:
        """What was sent and got, and for how many answers that is an estimate."""
        told = []
        if self.reasoned:
            told.append(f"{self.reasoning_tokens:,} of reasoning")
        if self.estimated:
            told.append(f"estimated for {counted(self.estimated, 'answer')} that the server did not count")
        if self.lost:
            told.append(f"with {counted(self.lost, 'try', 'tries')} that brought nothing, estimated")
        return f"{self.prompt_tokens:,} sent, {self.completion_tokens:,} got" + (
            f" ({'; '.join(told)})" if told else ""
        )

    def cost_line(self) -> str:
        """What was paid, and for how many answers that is known."""
        if not self.priced:
            return "cost not known"
        told = (
            ""
            if self.priced == self.done
            else f" for {self.priced:,} of {counted(self.done, 'answer')}; the rest is not known"
        )
        return f"${self.cost:,.4f}{told}"


@dataclass(slots=True)
class Verdicts:
    """Counts over the verdicts of one sitting."""

    count: int = 0
    unscored: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.count += 1
        self.cost += verdict.cost or 0.0
        if verdict.unscored_reason is not None:
            self.unscored[verdict.unscored_reason] += 1

    def without(self, reasons: Collection[str]) -> Verdicts:
        """The same but for those that were unscored for some reasons."""
        left = Counter({reason: n for reason, n in self.unscored.items() if reason not in reasons})
        return Verdicts(self.count - self.unscored.total() + left.total(), left, self.cost)

    def detail(self) -> str:
        """A few words for a progress bar."""
        return f"${self.cost:.4f}, {self.unscored.total()} unscored"

    def line(self, *, paid: bool) -> str:
        """What was given, why some are unscored, and the judge's cost if it has one."""
        reasons = "".join(f", {n:,} of them {reason}" for reason, n in sorted(self.unscored.items()))
        thinking = (
            " Where the judge ran out of tokens, it spent them on reasoning: give it more with --judge-max-tokens "
            "and --retry-errors."
            if self.unscored[JUDGE_OUT_OF_TOKENS]
            else ""
        )
        return (
            f"{counted(self.count, 'verdict')}{reasons}."
            + (f" Judge cost: ${self.cost:,.4f}." if paid else "")
            + thinking
        )


@dataclass(slots=True)
class Oddities:
    """What in a run's answers a person should look at, as it may mean something else than it seems to."""

    max_tokens: int
    finishes: Counter[str] = field(default_factory=Counter)
    marks: int = 0
    leaked: list[str] = field(default_factory=list)
    over_limit: int = 0
    no_temperature: int = 0

    def add(self, response: Answer) -> None:
        """Look at one answer."""
        if response.status == UNKNOWN_FINISH:
            self.finishes[response.finish_reason or response.native_finish_reason or "?"] += 1
        self.marks += response.status == CONTROL_MARKS
        if response.ok and looks_leaked(response.response or ""):
            self.leaked.append(response.case_id)
        self.no_temperature += NO_TEMPERATURE in response.adapted
        counted = not response.tokens_estimated and (response.completion_tokens or 0)
        self.over_limit += counted > self.max_tokens + _SLACK

    def lines(self) -> list[str]:
        """One line a kind of oddity; none where there is nothing odd."""
        found = []
        if self.finishes:
            words = ", ".join(f"{word!r} ({times:,})" for word, times in self.finishes.most_common(_SHOWN))
            found.append(f"Ended for reasons that are not known, so not judged: {words}.")
        if self.marks:
            found.append(
                f"Not judged, as marks of a chat format are left in them: {counted(self.marks, 'answer')}. "
                "Check the server's chat template and reasoning parser."
            )
        if self.leaked:
            more = ", …" if len(self.leaked) > _SHOWN else ""
            found.append(
                f"Careful: {counted(len(self.leaked), 'answer')} judged as such but like reasoning, for example "
                f"{', '.join(self.leaked[:_SHOWN])}{more}. Read some; a server's reasoning parser sets such text apart."
            )
        if self.no_temperature:
            found.append(
                f"Sent without a temperature, which the server refuses: {counted(self.no_temperature, 'request')}."
            )
        if self.over_limit:
            found.append(
                f"Careful: {counted(self.over_limit, 'answer')} longer than --max-tokens {self.max_tokens:,}; "
                "the server did not keep to it."
            )
        return found


def oddities_of(run: RunFolder) -> Oddities:
    """What is odd in the answers of a run that count."""
    found = Oddities(run.settings.token_limit)
    for response in run.answers.values():
        found.add(response)
    return found


def statuses_line(statuses: Mapping[str, int], expected: int, epochs: int = 1) -> str:
    """One line that accounts for every case, for example ``24 cases: 22 ok, 1 truncated_answer, 1 not collected``.

    Of several epochs it accounts for every answer that was to come.
    """
    parts = [f"{statuses[s]:,} {s}" for s in RESPONSE_STATUSES if statuses.get(s)]
    missing = expected - sum(statuses.values())
    if missing:
        parts.append(f"{missing:,} not collected")
    return f"{counted(expected, 'answer' if epochs > 1 else 'case')}: {', '.join(parts) or 'none'}"


# A run that brought nothing: why, and what helps.


# Of a server's error; all of it stands in the run.
_MOST_CHARACTERS: Final = 200
_FITS: Final = re.compile(r"--max-tokens \d+")

# One way out for each status of a case without a whole answer.
WAYS_OUT: Final = {
    PROVIDER_ERROR: "mend what the server says, then the same command with --retry-errors",
    CONTENT_FILTER: "another provider of the same model, whose filter lets these requests through",
    REFUSAL_STOP: "another provider of the same model, without the classifier that stops these requests",
    EMPTY: "the same command with --retry-errors; if it stays so, check the server's chat template",
    TRUNCATED: "a new run with a higher --max-tokens",
    UNKNOWN_FINISH: "the same command with --retry-errors",
    TOOL_CALL: "switch off tools on the server, then a new run",
    CONTROL_MARKS: "check the server's chat template and reasoning parser, then a new run",
    CONTEXT_LIMIT: "a new run with a lower --max-tokens, or a model with a longer context",
}


def why_all_failed(run: RunFolder) -> list[str]:
    """Where a run has been asked and no case of it has a whole answer: the most frequent reasons, a way out each.

    Empty for any other run.
    """
    answers = run.answers.values()
    if not answers or any(answer.ok for answer in answers):
        return []
    times = Counter((answer.status, _short(answer.error)) for answer in answers)
    errors = {(answer.status, _short(answer.error)): answer.error or "" for answer in answers}
    told = [f"{run.path}: no whole answer to any of {counted(len(answers), 'case')}, so there is nothing to score."]
    for (status, error), n in times.most_common(_SHOWN):
        what = f"{status} ({error})" if error else status
        told.append(f"  {counted(n, 'time')} {what}. What helps: {_way_out(status, errors[status, error])}.")
    if len(times) > _SHOWN:
        told.append(f"  and {counted(len(times) - _SHOWN, 'other reason')}; each stands in the run's responses.jsonl.")
    return told


def nothing_to_judge(runs: Sequence[RunFolder]) -> list[str]:
    """Why there is nothing to judge or score in a run or its epochs: no answers, or failures alone; else empty."""
    told = [
        why_all_failed(run)
        if run.answers
        else [f"{run.path}: holds no answers yet. The command that made it goes on with it."]
        for run in runs
    ]
    return [line for lines in told for line in lines] if all(told) else []


def _way_out(status: str, error: str) -> str:
    """What helps, with the number of tokens where the error names one that fits."""
    fits = _FITS.search(error) if status == CONTEXT_LIMIT else None
    return f"a new run with {fits[0]}, or a model with a longer context" if fits else WAYS_OUT[status]


def _short(error: str | None) -> str:
    line = " ".join((error or "").split()).rstrip(".")
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} …"
