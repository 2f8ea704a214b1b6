"""Shelf. Averages of the prompts that indicators rank highest for a task, as a study file asks for them."""

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
    """For every target, the mean of the k sources an indicator ranks highest, weighted by what it says of them.

    Vu et al. 2022, section 4.3. Which sources these are shows once prompts are trained, so `measure` scores the
    averages after all else (`Results.choosing`).

    Attributes:
        indicators: names of indicators, besides the mean of all foreign prompts, which needs none.
        top_k: how many sources are averaged.
        backbones: the study's backbones it is about; all by default.
    """

    indicators: Annotated[tuple[Ranks, ...], ANY_SEQUENCE, Field(min_length=1)] = ("task_embedding", "cosine_average")
    top_k: Annotated[tuple[Annotated[int, Field(ge=2)], ...], ANY_SEQUENCE, Field(min_length=1)] = (2, 3)
    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()


def check_retrieval(study: Study, asked: Retrieval) -> None:
    """Make sure averages can be made once prompts are there.

    Raises:
        InputError: an unknown backbone, too few tasks, an indicator without what it reads, or generators.
    """
    chosen(asked.backbones, [model.spec.name for model in study.models], "retrieval: backbones")
    n_foreign = len(study.resolved_tasks) - 1
    if (most := max(asked.top_k)) > n_foreign:
        raise InputError(
            f"retrieval: top_k has {most}, and a task has {n_foreign} foreign sources",
            fix=f"choose at most {n_foreign}, or add tasks" if n_foreign > 1 else "add tasks",
        )
    if "task_embedding" in asked.indicators and study.recipe.early_step is None:
        raise InputError("retrieval: task_embedding reads the rows at early_step", fix="set early_step in the recipe")
    if any(name.startswith(OF_NEURONS) for name in asked.indicators) and not study.neuron_sets():
        raise InputError("retrieval: neuron overlap needs neurons, and the study reads none", fix="set neurons = {}")
    if study.recipe.generator is not None:
        raise InputError("retrieval: prompts made by a generator cannot be averaged", fix="leave one of the two out")
