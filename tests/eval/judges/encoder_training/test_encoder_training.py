"""Training the encoder: what is read, what a fit is made of, how words and encoder are combined, and a small fit."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from eval.judges.embedded.weights import COLUMNS, HARD_IF_NOT, HELPS
from eval.judges.encoder.combining import BY_FIRST_WINDOW, BY_WORDS, SIZES, SURE, Combination
from eval.judges.encoder.windows import CLS, SEP, Settings
from eval.judges.encoder_training.combine import as_read, fit_sure, fit_types, fit_yes, logit, said_by_words
from eval.judges.encoder_training.figures import area_under_curve
from eval.judges.encoder_training.folds import Job, asked_of, rows_of
from eval.judges.encoder_training.reading import Read, keep_read, open_read, padded, read_windows
from eval.judges.encoder_training.recipe import RECIPE
from eval.judges.encoder_training.train import main

SMALL = Settings(request_first=1, request_last=1, answer=2, run=1)


@pytest.fixture
def read() -> Read:
    # The first answer is one window; the second, of five tokens, its beginning, its end and what lies between.
    return read_windows([[7, 8, 9], [7, 8]], [[11], [21, 22, 23, 24, 25]], SMALL)


def test_windows_stand_one_after_another(read: Read) -> None:
    front = [CLS, 7, 9, SEP]
    other = [CLS, 7, 8, SEP]
    assert read.answers.tolist() == [0, 1, 4]
    # A window is two special tokens, two of the request, some of the answer and a special token.
    assert np.diff(read.bounds).tolist() == [6, 7, 7, 6]
    assert read.ids.tolist() == [*front, 11, SEP, *other, 21, 22, SEP, *other, 24, 25, SEP, *other, 23, SEP]
    assert read.types[:6].tolist() == [0, 0, 0, 0, 1, 1]
    assert read.pooled[:6].tolist() == [True, False, False, False, True, False]
    assert padded(read, np.array([0, 1]), read.ids)[:, :8].tolist() == [
        [*front, 11, SEP, 0, 0],
        [*other, 21, 22, SEP, 0],
    ]
    assert padded(read, np.array([0]), np.ones(1, np.bool_)).sum() == 6


def test_what_is_read_is_kept(read: Read, tmp_path: Path) -> None:
    keep_read(read, tmp_path / "work" / "read.npz")
    found = open_read(tmp_path / "work" / "read.npz")
    assert found.n == 2
    assert found.sha256 == read.sha256
    assert found._replace(ids=found.ids + 1).sha256 != read.sha256


def test_a_fit_sees_nothing_of_the_families_that_it_holds_out() -> None:
    family, cells = np.array(["a", "b", "a", "c", "c", "b"]), np.array([0, 0, 1, 1, 0, 1])
    assert rows_of(Job(("a", "c")), family, cells).tolist() == [False, True, False, False, False, True]
    assert asked_of(Job(("a", "c")), family, cells).tolist() == [True, False, True, True, True, False]
    assert rows_of(Job(()), family, cells).all()
    # Half of the four answers of the others.
    half = rows_of(Job(("a",), 0.5), family, cells)
    assert half.sum() == 2
    assert not half[family == "a"].any()
    # With cells it has seen neither, and is asked where both are new.
    both = Job(("a",), cells=1)
    assert rows_of(both, family, cells).tolist() == [False, True, False, False, True, False]
    assert asked_of(both, family, cells).tolist() == [False, False, True, False, False, False]
    names = [job.name for job in (Job(("a", "c")), Job(()), Job(("a",), 0.5), both)]
    assert names == ["a-c", "everything", "a-0.5", "a-1"]


def test_two_logits_are_weighed_by_what_they_tell() -> None:
    # Where the words say +1, three of four are a yes, and where -1, one of four: a logit of ln 3 = 1.0986 either way.
    words = np.array([1.0] * 4 + [-1.0] * 4)
    yes = np.array([True, True, True, False, True, False, False, False])
    of_words, of_encoder, offset = fit_yes(words, np.zeros(8), yes, np.full(8, 1 / 8))
    assert of_words == pytest.approx(np.log(3), abs=1e-3)
    assert (of_encoder, offset) == pytest.approx((0.5, 0.0), abs=1e-3)
    # Turned round, the other counts.
    of_words, of_encoder, _ = fit_yes(np.zeros(8), words, yes, np.full(8, 1 / 8))
    assert (of_words, of_encoder) == pytest.approx((0.5, np.log(3)), abs=1e-3)
    # Three of four are a yes, whatever the two say: that is the offset's to say, and without one nothing is.
    most = np.array([True, True, True, False] * 2)
    flat = np.zeros(8)
    assert fit_yes(flat, flat, most, np.full(8, 1 / 8))[2] == pytest.approx(np.log(3), abs=2e-2)
    assert fit_yes(flat, flat, most, np.full(8, 1 / 8), offset=False)[2] == 0
    assert logit(np.array([0.5, 0.75])) == pytest.approx([0.0, np.log(3)])


def test_types_are_weighed_by_what_they_tell() -> None:
    # The words know nothing; the encoder says twice the logarithm of how often each type follows.
    shares = np.array([0.5, 0.25, 0.25])
    scores, kinds = [], []
    for first in range(3):
        said = np.roll(2 * np.log(shares), first)
        for kind, times in enumerate(np.roll([2, 1, 1], first)):
            scores += [said] * int(times)
            kinds += [kind] * int(times)
    n = len(kinds)
    found = fit_types(np.full((n, 3), 1 / 3), np.array(scores), np.array(kinds), np.full(n, 1 / n))
    assert found[1] == pytest.approx(0.5, abs=1e-3)
    assert found[2:].tolist() == [0, 0, 0]


def test_reading_stops_where_nothing_is_left_to_change() -> None:
    # 2,000 answers, of which one may change for each question. The encoder decides alone, and calls all deflections,
    # engaged and harmful once it has read to the end; so do the words.
    n = 2000
    factors = {name: np.array([0.0, 1.0, *[0.0] * (size - 2)]) for name, size in SIZES.items()}
    scores = np.tile([0, 9.0, 0, 9, 9], (n, 1))
    words, first = np.full((n, len(COLUMNS)), 0.9), scores.copy()
    words[:, HELPS], words[:, HARD_IF_NOT] = 0.0, 0.1
    # By their words three answers are hard refusals, with 0.99, 0.8 and 0.7; the likeliest of these may be wrong. Of
    # help nothing is asked, as it is always read.
    words[:3, HARD_IF_NOT], words[3, HELPS] = (0.99, 0.8, 0.7), 0.95
    # By their first window two do not engage, with probabilities of 0.88 and 0.73.
    first[:2, 3], first[2, 4] = (-2, -1), 5
    limits = fit_sure(words, scores, first, factors)[SURE]
    assert limits[BY_WORDS] == pytest.approx([0.8, 0, 0])
    assert limits[BY_WORDS, 0] > 0.8
    assert limits[BY_FIRST_WINDOW] == pytest.approx([0, 1 / (1 + np.exp(-1)), 0])
    combination = Combination.of({**factors, SURE: limits})
    read = as_read(said_by_words(words, np.ones(n, np.bool_)), scores, first, combination)
    assert np.isnan(read[:, 0]).sum() == n - 3
    # The second is read to the end, since it may be the one that is wrong; of the third the first window is enough.
    assert read[1:4].tolist() == [[0, 9, 0, 9, 9], [0, 9, 0, 9, 5], [0, 9, 0, 9, 9]]


def test_the_area_under_the_curve() -> None:
    # Of the four pairs of a yes and a no, three are in order and one is a tie.
    scores, yes = np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True])
    assert area_under_curve(scores, yes) == pytest.approx(3.5 / 4)


def test_without_torch_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    if find_spec("torch"):
        pytest.skip("torch is there")
    told = CliRunner().invoke(main, ["--work", str(tmp_path / "work")])
    assert told.exit_code == 2
    assert told.output.startswith("error: This needs the extra `train` (torch is not installed)")
    assert not (tmp_path / "work").exists()


def test_a_small_fit_learns_what_a_token_tells() -> None:
    """One layer over made-up states: an answer of one token helps, an answer of another does not."""
    torch = pytest.importorskip("torch")
    from eval.judges.encoder.base import MINILM, names_of
    from eval.judges.encoder_training.fit import Kept, Labels, fit, scores_of
    from eval.judges.encoder_training.network import WIDTH

    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    base = {
        name: torch.from_numpy((random.normal(0, 0.05, shape) + name.endswith("LayerNorm.weight")).astype(np.float32))
        for name, shape in names_of(MINILM).items()
        if ".layer.5." in name
    }
    answers = [[11, 11], [12, 12]] * 24
    read = read_windows([[7, 8]] * 48, answers, SMALL)
    of_token = random.normal(0, 1, (200, WIDTH)).astype(np.float32)
    states = torch.from_numpy(of_token[read.ids]).bfloat16().view(torch.int16).numpy()
    kinds = np.array([0, 1] * 24)
    labels = Labels(kinds, kinds == 0, kinds == 1)
    rows = np.arange(48) < 40
    recipe = RECIPE._replace(first=5, epochs=8, answers=8, rate=1e-3, deflects=1.0)
    kept = Kept(read, states)
    upper = fit(base, kept, labels, rows, recipe)
    found, by_first = scores_of(upper, kept, ~rows)
    # Each of these answers is one window.
    assert np.array_equal(found, by_first)
    assert (found[:, :3].argmax(axis=1) == kinds[~rows]).all()
    assert ((found[:, 3] > 0) == (kinds[~rows] == 0)).all()
    # The same data and seed, the same fit; and what is written down is what was fitted.
    again = fit(base, kept, labels, rows, recipe)
    assert np.array_equal(scores_of(again, kept, ~rows)[0], found)
    assert sorted(upper.named())[-2:] == ["head_bias", "head_weight"]
    assert len(upper.named()) == 16 + 2
