"""What is saved on the way to one score: worked out by hand, by a literal search, and by scikit-learn's regression."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from transferkit.errors import InputError
from transferkit.statistics.equal_score import Run, Saved, saved_share

FIVE = (0.0, 0.25, 0.5, 0.75, 1.0)
PLAIN = (0.5, 0.6, 0.7, 0.8, 0.9)
CHEAPER = (0.0, 0.1, 0.2, 0.3, 0.4)  # what the other side has spent at its looks


def run(scores: tuple[float, ...] | np.ndarray, spent: tuple[float, ...] | np.ndarray = FIVE, *, first: int = 0) -> Run:
    return Run(np.array(spent, dtype=float), np.array(scores, dtype=float), first)


def saved(plain: list[Run], other: list[Run], *, seed: int = 0, n_resamples: int = 100) -> Saved:
    return saved_share(plain, other, generator=np.random.default_rng(seed), n_resamples=n_resamples)


def pooled(scores: np.ndarray) -> list[float]:
    """Neighbours that fall are put together until nothing falls."""
    blocks: list[list[float]] = []
    for score in scores:
        blocks.append([float(score)])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    return [float(np.mean(block)) for block in blocks for _ in block]


def literal(plain: list[Run], other: list[Run]) -> tuple[float, str, float]:
    """Go along both curves, from look to look, until they are there; a billionth below is there."""
    mean = {
        side: ([np.mean(x) for x in zip(*(one.spent for one in runs), strict=True)], pooled(mean_scores(runs)))
        for side, runs in (("plain", plain), ("other", other))
    }
    spent, scores = mean["plain"]
    its_spent, its_scores = mean["other"]
    score, look = its_scores[-1], 0
    while its_scores[look] < score - 1e-9 or any(look < one.first for one in other):
        look += 1
    if score <= scores[0] + 1e-9:
        return float("nan"), "unknown", score
    for i in range(1, len(scores)):
        if scores[i] >= score - 1e-9:
            way = min(1.0, (score - scores[i - 1]) / (scores[i] - scores[i - 1]))
            return 1 - its_spent[look] / (spent[i - 1] + way * (spent[i] - spent[i - 1])), "exact", score
    return 1 - its_spent[look] / spent[-1], "at_least", score


def mean_scores(runs: list[Run]) -> np.ndarray:
    return np.array([np.mean(each) for each in zip(*(one.scores for one in runs), strict=True)])


# --- by hand ----------------------------------------------------------------------------------------------------------
LEVEL = (0.4, 0.8, 0.8, 0.8, 0.8)


@pytest.mark.parametrize(
    ("other", "share", "side", "score"),
    [
        (run((0.4, 0.5, 0.6, 0.7, 0.8), CHEAPER), 1 - 0.4 / 0.75, "exact", 0.8),  # at a look
        (run((0.4, 0.5, 0.6, 0.7, 0.75), CHEAPER), 1 - 0.4 / 0.625, "exact", 0.75),  # between two looks
        (run((0.4, 0.5, 0.6, 0.7, 0.9), CHEAPER), 1 - 0.4 / 1.0, "exact", 0.9),  # at the very last
        (run((0.4, 0.5, 0.5, 0.55, 0.6), (0.0, 0.2, 0.4, 0.6, 0.8)), 1 - 0.8 / 0.25, "exact", 0.6),  # more was spent
        (run((0.4, 0.5, 0.6, 0.7, 0.91), CHEAPER), 1 - 0.4 / 1.0, "at_least", 0.91),
        (run((0.4, 0.8, 0.8, 0.6, 0.8), CHEAPER), 1 - 0.4 / 0.75, "exact", 0.8),  # a dip before the end
        (run((0.5, 0.6, 0.9, 0.8, 0.7), CHEAPER), 1 - 0.2 / 0.75, "exact", 0.8),  # there first where the fall begins
        (run((0.4, 0.8), (0.0, 0.3)), 1 - 0.3 / 0.75, "exact", 0.8),  # looked at less often
        (run(LEVEL, CHEAPER), 1 - 0.1 / 0.75, "exact", 0.8),  # there at its second look, and no better after it
        (run(LEVEL, CHEAPER, first=1), 1 - 0.1 / 0.75, "exact", 0.8),
        (run(LEVEL, CHEAPER, first=3), 1 - 0.3 / 0.75, "exact", 0.8),  # there before it may count
        (run(LEVEL, CHEAPER, first=4), 1 - 0.4 / 0.75, "exact", 0.8),
        (run((0.4, 0.95, 0.95, 0.95, 0.95), CHEAPER, first=2), 1 - 0.2 / 1.0, "at_least", 0.95),
        (run((0.4, 0.5, 0.6, 0.8 - 1e-11, 0.8), CHEAPER), 1 - 0.3 / 0.75, "exact", 0.8),  # but for rounding
        (run((0.4, 0.5, 0.6, 0.8 - 1e-7, 0.8), CHEAPER), 1 - 0.4 / 0.75, "exact", 0.8),
        (run((0.4, 0.5, 0.6, 0.7, 0.9 + 1e-11), CHEAPER), 1 - 0.4 / 1.0, "exact", 0.9),
        (run((0.4, 0.5, 0.6, 0.7, 0.9 + 1e-7), CHEAPER), 1 - 0.4 / 1.0, "at_least", 0.9),
    ],
)
def test_shares_by_hand(other: Run, share: float, side: str, score: float) -> None:
    found = saved([run(PLAIN)] * 2, [other] * 2)
    assert (found.share, found.score) == (pytest.approx(share), pytest.approx(score))
    assert found.side == side
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (pytest.approx(share), pytest.approx(share))


def test_one_pair_of_runs_says_nothing() -> None:
    found = saved([run(PLAIN)], [run((0.5, 0.6, 0.9, 0.8, 0.7), CHEAPER)])
    assert np.isnan(found.share)
    assert (found.side, found.interval) == ("unknown", None)
    assert found.score == pytest.approx(0.8)


def test_all_runs_must_be_where_they_count() -> None:
    """Means over runs are of the way as it is, so that no run may be one that could not be stopped at."""
    other = [run(LEVEL, CHEAPER, first=1), run(LEVEL, CHEAPER, first=2)]
    assert saved([run(PLAIN)] * 2, other).share == pytest.approx(1 - 0.2 / 0.75)


def test_plain_runs_count_from_their_first_look() -> None:
    late = [run(PLAIN, first=4)] * 2
    assert saved(late, [run((0.4, 0.5, 0.6, 0.7, 0.8), CHEAPER)] * 2).share == pytest.approx(1 - 0.4 / 0.75)


def test_each_side_pays_for_its_own_plateau() -> None:
    """Both are at 0.8 for long; each is charged up to where that began."""
    plain = [run((0.4, 0.6, 0.8, 0.8, 0.8))] * 2
    found = saved(plain, [run((0.4, 0.6, 0.7, 0.8, 0.8))] * 2)
    assert (found.share, found.side) == (pytest.approx(1 - 0.75 / 0.5), "exact")


@pytest.mark.parametrize("end", [0.5, 0.49, 0.2])
def test_nothing_is_said_where_the_plain_side_begins_there(end: float) -> None:
    found = saved([run(PLAIN)] * 3, [run((0.1, 0.1, 0.1, 0.1, end), CHEAPER)] * 3)
    assert np.isnan(found.share)
    assert (found.side, found.interval) == ("unknown", None)
    assert found.score == pytest.approx(end)


def test_a_plain_curve_that_falls_is_made_flat_before_it_is_searched() -> None:
    falling = run((0.4, 0.8, 0.6, 0.7, 0.9))  # 0.8, 0.6 and 0.7 become 0.7, from the second look on
    assert saved([falling] * 2, [run((0.3, 0.6), (0.0, 0.1))] * 2).share == pytest.approx(1 - 0.1 / (0.25 * 2 / 3))
    assert saved([falling] * 2, [run((0.3, 0.8), (0.0, 0.1))] * 2).share == pytest.approx(1 - 0.1 / 0.875)


def test_a_plateau_is_reached_where_it_begins_whatever_rounding_says() -> None:
    """Scores of few examples are often equal: 0.8, 0.6 and 0.7 become 0.7, which in floats is less than 0.7."""
    falling = run((0.4, 0.8, 0.6, 0.7, 0.9))
    assert saved([falling] * 2, [run((0.3, 0.7), (0.0, 0.1))] * 2).share == pytest.approx(1 - 0.1 / 0.25)
    assert saved([run(PLAIN)] * 2, [run(falling.scores[:4], CHEAPER[:4])] * 2).share == pytest.approx(1 - 0.1 / 0.5)
    third = run((1 / 3, 1 / 3, 1 / 3, 0.9, 0.9))
    assert saved([third] * 3, [run((0.2, 1 / 3), (0.0, 0.1))] * 3).side == "unknown"


def test_curves_are_averaged_before_they_are_made_monotone() -> None:
    """Two runs, each of which falls somewhere, whose mean does not."""
    plain = [run((0.5, 0.9, 0.5, 0.7, 0.9)), run((0.5, 0.3, 0.9, 0.9, 0.9))]
    other = [run((0.4, 0.75), (0.0, 0.1)), run((0.4, 0.65), (0.0, 0.3))]
    assert mean_scores(plain).tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])
    found = saved(plain, other)
    assert (found.score, found.share) == (pytest.approx(0.7), pytest.approx(1 - 0.2 / 0.5))


# --- against other means ----------------------------------------------------------------------------------------------
def curves(draw: np.random.Generator, n: int, n_looks: int, *, gain: float, first: int = 0) -> list[Run]:
    rise = np.linspace(0.5, 0.5 + gain, n_looks)
    return [
        run(rise + draw.normal(0, 0.1, n_looks), np.r_[0, np.cumsum(draw.random(n_looks - 1))], first=first)
        for _ in range(n)
    ]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    n=st.integers(2, 3),
    looks=st.tuples(st.integers(2, 8), st.integers(2, 8)),
    gain=st.floats(0, 0.6),
    first=st.integers(0, 7),
)
def test_any_curves_are_what_a_literal_search_says(
    seed: int, n: int, looks: tuple[int, int], gain: float, first: int
) -> None:
    draw = np.random.default_rng(seed)
    plain = curves(draw, n, looks[0], gain=0.4)
    other = curves(draw, n, looks[1], gain=gain, first=min(first, looks[1] - 1))
    found, (share, side, score) = saved(plain, other, n_resamples=1), literal(plain, other)
    assert found.side == side
    assert (found.share, found.score) == (pytest.approx(share, nan_ok=True), pytest.approx(score))


@pytest.mark.parametrize("seed", range(5))
def test_the_score_is_the_end_of_scikit_learn_s_regression(seed: int) -> None:
    draw = np.random.default_rng(seed)
    plain, other = curves(draw, 3, 9, gain=0.4), curves(draw, 3, 6, gain=0.2)
    rising = IsotonicRegression().fit_transform(np.arange(6), mean_scores(other))
    assert saved(plain, other).score == pytest.approx(rising[-1])
    assert pooled(mean_scores(other)) == pytest.approx(rising)


# --- what must hold of any curve --------------------------------------------------------------------------------------
STEPS = st.lists(st.floats(1e-3, 0.3), min_size=1, max_size=8)
LEVELS = st.lists(st.sampled_from([0.0, 0.01, 0.2]), min_size=1, max_size=8).filter(any)  # with plateaus


def rising(steps: list[float], start: float) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(0, 1, len(steps) + 1), start + np.r_[0, np.cumsum(steps)]


@settings(deadline=None, max_examples=30)
@given(steps=STEPS | LEVELS, start=st.floats(0, 0.5), n=st.integers(2, 3))
def test_a_side_saves_nothing_against_itself(steps: list[float], start: float, n: int) -> None:
    spent, scores = rising(steps, start)
    same = [run(scores + 0.01 * i, spent) for i in range(n)]
    found = saved(same, same, n_resamples=10)
    assert found.side == "exact"
    assert found.share == pytest.approx(0, abs=1e-9)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-9))


@settings(deadline=None, max_examples=30)
@given(steps=STEPS | LEVELS, start=st.floats(0, 0.5), scale=st.floats(0.05, 3.0), n=st.integers(2, 3))
def test_the_same_scores_for_a_part_of_the_spending_save_the_rest(
    steps: list[float], start: float, scale: float, n: int
) -> None:
    spent, scores = rising(steps, start)
    plain = [run(scores * (1 + i), spent * (1 + i)) for i in range(n)]
    found = saved(plain, [Run(scale * one.spent, one.scores) for one in plain], n_resamples=10)
    assert found.share == pytest.approx(1 - scale, abs=1e-9)
    assert found.interval is not None  # runs are drawn in pairs, so that how far they lie apart does not matter
    ends = (found.interval.low, found.interval.high)
    assert ends == (pytest.approx(1 - scale, abs=1e-9), pytest.approx(1 - scale, abs=1e-9))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**16), shift=st.floats(-2, 2), factor=st.floats(0.1, 5))
def test_scores_of_another_scale_and_units_of_spending_change_nothing(seed: int, shift: float, factor: float) -> None:
    draw = np.random.default_rng(seed)
    plain, other = curves(draw, 2, 6, gain=0.4), curves(draw, 2, 5, gain=0.3)
    moved = [[Run(one.spent * factor, one.scores * factor + shift) for one in side] for side in (plain, other)]
    one, same = saved(plain, other, n_resamples=1), saved(*moved, n_resamples=1)
    if min(abs(one.score - score) for score in pooled(mean_scores(plain))) > 1e-9:  # else rounding decides
        assert same.side == one.side
        assert same.share == pytest.approx(one.share, rel=1e-6, abs=1e-9, nan_ok=True)


# --- the interval -----------------------------------------------------------------------------------------------------
def test_the_interval_is_around_the_share_and_narrows_with_more_pairs() -> None:
    widths = []
    for n in (4, 36):
        draw = np.random.default_rng(1)
        plain = [run(np.array(PLAIN) + draw.normal(0, 0.01, 5)) for _ in range(n)]
        other = [run(np.array(PLAIN) - 0.15 + draw.normal(0, 0.01, 5), CHEAPER) for _ in range(n)]
        found = saved(plain, other, n_resamples=400)
        assert found.interval is not None
        assert found.interval.low < found.share < found.interval.high
        assert found.interval.method == f"bootstrap over {n} pairs of runs"
        widths.append(found.interval.high - found.interval.low)
    assert widths[1] < 0.6 * widths[0]


def test_the_interval_holds_the_middle_95_of_what_literal_resamples_say() -> None:
    draw = np.random.default_rng(3)
    plain = [run(np.array(PLAIN) + draw.normal(0, 0.02)) for _ in range(4)]
    other = [run(np.array(PLAIN) - 0.15 + draw.normal(0, 0.02), np.array(CHEAPER) * draw.random()) for _ in range(4)]
    every = [
        literal([plain[i] for i in at], [other[i] for i in at])[0]
        for at in np.stack(np.meshgrid(*[range(4)] * 4), axis=-1).reshape(-1, 4)  # all 256 there are
    ]
    found = saved(plain, other, n_resamples=2000).interval
    assert found is not None
    low, high = np.percentile(every, [2.5, 97.5])
    assert (found.low, found.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_pairs_that_are_all_alike_leave_no_doubt() -> None:
    found = saved([run(PLAIN)] * 5, [run((0.4, 0.5, 0.6, 0.7, 0.75), CHEAPER)] * 5)
    assert found.interval is not None
    assert found.interval.low == found.interval.high == pytest.approx(found.share)


def test_where_many_resamples_cannot_say_there_is_no_interval() -> None:
    """One pair of two ends where the plain side begins: drawn twice, in a quarter of the resamples, it says nothing."""
    other = [run((0.4, 0.45), (0.0, 0.3)), run((0.4, 0.95), (0.0, 0.3))]
    found = saved([run(PLAIN)] * 2, other, n_resamples=400)
    assert (found.side, found.share) == ("exact", pytest.approx(1 - 0.3 / 0.5))
    assert found.interval is None
    few = saved([run(PLAIN)] * 8, [other[0], *[other[1]] * 7], n_resamples=400)  # eight times one of eight: never
    assert few.interval is not None


def test_chance_comes_from_the_generator_alone() -> None:
    draw = np.random.default_rng(5)
    plain, other = curves(draw, 4, 6, gain=0.5), curves(draw, 4, 6, gain=0.4)
    assert saved(plain, other, seed=1) == saved(plain, other, seed=1)
    assert saved(plain, other, seed=1).interval != saved(plain, other, seed=2).interval


@pytest.mark.parametrize(("n_plain", "n_other"), [(1, 2), (3, 2), (0, 1), (1, 0), (0, 0)])
def test_runs_that_are_no_pairs_are_refused(n_plain: int, n_other: int) -> None:
    with pytest.raises(InputError, match=f"{n_plain} plain and {n_other} other runs make no pairs"):
        saved([run(PLAIN)] * n_plain, [run(PLAIN, CHEAPER)] * n_other)


@pytest.mark.parametrize("side", [0, 1])
def test_runs_of_a_side_that_were_looked_at_unlike_often_are_refused(side: int) -> None:
    alike, unlike = [run(PLAIN)] * 2, [run(PLAIN), run(PLAIN[:4], FIVE[:4])]
    sides = [unlike, alike] if side == 0 else [alike, unlike]
    with pytest.raises(InputError, match="runs of one way were looked at unlike often"):
        saved(*sides)
