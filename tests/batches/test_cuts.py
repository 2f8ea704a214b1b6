"""Where a split is cut into batches: no other cuts are cheaper, against all of them."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transferkit.batches import Encoded
from transferkit.batches.batch import ROWS_OF_A_PASS, cheapest_cuts

QUICK = settings(max_examples=50, deadline=None)


def cost(lengths: list[int], cuts: tuple[int, ...]) -> int:
    """Return the rows passes take, padding and what each costs beside its rows included."""
    pairs = itertools.pairwise(cuts)
    return sum((stop - start) * max(lengths[start:stop]) + ROWS_OF_A_PASS for start, stop in pairs)


@QUICK
@given(st.lists(st.integers(1, 200), min_size=1, max_size=8).map(sorted), st.integers(1, 9))
def test_no_other_cuts_are_cheaper(lengths: list[int], most: int) -> None:
    n = len(lengths)
    inner = itertools.chain.from_iterable(itertools.combinations(range(1, n), k) for k in range(n))
    ways = [(0, *cuts, n) for cuts in inner]
    allowed = [way for way in ways if all(stop - start <= most for start, stop in itertools.pairwise(way))]
    assert tuple(cheapest_cuts(np.array(lengths), most)) in allowed
    assert cost(lengths, tuple(cheapest_cuts(np.array(lengths), most))) == min(cost(lengths, way) for way in allowed)


@QUICK
@given(st.lists(st.integers(1, 200), min_size=1, max_size=150), st.integers(1, 40))
def test_every_example_comes_once_in_batches_of_rising_length(lengths: list[int], most: int) -> None:
    n = len(lengths)
    found = Encoded([[5] * k for k in lengths], None, np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), 0, 0)
    batches = list(found.in_order(most))
    shown = [batch.mask.sum(1).tolist() for batch in batches]
    assert sorted(i for batch in batches for i in batch.index.tolist()) == list(range(n))
    assert max(map(len, shown)) <= most
    assert list(itertools.chain.from_iterable(shown)) == sorted(lengths)
    assert [batch.ids.shape[1] for batch in batches] == [max(each) for each in shown]


def test_texts_of_unlike_length_go_apart_only_where_that_pays() -> None:
    def sizes(lengths: list[int], most: int) -> list[int]:
        return np.diff(cheapest_cuts(np.array(lengths), most)).tolist()

    assert sizes([10] * 8, 8) == [8]
    assert sizes([10] * 9, 8) in ([1, 8], [8, 1], [4, 5], [5, 4], [2, 7], [7, 2], [3, 6], [6, 3])
    assert sizes([2] * 4 + [100], 8) == [4, 1]  # 98 rows of padding for each short text
    assert sizes([2] * 4 + [15], 8) == [5]  # 13 rows for each, which a pass is not worth
    assert cheapest_cuts(np.array([], dtype=np.int64), 8) == [0]
