"""Explaining. A sweep read through its study: what a prompt is worth, does and costs by the block it enters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferkit.results import influence, layers
from transferkit.results.reading import Reading

if TYPE_CHECKING:
    import pandas as pd


class Depths:
    """The part of `Results` that is about depth; every table has one row per backbone, task, generator and depth."""

    def __init__(self, reading: Reading, *, seed: int, n_resamples: int) -> None:
        self._reading = reading
        self._seed = seed
        self._n_resamples = n_resamples

    def scores(self, backbone: str | None = None) -> pd.DataFrame:
        """Return the score of each point, its selection score and the baselines, with intervals."""
        return layers.by_depth(self._reading, backbone)

    def best(self) -> pd.DataFrame:
        """Return per backbone, task and generator the depth chosen on the selection split, and how sure the best is."""
        return layers.best_layers(self._reading, seed=self._seed, n_resamples=self._n_resamples)

    def influence(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per quantity of `transferkit.measures.influence` as well: mean, interval, n."""
        return influence.influence_table(self._reading, backbone)

    def blocks(self, backbone: str | None = None) -> pd.DataFrame:
        """Return similarity, attention and information behind every block a prompt is seen in."""
        return influence.block_table(self._reading, backbone)

    def costs(self, backbone: str | None = None) -> pd.DataFrame:
        """Return numbers that learn, arithmetic per example of a step, and CPU-seconds of a training run."""
        return influence.cost_table(self._reading, backbone)

    def curves(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per evaluation: seed, step, seconds and what the history holds."""
        return influence.depth_curves(self._reading, backbone)
