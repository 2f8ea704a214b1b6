"""Explaining. One source, one target, every seed: speed-ups in steps and in arithmetic, and what the prompts score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from transferkit.artifacts import Score
from transferkit.results.reading import Reading
from transferkit.results.starts import Beginning
from transferkit.specs import AnyScoreSpec, key
from transferkit.statistics import (
    ConvergenceRule,
    Curve,
    Speedup,
    SpeedupSummary,
    comparable_speedup,
    converged_level,
    convergence_speedup,
    over_seeds,
    ratio,
    reference_step,
    step_reaching,
    summarise,
)

KINDS = ("comparable", "convergence")
SUMMARY = ("low", "low_side", "high", "high_side", "n_reached", "n_at_once", "n_not_reached", "n_unknown", "mean", "sd")
SCORES = ("plain_best", "plain_final", "started_start", "started_best", "started_final")
REPORTED = ("plain_score", "started_score", "difference", "difference_low", "difference_high", "n")
COLUMNS = (
    "n_seeds",
    *(name for kind in KINDS for name in (kind, f"{kind}_side", *(f"{kind}_{part}" for part in SUMMARY))),
    *("gflop_per_step", "plain_gflop_per_step", "source_gflop"),
    *("flops", "flops_side", "flops_with_source", "flops_with_source_side"),
    *SCORES,
    *REPORTED,
    "keys",
)


def pair_row(reading: Reading, several: Sequence[Beginning], rule: ConvergenceRule) -> dict[str, object]:
    """Return what is known of one pair under the names of `COLUMNS`; blank where a curve of any seed is missing.

    Speed-ups are the medians over seeds with the smallest and the largest; `flops` counts the comparable-result
    speed-up in operations, `flops_with_source` also those that trained the prompt it begins from (all of its steps).
    Evaluations are not counted, and neither is what made a projector. `SCORES` are means over seeds on the selection
    split, the best of the started prompt and its first (zero-shot) taken from a curve that includes the start;
    `REPORTED` are those of the report split, the difference with a t interval over seeds.
    """
    row: dict[str, object] = {"n_seeds": len(several)}
    curves = [(one, one.plain, one.started) for one in several]
    known = [(one, plain, started) for one, plain, started in curves if plain is not None and started is not None]
    if len(known) == len(several):
        made = {
            "comparable": [comparable_speedup(plain, started, rule) for _, plain, started in known],
            "convergence": [convergence_speedup(plain, started, rule) for _, plain, started in known],
        }
        for kind, values in made.items():
            row |= _named(kind, summarise(values))
        row |= _arithmetic(known, rule)
        row |= _selection([(plain, started) for _, plain, started in known])
    row |= _reported(reading, [one.score for one in several], [one.plain_score for one in several])
    row["keys"] = " ".join(dict.fromkeys(key(spec) for one in several for spec in (one.start.prompt, one.start.plain)))
    return row


def summary_of(several: Sequence[Beginning], kind: str, rule: ConvergenceRule) -> SpeedupSummary | None:
    """Return one of the two speed-ups over seeds; None where a curve is missing."""
    make = {"comparable": comparable_speedup, "convergence": convergence_speedup}[kind]
    values = [None if one.plain is None or one.started is None else (one.plain, one.started) for one in several]
    known = [pair for pair in values if pair is not None]
    return summarise([make(*pair, rule) for pair in known]) if len(known) == len(values) else None


def _named(kind: str, summary: SpeedupSummary) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in (("", summary.median), ("_low", summary.low), ("_high", summary.high)):
        found |= {f"{kind}{name}": np.nan if value is None else value.value}
        found |= {f"{kind}{name}_side": None if value is None else value.side}
    for name in ("n_reached", "n_at_once", "n_not_reached", "n_unknown", "mean", "sd"):
        found[f"{kind}_{name}"] = getattr(summary, name)
    return found


def _arithmetic(known: Sequence[tuple[Beginning, Curve, Curve]], rule: ConvergenceRule) -> dict[str, object]:
    """Return the comparable-result speed-up in operations, blank where nobody noted what a step takes."""
    costs = np.array([(one.started_cost, one.plain_cost, one.source_cost) for one, _, _ in known])
    row: dict[str, object] = dict(
        zip(("gflop_per_step", "plain_gflop_per_step", "source_gflop"), costs.mean(axis=0).tolist(), strict=True)
    )
    for name, place in (("flops", None), ("flops_with_source", 2)):
        before = np.zeros(len(costs)) if place is None else costs[:, place]
        if np.isnan(costs[:, :2]).any() or np.isnan(before).any():
            continue
        values = [
            _in_operations(plain, started, cost, at, rule)
            for (_, plain, started), cost, at in zip(known, costs, before.tolist(), strict=True)
        ]
        median = summarise(values).median
        row |= (
            {name: np.nan, f"{name}_side": None}
            if median is None
            else {name: median.value, f"{name}_side": median.side}
        )
    return row


def _in_operations(
    plain: Curve, started: Curve, cost: np.ndarray, before: float, rule: ConvergenceRule
) -> Speedup | None:
    reference = reference_step(plain, rule)
    if reference is None:
        return None
    a_step, a_plain_step = float(cost[0]), float(cost[1])
    there = step_reaching(started, converged_level(plain.trained, rule), rule)
    return ratio(
        reference * a_plain_step,
        None if there is None else there * a_step,
        first=started.first * a_step,
        last=started.last * a_step,
        before=before,
    )


def _selection(curves: Sequence[tuple[Curve, Curve]]) -> dict[str, object]:
    each = [
        (
            plain.trained.scores.max(),
            plain.scores[-1],
            started.scores[0] if started.steps[0] == 0 else np.nan,
            started.scores.max(),
            started.scores[-1],
        )
        for plain, started in curves
    ]
    return dict(zip(SCORES, np.mean(each, axis=0).tolist(), strict=True))


def _reported(reading: Reading, started: Sequence[AnyScoreSpec], plain: Sequence[AnyScoreSpec]) -> dict[str, object]:
    cells = {"plain_score": reading.mean(plain), "started_score": reading.mean(started)}
    row: dict[str, object] = {name: cell.value for name, cell in cells.items()}
    if any(cell.state != "measured" for cell in cells.values()):
        return row
    differences = _values(reading, started) - _values(reading, plain)
    interval = over_seeds(differences)
    low, high = (interval.low, interval.high) if interval else (np.nan, np.nan)
    row |= {"difference": float(differences.mean()), "difference_low": low, "difference_high": high}
    return row | {"n": cells["started_score"].n}


def _values(reading: Reading, specs: Sequence[AnyScoreSpec]) -> np.ndarray:
    found = [(spec.task.metric, reading.get(spec, Score)) for spec in specs]
    return np.array([score.metrics[metric] for metric, score in found if score is not None])
