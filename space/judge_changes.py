"""The judges and what changed in each of their versions, newest first; shown on the method page."""

from __future__ import annotations

from typing import Final, NamedTuple


class JudgeChange(NamedTuple):
    """A version of a judge's rubric or weights, and what is new in it."""

    judge: str
    version: str
    what: str


# A change of the rubric's text, of the prompt's layout or of the weights is a new version, and belongs here.
JUDGE_CHANGES: Final = (
    JudgeChange(
        "embedded",
        "named by its weights",
        "First version: trained on the study's verdicts, runs offline; harm is experimental.",
    ),
    JudgeChange(
        "heldout",
        "named by its verdicts",
        "First version: the study's answers by weights that saw none of that family's, to check the judge above.",
    ),
    JudgeChange("model:…", "1", "First version of our own rubric, with structured output and hostile text fenced off."),
    JudgeChange(
        "cascade:…", "1", "First version: the embedded judge where it is sure, the model judge for everything else."
    ),
    JudgeChange("human:…", "1", "First version: people's labels from a sheet that 'eval judge' writes."),
    JudgeChange("gpt-5.4-2026-03-05", "published", "The study's own judge; its verdicts came with the dataset."),
)
