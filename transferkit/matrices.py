"""Explaining. Labelled source × target numbers: what one cell means, and what may be computed from all of them.

Rows are sources (where a prompt was trained), columns are targets (where it is used), always. A cell that could not be
measured is a state, never a zero. Relative and chance-corrected scores follow Su et al. 2022, section 4.2, and the
correction for what an untrained prompt already scores.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from transferkit.errors import InputError
from transferkit.shapes import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

CellState = Literal["measured", "missing", "not_applicable"]
Diagonal = Literal["with", "without"]
WIDEST = "<U14"  # numpy cuts longer words to the width of the array they are put into
STATES: tuple[CellState, ...] = ("measured", "missing", "not_applicable")


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix:
    """Labelled numbers over sources and targets.

    Attributes:
        values: float64 [source,target]; NaN exactly where `state` is not "measured".
        sources: row labels; `targets`: column labels.
        source_groups: group of each row; `target_groups`: of each column.
        name: what is measured, in words; `unit` and `direction` say how to read a number.
        state: "measured", "missing" or "not_applicable" per cell [source,target]; by default missing where NaN.
        n: examples behind each cell [source,target].
        low: lower and `high` upper end of an interval per cell [source,target]; `interval` says which.
        bounds: which values are only bounds [source,target]: ">" where more, "<" where less is true, else "".
        keys: the artifacts it was made from.
    """

    values: FloatArray
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    source_groups: tuple[str, ...]
    target_groups: tuple[str, ...]
    name: str
    unit: str = "fraction"
    direction: str = "higher is better"
    state: npt.NDArray[np.str_] | None = None
    n: IntArray | None = None
    low: FloatArray | None = None
    high: FloatArray | None = None
    bounds: npt.NDArray[np.str_] | None = None
    interval: str | None = None
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes, fill in the states, and blank every cell that was not measured.

        Raises:
            InputError: labels and values do not fit, or a state is unknown.
        """
        values = np.array(self.values, dtype=np.float64)
        shape = (len(self.sources), len(self.targets))
        named = {"values": values, "state": self.state, "n": self.n, "low": self.low, "high": self.high}
        named["bounds"] = self.bounds
        for what, array in named.items():
            if array is not None and np.shape(array) != shape:
                raise InputError(
                    f"{self.name}: {what} has shape {np.shape(array)}, the labels say {shape}",
                    fix="give one row per source and one column per target",
                )
        if len(self.source_groups) != shape[0] or len(self.target_groups) != shape[1]:
            raise InputError(f"{self.name}: groups and labels differ in number", fix="give one group per label")
        state = np.where(np.isnan(values), "missing", "measured") if self.state is None else np.array(self.state, str)
        if unknown := set(np.unique(state)) - set(STATES):
            raise InputError(f"{self.name}: unknown states {sorted(unknown)}", fix=f"use {', '.join(STATES)}")
        state = np.where((state == "measured") & np.isnan(values), "missing", state).astype(WIDEST)
        values[state != "measured"] = np.nan
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "state", state)

    # --- what is there -----------------------------------------------------------------------------------------------
    @property
    def states(self) -> npt.NDArray[np.str_]:
        """State of every cell [source,target]."""
        assert self.state is not None  # filled in by __post_init__
        return self.state

    @property
    def is_measured(self) -> BoolArray:
        """Which cells hold a number [source,target]."""
        return self.states == "measured"

    @property
    def is_square(self) -> bool:
        """Whether rows and columns are the same things in the same order."""
        return self.sources == self.targets

    def count(self, state: CellState) -> int:
        """Return how many cells are in a state."""
        return int(np.count_nonzero(self.states == state))

    def diagonal(self) -> FloatArray:
        """Return the value of each target's own source [target], NaN where there is none."""
        place = {label: i for i, label in enumerate(self.sources)}
        return np.array([self.values[place[t], j] if t in place else np.nan for j, t in enumerate(self.targets)])

    def is_own(self) -> BoolArray:
        """Tell which cells pair a source with itself [source,target]."""
        return np.array(self.sources)[:, None] == np.array(self.targets)[None, :]

    # --- derived scores ----------------------------------------------------------------------------------------------
    def relative(self, own: FloatArray | None = None) -> Matrix:
        """Return score ÷ the target's own score (Su et al. 2022, section 4.2).

        A column whose own score is zero is not applicable; intervals are dropped, for the own score varies too.

        Args:
            own: own score per target [target]; the diagonal by default.
        """
        own = self.diagonal() if own is None else np.asarray(own, dtype=np.float64)
        return self._derived(np.zeros_like(own), own, least_gap=0.0, name=f"{self.name}, relative to own score")

    def chance_corrected(self, random: FloatArray, own: FloatArray | None = None, *, least_gap: float = 0.0) -> Matrix:
        """Return (score − random) ÷ (own − random): 0 is what an untrained prompt scores, 1 the target's own prompt.

        Args:
            random: score of untrained prompts per target [target].
            own: own score per target [target]; the diagonal by default.
            least_gap: columns whose own score is not more than this above random are not applicable.
        """
        own = self.diagonal() if own is None else np.asarray(own, dtype=np.float64)
        random = np.asarray(random, dtype=np.float64)
        return self._derived(random, own, least_gap=least_gap, name=f"{self.name}, chance-corrected")

    def _derived(self, floor: FloatArray, own: FloatArray, *, least_gap: float, name: str) -> Matrix:
        gap = own - floor
        with np.errstate(divide="ignore", invalid="ignore"):
            values = (self.values - floor[None, :]) / gap[None, :]
        state = self.states.copy()
        state[:, np.isnan(gap)] = np.where(self.is_measured, "missing", state)[:, np.isnan(gap)]
        state[:, gap <= least_gap] = "not_applicable"
        return dataclasses.replace(
            self,
            values=values,
            state=state,
            low=None,
            high=None,
            bounds=None,
            interval=None,
            name=name,
            unit="fraction of own gain" if np.any(floor) else "fraction of own score",
        )

    # --- selecting and ordering --------------------------------------------------------------------------------------
    def mask(self, cells: BoolArray) -> Matrix:
        """Return the matrix with these cells [source,target] marked not applicable."""
        return dataclasses.replace(self, state=np.where(cells, "not_applicable", self.states))

    def select(self, rows: list[int], columns: list[int]) -> Matrix:
        """Return some rows and columns in the order given."""

        def cut(array: npt.NDArray[np.generic] | None) -> npt.NDArray[np.generic] | None:
            return None if array is None else np.asarray(array)[np.ix_(rows, columns)]

        return dataclasses.replace(
            self,
            **{name: cut(getattr(self, name)) for name in ("values", "state", "n", "low", "high", "bounds")},
            sources=tuple(self.sources[i] for i in rows),
            targets=tuple(self.targets[j] for j in columns),
            source_groups=tuple(self.source_groups[i] for i in rows),
            target_groups=tuple(self.target_groups[j] for j in columns),
        )

    def ordered(self) -> Matrix:
        """Return rows and columns by group, then name."""
        rows = sorted(range(len(self.sources)), key=lambda i: (self.source_groups[i], self.sources[i]))
        columns = sorted(range(len(self.targets)), key=lambda j: (self.target_groups[j], self.targets[j]))
        return self.select(rows, columns)

    # --- tables ------------------------------------------------------------------------------------------------------
    def to_frame(self) -> pd.DataFrame:
        """Return the values as a table: one row per source, one column per target."""
        import pandas as pd

        index = pd.Index(self.sources, name="source")
        return pd.DataFrame(self.values, index=index, columns=pd.Index(self.targets, name="target"))

    def cells(self) -> pd.DataFrame:
        """Return one row per cell: source, target, groups, value, state, and n and interval where known."""
        import pandas as pd

        n_sources, n_targets = self.values.shape
        columns: dict[str, object] = {
            "source": np.repeat(self.sources, n_targets),
            "target": np.tile(self.targets, n_sources),
            "source_group": np.repeat(self.source_groups, n_targets),
            "target_group": np.tile(self.target_groups, n_sources),
            "value": self.values.ravel(),
            "state": self.states.ravel(),
        }
        for name in ("n", "low", "high", "bounds"):
            if (array := getattr(self, name)) is not None:
                columns[name] = np.asarray(array).ravel()
        return pd.DataFrame(columns)


def same_group(like: Matrix) -> Matrix:
    """Return 1 where source and target share a group, 0 elsewhere: the baseline no indicator should lose to."""
    equal = np.array(like.source_groups)[:, None] == np.array(like.target_groups)[None, :]
    return dataclasses.replace(
        like,
        values=equal.astype(np.float64),
        state=None,
        n=None,
        low=None,
        high=None,
        bounds=None,
        interval=None,
        name="same_group",
        unit="0 or 1",
        direction="1 is the same group",
        keys=(),
    )
