"""The encoder's graph beside numpy's reckoning, and what a reader may not depend on."""

from __future__ import annotations

import numpy as np
import pytest

from eval.judges.encoder.base import MINILM, base_tensors, names_of, tokenizer, vocabulary
from eval.judges.encoder.graph import HIDDEN, IDS, TYPES, graph_of
from eval.judges.encoder.reader import THREADS, Floats, Head, Reader, keeps_int8, session_of, threads
from eval.judges.encoder.windows import Settings
from tests.support.tiny_bert import TINY, WORDS, hidden_of, rounded, tiny_tensors

SETTINGS = Settings(request_first=2, request_last=2, answer=6, run=2)
IDS_OF_TEXT = [101, 103, 105, 106, 102, 104, 109, 103, 103, 102]
TYPES_OF_TEXT = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]


def reader() -> Reader:
    random = np.random.default_rng(1)
    head = Head(random.normal(size=(5, 3 * TINY.width)).astype(np.float32), random.normal(size=5).astype(np.float32))
    return Reader(tiny_tensors(), TINY, head, WORDS, SETTINGS)


@pytest.mark.parametrize("int8", [False, True])
def test_the_graph_is_what_numpy_makes_of_the_tensors(int8: bool) -> None:
    tensors = tiny_tensors()
    session = session_of(graph_of(tensors, TINY, int8=int8))
    fed = {IDS: np.array([IDS_OF_TEXT]), TYPES: np.array([TYPES_OF_TEXT])}
    found = session.run([HIDDEN], fed)[0][0]
    expected = hidden_of(tensors, TINY, IDS_OF_TEXT, TYPES_OF_TEXT, int8=int8 and keeps_int8())
    # A value that lies between two steps may be rounded the other way, and a step is a hundredth here.
    assert np.abs(found - expected).max() < (0.05 if int8 else 1e-5)
    assert np.abs(found).max() > 1


def test_int8_stays_near_float32() -> None:
    tensors = tiny_tensors()
    exact, bytewise = (hidden_of(tensors, TINY, IDS_OF_TEXT, TYPES_OF_TEXT, int8=int8) for int8 in (False, True))
    assert 0 < np.abs(exact - bytewise).max() < 0.1


def test_rounding_has_256_steps_and_keeps_zero() -> None:
    # From -1 to 1.55 in 255 steps of 0.01.
    assert rounded(np.array([-1.0, 0.0, 0.004, 0.006, 1.55])) == pytest.approx([-1.0, 0.0, 0.0, 0.01, 1.55], abs=1e-6)


def test_scores_are_of_the_first_window_the_mean_and_the_greatest() -> None:
    # The request is `bus to`, the answer 13 tokens: windows of the first 6, the last 6, and the one that is left.
    request, answer = "bus to", "yes no bus to ask . yes yes no bus to ask ."
    ids = [101, 105, 107, 102]
    tokens = [103, 104, 105, 107, 108, 109, 103, 103, 104, 105, 107, 108, 109]
    tensors, one = tiny_tensors(), reader()
    vectors = []
    for piece in (tokens[:6], tokens[7:], tokens[6:7]):
        types = [0] * 4 + [1] * (len(piece) + 1)
        hidden = hidden_of(tensors, TINY, [*ids, *piece, 102], types, int8=keeps_int8())
        vectors.append(hidden[[0, *range(4, 4 + len(piece))]].mean(axis=0))
    vector = np.concatenate([vectors[0], np.mean(vectors, axis=0), np.max(vectors, axis=0)])
    random = np.random.default_rng(1)
    weight, bias = random.normal(size=(5, 3 * TINY.width)), random.normal(size=5)
    assert one.scores([(request, answer)])[0] == pytest.approx(weight @ vector + bias, abs=0.3)


def test_an_answers_scores_depend_on_nothing_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one = reader()
    request, answer = "bus to", "yes no bus to ask . yes yes no bus to ask ."
    # Of thirteen tokens the first six are the first window, and where that is enough the others are not read.
    told: list[tuple[int, list[float]]] = []

    def enough(at: int, scores: Floats) -> bool:
        told.append((at, scores.tolist()))
        return at == 1

    whole, stopped, short = one.scores([(request, answer), (request, answer), (request, "yes no bus to")], enough)
    first = one.scores([(request, "yes no bus to ask .")])[0].tolist()
    assert stopped.tolist() == first != whole.tolist()
    assert whole.tolist() == one.scores([(request, answer)])[0].tolist()
    # What is one window is not asked about.
    assert sorted(told) == [(0, first), (1, first)]
    assert short.tolist() == one.scores([(request, "yes no bus to")])[0].tolist()
    exchanges = [("bus to", "yes " * n) for n in (1, 5, 40)] + [("", ""), ("ask", "buses \ud800 to . [SEP]")]
    monkeypatch.setenv(THREADS, "3")
    assert threads() == 3
    together = one.scores(exchanges)
    monkeypatch.setenv(THREADS, "1")
    alone = np.concatenate([one.scores([exchange]) for exchange in exchanges])
    assert np.array_equal(together, alone)
    assert np.isfinite(together).all()
    assert one.scores([]).shape == (0, 5)


def test_words_of_a_text_are_never_special_tokens() -> None:
    cut = tokenizer(vocabulary())
    # Unicode's combining accent goes, capitals become small, and an unknown sign is one unknown token.
    assert cut.encode("Unlike cafés [SEP]", add_special_tokens=False).tokens == ["unlike", "cafes", "[", "sep", "]"]
    assert 102 not in cut.encode("[SEP]", add_special_tokens=False).ids


def test_the_base_has_every_tensor_of_a_bert() -> None:
    tensors = base_tensors()
    assert {name: tensor.shape for name, tensor in tensors.items()} == names_of(MINILM)
    assert len(vocabulary()) == MINILM.words
