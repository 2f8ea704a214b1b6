"""Explaining. What a started prompt is worth in operations: speed-ups, and scores at equal cost of both runs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from transferkit.results.starts import Beginning
from transferkit.statistics import ConvergenceRule, Curve, Speedup, comparable_times, median_speedup, ratio

BEFORE = {"flops": False, "flops_with_source": True}
ENDS = ("side", "upper", "slack")
ARITHMETIC = (
    *("gflop_per_step", "plain_gflop_per_step", "source_gflop", "projector_gflop"),
    *(name for kind in BEFORE for name in (kind, *(f"{kind}_{end}" for end in ENDS))),
    *("started_at_equal", "started_at_equal_with_source", "n_no_budget"),
)
ROUNDING = 1e-9  # of a sum of operations


def arithmetic(known: Sequence[tuple[Beginning, Curve, Curve]], rule: ConvergenceRule) -> dict[str, object]:
    """Return speed-ups and scores by operations under the names of `ARITHMETIC`; blank where nobody noted what it took.

    `flops` is the comparable-result speed-up in operations of training; `flops_with_source` counts in front of the
    first step all that trained the prompt it begins from, and all that tuned the projector that brought it. What the
    projector was given is not in it, and neither are evaluations. The scores are means over seeds of the best selection
    score the started run has seen, its start included, by the time it has cost what the whole plain run costs:
    `started_at_equal` without what was spent before its first step, `started_at_equal_with_source` with it.
    `n_no_budget` counts the seeds where that alone costs more; with any, there is no mean.
    """
    costs = [(one.started_cost, one.plain_cost, one.source_cost, one.projector_cost) for one, _, _ in known]
    row: dict[str, object] = dict(zip(ARITHMETIC[:4], np.mean(costs, axis=0).tolist(), strict=True))
    for name, is_counted in BEFORE.items():
        before = [one.before if is_counted else 0.0 for one, _, _ in known]
        if np.isnan([*before, *(cost for each in costs for cost in each[:2])]).any():
            continue
        pairs = list(zip(known, before, strict=True))
        values = [_in_operations(one, spent, rule) for one, spent in pairs]
        row |= speedup_columns(name, median_speedup([value for value in values if value is not None]))
        scores = [_at_equal(one, spent) for one, spent in pairs]
        row["started_at_equal" + "_with_source" * is_counted] = float(np.mean(scores))
        if is_counted:
            row["n_no_budget"] = int(np.isnan(scores).sum())
    return row


def speedup_columns(name: str, value: Speedup | None) -> dict[str, object]:
    """Return a speed-up as columns that begin with a name."""
    if value is None:
        return {name: np.nan, f"{name}_side": None}
    upper = np.nan if value.upper is None else value.upper
    return {name: value.value, f"{name}_side": value.side, f"{name}_upper": upper, f"{name}_slack": value.slack}


def speedup_of(row: Mapping[Hashable, object], name: str) -> Speedup | None:
    """Return the speed-up whose columns in a row begin with a name; None where there is none."""
    side = row.get(f"{name}_side")
    if side not in ("exact", "more_than", "less_than", "between"):
        return None
    value, upper, slack = (float(str(row.get(f"{name}{end}", np.nan))) for end in ("", "_upper", "_slack"))
    return Speedup(value, side, None if np.isnan(upper) else upper, 0.0 if np.isnan(slack) else slack)


def _in_operations(pair: tuple[Beginning, Curve, Curve], before: float, rule: ConvergenceRule) -> Speedup | None:
    one, plain, started = pair
    times = comparable_times(plain, started, rule)
    if times is None:
        return None
    needed = times.plain * one.plain_cost
    return ratio(
        needed,
        None if times.started is None else times.started * one.started_cost,
        first=started.first * one.started_cost,
        last=started.last * one.started_cost,
        before=before,
        is_open=times.is_open,
        slack=started.interval * one.started_cost / needed,
    )


def _at_equal(pair: tuple[Beginning, Curve, Curve], before: float) -> float:
    """Return the best selection score within what the plain run costs; NaN where nothing is left of it."""
    one, plain, started = pair
    budget = plain.last * one.plain_cost
    is_within = before + started.steps * one.started_cost <= budget * (1 + ROUNDING)
    return float(started.scores[is_within].max()) if is_within.any() else float("nan")
