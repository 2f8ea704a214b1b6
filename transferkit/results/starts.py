"""Explaining. Prompts trained from other prompts, taken off the shelf beside their plain twins: curves and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.results.reading import Reading
from transferkit.specs import AnyScoreSpec, ProjectedInitial, PromptInitial, PromptSpec, ScoreSpec, key
from transferkit.statistics import ConvergenceRule, Curve, converged_level
from transferkit.study import Start

if TYPE_CHECKING:
    import pandas as pd

PAIR = ("backbone", "how", "source_backbone", "source", "source_group", "target", "target_group", "same_group")
NOTHING = "from nothing"
TRAINED = "trained"
CURVES = [*PAIR, "seed", "step", "gflop", "selection_score", "level", "key"]
Pair = tuple[str, str, str, str, str | None, str, str, bool]


@dataclass(frozen=True)
class Beginning:
    """A started prompt with all that is known of it, of one seed.

    Attributes:
        start: the specs.
        score, plain_score: scores on the report split of the started prompt and its plain twin.
        started, plain: their curves on the selection split; None where one is missing.
        started_cost, plain_cost: arithmetic of a step, in units of 10⁹ operations; NaN where nobody noted it.
        source_cost: that of the whole training of the prompt it begins from.
    """

    start: Start
    score: AnyScoreSpec
    plain_score: AnyScoreSpec
    started: Curve | None
    plain: Curve | None
    started_cost: float
    plain_cost: float
    source_cost: float


def beginnings(reading: Reading) -> dict[Pair, list[Beginning]]:
    """Return the started prompts of each pair, one per seed; by target, then source, of each by group, then name."""
    groups = {task.name: task.group for task in reading.tasks}
    origins = _origins(reading)
    found: dict[Pair, list[Beginning]] = {}
    for start, score in zip(reading.question.starts(), reading.question.started_scores(), strict=True):
        target, source_group = start.prompt.task, groups.get(start.source)
        if start.source == target.name:  # of another backbone, perhaps of one nothing else is asked of
            source_group = target.group
        pair = (
            *(start.prompt.backbone.name, start.how, start.source_backbone),
            *(start.source, source_group, target.name, target.group, source_group == target.group),
        )
        found.setdefault(pair, []).append(_beginning(reading, start, score, origins))
    backbones = list(dict.fromkeys(pair[0] for pair in found))
    by_group = sorted(found, key=lambda p: (backbones.index(p[0]), p[6], p[5], p[4] or "", p[3], p[1] != TRAINED))
    return {pair: found[pair] for pair in by_group}


def _beginning(reading: Reading, start: Start, score: AnyScoreSpec, origins: Mapping[str, PromptSpec]) -> Beginning:
    assert isinstance(score, ScoreSpec)  # nobody imports started prompts
    initial = start.prompt.recipe.initial
    origin = origins.get(initial.key) if isinstance(initial, (PromptInitial, ProjectedInitial)) else None
    source_cost = float("nan") if origin is None else step_cost(reading, origin) * origin.recipe.steps
    return Beginning(
        start=start,
        score=score,
        plain_score=ScoreSpec(
            source=start.plain.source, backbone=score.backbone, readout=score.readout, task=score.task
        ),
        started=curve_of(reading, start.prompt),
        plain=curve_of(reading, start.plain),
        started_cost=step_cost(reading, start.prompt),
        plain_cost=step_cost(reading, start.plain),
        source_cost=source_cost,
    )


def _origins(reading: Reading) -> dict[str, PromptSpec]:
    """Return by key of what a prompt begins from the prompt that was trained for it."""
    known = {key(spec): spec for spec in reading.question.prompts() if isinstance(spec, PromptSpec)}
    for crossing in reading.question.crossings:
        known |= {key(spec): spec for spec in crossing.brought}
        projected = {key(spec): spec.prompt.key for spec in crossing.projected}
        known |= {name: known[origin] for name, origin in projected.items() if origin in known}
    return known


def curve_of(reading: Reading, spec: PromptSpec) -> Curve | None:
    """Return the selection scores of a prompt's training; None where it is missing, or was never evaluated."""
    prompt = reading.get(spec, Prompt)
    records = [] if prompt is None else prompt.history
    known = [
        (step, score)
        for record in records
        if isinstance(step := record.get("step"), int)
        and isinstance(score := record.get("selection_score"), int | float)
    ]
    if not any(step > 0 for step, _ in known):
        return None
    steps, scores = zip(*known, strict=True)
    return Curve(np.array(steps, dtype=np.int64), np.array(scores, dtype=np.float64))


def step_cost(reading: Reading, spec: PromptSpec) -> float:
    """Return the arithmetic of one training step in units of 10⁹ operations; NaN where nobody noted it."""
    cost = reading.store.meta(spec).get("cost") if reading.store.has(spec) else None
    each = cost.get("gflop_per_example") if isinstance(cost, Mapping) else None
    return float(each) * spec.recipe.batch_size if isinstance(each, int | float) else float("nan")


def curve_table(found: Mapping[Pair, list[Beginning]], rule: ConvergenceRule) -> pd.DataFrame:
    """Return one row per evaluation of every started prompt, and of every plain twin once."""
    import pandas as pd

    blank = dict.fromkeys(("source_backbone", "source_group", "same_group"))
    rows: dict[str, list[dict[str, object]]] = {}
    for pair, several in found.items():
        facts: dict[str, object] = dict(zip(PAIR, pair, strict=True))
        nothing: dict[str, object] = {**facts, **blank, "how": NOTHING, "source": NOTHING}
        for one in several:
            if one.plain is None or one.started is None:
                continue
            at: dict[str, object] = {"seed": one.start.prompt.seed, "level": converged_level(one.plain.trained, rule)}
            sides = (
                (nothing, one.start.plain, one.plain, one.plain_cost),
                (facts, one.start.prompt, one.started, one.started_cost),
            )
            for said, spec, curve, cost in sides:
                name = key(spec)
                rows[name] = [
                    {
                        **said,
                        **at,
                        "step": int(step),
                        "gflop": cost * step,
                        "selection_score": float(score),
                        "key": name,
                    }
                    for step, score in zip(curve.steps, curve.scores, strict=True)
                ]
    return pd.DataFrame([row for several in rows.values() for row in several], columns=CURVES)
