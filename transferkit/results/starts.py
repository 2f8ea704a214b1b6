"""Explaining. Prompts trained from other prompts, taken off the shelf beside their plain twins: curves and cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.results.reading import Reading
from transferkit.results.ways import named_crossings, part_of
from transferkit.specs import AnyScoreSpec, ProjectedInitial, ProjectedSpec, PromptInitial, PromptSpec, ScoreSpec, key
from transferkit.statistics import ConvergenceRule, Curve, converged_level
from transferkit.study import Crossing, Start

if TYPE_CHECKING:
    import pandas as pd

PAIR = (
    *("backbone", "how", "source_backbone", "source", "source_group", "target", "target_group", "same_group"),
    *("projection", "part"),
)
NOTHING = "from nothing"
ANOTHER = "another seed"
TRAINED, PART = "trained", "part"
CURVES = [*PAIR, "seed", "step", "gflop", "gflop_before", "selection_score", "level", "key"]
Pair = tuple[str, str, str, str, str | None, str, str, bool | None, str | None, str | None]


@dataclass(frozen=True)
class Beginning:
    """A started prompt with all that is known of it, of one seed.

    Attributes:
        start: the specs.
        score, plain_score: scores on the report split of the started prompt and its plain twin.
        started, plain: their curves on the selection split; None where one is missing.
        started_cost, plain_cost: arithmetic of a step, in units of 10⁹ operations; NaN where nobody noted it.
        source_cost: that of the whole training of the prompt it begins from.
        projector_cost: that of the whole tuning of the projector that brought it; 0 without one.
    """

    start: Start
    score: AnyScoreSpec
    plain_score: AnyScoreSpec
    started: Curve | None
    plain: Curve | None
    started_cost: float
    plain_cost: float
    source_cost: float
    projector_cost: float

    @property
    def before(self) -> float:
        """All arithmetic that was spent before the first step."""
        return self.source_cost + self.projector_cost


@dataclass(frozen=True)
class Place:
    """Where a prompt was projected: between which backbones, in which projection of that name, and from what."""

    name: str
    crossing: Crossing
    spec: ProjectedSpec


def beginnings(reading: Reading) -> dict[Pair, list[Beginning]]:
    """Return the started prompts of each pair, one per seed; by target, then source, of each by group, then name.

    A prompt that is asked for twice is there once; those of two projections between the same backbones stand apart.
    """
    groups = {task.name: task.group for task in reading.tasks}
    places, origins = _places(reading), _origins(reading)
    found: dict[Pair, list[Beginning]] = {}
    asked = zip(reading.question.starts(), reading.question.started_scores(), strict=True)
    for start, score in {key(start.prompt): (start, score) for start, score in asked}.values():
        target, source_group = start.prompt.task, groups.get(start.source)
        if start.source == target.name:  # of another backbone, perhaps of one nothing else is asked of
            source_group = target.group
        initial = start.prompt.recipe.initial
        place = places.get(initial.key) if isinstance(initial, ProjectedInitial) else None
        pair = (
            *(start.prompt.backbone.name, start.how, start.source_backbone),
            *(start.source, source_group, target.name, target.group, source_group == target.group),
            None if place is None else place.name,
            None if place is None else part_of(place.crossing, start.source),
        )
        found.setdefault(pair, []).append(_beginning(reading, start, score, origins, place))
    backbones = list(dict.fromkeys(pair[0] for pair in found))
    by_group = sorted(
        found, key=lambda p: (backbones.index(p[0]), p[6], p[5], p[4] or "", p[3], p[1] != TRAINED, p[8] or "")
    )
    return {pair: found[pair] for pair in by_group}


def controls(found: Mapping[Pair, list[Beginning]]) -> dict[Pair, list[Beginning]]:
    """Return by target what chance does: every run from nothing as if it were the started one of every other seed's.

    All ordered pairs of seeds, the start of the second left out; none with a single seed.
    """
    runs: dict[tuple[str, str, str], dict[int, tuple[Pair, Beginning]]] = {}
    for pair, several in found.items():
        for one in several:
            recipe = key(dataclasses.replace(one.start.plain, seed=0))
            runs.setdefault((pair[0], pair[5], recipe), {}).setdefault(one.start.plain.seed, (pair, one))
    chance: dict[Pair, list[Beginning]] = {}
    for (backbone, target, _), by_seed in runs.items():
        pair, _ = next(iter(by_seed.values()))
        at = (backbone, NOTHING, backbone, ANOTHER, None, target, pair[6], None, pair[8], None)
        plain = [one for _, one in by_seed.values()]
        chance[at] = [_against(one, other) for one in plain for other in plain if one is not other]
    return chance


def _against(one: Beginning, other: Beginning) -> Beginning:
    start = Start(other.start.plain, one.start.plain, ANOTHER, one.start.plain.backbone.name, NOTHING)
    return dataclasses.replace(
        one,
        start=start,
        score=other.plain_score,
        started=None if other.plain is None else other.plain.trained,
        started_cost=other.plain_cost,
        source_cost=0.0,
        projector_cost=0.0,
    )


def _beginning(
    reading: Reading, start: Start, score: AnyScoreSpec, origins: Mapping[str, PromptSpec], place: Place | None
) -> Beginning:
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
        projector_cost=_projector_cost(reading, place) if isinstance(initial, ProjectedInitial) else 0.0,
    )


def _origins(reading: Reading) -> dict[str, PromptSpec]:
    """Return by key of what a prompt begins from the prompt that was trained for it."""
    known = {key(spec): spec for spec in reading.question.prompts() if isinstance(spec, PromptSpec)}
    known |= {key(start.begun): start.begun for start in reading.question.starts() if start.begun is not None}
    for crossing in reading.question.crossings:
        known |= {key(spec): spec for spec in crossing.brought}
        projected = {key(spec): spec.prompt.key for spec in crossing.projected}
        known |= {name: known[origin] for name, origin in projected.items() if origin in known}
    return known


def _places(reading: Reading) -> dict[str, Place]:
    """Return by key where each projected prompt comes from; of two projections that share it, the first."""
    found: dict[str, Place] = {}
    for (source, target), crossing in named_crossings(reading.question.crossings).items():
        for spec in crossing.projected:
            found.setdefault(key(spec), Place(f"{source} → {target}", crossing, spec))
    return found


def _projector_cost(reading: Reading, place: Place | None) -> float:
    """Return the arithmetic that tuned a projector, for all tasks it serves; NaN where nobody noted it."""
    if place is None:
        return float("nan")
    for spec in place.crossing.projectors:
        if key(spec) == place.spec.projector and reading.store.has(spec):
            cost = reading.store.meta(spec).get("cost")
            whole = cost.get("gflop") if isinstance(cost, Mapping) else None
            return float(whole) if isinstance(whole, int | float) else float("nan")
    return float("nan")


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

    blank = dict.fromkeys(("source_backbone", "source_group", "same_group", "projection", "part"))
    rows: dict[str, list[dict[str, object]]] = {}
    for pair, several in found.items():
        facts: dict[str, object] = dict(zip(PAIR, pair, strict=True))
        nothing: dict[str, object] = {**facts, **blank, "how": NOTHING, "source": NOTHING}
        for one in several:
            if one.plain is None or one.started is None:
                continue
            at: dict[str, object] = {"seed": one.start.prompt.seed, "level": converged_level(one.plain.trained, rule)}
            sides = (
                (nothing, one.start.plain, one.plain, one.plain_cost, 0.0),
                (facts, one.start.prompt, one.started, one.started_cost, one.before),
            )
            for said, spec, curve, cost, before in sides:
                name = key(spec)
                rows[name] = [
                    {
                        **said,
                        **at,
                        "step": int(step),
                        "gflop": cost * step,
                        "gflop_before": before,
                        "selection_score": float(score),
                        "key": name,
                    }
                    for step, score in zip(curve.steps, curve.scores, strict=True)
                ]
    return pd.DataFrame([row for several in rows.values() for row in several], columns=CURVES)
