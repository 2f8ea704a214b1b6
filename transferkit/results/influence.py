"""Explaining. What the prompts of a sweep do to rows and answers, what reaches them, and what training them cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Influence, Prompt
from transferkit.results.layers import PLAIN, Point, points
from transferkit.results.reading import Reading
from transferkit.shapes import FloatArray
from transferkit.specs import InfluenceSpec, NoPrompt, PromptSpec, TrainedPrompt, key
from transferkit.statistics import over_examples, over_seeds

if TYPE_CHECKING:
    import pandas as pd

POINT = ("backbone", "task", "generator", "insert_after")
NOTHING = "no prompt"
FOUND = [*POINT, "distance", "quantity", "value", "low", "high", "n", "n_seeds", "keys"]
BEHIND = [*POINT, "depth", "quantity", "value", "n", "n_seeds", "keys"]


def influence_table(reading: Reading, backbone: str | None) -> pd.DataFrame:
    """Return one row per point and quantity: the mean over examples, then seeds, with an interval over seeds.

    A single seed has an interval over examples.
    """
    import pandas as pd

    rows = []
    for point, found in _measured(reading, backbone).items():
        for name in found[0][1].by_example:
            each = [influence.by_example[name] for _, influence in found]
            rows.append({**_named(point), **_distance(found[0][1]), "quantity": name, **_summary(each, found)})
    return pd.DataFrame(rows, columns=FOUND)


def block_table(reading: Reading, backbone: str | None) -> pd.DataFrame:
    """Return one row per point, quantity and number of blocks passed, means over examples and seeds.

    Similarity and attention are of the block that was passed last; information is of the rows behind it. Rows of no
    prompt stand beside them under the generator "no prompt", with information alone.
    """
    import pandas as pd

    rows = []
    for point, found in {**_measured(reading, backbone), **_unprompted(reading, backbone)}.items():
        facts = {**_named(point), "n_seeds": len(found), "keys": _keys(found)}
        start = found[0][1].start
        examples = reading.gold(point[1])
        n = len(examples.gold) if examples else None
        for name in found[0][1].by_block:
            means = np.mean([influence.by_block[name].mean(1) for _, influence in found], axis=0)
            rows += [
                {**facts, "depth": start + 1 + i, "quantity": name, "value": float(value), "n": n}
                for i, value in enumerate(means)
                if not np.isnan(value)
            ]
        means = np.mean([influence.information for _, influence in found], axis=0)
        rows += [
            {**facts, "depth": start + i, "quantity": "information", "value": float(value), "n": n}
            for i, value in enumerate(means)
        ]
    return pd.DataFrame(rows, columns=BEHIND)


def cost_table(reading: Reading, backbone: str | None) -> pd.DataFrame:
    """Return one row per point: numbers that learn, arithmetic per example by formula, CPU-seconds of training.

    What training noted is blank where an older version trained.
    """
    import pandas as pd

    rows = []
    for point, pairs in points(reading, backbone).items():
        metas = [reading.store.meta(spec) for spec, _ in pairs if reading.store.has(spec)]
        if metas:
            costs = [cost if isinstance(cost := meta.get("cost"), Mapping) else {} for meta in metas]
            rows.append(
                {
                    **_named(point),
                    "parameters": _mean([cost.get("parameters") for cost in costs]),
                    "gflop_per_example": _mean([cost.get("gflop_per_example") for cost in costs]),
                    "cpu_seconds": _mean([meta.get("cpu_seconds") for meta in metas]),
                    "n_seeds": len(metas),
                    "keys": " ".join(key(spec) for spec, _ in pairs),
                }
            )
    columns = [*POINT, "parameters", "gflop_per_example", "cpu_seconds", "n_seeds", "keys"]
    return pd.DataFrame(rows, columns=columns)


def depth_curves(reading: Reading, backbone: str | None) -> pd.DataFrame:
    """Return one row per evaluation of the sweep's prompts; seconds are CPU time, spread evenly over the steps."""
    import pandas as pd

    rows = []
    for point, pairs in points(reading, backbone).items():
        for spec, _ in pairs:
            prompt = reading.get(spec, Prompt)
            if prompt is not None:
                whole = reading.store.meta(spec).get("cpu_seconds")
                a_step = whole / spec.recipe.steps if isinstance(whole, int | float) else float("nan")
                rows += [
                    {**_named(point), "seed": spec.seed, "seconds": a_step * float(str(record["step"])), **record}
                    for record in prompt.history
                ]
    return pd.DataFrame(rows, columns=None if rows else [*POINT, "seed", "seconds", "step", "selection_score"])


def _measured(reading: Reading, backbone: str | None) -> dict[Point, list[tuple[InfluenceSpec, Influence]]]:
    """Return what was measured of each point whose every seed is there."""
    prompts = {key(spec): spec for spec in reading.question.swept_prompts() if isinstance(spec, PromptSpec)}
    found: dict[Point, list[tuple[InfluenceSpec, Influence | None]]] = {}
    for asked, influence in _asked(reading, backbone):
        if isinstance(asked.source, TrainedPrompt):
            recipe = prompts[asked.source.key].recipe
            generator = PLAIN if recipe.generator is None else recipe.generator.kind
            point = (asked.backbone.name, asked.task.name, generator, recipe.placement.insert_after)
            found.setdefault(point, []).append((asked, influence))
    return _whole(found)


def _unprompted(reading: Reading, backbone: str | None) -> dict[Point, list[tuple[InfluenceSpec, Influence]]]:
    asked = [pair for pair in _asked(reading, backbone) if isinstance(pair[0].source, NoPrompt)]
    return _whole({(spec.backbone.name, spec.task.name, NOTHING, 0): [(spec, found)] for spec, found in asked})


def _asked(reading: Reading, backbone: str | None) -> Iterator[tuple[InfluenceSpec, Influence | None]]:
    for spec in reading.question.influences():
        if backbone in (None, spec.backbone.name):
            yield spec, reading.get(spec, Influence)


def _whole(
    found: Mapping[Point, list[tuple[InfluenceSpec, Influence | None]]],
) -> dict[Point, list[tuple[InfluenceSpec, Influence]]]:
    return {
        point: [(spec, one) for spec, one in pairs if one is not None]
        for point, pairs in found.items()
        if all(one is not None for _, one in pairs)
    }


def _summary(each: list[FloatArray], found: list[tuple[InfluenceSpec, Influence]]) -> dict[str, object]:
    means = np.array([values.mean() for values in each], dtype=np.float64)
    interval = over_seeds(means) or over_examples(each[0])
    low, high = (interval.low, interval.high) if interval else (float("nan"), float("nan"))
    return {
        "value": float(means.mean()),
        "low": low,
        "high": high,
        "n": len(each[0]),
        "n_seeds": len(each),
        "keys": _keys(found),
    }


def _distance(influence: Influence) -> dict[str, object]:
    """Return the blocks between the prompt and the answer."""
    return {"distance": len(influence.information) - 1}


def _named(point: Point) -> dict[str, object]:
    return dict(zip(POINT, point, strict=True))


def _keys(found: list[tuple[InfluenceSpec, Influence]]) -> str:
    return " ".join(key(spec) for spec, _ in found)


def _mean(values: list[object]) -> float:
    known = [float(value) for value in values if isinstance(value, int | float)]
    return float(np.mean(known)) if known and len(known) == len(values) else float("nan")
