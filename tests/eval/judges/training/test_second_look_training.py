"""Fitting the second look: gates between measures made by hand, and a space of two kinds of cases."""

from __future__ import annotations

import numpy as np
import pytest

from eval.judges.embedded.case_features import case_words
from eval.judges.embedded.topic import MEASURES, topic_of
from eval.judges.training import forgeries as forged
from eval.judges.training.data import read_examples
from eval.judges.training.topics import GATES, Looks, fit_gates, fit_space, occurrences
from tests.support.small_dataset import small_records


def looks(n: int = 400) -> Looks:
    """Honest help has many words near the case, another case's help none, and templates none and little variety."""
    random = np.random.default_rng(0)
    measures = random.normal(0, 0.3, (3 * n, len(MEASURES)))
    measures[:n, MEASURES.index("new_words")] += 3
    measures[n : 2 * n, MEASURES.index("own_words")] += 1
    measures[2 * n :, MEASURES.index("variety")] -= 2
    kind = np.repeat([forged.HONEST, forged.OTHER_CASE, forged.TEMPLATE], n)
    return Looks(kind == forged.HONEST, kind, measures)


def test_gates_lose_as_much_honest_help_as_they_may() -> None:
    found = looks(5000)
    gates = fit_gates([found])
    said = gates.logits(found.measures)
    lost = (said[found.helps] < 0).mean()
    assert lost == pytest.approx(sum(share for *_, share in GATES), abs=0.001)
    assert (said[~found.helps] < 0).mean() > 0.99


def test_each_gate_sees_its_own_measures_alone() -> None:
    gates = fit_gates([looks()])
    for row, (names, _, _) in zip(gates.weights, GATES, strict=True):
        assert {MEASURES[column] for column in np.flatnonzero(row)} == set(names)


def test_without_forgeries_or_honest_help_every_answer_passes() -> None:
    whole = looks()
    for rows in (whole.helps, ~whole.helps):
        some = Looks(*(column[rows] for column in whole))
        assert (fit_gates([some]).logits(whole.measures) >= 0).all()


def test_words_of_the_same_cases_lie_near_each_other() -> None:
    records = small_records()
    examples = read_examples(records)
    # Two models answer each case with a word of its family, which only that family's answers hold.
    texts = [f"{case.defeat_family} {case.authority_type} and so on" for case in examples.cases]
    found = occurrences(texts)
    space = fit_space(examples, np.ones(len(examples), np.bool_), found)
    # "and", "so" and "on" stand in every answer: they have no place.
    families = {case.defeat_family for case in examples.cases}
    authorities = {case.authority_type for case in examples.cases}
    words = {word for name in families | authorities for word in name.split("_")}
    assert 0 < len(space.words) <= len(words)
    assert np.allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-5)
    cases = {case.case_id: case for case in examples.cases}
    topics = [topic_of(case_words(case), space) for case in cases.values()]
    assert max(topic.known for topic in topics) > 0
    assert np.allclose(space.middle, np.mean([topic.vector for topic in topics], axis=0), atol=1e-6)
