"""Shelf. Which step of a study makes which spec: train, project, measure, in this order."""

from typing import Literal

from transferkit.specs import (
    ActivitySpec,
    ExamplesSpec,
    MixtureSpec,
    ProjectedInitial,
    ProjectedSpec,
    ProjectorSpec,
    PromptSpec,
    Spec,
)

Stage = Literal["train", "project", "measure"]
STAGES: tuple[Stage, ...] = ("train", "project", "measure")


def stage_of(spec: Spec) -> Stage:
    """Return the step that makes a spec; prompts that begin from projected ones wait for these."""
    if isinstance(spec, PromptSpec):
        return "project" if isinstance(spec.recipe.initial, ProjectedInitial) else "train"
    if isinstance(spec, (ProjectorSpec, ProjectedSpec)):
        return "project"
    return "train" if isinstance(spec, (ExamplesSpec, ActivitySpec, MixtureSpec)) else "measure"
