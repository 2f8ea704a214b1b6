"""What is saved on the way to one score: worked out by hand, by a literal search, and by scikit-learn's regression."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from transferkit.errors import InputError
from transferkit.statistics.equal_score import Run, Saved, saved_share

FIVE = (0.0, 0.25, 0.5, 0.75, 1.0)
PLAIN = (0.5, 0.6, 0.7, 0.8, 0.9)  # nine tenths of its gain is 0.86, which it has spent 0.9 for
CHEAPER = (0.0, 0.1, 0.2, 0.3, 0.4)  # what the other side has spent at its looks


def run(
    scores: tuple[float, ...] | np.ndarray,
    spent: tuple[float, ...] | np.ndarray = FIVE,
    *,
    group: object = None,
    first: int = 0,
) -> Run:
    return Run(np.array(spent, dtype=float), np.array(scores, dtype=float), str(group), first)


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


def walk(spent: list[float], scores: list[float], score: float) -> float | None:
    """Go along a curve, from look to look, until it is there; a billionth below is there."""
    if scores[0] >= score - 1e-9:
        return spent[0]
    for i in range(1, len(scores)):
        if scores[i] >= score - 1e-9:
            way = min(1.0, (score - scores[i - 1]) / (scores[i] - scores[i - 1]))
            return spent[i - 1] + way * (spent[i] - spent[i - 1])
    return None


def literal(plain: list[Run], other: list[Run]) -> tuple[float, str, float]:
    """Walk along both mean curves, the other one from where all its runs count."""
    first = max(one.first for one in other)
    spent, its_spent = ([np.mean(x) for x in zip(*(one.spent for one in runs), strict=True)] for runs in (plain, other))
    scores, its_scores = pooled(mean_scores(plain)), pooled(mean_scores(other)[first:])
    score = scores[0] + 0.9 * (scores[-1] - scores[0])
    if scores[-1] <= scores[0] + 1e-9:
        return float("nan"), "unknown", score
    here, there = walk(spent, scores, score), walk(its_spent[first:], its_scores, score)
    assert here is not None
    return 1 - (its_spent[-1] if there is None else there) / here, "at_most" if there is None else "exact", score


def mean_scores(runs: list[Run]) -> np.ndarray:
    return np.array([np.mean(each) for each in zip(*(one.scores for one in runs), strict=True)])


# --- by hand ----------------------------------------------------------------------------------------------------------
LEVEL = (0.4, 0.86, 0.86, 0.86, 0.86)


@pytest.mark.parametrize(
    ("other", "share", "side"),
    [
        (run((0.5, 0.6, 0.7, 0.8, 0.86), CHEAPER), 1 - 0.4 / 0.9, "exact"),  # at a look
        (run((0.5, 0.6, 0.7, 0.8, 0.92), CHEAPER), 1 - 0.35 / 0.9, "exact"),  # between two looks
        (run((0.5, 0.6, 0.7, 0.8, 0.85), CHEAPER), 1 - 0.4 / 0.9, "at_most"),  # never
        (run((0.5, 0.6, 0.7, 0.8, 0.86), (0.0, 0.3, 0.6, 0.9, 1.2)), 1 - 1.2 / 0.9, "exact"),  # more was spent
        (run((0.4, 0.86, 0.9, 0.82, 0.86), CHEAPER), 1 - 0.1 / 0.9, "exact"),  # 0.9 and 0.82 become 0.86
        (run((0.5, 0.6, 0.95, 0.85, 0.75), CHEAPER), 1 - 0.4 / 0.9, "at_most"),  # three become 0.85
        (run((0.5, 0.86), (0.0, 0.3)), 1 - 0.3 / 0.9, "exact"),  # looked at less often
        (run((0.9, 0.9), (0.0, 0.3)), 1.0, "exact"),  # there untrained
        (run(LEVEL, CHEAPER), 1 - 0.1 / 0.9, "exact"),  # there at its second look, and no better after it
        (run(LEVEL, CHEAPER, first=1), 1 - 0.1 / 0.9, "exact"),
        (run(LEVEL, CHEAPER, first=3), 1 - 0.3 / 0.9, "exact"),  # there before it may count
        (run((0.5, 0.9, 0.9, 0.7, 0.7), CHEAPER, first=3), 1 - 0.4 / 0.9, "at_most"),  # what a part did is not its
        (run((0.4, 0.5, 0.6, 0.86 - 1e-11, 0.86), CHEAPER), 1 - 0.3 / 0.9, "exact"),  # but for rounding
        (run((0.4, 0.5, 0.6, 0.86 - 1e-7, 0.86), CHEAPER), 1 - 0.4 / 0.9, "exact"),
    ],
)
def test_shares_by_hand(other: Run, share: float, side: str) -> None:
    found = saved([run(PLAIN)] * 2, [other] * 2)
    assert (found.share, found.score) == (pytest.approx(share), pytest.approx(0.86))
    assert found.side == side
    assert found.interval is not None
    assert found.interval.high == pytest.approx(share)
    assert found.interval.low == (pytest.approx(share) if side == "exact" else -np.inf)


def test_one_pair_of_runs_says_nothing() -> None:
    found = saved([run(PLAIN)], [run((0.5, 0.6, 0.9, 0.8, 0.7), CHEAPER)])
    assert np.isnan(found.share)
    assert (found.side, found.interval) == ("unknown", None)
    assert found.score == pytest.approx(0.86)


def test_a_seed_of_each_task_gives_a_share_without_an_interval() -> None:
    plain, other = ([run(scores, spent, group=g) for g in "ab"] for scores, spent in ((PLAIN, FIVE), (PLAIN, CHEAPER)))
    found = saved(plain, other)
    assert (found.share, found.side, found.interval) == (pytest.approx(0.6), "exact", None)


def test_all_runs_must_be_where_they_count() -> None:
    """Means over runs are of the way as it is, so that no run may be one that could not be stopped at."""
    other = [run(LEVEL, CHEAPER, first=1), run(LEVEL, CHEAPER, first=2)]
    assert saved([run(PLAIN)] * 2, other).share == pytest.approx(1 - 0.2 / 0.9)


def test_plain_runs_count_from_their_first_look() -> None:
    late = [run(PLAIN, first=4)] * 2
    assert saved(late, [run((0.4, 0.5, 0.6, 0.7, 0.86), CHEAPER)] * 2).share == pytest.approx(1 - 0.4 / 0.9)


def test_each_side_pays_for_its_own_plateau() -> None:
    """Both are at 0.8 for long; each is charged up to where it had 0.76."""
    plain = [run((0.4, 0.6, 0.8, 0.8, 0.8))] * 2
    found = saved(plain, [run((0.4, 0.6, 0.7, 0.8, 0.8))] * 2)
    assert (found.share, found.side) == (pytest.approx(1 - 0.65 / 0.45), "exact")


@pytest.mark.parametrize("scores", [(0.5, 0.5, 0.5, 0.5, 0.5), (0.9, 0.8, 0.7, 0.6, 0.5)])
def test_nothing_is_said_where_plain_training_gains_nothing(scores: tuple[float, ...]) -> None:
    found = saved([run(scores)] * 3, [run(PLAIN, CHEAPER)] * 3)
    assert np.isnan(found.share)
    assert (found.side, found.interval) == ("unknown", None)


@pytest.mark.parametrize("side", [0, 1])
def test_what_was_not_measured_is_not_compared(side: int) -> None:
    sides = [[run(PLAIN)] * 2, [run(PLAIN, CHEAPER)] * 2]
    sides[side] = [sides[side][0], run(PLAIN, (0.0, *[np.nan] * 4))]
    found = saved(*sides)
    assert np.isnan(found.share)
    assert (found.side, found.interval) == ("not_measured", None)


def test_a_plain_curve_that_falls_is_made_flat_before_it_is_searched() -> None:
    falling = run((0.4, 0.8, 0.6, 0.7, 0.9))  # 0.8, 0.6 and 0.7 become 0.7, from the second look on; the level is 0.85
    assert saved([falling] * 2, [run((0.3, 0.85), (0.0, 0.1))] * 2).share == pytest.approx(1 - 0.1 / 0.9375)


def test_a_plateau_is_reached_where_it_begins_whatever_rounding_says() -> None:
    """0.86, 0.66 and 0.76 become 0.76, which in floats may be less than what nine tenths of 0.4 on 0.4 come to."""
    falling = run((0.3, 0.86, 0.66, 0.76, 0.3 + 0.46 / 0.9))
    assert saved([falling] * 2, [run((0.3, 0.76), (0.0, 0.1))] * 2).share == pytest.approx(1 - 0.1 / 0.25)


def test_curves_are_averaged_before_they_are_made_monotone() -> None:
    """Two runs, each of which falls somewhere, whose mean does not."""
    plain = [run((0.5, 0.9, 0.5, 0.7, 0.9)), run((0.5, 0.3, 0.9, 0.9, 0.9))]
    other = [run((0.4, 0.96), (0.0, 0.1)), run((0.4, 0.76), (0.0, 0.3))]
    assert mean_scores(plain).tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])
    found = saved(plain, other)
    assert (found.score, found.share) == (pytest.approx(0.86), pytest.approx(1 - 0.2 / 0.9))


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
def test_the_score_is_nine_tenths_up_scikit_learn_s_regression(seed: int) -> None:
    draw = np.random.default_rng(seed)
    plain, other = curves(draw, 3, 9, gain=0.4), curves(draw, 3, 6, gain=0.2)
    rising = IsotonicRegression().fit_transform(np.arange(9), mean_scores(plain))
    assert saved(plain, other).score == pytest.approx(rising[0] + 0.9 * (rising[-1] - rising[0]))
    assert pooled(mean_scores(plain)) == pytest.approx(rising)


# --- what must hold of any curve --------------------------------------------------------------------------------------
STEPS = st.lists(st.floats(1e-3, 0.3), min_size=1, max_size=8)
LEVELS = st.lists(st.sampled_from([0.0, 0.01, 0.2]), min_size=1, max_size=8).filter(any)  # with plateaus


def rising(steps: list[float], start: float) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(0, 1, len(steps) + 1), start + np.r_[0, np.cumsum(steps)]


@settings(deadline=None, max_examples=30)
@given(steps=STEPS | LEVELS, start=st.floats(0, 0.5), scale=st.just(1.0) | st.floats(0.05, 3.0), n=st.integers(2, 3))
def test_the_same_scores_for_a_part_of_the_spending_save_the_rest(
    steps: list[float], start: float, scale: float, n: int
) -> None:
    spent, scores = rising(steps, start)
    plain = [run(scores * (1 + i), spent * (1 + i)) for i in range(n)]
    found = saved(plain, [Run(scale * one.spent, one.scores, one.group) for one in plain], n_resamples=10)
    assert found.side == "exact"
    assert found.share == pytest.approx(1 - scale, abs=1e-9)
    assert found.interval is not None  # runs are drawn in pairs, so that how far they lie apart does not matter
    ends = (found.interval.low, found.interval.high)
    assert ends == (pytest.approx(1 - scale, abs=1e-9), pytest.approx(1 - scale, abs=1e-9))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**16), shift=st.floats(-2, 2), factor=st.floats(0.1, 5))
def test_scores_of_another_scale_and_units_of_spending_change_nothing(seed: int, shift: float, factor: float) -> None:
    draw = np.random.default_rng(seed)
    plain, other = curves(draw, 2, 6, gain=0.4), curves(draw, 2, 5, gain=0.3)
    moved = [
        [Run(one.spent * factor, one.scores * factor + shift, one.group) for one in side] for side in (plain, other)
    ]
    one, same = saved(plain, other, n_resamples=1), saved(*moved, n_resamples=1)
    if min(abs(one.score - score) for side in (plain, other) for score in pooled(mean_scores(side))) > 1e-9:
        assert same.side == one.side  # else rounding decides
        assert same.share == pytest.approx(one.share, rel=1e-6, abs=1e-9, nan_ok=True)


# --- the interval -----------------------------------------------------------------------------------------------------
def noisy(draw: np.random.Generator, scores: np.ndarray, n: int, sd: float, **more: object) -> list[Run]:
    return [run(scores + draw.normal(0, sd, len(scores)), group=g, **more) for g in range(4) for _ in range(n)]


def test_the_interval_is_around_the_share_and_narrows_with_more_seeds() -> None:
    widths = []
    for n in (3, 27):
        draw = np.random.default_rng(1)
        plain, other = (noisy(draw, np.array(PLAIN), n, 0.01, spent=spent) for spent in (FIVE, CHEAPER))
        found = saved(plain, other, n_resamples=400)
        assert found.interval is not None
        assert found.interval.low < found.share < found.interval.high
        assert found.interval.method == f"bootstrap over {4 * n} pairs of runs"
        widths.append(found.interval.high - found.interval.low)
    assert widths[1] < 0.6 * widths[0]


def test_the_interval_holds_the_middle_95_of_what_literal_resamples_say() -> None:
    """Two tasks of three seeds: of each, two are drawn, in all orders and with repeats."""
    draw = np.random.default_rng(3)
    plain = [run(np.array(PLAIN) + draw.normal(0, 0.02), group=g) for g in "aaabbb"]
    other = [run(np.array(PLAIN) + 0.1, np.array(CHEAPER) * draw.random(), group=g) for g in "aaabbb"]
    places = np.stack(np.meshgrid(*[range(3)] * 2, *[range(3, 6)] * 2), axis=-1).reshape(-1, 4)  # all 81 there are
    every = [literal([plain[i] for i in at], [other[i] for i in at])[0] for at in places]
    found = saved(plain, other, n_resamples=4000).interval
    assert found is not None
    low, high = np.percentile(every, [2.5, 97.5])
    assert (found.low, found.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_resamples_that_never_get_there_leave_no_low_end() -> None:
    """One of two never gets there; where it alone is drawn, what it spent only bounds what it would take."""
    other = [run((0.5, 0.7), (0.0, 0.3)), run((0.5, 1.2), (0.0, 0.3))]
    found = saved([run(PLAIN)] * 2, other, n_resamples=400)
    assert found.side == "exact"
    assert found.interval is not None
    fastest = 1 - 0.3 * (0.86 - 0.5) / 0.7 / 0.9
    assert (found.interval.low, found.interval.high) == (-np.inf, pytest.approx(fastest))


def test_resamples_in_which_plain_training_gains_nothing_leave_no_interval() -> None:
    found = saved([run(PLAIN), run((0.5,) * 5)], [run(PLAIN, CHEAPER)] * 2, n_resamples=400)
    assert (found.side, found.interval) == ("exact", None)


@pytest.mark.slow
@pytest.mark.parametrize(("at", "sd"), [(2, 0.045), (4, 0.045), (10, 0.03)])
def test_a_plateau_is_no_saving(at: int, sd: float) -> None:
    """Both ways are as good after as many looks, but growing spends less on the first ones and counts from the eighth.

    Held to the end of the curves instead, the median would be 36 %, the share of all that is spent, in every case.
    """
    spent = np.r_[0, np.cumsum(np.repeat([0.15, 0.36, 0.65, 1.0], [12, 12, 12, 24]) / 60)][::6]
    mean = np.r_[np.linspace(0.5, 0.75, at + 1), np.full(10 - at, 0.75)]
    even, draw = np.linspace(0, 1, 11), np.random.default_rng(0)
    truth = saved([run(mean, even)] * 2, [run(mean, spent, first=7)] * 2).share
    found = [
        saved(noisy(draw, mean, 3, sd, spent=even), noisy(draw, mean, 3, sd, spent=spent, first=7), n_resamples=200)
        for _ in range(60)
    ]
    assert np.median([one.share for one in found]) == pytest.approx(truth, abs=0.1)
    holds = [one.interval.low <= truth <= one.interval.high for one in found if one.interval is not None]
    assert len(holds) > 50
    assert np.mean(holds) > 0.75


def test_chance_comes_from_the_generator_alone() -> None:
    draw = np.random.default_rng(5)
    plain, other = curves(draw, 4, 6, gain=0.5), curves(draw, 4, 6, gain=0.6)
    assert saved(plain, other, seed=1) == saved(plain, other, seed=1)
    assert saved(plain, other, seed=1).interval != saved(plain, other, seed=2).interval


@pytest.mark.parametrize(("n_plain", "n_other"), [(1, 2), (3, 2), (0, 1), (1, 0), (0, 0)])
def test_runs_that_are_no_pairs_are_refused(n_plain: int, n_other: int) -> None:
    with pytest.raises(InputError, match=f"{n_plain} plain and {n_other} other runs make no pairs"):
        saved([run(PLAIN)] * n_plain, [run(PLAIN, CHEAPER)] * n_other)


def test_runs_of_unlike_groups_are_no_pairs() -> None:
    with pytest.raises(InputError, match="make no pairs"):
        saved([run(PLAIN, group=g) for g in "ab"], [run(PLAIN, CHEAPER, group=g) for g in "ba"])


@pytest.mark.parametrize("side", [0, 1])
def test_runs_of_a_side_that_were_looked_at_unlike_often_are_refused(side: int) -> None:
    alike, unlike = [run(PLAIN)] * 2, [run(PLAIN), run(PLAIN[:4], FIVE[:4])]
    sides = [unlike, alike] if side == 0 else [alike, unlike]
    with pytest.raises(InputError, match="runs of one way were looked at unlike often"):
        saved(*sides)
