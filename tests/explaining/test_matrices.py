import numpy as np
import pytest

from transferkit.errors import InputError
from transferkit.matrices import Matrix, same_group


def matrix(values, groups=("x", "x", "y"), labels=("a", "b", "c"), **more):
    return Matrix(
        values=np.array(values, dtype=float),
        sources=labels,
        targets=labels,
        source_groups=groups,
        target_groups=groups,
        name="score",
        **more,
    )


SCORES = [[0.8, 0.6, 0.5], [0.4, 0.9, 0.5], [0.6, 0.3, 0.75]]


def test_relative_divides_columns_by_their_own_score():
    relative = matrix(SCORES).relative()
    np.testing.assert_allclose(np.diag(relative.values), 1.0)
    assert relative.values[1, 0] == pytest.approx(0.4 / 0.8)
    assert relative.values[0, 1] == pytest.approx(0.6 / 0.9)
    assert relative.unit == "fraction of own score"


def test_chance_corrected_is_zero_at_random_and_one_at_own():
    corrected = matrix(SCORES).chance_corrected(np.array([0.4, 0.5, 0.5]))
    np.testing.assert_allclose(np.diag(corrected.values), 1.0)
    assert corrected.values[1, 0] == 0.0
    assert corrected.values[2, 1] == pytest.approx((0.3 - 0.5) / (0.9 - 0.5))


def test_columns_without_a_gain_are_not_applicable():
    corrected = matrix(SCORES).chance_corrected(np.array([0.4, 0.5, 0.74]), least_gap=0.02)
    assert (corrected.states[:, 2] == "not_applicable").all()
    assert np.isnan(corrected.values[:, 2]).all()
    assert corrected.count("measured") == 6


def test_a_missing_own_score_makes_its_column_missing():
    values = np.array(SCORES)
    values[0, 0] = np.nan
    relative = matrix(values).relative()
    assert (relative.states[:, 0] == "missing").all()
    assert relative.count("missing") == 3


def test_nan_only_where_the_state_says_so():
    state = np.array([["measured"] * 3, ["missing"] * 3, ["not_applicable"] * 3])
    whole = matrix(SCORES, state=state)
    assert np.isnan(whole.values[1:]).all()
    assert not np.isnan(whole.values[0]).any()
    assert matrix([[np.nan, 1, 1]] * 3).count("missing") == 3
    masked = matrix(SCORES).mask(np.eye(3, dtype=bool))
    assert masked.count("not_applicable") == 3


def test_ordered_by_group_then_name_moves_everything_along():
    shuffled = matrix(SCORES, groups=("y", "x", "x"), n=np.arange(9).reshape(3, 3), low=np.array(SCORES) - 0.1)
    ordered = shuffled.ordered()
    assert ordered.sources == ("b", "c", "a")
    assert ordered.source_groups == ("x", "x", "y")
    assert ordered.values[0, 2] == SCORES[1][0]
    assert ordered.n[0, 2] == 3
    assert ordered.low[2, 2] == pytest.approx(0.7)


def test_tables():
    frame = matrix(SCORES).to_frame()
    assert frame.loc["a", "b"] == 0.6
    cells = matrix(SCORES, n=np.full((3, 3), 7)).cells()
    assert len(cells) == 9
    row = cells[(cells["source"] == "c") & (cells["target"] == "a")].iloc[0]
    assert (row["value"], row["n"], row["state"]) == (0.6, 7, "measured")


def test_rectangles_know_their_own_cells():
    whole = matrix(SCORES)
    part = whole.select([2, 0], [0, 1])
    np.testing.assert_allclose(part.diagonal(), [0.8, np.nan])
    assert part.is_own().tolist() == [[False, False], [True, False]]
    assert not part.is_square


def test_same_group():
    assert same_group(matrix(SCORES)).values.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_shapes_and_states_are_checked():
    with pytest.raises(InputError, match="labels say"):
        matrix([[1.0, 2.0]])
    with pytest.raises(InputError, match="unknown states"):
        matrix(SCORES, state=np.full((3, 3), "gone"))
