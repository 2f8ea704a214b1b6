from itertools import permutations

import numpy as np
import pytest
from explaining.handmade import matrix, pair, with_holes
from scipy import stats

from transferkit.errors import InputError
from transferkit.statistics import GROUPINGS, agreement, mantel, mantel_many

COLUMN = np.s_[:, 1]
SOME = ((0, 2, 3), (1, 0, 3))  # the last lies on the diagonal


def relabelled(indicator, order):
    return matrix(indicator.values[np.ix_(order, order)], indicator.name)


def by_loop(transfer, indicator, grouping, diagonal="without"):
    """Every relabelling by hand, ranked anew each time."""
    observed = agreement(transfer, indicator, grouping=grouping, diagonal=diagonal).rho
    if observed is None:
        return None
    found = [
        agreement(transfer, relabelled(indicator, order), grouping=grouping, diagonal=diagonal).rho
        for order in permutations(range(len(transfer.sources)))
    ]
    return np.mean([rho is not None and rho >= observed - 1e-12 for rho in found])


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("diagonal", ["with", "without"])
@pytest.mark.parametrize("ties", [False, True])
def test_every_relabelling_of_few_tasks_is_tried(grouping, diagonal, ties):
    x, y = pair(4, seed=2)
    if ties:  # some rows and columns are constant
        x, y = matrix(np.round(x.values)), matrix(np.round(y.values))
    found = mantel(x, y, generator=np.random.default_rng(0), grouping=grouping, diagonal=diagonal)
    assert found == pytest.approx(by_loop(x, y, grouping, diagonal))


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("holes", [COLUMN, SOME], ids=["column", "cells"])
@pytest.mark.parametrize("seed", range(4))
def test_where_transfer_has_holes_the_relabelled_indicator_is_ranked_anew(grouping, holes, seed):
    x, y = pair(4, seed=seed)
    x, y = with_holes(x, holes), matrix(np.round(y.values * 3))
    assert mantel(x, y, generator=np.random.default_rng(0), grouping=grouping) == by_loop(x, y, grouping)


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("holes", [None, COLUMN, SOME], ids=["whole", "column", "cells"])
def test_random_relabellings_come_near_to_all_of_them(grouping, holes):
    x, y = pair(7, seed=1)
    x = with_holes(x, holes) if holes else x
    every, some = (
        mantel(x, y, generator=np.random.default_rng(0), grouping=grouping, n_relabellings=n) for n in (5040, 4000)
    )
    assert some == pytest.approx(every, abs=4 * np.sqrt((every + 1e-3) / 4000))


def test_many_pairs_are_the_single_ones():
    """One pair or many, whole or with holes: the same relabellings give the same p values."""
    x, y = pair(8)
    other = pair(8, seed=3)[1]
    transfers, indicators = [x, with_holes(x, COLUMN)], [y, with_holes(y, COLUMN), matrix(np.ones((8, 8))), other]
    many = mantel_many(transfers, indicators, generator=np.random.default_rng(5), n_relabellings=300)
    for i, transfer in enumerate(transfers):
        for k, indicator in enumerate(indicators):
            single = mantel(transfer, indicator, generator=np.random.default_rng(5), n_relabellings=300)
            assert many[i, k] == pytest.approx(np.nan if single is None else single, nan_ok=True)
    assert np.isnan(many[:, 1:3]).all()
    assert not np.isnan(many[:, [0, 3]]).any()
    assert mantel_many([], [y], generator=np.random.default_rng(0)).shape == (0, 1)


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("diagonal", ["with", "without"])
@pytest.mark.parametrize("seed", range(3))
def test_a_task_an_indicator_knows_nothing_of_is_left_out_for_it(grouping, diagonal, seed):
    """Its p is that of the smaller matrices, every relabelling tried; that of a whole indicator beside it stays."""
    x, y = pair(5, seed=seed)
    ignorant = with_holes(with_holes(y, np.s_[2]), np.s_[:, 2])
    rest = [0, 1, 3, 4]
    settings = {"grouping": grouping, "diagonal": diagonal}
    found = mantel_many([x], [ignorant, y], generator=np.random.default_rng(0), **settings)
    smaller = [matrix(m.values[np.ix_(rest, rest)]) for m in (x, y)]
    assert found[0, 0] == pytest.approx(by_loop(*smaller, **settings))
    assert found[0, 0] == mantel(*smaller, generator=np.random.default_rng(0), **settings)
    assert found[0, 1] == pytest.approx(by_loop(x, y, **settings))
    assert found[0, 0] * 24 == pytest.approx(round(found[0, 0] * 24))  # 4! relabellings, not 5!
    only_itself = with_holes(y, ([2, 2, 2, 2, 0, 1, 3, 4], [0, 1, 3, 4, 2, 2, 2, 2]))
    assert mantel(x, only_itself, generator=np.random.default_rng(0), **settings) == found[0, 0]


def test_an_indicator_that_knows_too_little_has_no_p():
    x, y = pair(4)
    nothing, one_pair = matrix(np.full((4, 4), np.nan)), y.values.copy()
    one_pair[2:], one_pair[:, 2:] = np.nan, np.nan
    one_more = with_holes(with_holes(with_holes(y, np.s_[2]), np.s_[:, 2]), ((0,), (1,)))
    found = mantel_many([x], [nothing, matrix(one_pair), one_more], generator=np.random.default_rng(0))
    assert np.isnan(found).all()


def test_a_hole_on_the_diagonal_matters_only_where_the_diagonal_does():
    x, y = pair(4)
    y = with_holes(y, ((2,), (2,)))
    assert mantel(x, y, generator=np.random.default_rng(0)) == by_loop(x, y, "all")
    assert mantel(x, y, generator=np.random.default_rng(0), diagonal="with") is None


def test_p_is_uniform_under_the_null():
    draw = np.random.default_rng(1)
    x = [matrix(draw.random((8, 8))) for _ in range(200)]
    y = [matrix(draw.random((8, 8))) for _ in range(200)]
    ps = [mantel(a, b, generator=draw, n_relabellings=199) for a, b in zip(x, y, strict=True)]
    assert stats.kstest(ps, "uniform").pvalue > 0.01


def test_a_strong_agreement_is_found():
    x, _ = pair(8)
    assert mantel(x, x, generator=np.random.default_rng(0), n_relabellings=999) == pytest.approx(0.001)


def test_rows_and_columns_must_be_the_same_things():
    x, y = pair(4)
    with pytest.raises(InputError, match="different sources"):
        mantel(x, pair(5)[1], generator=np.random.default_rng(0))
    x, y = (m.select([0, 1, 2, 3], [0, 1, 2]) for m in (x, y))
    with pytest.raises(InputError, match="same sources and targets"):
        mantel(x, y, generator=np.random.default_rng(0))
