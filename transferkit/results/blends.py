"""Explaining. One prompt made of several sources for a target: which ones a study asks for.

Vu et al. 2022 (SPoT, section 4.3): the k sources an indicator ranks highest are averaged, weighted by what it says of
them, or one prompt is trained on the data of all of them. Deviations: they train on from the result on the target, here
it is measured as it is; and their mixture holds the target's data too, here no prompt has seen the target.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from transferkit.errors import InputError, nearest
from transferkit.indicators import BY_NAME
from transferkit.matrices import Matrix
from transferkit.results.reading import Reading
from transferkit.specs import MixedPrompt, MixtureSpec, PromptSpec, ScoreSpec, Spec, key
from transferkit.specs.mixing import mean_prompt, weighted_prompt
from transferkit.study import Retrieval

ALL = "all foreign prompts"
How = Literal["average", "mixture"]
DIGITS = 6  # of a weight: the same average has the same name wherever it is computed


@dataclass(frozen=True)
class Blend:
    """One prompt made of several sources.

    Attributes:
        how: "average" of their rows, or "mixture" of their data.
        backbone, target, seed: where, for what, of which seed's prompts.
        indicator: what ranked them; `ALL` for all of them alike.
        k: how many there are.
        score: what is measured of it.
        mixture: what has to be trained before that; None of averages.
    """

    how: How
    backbone: str
    indicator: str
    k: int
    target: str
    seed: int
    score: ScoreSpec
    mixture: MixtureSpec | None = None

    @property
    def specs(self) -> tuple[Spec, ...]:
        """What it takes, in the order of making."""
        return (self.score,) if self.mixture is None else (self.mixture, self.score)


def find_blends(
    reading: Reading, candidates: Callable[[str], list[Matrix]], backbone: str | None = None
) -> list[Blend]:
    """Return the blends a study's `retrieval` asks for, as far as their prompts are there; none where it asks for none.

    Args:
        reading: the store.
        candidates: gives a backbone's indicators.
        backbone: of this one alone.

    Raises:
        InputError: it names an indicator there is not.
    """
    asked: Retrieval | None = getattr(reading.question, "retrieval", None)
    if asked is None:
        return []
    for name in asked.indicators:
        if name not in BY_NAME:
            raise InputError(f"retrieval: unknown indicator {name!r}", fix=nearest(name, list(BY_NAME)))
    found: list[Blend] = []
    for place in asked.backbones or reading.backbones:
        if backbone not in (None, place):
            continue
        known = {matrix.name: matrix for matrix in candidates(place)}
        matrices = [known[name] for name in asked.indicators if name in known]
        for target in reading.tasks_on(place):
            found += _of_target(reading, place, target.name, matrices, asked)
    return found


def _of_target(
    reading: Reading, backbone: str, target: str, matrices: Sequence[Matrix], asked: Retrieval
) -> Iterator[Blend]:
    (like, *_rest) = [s for s in reading.measured_on(backbone, target) if isinstance(s, ScoreSpec)] or [None]
    prompts = {
        (spec.task.name, spec.seed): spec
        for spec in reading.prompts
        if isinstance(spec, PromptSpec) and spec.backbone.name == backbone and spec.task.name != target
    }
    if like is None or not prompts or any(not reading.store.has(spec) for spec in prompts.values()):
        return
    names = tuple(dict.fromkeys(name for name, _ in prompts))
    choices = list(_choices(names, target, matrices, asked))
    for seed in sorted({seed for _, seed in prompts}):
        for how, indicator, values in choices:
            sources = [prompts[name, seed] for name in values]
            mixture = _mixture(sources) if how == "mixture" else None
            source = mixture.source if mixture is not None else _average(sources, list(values.values()))
            score = ScoreSpec(source=source, backbone=like.backbone, readout=like.readout, task=like.task)
            yield Blend(how, backbone, indicator, len(values), target, seed, score, mixture)


def _choices(
    names: Sequence[str], target: str, matrices: Sequence[Matrix], asked: Retrieval
) -> Iterator[tuple[How, str, dict[str, float]]]:
    """Yield which sources are made one, by what, and what that says of them, from the best on."""
    yield "average", ALL, dict.fromkeys(names, 1.0)
    if asked.mixtures:
        yield "mixture", ALL, dict.fromkeys(names, 1.0)
    for matrix in matrices:
        values = dict(zip(matrix.sources, matrix.values[:, matrix.targets.index(target)], strict=True))
        said = sorted(((name, float(values[name])) for name in names), key=lambda item: (-item[1], item[0]))
        if any(np.isnan(value) for _, value in said):
            continue
        for k in asked.top_k:
            if len(said) >= k and said[k - 1][1] > 0:
                yield "average", matrix.name, dict(said[:k])
        for k in asked.mixtures:
            if len(said) >= k:
                yield "mixture", matrix.name, dict(said[:k])


def _mixture(prompts: Sequence[PromptSpec]) -> MixtureSpec:
    """Return one prompt trained on the tasks of several, as each of them was, and looked at as often in all.

    Every look is one at all the tasks, so the more there are, the fewer looks there are to choose the best one from.
    """
    first, tasks = prompts[0], tuple(spec.task for spec in prompts)
    every = min(first.recipe.steps, first.recipe.evaluate_every * len(tasks))
    recipe = dataclasses.replace(first.recipe, evaluate_every=every, early_step=None, patience=None)
    return MixtureSpec(backbone=first.backbone, readout=first.readout, tasks=tasks, seed=first.seed, recipe=recipe)


def _average(prompts: Sequence[PromptSpec], values: Sequence[float]) -> MixedPrompt:
    sources = [spec.source for spec in prompts]
    if len(set(values)) == 1:
        return mean_prompt(sources)
    return weighted_prompt(sources, [round(value / sum(values), DIGITS) for value in values])


def keys_of(several: list[Blend]) -> str:
    """Return the keys of scores, as tables hold them."""
    return " ".join(key(one.score) for one in several)
