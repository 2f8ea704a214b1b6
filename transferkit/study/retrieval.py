"""Shelf. Averages of the prompts that indicators rank highest for a task, as a study file asks for them."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.study.sweep import ANY_SEQUENCE, STRICT


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

    indicators: Annotated[tuple[str, ...], ANY_SEQUENCE, Field(min_length=1)] = (
        "task_embedding",
        "cosine_average",
        "neuron_overlap_all",
    )
    top_k: Annotated[tuple[Annotated[int, Field(ge=2)], ...], ANY_SEQUENCE, Field(min_length=1)] = (2, 3)
    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
