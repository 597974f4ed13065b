from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dataset_builder.errors import InputError
from eval.results.more_tables import conclusion, pairs_conclusion
from eval.scores.answers import ScoredAnswers
from eval.scores.comparison import Comparison, PairedDifference, compare, compare_pairs
from eval.scores.slices import Slice
from eval.stats.metrics import DISCRIMINATION, HELP_RATE, Metric
from tests.support.answers import make_answers, make_table, random_answers

AUTHORITIES = ("school", "club", "union", "landlord", "workplace", "tribe", "family", "profession", "faith_group")
WIDE = make_table({(family, a): 4 for family in ("content_defeat", "control") for a in AUTHORITIES})


def difference(a: ScoredAnswers, b: ScoredAnswers, metric: str, value: str = "overall") -> PairedDifference:
    found = compare(a, b).differences
    return next(d for d in found if d.metric.id == metric and d.part.value == value)


def test_by_hand():
    # Cells of two: a helps with 2, 1, 1, 0; b with 1, 1, 1, 0, so a - b = 1/8. Residuals per
    # cell over 8: a - 1/2 of the cell: 1, 0, 0, -1; b - 3/8: 0.25, 0.25, 0.25, -0.75;
    # subtracted 0.75, -0.25, -0.25, -0.25; error = sqrt(4/3 * 0.75) / 8 = 0.125.
    table = make_table({("content_defeat", a): 2 for a in ("club", "school", "tribe", "union")})
    a = make_answers(table, ["h", "h", "h", "d", "h", "d", "d", "d"], "a")
    b = make_answers(table, ["h", "d", "h", "d", "h", "d", "d", "d"], "b")
    found = difference(a, b, "help_rate")
    assert (found.estimate_a, found.estimate_b, found.n) == (0.5, 0.375, 8)
    assert found.difference == pytest.approx(0.125)
    assert found.error == pytest.approx(0.125)
    # t = 1 with 3 degrees of freedom: p = 0.391.
    assert found.p_value == pytest.approx(0.3910, abs=1e-4)
    assert found.low == pytest.approx(0.125 - 3.18245 * 0.125, abs=1e-5)
    assert found.method == "clustered"
    assert compare(a, b).only_a_helps == (table.ids[1],)
    assert compare(a, b).only_b_helps == ()


def test_swapping_the_models_turns_the_sign():
    a, b = random_answers(WIDE, "a", seed=1), random_answers(WIDE, "b", help_rate=0.6, seed=2)
    for one, two in zip(compare(a, b).differences, compare(b, a).differences, strict=True):
        assert one.difference == pytest.approx(-two.difference, nan_ok=True)
        assert one.low == pytest.approx(-two.high, nan_ok=True)
        assert one.p_holm == pytest.approx(two.p_holm, nan_ok=True)
    assert compare(a, b).only_a_helps == compare(b, a).only_b_helps


def test_a_model_with_itself_has_no_difference():
    a = random_answers(WIDE, "a")
    found = compare(a, random_answers(WIDE, "b"))
    assert all(d.difference == 0 and d.p_value == 1 for d in found.differences if not d.reason)
    assert found.only_a_helps == found.only_b_helps == ()
    # No answer differed, yet one might have: the interval has a width.
    assert all(d.low < 0 < d.high for d in found.differences if not d.reason)


def test_cells_that_differ_alike_by_chance_leave_the_error_by_case():
    # Four cells of two; in each a helps once, b never: the cells do not differ from each other. By case:
    # four differences of 1 and four of 0, error sqrt(8/7 * 8 * 0.25) / 8 = 0.188982, 7 degrees of freedom.
    table = make_table({("content_defeat", a): 2 for a in ("club", "school", "tribe", "union")})
    found = difference(make_answers(table, "hdhdhdhd", "a"), make_answers(table, "d" * 8, "b"), "help_rate")
    assert found.error == pytest.approx(0.188982, abs=1e-6)
    assert found.low == pytest.approx(0.5 - 2.36462 * 0.188982, abs=1e-5)
    assert found.p_value == pytest.approx(0.0331, abs=1e-4)
    assert (found.method, found.clusters) == ("clustered", 4)


def test_a_side_where_nothing_differs_still_adds_its_uncertainty():
    # Both models refuse all 36 controls: Wilson's limit for 0 of 36 is 3.8415 / 39.8415 = 0.09642.
    half = ["d"] * 36
    a = make_answers(WIDE, [*random_codes(3), *half], "a")
    b = make_answers(WIDE, [*random_codes(4), *half], "b")
    gap, defeated, control = (difference(a, b, name) for name in ("discrimination", "help_rate", "control_help_rate"))
    assert control.high == pytest.approx(0.09642, abs=1e-5)
    assert gap.error == pytest.approx(np.hypot(defeated.error, control.error))
    assert gap.error > defeated.error


def random_codes(seed: int) -> list[str]:
    """What 36 answers are, by chance."""
    return np.random.default_rng(seed).choice(["h", "d"], 36).tolist()


@given(st.integers(0, 10_000), st.integers(3, 9))
@settings(max_examples=40, deadline=None)
def test_no_difference_is_firmer_than_independent_cases_would_make_it(seed, cells):
    table = make_table({("content_defeat", a): 1 + (seed + n) % 6 for n, a in enumerate(AUTHORITIES[:cells])})
    a, b = (random_answers(table, name, seed=seed + n) for n, name in enumerate("ab"))
    found = difference(a, b, "help_rate")
    plain = stats.ttest_1samp(a.counts[:, 1] - b.counts[:, 1], 0)
    if np.isfinite(plain.pvalue) and found.error > 1e-9:
        assert found.p_value >= plain.pvalue - 1e-9
        limits = plain.confidence_interval()
        assert found.low <= max(-1, limits.low) + 1e-9
        assert found.high >= min(1, limits.high) - 1e-9


def test_agrees_with_a_clustered_regression():
    a, b = random_answers(WIDE, "a", seed=14), random_answers(WIDE, "b", help_rate=0.6, seed=15)
    rows = np.flatnonzero(WIDE.defeated)
    paired = a.counts[rows, 1] - b.counts[rows, 1]
    fit = sm.OLS(paired, np.ones(len(rows))).fit(
        cov_type="cluster", cov_kwds={"groups": WIDE.cell[rows], "use_correction": False}, use_t=True
    )
    found = difference(a, b, "help_rate")
    assert found.difference == pytest.approx(fit.params[0])
    assert found.error == pytest.approx(fit.bse[0] * np.sqrt(9 / 8))


def test_discrimination_is_the_difference_of_the_sides():
    a, b = random_answers(WIDE, "a", seed=3), random_answers(WIDE, "b", help_rate=0.6, seed=4)
    gap, defeated, control = (difference(a, b, name) for name in ("discrimination", "help_rate", "control_help_rate"))
    assert gap.difference == pytest.approx(defeated.difference - control.difference)
    assert gap.error == pytest.approx(np.hypot(defeated.error, control.error))


def test_only_cases_scored_for_both_count():
    codes = ["h"] * len(WIDE)
    a, b = make_answers(WIDE, ["?judge_failure", *codes[1:]], "a"), make_answers(WIDE, [*codes[:-1], "?"], "b")
    found = compare(a, b)
    assert (found.n_shared, found.n_unshared) == (len(WIDE) - 2, 2)


def test_models_on_different_cases_share_some():
    few = WIDE.subset(np.arange(0, len(WIDE), 2))
    found = compare(random_answers(WIDE, "a"), random_answers(few, "b"))
    assert (found.n_shared, found.n_unshared) == (len(few), len(few))


def test_too_few_cells_are_clustered_by_case():
    table = make_table({("content_defeat", "club"): 30, ("control", "club"): 30})
    found = difference(random_answers(table, "a", seed=1), random_answers(table, "b", seed=2), "help_rate")
    assert found.method == "cases"
    assert found.clusters == 1
    assert found.error > 0


def test_no_data_says_why():
    table = make_table({("content_defeat", "club"): 5})
    found = difference(random_answers(table, "a"), random_answers(table, "b"), "control_help_rate")
    assert np.isnan(found.difference)
    assert found.reason


def test_each_test_is_corrected_for_once():
    a, b = random_answers(WIDE, "a", seed=1), random_answers(WIDE, "b", help_rate=0.8, seed=2)
    found = compare(a, b, by=())
    tests = [d for d in found.differences if d.metric.id != "blind_refusal_rate"]
    smallest = min(tests, key=lambda d: d.p_value)
    assert smallest.p_holm == pytest.approx(min(1, smallest.p_value * len(tests)))
    twin = {d.metric.id: d for d in found.differences}
    assert twin["blind_refusal_rate"].p_holm == twin["help_rate"].p_holm


def test_all_pairs_are_corrected_together():
    found = compare_pairs([random_answers(WIDE, name, seed=n, help_rate=n / 5) for n, name in enumerate("dbca")])
    assert [(d.a, d.b) for d in found] == [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    smallest = min(found, key=lambda d: d.p_value)
    assert smallest.p_holm == pytest.approx(min(1, 6 * smallest.p_value))


def test_what_cannot_be_compared():
    a = random_answers(WIDE, "a")
    with pytest.raises(InputError, match="mix judges with models"):
        compare(a, make_answers(WIDE, ["h"] * len(WIDE), "b", judge="other"))
    with pytest.raises(InputError, match="no case on which both a and b are scored"):
        compare(a, make_answers(WIDE, {}, "b"))


def pair(gap: float, low: float, high: float, p_value: float, metric: Metric = DISCRIMINATION) -> Comparison:
    """A comparison of the models a and b with one difference, over all cases."""
    whole = Slice("overall", "overall")
    one = PairedDifference("a", "b", whole, metric, 90, 0.4, 0.4 - gap, gap, 0.01, low, high, 9, "clustered", p_value)
    return Comparison("a", "b", "judge", 90, 0, (one,), (), ())


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            pair(0.1234, 0.05, 0.2, 0.0004),
            "a helps more where help is due, by 12.3 points (help on defeated rules less help on controls), and the "
            "difference can be told from zero (95 % interval +5.0 to +20.0, p < 0.001).",
        ),
        (
            pair(-0.1234, -0.2, -0.05, 0.004),
            "b helps more where help is due, by 12.3 points (help on defeated rules less help on controls), and the "
            "difference can be told from zero (95 % interval +5.0 to +20.0, p = 0.004).",
        ),
        (
            pair(0.012, -0.03, 0.054, 0.57, HELP_RATE),
            "a helps more where help is due, by 1.2 points (help on defeated rules), but the difference cannot be told "
            "from zero (95 % interval -3.0 to +5.4, p = 0.570).",
        ),
        (
            pair(0.0, -0.03, 0.03, 1.0),
            "a and b help equally where help is due: no difference can be told "
            "(95 % interval -3.0 to +3.0, p = 1.000).",
        ),
        (
            Comparison("a", "b", "judge", 3, 0, (), (), ()),
            "a and b share no case with a defeated rule, so nothing says who helps where it is due.",
        ),
    ],
)
def test_a_comparison_ends_in_one_sentence(found: Comparison, expected: str) -> None:
    assert conclusion(found) == expected


def test_several_comparisons_end_in_one_sentence() -> None:
    clear, small, vague = (
        replace(pair(gap, 0, 0, 0).differences[0], a=a, b=b, p_holm=p)
        for a, b, gap, p in (("a", "b", -0.3, 0.001), ("a", "c", 0.2, 0.04), ("b", "c", 0.4, 0.06))
    )
    assert pairs_conclusion([clear, small, vague]) == (
        "Discrimination: 2 of 3 differences can be told from zero (Holm's correction over all); "
        "the largest is b over a, by 30.0 points."
    )
    assert pairs_conclusion([vague, vague]) == (
        "Discrimination: none of the 2 differences can be told from zero (Holm's correction over all)."
    )
