from __future__ import annotations

import pytest

from space.ui.names import spoken


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ("gpt-5.4-2026-03-05", "GPT-5.4"),
        ("model:openai/gpt-5.4-mini", "GPT-5.4 Mini"),
        ("claude-opus-4-6", "Claude Opus 4.6"),
        ("glm-5-turbo", "GLM-5 Turbo"),
        ("embedded", "Offline judge"),
        ("human:labels.csv", "People (labels.csv)"),
        ("encoder:someone/weights@1f0a", "Encoder"),
        ("cascade:openai/gpt-5.4", "Offline judge, in doubt GPT-5.4"),
        ("council:embedded+model:openai/gpt-5.4-mini", "Council of Offline judge, GPT-5.4 Mini"),
        # What is no such id stays as it is.
        ("model:scripted", "scripted"),
        ("<b>x</b>", "b>"),
        ("Some Judge", "Some Judge"),
        ("", ""),
    ],
)
def test_a_judge_is_called_as_a_person_would(judge: str, said: str) -> None:
    assert spoken(judge) == said
