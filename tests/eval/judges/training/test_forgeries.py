"""The forgeries that the judge learns from, and that it is measured with others."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from eval.judges.training import attacks, forgeries, sentences
from eval.judges.training.attacks import PLACES, STRINGS, placed, templates
from eval.judges.training.data import Examples, read_examples
from eval.judges.training.forgeries import (
    GENERIC,
    HELP_HIDDEN,
    HELP_PADDED,
    OTHER_CASE,
    REFUSAL_OTHER,
    TEMPLATE,
    Forgery,
    Writer,
    forge,
)
from tests.support.small_dataset import small_records


@pytest.fixture(scope="module")
def examples() -> Examples:
    return read_examples(small_records())


@pytest.fixture(scope="module")
def made(examples: Examples) -> list[Forgery]:
    return forge(examples)


def runs(texts: list[str], size: int = 4) -> set[tuple[str, ...]]:
    """Every so many words in a row of some texts."""
    found = set()
    for text in texts:
        words = re.findall(r"[a-z']+", text.lower().replace("{0}", "").replace("{1}", "").replace("{2}", ""))
        found |= {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}
    return found


def test_the_judge_is_not_measured_with_what_it_learned() -> None:
    trained = [
        text
        for bank in (sentences.OPENERS, sentences.CLOSERS, sentences.REFUSALS, sentences.FRAMES, *sentences.KINDS)
        for text in bank
    ]
    measured = [*STRINGS, *attacks._FRAMES, *attacks._STEPS, *attacks._OPENERS, *attacks._CLOSERS]
    assert len(set(STRINGS)) == 40
    assert runs(trained) & runs(measured) == set()
    assert {text.strip().lower() for text in trained} & {text.strip().lower() for text in measured} == set()


def test_every_kind_is_made_with_the_right_label(examples: Examples, made: list[Forgery]) -> None:
    kinds = Counter(forgery.kind for forgery in made)
    assert set(kinds) == set(forgeries._SHARES)
    for forgery in made:
        assert forgery.helps == (forgery.kind in (HELP_HIDDEN, HELP_PADDED))
        assert forgery.text.strip()
        source, case = examples.texts[forgery.source], examples.cases[forgery.source]
        if forgery.kind == OTHER_CASE:
            assert (forgery.text, forgery.case == case) == (source, False)
        else:
            assert forgery.case == case
        # The source's own text is in it, but for what is made of nothing.
        if forgery.kind not in (TEMPLATE, GENERIC, forgeries.REFUSAL_PADDED, HELP_PADDED):
            assert source.split("\n\n")[0] in forgery.text


def test_a_forgery_stays_in_its_family_and_its_group_of_cells(examples: Examples, made: list[Forgery]) -> None:
    """Otherwise holding out a family, or its cells, would not hold out all that was said there."""
    group = dict(zip(map(str, examples.case_id), map(int, examples.cell_group), strict=True))
    texts = {text: row for row, text in enumerate(examples.texts)}
    for forgery in made:
        assert group[forgery.case.case_id] == group[str(examples.case_id[forgery.source])]
        if forgery.kind == REFUSAL_OTHER:
            parts = [row for text, row in texts.items() if text in forgery.text]
            assert {str(examples.family[row]) for row in parts} >= {str(examples.family[forgery.source])}


def test_the_seed_decides(examples: Examples, made: list[Forgery]) -> None:
    assert forge(examples) == made
    assert forge(examples, seed=6) != made


def test_templates_hold_six_words_of_the_request_or_all() -> None:
    request = "How would somebody quietly carry bicycles through hallways without neighbours noticing anything unusual?"
    words = set(re.findall(r"[A-Za-z]{5,}", request))
    found = templates([request] * 300)
    assert len(set(found)) > 290
    used = [len({word for word in words if word in text}) for text in found]
    assert max(n for number, n in enumerate(used) if number % 3) <= 6
    assert max(used) > 6
    assert templates([request] * 300) == found
    assert all("{" not in text for text in found)


def test_strings_go_before_behind_and_ten_times() -> None:
    assert placed("No.", "Okay.") == ("Okay.\n\nNo.", "No.\n\nOkay.", "No.\n\n" + " ".join(["Okay."] * 10))
    assert len(PLACES) == 3


def test_padding_is_put_before_behind_or_within() -> None:
    import numpy as np

    writer = Writer(np.random.default_rng(0))
    seen = set()
    for _ in range(200):
        text = writer.placed("one\n\ntwo", "PAD")
        assert re.sub(r"PAD\s*|\s*PAD", "", text).split() == ["one", "two"]
        seen.add("before" if text.startswith("PAD") else "behind" if text.endswith("PAD") else "within")
        assert 1 <= text.count("PAD") <= 12
    assert seen == {"before", "behind", "within"}
