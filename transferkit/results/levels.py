"""Explaining. What a similarity is worth: its floor, its ceiling, and where pairs of tasks lie between them.

Su et al. 2022 report similarities alone. Prompts that share nothing but norms already look alike to some indicators
(the biased CKA of two Gaussian matrices of 100 × 768 is 0.885), and two seeds of one task are as alike as it gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.errors import InputError
from transferkit.indicators import Indicator, PromptIndicator, norm_matched
from transferkit.results.reading import Reading
from transferkit.results.similarity import members_of, relation
from transferkit.shapes import FloatArray

if TYPE_CHECKING:
    import pandas as pd

RELATIONS = ("same task, other seed", "same group", "other group")
COLUMNS = ("indicator", *RELATIONS, "floor", "floor_low", "floor_high")


def levels(reading: Reading, backbone: str, indicators: list[PromptIndicator], *, seed: int) -> pd.DataFrame:
    """Return per indicator the mean over pairs of prompts by relation, and the floor with its middle 95 %.

    With several seeds only pairs of different seeds count, for prompts of one seed may begin from the same rows.

    The floor is what the indicator says of prompts with the same row norms and random directions; it is left blank for
    indicators that need more than the rows.
    """
    import pandas as pd

    members = members_of(reading, backbone)
    prompts = [member.artifact for member in members if isinstance(member.artifact, Prompt)]
    above = np.triu_indices(len(prompts), 1)
    seeds = np.array([member.seed for member in members])
    # prompts of one seed may begin alike, whatever their task: where seeds are several, only pairs of two count
    counted = (seeds[above[0]] != seeds[above[1]]) | (len(set(seeds.tolist())) == 1)
    kinds = np.array([relation(members[i], members[j]) for i, j in zip(*above, strict=True)])
    nulls = [norm_matched(prompt, np.random.default_rng([seed, i])) for i, prompt in enumerate(prompts)]
    rows = []
    for indicator in indicators:
        row: dict[str, object] = {"indicator": indicator.name}
        values = _pairs(indicator, prompts)
        for kind in RELATIONS:
            chosen = values[above][(kinds == kind) & counted] if values is not None else np.zeros(0)
            row[kind] = float(chosen.mean()) if chosen.size else np.nan
        null = _pairs(indicator, nulls)
        floor = null[above] if null is not None and len(above[0]) else np.full(1, np.nan)
        low, high = np.percentile(floor, [2.5, 97.5])
        rows.append({**row, "floor": float(floor.mean()), "floor_low": float(low), "floor_high": float(high)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pairs(indicator: Indicator, prompts: list[Prompt]) -> FloatArray | None:
    assert isinstance(indicator, PromptIndicator)
    if any(getattr(prompt, array) is None for prompt in prompts for array in indicator.needs):
        return None
    try:
        return indicator(prompts, prompts)
    except InputError:  # too few rows for it, or prompts that do not pair up
        return None
