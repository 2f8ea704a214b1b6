"""When a curve has converged and how much sooner another one gets there: by hand, and by what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transferkit.statistics import (
    ConvergenceRule,
    Curve,
    Speedup,
    comparable_speedup,
    converged_level,
    convergence_speedup,
    median_speedup,
    ratio,
    reference_step,
    step_converged,
    step_reaching,
    summarise,
    within,
)

SCORES = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=3, max_size=12)
VALUES = st.builds(
    Speedup, st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), st.sampled_from(["exact", "more_than", "less_than"])
)


def curve(*scores: float, every: int = 10) -> Curve:
    return Curve(np.arange(len(scores)) * every, np.array(scores, dtype=np.float64))


def literal(steps: list[int], scores: list[float], level: float, kept: int) -> int | None:
    for i, step in enumerate(steps):
        if all(score >= level - 1e-9 for score in scores[i : i + kept + 1]):
            return step
    return None


# --- the rule -------------------------------------------------------------------------------------------------------
def test_a_curve_converges_where_it_stays_within_the_tolerance() -> None:
    assert step_converged(curve(0.5, 0.7, 0.89, 0.90, 0.91)) == 20
    assert step_converged(curve(0.5, 0.90, 0.7, 0.90, 0.91)) == 30  # it did not stay
    assert step_converged(curve(0.5, 0.6, 0.7, 0.8)) == 30  # the last evaluation has nothing behind it
    assert step_converged(curve(0.5, 0.9, 0.6, 0.7)) is None  # a best that is not kept
    assert step_converged(curve(0.5, 0.9, 0.6, 0.7), ConvergenceRule(kept=0)) == 10
    assert step_converged(curve(0.5, 0.8, 0.9, 0.9), ConvergenceRule(tolerance=0.1)) == 10
    assert step_reaching(curve(0.9, 0.92), converged_level(curve(0.5, 0.92))) == 0  # 0.92 − 0.02 is above 0.9 in binary


@given(scores=SCORES, level=st.integers(0, 20).map(lambda n: n / 20), kept=st.integers(0, 3))
def test_the_step_is_that_of_a_loop(scores: list[float], level: float, kept: int) -> None:
    found = step_reaching(curve(*scores), level, ConvergenceRule(kept=kept))
    assert found == literal([10 * i for i in range(len(scores))], scores, level, kept)


# --- speed-ups ------------------------------------------------------------------------------------------------------
def test_speedups_by_hand() -> None:
    plain = curve(0.5, 0.6, 0.7, 0.88, 0.90, 0.90)  # at 30
    assert comparable_speedup(plain, curve(0.5, 0.88, 0.90, 0.90, 0.90)) == Speedup(3.0)
    assert comparable_speedup(plain, curve(0.88, 0.88, 0.90, 0.90, 0.90)) == Speedup(3.0, "more_than")
    assert comparable_speedup(plain, curve(0.88, 0.70, 0.90, 0.90, 0.90)) == Speedup(1.5)  # it did not stay
    assert comparable_speedup(plain, curve(0.5, 0.6, 0.6, 0.6, 0.6)) == Speedup(0.75, "less_than")
    assert convergence_speedup(plain, curve(0.5, 0.88, 0.88, 0.88, 0.88)) == Speedup(3.0)  # to little less
    assert convergence_speedup(plain, curve(0.88, 0.88, 0.89, 0.9, 0.9)) == Speedup(3.0, "more_than")
    assert convergence_speedup(plain, curve(0.5, 0.9, 0.5, 0.5, 0.5)) == Speedup(0.75, "less_than")


def test_what_never_learns_does_not_converge_sooner() -> None:
    plain = curve(0.5, 0.6, 0.7, 0.88, 0.90, 0.90)
    for never in (curve(0.5, 0.5, 0.5, 0.5, 0.5), curve(0.5, 0.6, 0.6, 0.6, 0.6), curve(0.85, 0.85, 0.85, 0.85, 0.85)):
        found = convergence_speedup(plain, never)
        assert found == Speedup(0.75, "less_than")
        assert found is not None
        assert found.verdict == "slower"
    assert convergence_speedup(curve(0.5, 0.9, 0.9, 0.9), curve(0.5, 0.5, 0.5, 0.5)).verdict == "slower"
    assert convergence_speedup(plain, curve(0.88, 0.88, 0.88, 0.88)) == Speedup(3.0, "more_than")  # at the tolerance


def test_a_plain_run_that_is_best_at_its_last_look_gives_a_bound() -> None:
    rising, done = curve(0.5, 0.6, 0.88, 0.89, 0.90), curve(0.5, 0.6, 0.88, 0.9, 0.90)  # both at 20
    quick, slow = curve(0.5, 0.9, 0.9, 0.9, 0.9), curve(0.5, 0.88, 0.88, 0.89, 0.9)
    assert rising.is_unfinished
    assert not done.is_unfinished
    assert convergence_speedup(done, quick) == Speedup(2.0)
    assert convergence_speedup(rising, quick) == Speedup(2.0, "more_than")
    assert convergence_speedup(done, slow) == Speedup(2.0, "less_than")  # the other one may need more
    assert convergence_speedup(rising, slow) is None
    assert comparable_speedup(rising, quick) == Speedup(2.0)  # to the level of these steps


def test_who_is_first_there_at_the_last_look_has_not_shown_that_it_stays() -> None:
    done, late = curve(0.5, 0.9, 0.9, 0.9), curve(0.5, 0.6, 0.7, 0.9)
    assert comparable_speedup(done, late) == convergence_speedup(done, late) == Speedup(1 / 3, "less_than")
    assert comparable_speedup(late, done) == Speedup(3.0, "more_than")
    assert comparable_speedup(late, late) is None
    assert comparable_speedup(done, late, ConvergenceRule(kept=0)) == Speedup(1 / 3)


def test_the_start_does_not_count_for_the_plain_curve() -> None:
    assert reference_step(curve(0.5, 0.9, 0.9)) == 10
    assert reference_step(curve(0.86, 0.5, 0.89)) == 20
    assert comparable_speedup(curve(0.5, 0.9, 0.9), curve(0.9, 0.9, 0.9)) == Speedup(1.0, "more_than")


def test_what_training_does_not_gain_cannot_be_gained_sooner() -> None:
    for untrained in (0.88, 0.9, 0.99):
        plain = curve(untrained, 0.89, 0.9)
        assert reference_step(plain) is None
        assert comparable_speedup(plain, curve(0.9, 0.9, 0.9)) is None
        assert convergence_speedup(plain, curve(0.1, 0.1, 0.9)) is None
    assert reference_step(Curve(np.array([10, 20]), np.array([0.9, 0.9]))) == 10  # nobody looked at the start


def test_without_a_plain_curve_that_converges_there_is_no_ratio() -> None:
    spike = curve(0.5, 0.9, 0.5, 0.5)
    assert comparable_speedup(spike, curve(0.9, 0.9, 0.9, 0.9)) is None
    assert convergence_speedup(spike, curve(0.9, 0.9, 0.9, 0.9)) is None


@given(scores=SCORES)
def test_identical_curves_are_as_fast_as_each_other(scores: list[float]) -> None:
    same = curve(-1.0, *scores)
    step = step_converged(same.trained)
    is_shown = step is not None and step < same.last
    assert comparable_speedup(same, same) == (Speedup(1.0) if is_shown else None)
    assert convergence_speedup(same, same) == (Speedup(1.0) if is_shown and not same.is_unfinished else None)


@given(scores=SCORES, plain=SCORES, k=st.integers(1, 4))
def test_a_curve_that_rises_earlier_is_never_slower(scores: list[float], plain: list[float], k: int) -> None:
    reference = curve(0.0, *plain)
    if reference_step(reference) is None:
        return
    later, earlier = curve(*[-1.0] * k, *scores), curve(*scores)
    for speedup in (comparable_speedup, convergence_speedup):
        first, second = speedup(reference, earlier), speedup(reference, later)
        assert first is None or second is None or first >= second


@given(scores=SCORES, plain=SCORES, higher=st.lists(st.integers(0, 5).map(lambda n: n / 20), min_size=12, max_size=12))
def test_higher_scores_are_never_slower_to_a_level(
    scores: list[float], plain: list[float], higher: list[float]
) -> None:
    reference, lower = curve(0.0, *plain), curve(*scores)
    better = curve(*[score + more for score, more in zip(scores, higher, strict=False)])
    first, second = comparable_speedup(reference, better), comparable_speedup(reference, lower)
    assert first is None or second is None or first >= second


def test_what_had_to_be_done_before_counts() -> None:
    assert ratio(30, 10, first=10, last=50, before=20) == Speedup(1.0)
    assert ratio(30, 0, first=10, last=50, before=20) == Speedup(1.5)  # nothing unknown: all of it was done before
    assert ratio(30, None, first=10, last=40, before=20) == Speedup(0.5, "less_than")


# --- over seeds -----------------------------------------------------------------------------------------------------
def test_values_are_ordered_by_side_first() -> None:
    never, slow, fast, at_once = Speedup(5.0, "less_than"), Speedup(0.2), Speedup(9.0), Speedup(1.0, "more_than")
    assert sorted([at_once, fast, never, slow]) == [never, slow, fast, at_once]
    assert [str(value) for value in (never, slow, at_once)] == ["< 5.00", "0.20", "> 1.00"]


def test_verdicts_say_what_a_bound_can_say() -> None:
    assert [str(Speedup(1.0, "between", 9.0)), Speedup(1.0, "between", 9.0).verdict] == ["1.00 to 9.00", "unclear"]
    assert Speedup(2.0, "between", 9.0).verdict == "faster"
    pairs = [
        (0.9, "less_than"),
        (1.1, "less_than"),
        (1.0, "more_than"),
        (0.9, "more_than"),
        (1.0, "exact"),
        (1.1, "exact"),
    ]
    assert [Speedup(value, side).verdict for value, side in pairs] == [
        *("slower", "unclear", "faster", "unclear", "same", "faster")
    ]


def test_one_evaluation_interval_is_no_difference() -> None:
    plain = curve(0.5, 0.6, 0.7, 0.9, 0.9, 0.9, 0.9)  # at 30
    for start, expected in ((2, "same"), (3, "same"), (4, "same"), (1, "faster"), (0, "faster"), (5, "slower")):
        found = comparable_speedup(plain, curve(*[0.5] * start, *[0.9] * (8 - start)))
        assert found is not None
        assert found.verdict == expected, start
    first = comparable_speedup(curve(0.5, 0.9, 0.9), curve(0.9, 0.9, 0.9))
    assert first is not None
    assert first.verdict == "same"  # at once beside the first look
    assert within(1.0, 1.2, 0.3).verdict == "same"


def test_the_median_is_known_as_far_as_its_values_are() -> None:
    found = median_speedup([Speedup(1.0, "more_than"), Speedup(9.0), Speedup(0.82)])
    assert found == Speedup(1.0, "between", 9.0)
    assert found is not None
    assert (found.low, found.middle, found.high) == (1.0, 3.0, 9.0)
    assert median_speedup([Speedup(0.5), Speedup(5.0, "less_than"), Speedup(0.1)]) == Speedup(0.1, "between", 0.5)
    middle = median_speedup([Speedup(2.0, "less_than"), Speedup(1.0, "more_than"), Speedup(1.5)])
    assert middle == Speedup(1.0, "between", 2.0)


@given(values=st.lists(VALUES, min_size=1, max_size=7), data=st.data())
def test_the_median_holds_whatever_the_bounds_stand_for(values: list[Speedup], data: st.DataObject) -> None:
    true = [data.draw(st.floats(max(v.low, 1e-3), min(v.high, 1e3)), label=str(v)) for v in values]
    ordered, n = sorted(true), len(true)
    truth = math.sqrt(ordered[(n - 1) // 2] * ordered[n // 2])
    found = median_speedup(values)
    assert found is None or found.low * (1 - 1e-6) <= truth <= found.high * (1 + 1e-6)


def test_medians_respect_bounds() -> None:
    exact, more, less = Speedup(2.0), Speedup(8.0, "more_than"), Speedup(0.5, "less_than")
    assert median_speedup([]) is None
    assert median_speedup([more, exact, less]) == exact
    assert median_speedup([more, more, exact]) == more
    assert median_speedup([exact, Speedup(8.0)]) == Speedup(4.0)
    assert median_speedup([more, exact]) == Speedup(4.0, "more_than")
    assert median_speedup([exact, less]) == Speedup(1.0, "less_than")
    assert median_speedup([more, less]) is None
    assert median_speedup([Speedup(4.0), exact, more, less]).middle == pytest.approx(math.sqrt(8.0))


@given(values=st.lists(VALUES, min_size=1, max_size=7))
def test_a_summary_counts_everything_once(values: list[Speedup]) -> None:
    found = summarise([*values, None])
    assert found.n_reached + found.n_at_once + found.n_not_reached == len(values)
    assert found.n_unknown == 1
    assert (found.low, found.high) == (min(values), max(values))
    exact = [value.value for value in values if value.side == "exact"]
    assert found.mean == pytest.approx(np.mean(exact) if exact else np.nan, nan_ok=True)
    assert found.sd == pytest.approx(np.std(exact, ddof=1) if len(exact) > 1 else np.nan, nan_ok=True)
    assert (found.n_faster, found.n_slower) == tuple(
        sum(value.verdict == name for value in values) for name in ("faster", "slower")
    )
    if len(exact) == len(values) and len(values) % 2:
        assert found.median == Speedup(float(np.median(exact)))


@given(values=st.lists(VALUES, min_size=1, max_size=7), place=st.integers(0, 6))
def test_a_faster_seed_never_lowers_the_median_of_an_odd_number(values: list[Speedup], place: int) -> None:
    values = values if len(values) % 2 else values[1:]
    at = place % len(values)
    faster = Speedup(2 * values[at].value, values[at].side)
    first, second = median_speedup([*values[:at], faster, *values[at + 1 :]]), median_speedup(values)
    ends = [(0.0, math.inf) if median is None else (median.low, median.high) for median in (first, second)]
    assert ends[0][0] >= ends[1][0]
    assert ends[0][1] >= ends[1][1]
