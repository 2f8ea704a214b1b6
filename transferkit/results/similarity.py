"""Explaining. From prompts and neuron sets to indicator matrices, overlap by block, and a map of prompts."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.artifacts import Neurons, Prompt
from transferkit.errors import InputError
from transferkit.indicators import INDICATORS, NEURON, Indicator, NeuronIndicator, NeuronOverlap, PromptIndicator
from transferkit.matrices import Matrix
from transferkit.results.reading import Reading
from transferkit.shapes import BoolArray, FloatArray
from transferkit.specs import RandomPrompt, Spec, TrainedPrompt, key

if TYPE_CHECKING:
    import pandas as pd

SeedPairs = Literal["all", "same", "other"]
RELATIONS = ("same task, other seed", "same group", "other group", "random prompts")


@dataclass(frozen=True)
class Member:
    """One artifact with what it belongs to."""

    task: str
    group: str
    seed: int
    spec: Spec
    artifact: Prompt | Neurons


def indicator_matrix(reading: Reading, indicator: Indicator, backbone: str, *, seed_pairs: SeedPairs) -> Matrix:
    """Return an indicator's values, mean over pairs of seeds [source,target]."""
    tasks_here = reading.tasks_on(reading.check_backbone(backbone))
    members = members_of(reading, backbone) if indicator.reads == "prompt" else _trained_sets(reading, backbone)
    asked = {task.name: len(reading.trained_on(backbone, task.name)) for task in tasks_here}
    names = [task.name for task in tasks_here]
    members = [member for member in members if member.task in asked]
    values = np.full((len(names), len(names)), np.nan)
    if members and all(getattr(member.artifact, array) is not None for member in members for array in indicator.needs):
        pairs = _all_pairs(indicator, members)
        tasks, seeds = np.array([m.task for m in members]), np.array([m.seed for m in members])
        whole = {name for name in names if asked[name] and np.count_nonzero(tasks == name) == asked[name]}
        for i, source in enumerate(names):
            for j, target in enumerate(names):
                if source in whole and target in whole:
                    chosen = _chosen(seeds[tasks == source], seeds[tasks == target], seed_pairs, is_own=i == j)
                    values[i, j] = pairs[np.ix_(tasks == source, tasks == target)][chosen].mean()
    if indicator.symmetric:  # to the last bit: rounding must not break ties of ranks
        values = np.where(np.triu(np.ones_like(values, dtype=bool)), values, values.T)
    groups = tuple(task.group for task in tasks_here)
    return Matrix(
        values=values,
        sources=tuple(names),
        targets=tuple(names),
        source_groups=groups,
        target_groups=groups,
        name=indicator.name,
        unit="similarity",
        direction="higher is more alike",
        keys=tuple(key(member.spec) for member in members),
    )


def candidates(reading: Reading, backbone: str, measure: Callable[[Indicator], Matrix]) -> list[Matrix]:
    """Return every indicator that can be computed from what is there.

    Variants that take in all rows are left out where the backbone reads every row: they would be the same.
    """
    is_whole = all(prompt.live.all() for _, prompt in reading.iter_prompts(backbone))
    found = []
    for indicator in INDICATORS:
        if not (is_whole and indicator.name.endswith("_all_rows")):
            with contextlib.suppress(InputError):  # prompts of different lengths do not pair up row by row
                found.append(measure(indicator))
    return [matrix for matrix in found if matrix.is_measured.any()]


def _chosen(first: np.ndarray, second: np.ndarray, pairs: SeedPairs, *, is_own: bool) -> BoolArray:
    """Return which pairs of seeds count [seed,seed]; for one task those of different seeds, where there are two."""
    same = first[:, None] == second[None, :]
    if is_own:
        return ~same if len(first) > 1 else same
    wanted = {"all": np.ones_like(same), "same": same, "other": ~same}[pairs]
    return wanted if wanted.any() else np.ones_like(same)


def _all_pairs(indicator: Indicator, members: list[Member]) -> FloatArray:
    """Return the indicator between all artifacts [n,n]."""
    if indicator.reads == "prompt":
        assert isinstance(indicator, PromptIndicator)
        prompts = [m.artifact for m in members if isinstance(m.artifact, Prompt)]
        return indicator(prompts, prompts)
    assert isinstance(indicator, NeuronIndicator)
    sets = [m.artifact for m in members if isinstance(m.artifact, Neurons)]
    return indicator(sets, sets)  # pyright: ignore[reportArgumentType]


def members_of(reading: Reading, backbone: str) -> list[Member]:
    """Return the prompts of a backbone that are there, with what each belongs to."""
    return [Member(s.task.name, s.task.group, s.seed, s, prompt) for s, prompt in reading.iter_prompts(backbone)]


def _trained_sets(reading: Reading, backbone: str) -> list[Member]:
    groups = {task.name: task.group for task in reading.tasks}
    return [
        Member(spec.source.task, groups[spec.source.task], spec.source.seed, spec, neurons)
        for spec, neurons in reading.iter_neurons(backbone)
        if isinstance(spec.source, TrainedPrompt)
    ]


def overlap_by_block(reading: Reading, backbone: str) -> pd.DataFrame:
    """Return mean overlap per block and relation, beside density and chance level."""
    sets = _sets(reading, backbone)
    n_blocks = len(sets[0][1].active) if sets else 0
    return _overlap_rows(sets, {block: NeuronOverlap(blocks=block) for block in range(n_blocks)}, "block")


def overlap_table(reading: Reading, backbone: str) -> pd.DataFrame:
    """Return mean overlap per choice of blocks (all, bottom, top third) and relation, beside density and chance."""
    return _overlap_rows(_sets(reading, backbone), {str(o.blocks): o for o in NEURON if o.kind == "cosine"}, "blocks")


def _sets(reading: Reading, backbone: str) -> list[tuple[Member, Neurons]]:
    reading.check_backbone(backbone)
    randoms = [
        Member("random", "random", spec.source.seed, spec, neurons)
        for spec, neurons in reading.iter_neurons(backbone)
        if isinstance(spec.source, RandomPrompt)
    ]
    members = [*_trained_sets(reading, backbone), *randoms]
    return [(member, member.artifact) for member in members if isinstance(member.artifact, Neurons)]


def _overlap_rows(
    sets: list[tuple[Member, Neurons]], indicators: dict[int, NeuronOverlap] | dict[str, NeuronOverlap], column: str
) -> pd.DataFrame:
    import pandas as pd

    neurons = [item for _, item in sets]
    pairs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for i, j in combinations(range(len(sets)), 2):
        if kind := relation(sets[i][0], sets[j][0]):
            pairs[kind].append((i, j))
    rows = []
    for where, indicator in indicators.items():
        values, chance, density = (
            indicator(neurons, neurons),
            indicator.chance(neurons, neurons),
            indicator.density(neurons),
        )
        for kind in RELATIONS:
            if not pairs[kind]:
                continue
            first, second = np.array(pairs[kind]).T
            found = {
                "mean": float(values[first, second].mean()),
                "low": float(values[first, second].min()),
                "high": float(values[first, second].max()),
                "chance": float(chance[first, second].mean()),
                "density": float(density[np.union1d(first, second)].mean()),
            }
            rows.append({column: where, "relation": kind, "n_pairs": len(first), **found})
    columns = [column, "relation", "n_pairs", "mean", "low", "high", "chance", "density"]
    return pd.DataFrame(rows, columns=columns)


def relation(a: Member, b: Member) -> str | None:
    """Return how two sets are related; a random prompt is compared with random ones alone."""
    if "random" in (a.group, b.group):
        return "random prompts" if a.group == b.group else None
    if a.task == b.task:
        return "same task, other seed"
    return "same group" if a.group == b.group else "other group"
