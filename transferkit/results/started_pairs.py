"""Explaining. One source, one target, every seed: speed-ups in steps and in arithmetic, and what the prompts score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from transferkit.artifacts import Score
from transferkit.results.reading import Reading
from transferkit.results.started_costs import ARITHMETIC, arithmetic, speedup_columns
from transferkit.results.starts import NOTHING, Beginning
from transferkit.specs import AnyScoreSpec, key
from transferkit.statistics import (
    ConvergenceRule,
    Curve,
    SpeedupSummary,
    comparable_speedup,
    convergence_speedup,
    over_seeds,
    summarise,
)

KINDS = ("comparable", "convergence")
COUNTS = ("n_reached", "n_at_once", "n_not_reached", "n_unknown", "n_faster", "n_slower", "mean", "sd")
SUMMARY = ("side", "upper", "slack", "low", "low_side", "high", "high_side", *COUNTS)
SCORES = ("plain_best", "plain_final", "started_start", "started_best", "started_final")
REPORTED = ("plain_score", "started_score", "difference", "difference_low", "difference_high", "n")
COLUMNS = (
    *("n_seeds", "n_unfinished"),
    *(name for kind in KINDS for name in (kind, *(f"{kind}_{part}" for part in SUMMARY))),
    *ARITHMETIC,
    *SCORES,
    *REPORTED,
    "keys",
)


def pair_row(reading: Reading, several: Sequence[Beginning], rule: ConvergenceRule) -> dict[str, object]:
    """Return what is known of one pair under the names of `COLUMNS`; blank where a curve of any seed is missing.

    Speed-ups are the medians over seeds with the first and the last in order, read with `speedup_of`. `n_reached`
    counts the seeds with an exact one, `n_at_once` and `n_not_reached` those with bounds of either side, `n_unknown`
    those with none, `n_faster` and `n_slower` those that differ by more than an evaluation interval; `n_unfinished`
    those whose run from nothing has its best score at its last look alone. `ARITHMETIC` is that of `started_costs`.
    `SCORES` are means over seeds on the selection split, the best of the started prompt and its first (zero-shot) taken
    from a curve that includes the start; `REPORTED` are those of the report split, the difference with a t interval
    over seeds; blank for runs that stand for chance, whose pairs share seeds.
    """
    row: dict[str, object] = {"n_seeds": len(several)}
    if not several:
        return row
    curves = [(one, one.plain, one.started) for one in several]
    known = [(one, plain, started) for one, plain, started in curves if plain is not None and started is not None]
    if len(known) == len(several):
        made = {
            "comparable": [comparable_speedup(plain, started, rule) for _, plain, started in known],
            "convergence": [convergence_speedup(plain, started, rule) for _, plain, started in known],
        }
        for kind, values in made.items():
            row |= _named(kind, summarise(values))
        row["n_unfinished"] = sum(plain.trained.is_unfinished for _, plain, _ in known)
        row |= arithmetic(known, rule)
        row |= _selection([(plain, started) for _, plain, started in known])
    if all(one.start.how != NOTHING for one in several):  # seeds stand in several pairs: they are no sample
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
    for name, value in ((kind, summary.median), (f"{kind}_low", summary.low), (f"{kind}_high", summary.high)):
        found |= speedup_columns(name, value)
    return found | {f"{kind}_{name}": getattr(summary, name) for name in COUNTS}


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
