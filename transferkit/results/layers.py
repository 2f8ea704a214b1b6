"""Explaining. What a prompt is worth by the block in front of which it enters (Liu et al. 2022, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.results.reading import Reading
from transferkit.results.scores import answers, baseline_specs
from transferkit.specs import AnyScoreSpec, PromptSpec
from transferkit.statistics import best_point

if TYPE_CHECKING:
    import pandas as pd

PLAIN = "none"
COLUMNS = ("backbone", "task", "generator", "insert_after", "paper_layer", "n_seeds", "n", "score", "low", "high")
Point = tuple[str, str, str, int]


def by_depth(reading: Reading, backbone: str | None = None) -> pd.DataFrame:
    """Return one row per backbone, task, generator and depth: score over seeds, selection score, baselines."""
    import pandas as pd

    rows = []
    for (name, task, generator, depth), pairs in points(reading, backbone).items():
        cell = reading.mean([score for _, score in pairs])
        selected = [_selection(reading, spec) for spec, _ in pairs]
        baselines = {
            kind: reading.mean(baseline_specs(reading, name, task, kind)).value for kind in ("no prompt", "majority")
        }
        rows.append(
            {
                "backbone": name,
                "task": task,
                "generator": generator,
                "insert_after": depth,
                "paper_layer": depth + 1,
                "n_seeds": len(pairs),
                "n": cell.n,
                "score": cell.value,
                "low": cell.low,
                "high": cell.high,
                "selection_score": float(np.mean(selected)),
                **baselines,
                "keys": " ".join(cell.keys),
            }
        )
    columns = [*COLUMNS, "selection_score", "no prompt", "majority", "keys"]
    return pd.DataFrame(rows, columns=columns)


def best_layers(reading: Reading, *, seed: int, n_resamples: int) -> pd.DataFrame:
    """Return per backbone, task and generator the depth of the best selection score with its score on the report split.

    Beside it stand the depth that is best on the report split, and the depths between which the best lies in 95 % of
    resamples of seeds and examples; blank where a score or its answers are missing.
    """
    import pandas as pd

    swept = points(reading, None)
    lines: dict[tuple[str, str, str], list[dict[str, object]]] = {}
    for row in by_depth(reading).sort_values("insert_after", kind="stable").to_dict("records"):
        lines.setdefault((str(row["backbone"]), str(row["task"]), str(row["generator"])), []).append(
            {str(name): value for name, value in row.items()}
        )
    rows = []
    for n, (sweep, line) in enumerate(lines.items()):
        if any(np.isnan(float(str(row[name]))) for row in line for name in ("score", "selection_score")):
            continue
        chosen = max(line, key=lambda row: float(str(row["selection_score"])))
        depths = [int(str(row["insert_after"])) for row in line]
        scores = [[score for _, score in swept[(*sweep, depth)]] for depth in depths]
        rows.append(
            {
                **{name: chosen[name] for name in COLUMNS if name not in ("insert_after", "paper_layer")},
                "chosen": chosen["insert_after"],
                "first": line[0]["score"],
                "lowest": depths[0],
                "deepest": depths[-1],
                "n_depths": len(depths),
                "no prompt": chosen["no prompt"],
                "keys": " ".join(str(row["keys"]) for row in line),
                **_best(reading, depths, scores, np.random.default_rng([seed, n]), n_resamples),
            }
        )
    columns = [
        *(name for name in COLUMNS if name not in ("insert_after", "paper_layer")),
        "chosen",
        "first",
        "lowest",
        "deepest",
        "n_depths",
    ]
    return pd.DataFrame(rows, columns=[*columns, "no prompt", "keys", "best", "best_from", "best_to"])


def _best(
    reading: Reading,
    depths: list[int],
    scores: list[list[AnyScoreSpec]],
    generator: np.random.Generator,
    n_resamples: int,
) -> dict[str, int | None]:
    task = scores[0][0].task
    said = [answers(reading, one) for one in scores]
    gold = reading.gold(task.name)
    if any(one is None for one in said) or (gold is None and task.n_classes is not None):
        return {"best": None, "best_from": None, "best_to": None}
    found = best_point(
        depths,
        np.stack([one for one in said if one is not None]),
        gold.gold if gold is not None and task.n_classes is not None else None,
        generator=generator,
        metric=task.metric,  # type: ignore[arg-type]
        n_classes=task.n_classes,
        n_resamples=n_resamples,
    )
    return {"best": found.best, "best_from": found.low, "best_to": found.high}


def points(reading: Reading, backbone: str | None) -> dict[Point, list[tuple[PromptSpec, AnyScoreSpec]]]:
    """Return the prompts of each point with their scores, one per seed."""
    found: dict[Point, list[tuple[PromptSpec, AnyScoreSpec]]] = {}
    for spec, score in zip(reading.question.swept_prompts(), reading.question.swept_scores(), strict=True):
        if not isinstance(spec, PromptSpec) or backbone not in (None, spec.backbone.name):
            continue
        generator = PLAIN if spec.recipe.generator is None else spec.recipe.generator.kind
        point = (spec.backbone.name, spec.task.name, generator, spec.recipe.placement.insert_after)
        found.setdefault(point, []).append((spec, score))
    return found


def _selection(reading: Reading, spec: PromptSpec) -> float:
    """Return the best selection score after the first step; NaN where the prompt is missing."""
    prompt = reading.get(spec, Prompt)
    if prompt is None:
        return float("nan")
    scores = (record.get("selection_score") for record in prompt.history[1:])
    return max((float(score) for score in scores if score is not None), default=float("nan"))
