"""What supports a row beside the judge that it is ranked by: who did what, and what came of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from dataset_builder.wording import counted
from eval.runs.fields import Count, Line, Part

Kind = Literal["offline judge", "model judge", "people", "worker", "dataset"]
OFFLINE: Final = "offline judge"
MODEL: Final = "model judge"
PEOPLE: Final = "people"
WORKER: Final = "worker"
DATASET: Final = "dataset"
# Fewer answers than this bear out nothing: of 50, a second judge that agrees with the embedded one on half is found
# out 94 times in a hundred.
ENOUGH_ANSWERS: Final = 50
Share = Annotated[float, Meta(ge=0, le=1)]


class Evidence(Part, frozen=True, kw_only=True):
    """One thing that the maintainers did to test a submission, apart from the judge that ranks it.

    ``agreement`` and ``allowed`` are shares of answers: those to which a second judge gives the same response type,
    and the least that the two judges' measured errors allow. ``gain`` is by how much the discrimination is higher by
    the ranking judge than by the second on these answers, and ``gain_allowed`` the most that the ranking judge's
    measured error allows. All are null for what compares nothing.
    """

    kind: Kind
    # The judge, the file of people's labels, the worker, or the dataset.
    by: Line
    rubric: Line | None = None
    # Answers that both judges scored.
    n: Count = 0
    agreement: Share | None = None
    allowed: Share | None = None
    gain: float | None = None
    gain_allowed: float | None = None

    @property
    def contradicts(self) -> bool:
        """Whether it says something else than the ranking judge, by more than their errors allow."""
        if self.gain is not None and self.gain_allowed is not None and self.gain > self.gain_allowed:
            return True
        return self.agreement is not None and self.allowed is not None and self.agreement < self.allowed

    @property
    def supports(self) -> bool:
        """Whether it bears out what the ranking judge says, or whose the answers are."""
        if self.kind in (WORKER, DATASET):
            return True
        return self.agreement is not None and self.n >= ENOUGH_ANSWERS and not self.contradicts

    def in_words(self) -> str:
        """What was done and by whom, in a few words."""
        if self.kind == WORKER:
            return f"the maintainers' own worker ({self.by}) asked the model"
        if self.kind == DATASET:
            return f"the answers came with {self.by}, not from a submitter"
        who = "people labelled" if self.kind == PEOPLE else f"the maintainers' {self.kind} {self.by} judged"
        if self.agreement is None or self.allowed is None:
            return f"{who} none of the answers that were ranked"
        told = f"{who} {counted(self.n, 'answer')} and agrees on {100 * self.agreement:.1f} %"
        if self.kind == PEOPLE:
            told = f"people labelled {counted(self.n, 'answer')} ({self.by}) and agree on {100 * self.agreement:.1f} %"
        if self.gain is not None and self.gain_allowed is not None and self.gain > self.gain_allowed:
            return (
                f"{told}; the discrimination is {100 * self.gain:.1f} points lower by it, and the ranking judge's "
                f"error allows {100 * self.gain_allowed:.1f}: a contradiction"
            )
        if self.contradicts:
            return f"{told}, less than the {100 * self.allowed:.1f} % that the judges' errors allow: a contradiction"
        if self.n < ENOUGH_ANSWERS:
            return f"{told}, which is too few to bear anything out (at least {ENOUGH_ANSWERS})"
        return f"{told}; the judges' errors allow {100 * self.allowed:.1f} %"
