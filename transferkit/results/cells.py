"""Explaining. Which cells of a transfer matrix are more than chance: foreign prompts against random and own ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.results.reading import Reading
from transferkit.results.scores import baseline_specs, paired
from transferkit.specs import AnyScoreSpec, ScoreSpec, key
from transferkit.statistics import CellTest, cell_test, false_discovery, verdicts

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05  # share of false discoveries among the cells called
COLUMNS = ("source", "source_group", "target", "target_group", "n", "is_own")
AGAINST = ("random", "own")
RESAMPLES = 2000


def cell_tests(reading: Reading, backbone: str, *, seed: int) -> pd.DataFrame:
    """Return one row per cell with answers: its difference to random and to own prompts, each with interval, p and q.

    `verdict` compares with the random prompt: "transfers" above it, "harms" below it, else "neutral", with at most 5 %
    of false discoveries among the cells of the backbone (Benjamini and Hochberg). `is_worse_than_own` does so with the
    target's own prompt.
    """
    import pandas as pd

    rows = []
    tasks = reading.tasks_on(reading.check_backbone(backbone))
    for j, target in enumerate(tasks):
        generator = np.random.default_rng([seed, j])
        own = reading.prompts_on(backbone, target.name, source=target.name, source_backbone=backbone)
        sides = {"random": baseline_specs(reading, backbone, target.name, "random prompt"), "own": own}
        for source in tasks:
            specs = reading.prompts_on(backbone, target.name, source=source.name, source_backbone=backbone)
            found = {name: _test(reading, specs, side, generator) for name, side in sides.items()}
            if found["random"] is None:
                continue
            row: dict[str, object] = dict(
                zip(COLUMNS, (source.name, source.group, target.name, target.group), strict=False)
            )
            row |= {"n": reading.mean(specs).n, "is_own": source.name == target.name}
            for name, test in found.items():
                values = (test.difference, *np.clip([test.low, test.high], -1, 1), test.p) if test else (np.nan,) * 4
                row |= {f"{what}_{name}": v for what, v in zip(("difference", "low", "high", "p"), values, strict=True)}
            rows.append({**row, "keys": " ".join(key(spec) for spec in specs)})
    return _judged(pd.DataFrame(rows))


def _test(
    reading: Reading, specs: list[AnyScoreSpec], side: list[AnyScoreSpec], generator: np.random.Generator
) -> CellTest | None:
    if not specs or not side or specs == side or not isinstance(specs[0], ScoreSpec):
        return None
    task, sides = specs[0].task, paired(reading, specs, side)
    if sides is None:
        return None
    return cell_test(
        sides.first,
        sides.second,
        sides.gold,
        metric=task.metric,
        n_classes=task.n_classes,
        generator=generator,
        n_resamples=RESAMPLES,
    )


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Add q values over the foreign cells, and what they say."""
    if table.empty:
        return table
    foreign = ~table["is_own"].to_numpy(dtype=bool)
    for name in AGAINST:
        q = np.full(len(table), np.nan)
        q[foreign] = false_discovery(table.loc[foreign, f"p_{name}"].to_numpy(dtype=np.float64))
        table[f"q_{name}"] = q
    q, difference = (table[c].to_numpy(dtype=np.float64) for c in ("q_random", "difference_random"))
    table["verdict"] = np.where(foreign, verdicts(q, difference, level=LEVEL), "own")
    is_worse = (table["q_own"] <= LEVEL) & (table["difference_own"] < 0)
    table["is_worse_than_own"] = is_worse.astype(object).where(table["q_own"].notna(), None)
    return table
