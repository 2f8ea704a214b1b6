"""Explaining. How the prompts of a study were trained: their curves, and whether any run looks dead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Cell, Prompt
from transferkit.results.reading import Reading
from transferkit.specs import PromptSpec, key

if TYPE_CHECKING:
    import pandas as pd

CURVE = ("backbone", "task", "group", "seed", "step")


def curves(reading: Reading, backbone: str | None) -> pd.DataFrame:
    """Return one row per evaluation of every prompt that is there."""
    import pandas as pd

    rows = [
        {
            "backbone": spec.backbone.name,
            "task": spec.task.name,
            "group": spec.task.group,
            "seed": spec.seed,
            **record,
        }
        for spec, prompt in reading.iter_prompts(backbone)
        for record in prompt.history
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*CURVE, "selection_score"])


def training_health(reading: Reading) -> pd.DataFrame:
    """Return one row per prompt: steps, best step, norms before and after, and alarms raised while training."""
    import pandas as pd

    rows = [
        _health(spec, prompt, reading.store.meta(spec))
        for spec, prompt in reading.iter_prompts()
        if isinstance(spec, PromptSpec)
    ]
    columns = [
        "backbone",
        "task",
        "seed",
        "steps",
        "best_step",
        "best_selection_score",
        "start_selection_score",
        "initial_norm",
        "final_norm",
    ]
    return pd.DataFrame(rows, columns=[*columns, "relative_change", "alarms", "key"])


def _health(spec: PromptSpec, prompt: Prompt, meta: Mapping[str, object]) -> dict[str, object]:
    live = np.asarray(prompt.live, dtype=bool)
    assert prompt.initial is not None  # a trained prompt knows where it began
    vectors, initial = (np.asarray(a, dtype=np.float64)[live] for a in (prompt.vectors, prompt.initial))
    begun = float(np.linalg.norm(initial, axis=1).mean()) if live.any() else float("nan")
    moved = float(np.linalg.norm(vectors - initial))
    best = _chosen(spec, prompt)
    start = float(np.linalg.norm(initial))
    return {
        "backbone": spec.backbone.name,
        "task": spec.task.name,
        "seed": spec.seed,
        "steps": max((s for r in prompt.history if isinstance(s := r.get("step"), int)), default=0),
        "best_step": best.get("step") if best else None,
        "best_selection_score": best.get("selection_score") if best else None,
        "start_selection_score": prompt.history[0].get("selection_score") if prompt.history else None,
        "initial_norm": begun,
        "final_norm": float(np.linalg.norm(vectors, axis=1).mean()) if live.any() else float("nan"),
        "relative_change": moved / start if start > 0 else float("nan"),
        "alarms": "; ".join(alarms_of(meta)),
        "key": key(spec),
    }


def alarms_of(meta: Mapping[str, object]) -> list[str]:
    """Return the alarms that were raised while a prompt was trained, as its `meta.json` tells them."""
    health = meta.get("health")
    return [str(alarm) for alarm in health.get("alarms", ())] if isinstance(health, Mapping) else []


def _chosen(spec: PromptSpec, prompt: Prompt) -> Mapping[str, Cell] | None:
    """Return the evaluation the prompt was kept from: best score, then loss, then earliest; never the start."""
    scored = [r for r in prompt.history if r.get("step") and isinstance(r.get("selection_score"), int | float)]
    if spec.recipe.select == "last":
        return scored[-1] if scored else None
    return max(scored, key=lambda r: (_number(r, "selection_score"), -_number(r, "selection_loss")), default=None)


def _number(record: Mapping[str, Cell], name: str) -> float:
    value = record.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
