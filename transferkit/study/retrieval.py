"""Shelf. One prompt made of those that indicators rank highest for a task, as a study file asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError
from transferkit.study.sweep import ANY_SEQUENCE, STRICT, chosen

if TYPE_CHECKING:
    from transferkit.study.question import Study

Ranks = Literal[
    "task_embedding",
    "cosine_concat",
    "cosine_average",
    "cosine_concat_centred",
    "cosine_of_means",
    "euclidean_concat",
    "euclidean_average",
    "linear_cka",
    "optimal_assignment",
    "subspace_angle",
    "subspace_coverage",
    "neuron_overlap_all",
    "neuron_overlap_bottom",
    "neuron_overlap_top",
]
OF_NEURONS = "neuron_overlap"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Retrieval:
    """For every target, one prompt made of the k sources an indicator ranks highest.

    Vu et al. 2022, section 4.3. Which sources these are shows once prompts are trained, so `measure` makes and scores
    them after all else (`Results.choosing`).

    Attributes:
        indicators: names of indicators, besides all foreign prompts alike, which needs none.
        top_k: how many sources are averaged, weighted by what the indicator says of them.
        mixtures: on how many sources' data one prompt is trained; none by default, for each takes as many steps as a
            task's own prompt.
        backbones: the study's backbones it is about; all by default.
    """

    indicators: Annotated[tuple[Ranks, ...], ANY_SEQUENCE, Field(min_length=1)] = ("task_embedding", "cosine_average")
    top_k: Annotated[tuple[Annotated[int, Field(ge=2)], ...], ANY_SEQUENCE, Field(min_length=1)] = (2, 3)
    mixtures: Annotated[tuple[Annotated[int, Field(ge=2)], ...], ANY_SEQUENCE] = ()
    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()


def check_retrieval(study: Study, asked: Retrieval) -> None:
    """Make sure averages can be made once prompts are there.

    Raises:
        InputError: an unknown backbone, too few tasks, an indicator without what it reads, or generators.
    """
    chosen(asked.backbones, [model.spec.name for model in study.models], "retrieval: backbones")
    n_foreign = len(study.resolved_tasks) - 1
    for field, ks in (("top_k", asked.top_k), ("mixtures", asked.mixtures)):
        if (most := max(ks, default=0)) > n_foreign:
            raise InputError(
                f"retrieval: {field} has {most}, and a task has {n_foreign} foreign sources",
                fix=f"choose at most {n_foreign}, or add tasks" if n_foreign > 1 else "add tasks",
            )
    if "task_embedding" in asked.indicators and study.recipe.early_step is None:
        raise InputError("retrieval: task_embedding reads the rows at early_step", fix="set early_step in the recipe")
    if any(name.startswith(OF_NEURONS) for name in asked.indicators) and not study.neuron_sets():
        raise InputError("retrieval: neuron overlap needs neurons, and the study reads none", fix="set neurons = {}")
    if study.recipe.generator is not None:
        raise InputError("retrieval: prompts made by a generator make no average", fix="leave one of the two out")
