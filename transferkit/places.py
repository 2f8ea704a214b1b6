"""Shelf. Where each artifact lies in a store: readable names, derived from its spec and never parsed."""

import re
from pathlib import PurePosixPath

from transferkit.specs import (
    ActivitySpec,
    BackboneSpec,
    ImportedPromptSpec,
    ImportedScoreSpec,
    ImportedSource,
    InfluenceSpec,
    Majority,
    MixedPrompt,
    MixtureSpec,
    NeuronsSpec,
    NoPrompt,
    ProjectedPrompt,
    ProjectedSpec,
    ProjectorSpec,
    PromptSource,
    PromptSpec,
    RandomPrompt,
    ScoreSpec,
    Spec,
    UnseenPrompt,
    WordsSpec,
    key,
)

FOLDERS = {
    "prompt": "prompts",
    "mixture": "prompts",
    "score": "scores",
    "neurons": "neurons",
    "words": "words",
    "influence": "influence",
    "activity": "activity",
    "examples": "data",
    "imported_prompt": "prompts",
    "imported_score": "scores",
    "projector": "projectors",
    "projected": "prompts",
}


def place(spec: Spec) -> PurePosixPath:
    """Return the folder of a spec's artifact, relative to the store."""
    if isinstance(spec, PromptSpec):
        parts = (slug(spec.backbone), spec.task.name, f"seed{spec.seed}-{key(spec)}")
    elif isinstance(spec, MixtureSpec):
        parts = (slug(spec.backbone), spec.name, f"seed{spec.seed}-{key(spec)}")
    elif isinstance(spec, ImportedPromptSpec):
        parts = (slug(spec.backbone), spec.task.name, f"{spec.origin.collection}-{key(spec)}")
    elif isinstance(spec, ProjectedSpec):
        name = f"{source_label(spec.source, spec.backbone)}-{key(spec)}"
        parts = (slug(spec.backbone), spec.prompt.task, name)
    elif isinstance(spec, ProjectorSpec):
        name = f"{spec.method.name}-from-{slug(spec.source_backbone)}-seed{spec.seed}-{key(spec)}"
        parts = (slug(spec.backbone), name)
    elif isinstance(spec, (ScoreSpec, ImportedScoreSpec, InfluenceSpec)):
        name = f"{source_label(spec.source, spec.backbone)}-{key(spec)}"
        parts = (slug(spec.backbone), spec.task.name, name)
    elif isinstance(spec, ActivitySpec):
        parts = (slug(spec.backbone), f"{spec.task.name}-{key(spec)}")
    elif isinstance(spec, (NeuronsSpec, WordsSpec)):
        parts = (slug(spec.backbone), f"{source_label(spec.source, spec.backbone)}-{key(spec)}")
    else:
        parts = (f"{spec.task.name}-{spec.split}-{key(spec)}",)
    return PurePosixPath(FOLDERS[spec.kind], *parts)


def slug(backbone: BackboneSpec) -> str:
    """Return a backbone's name as it stands in paths."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", backbone.name.rsplit("/", 1)[-1])
    return name if backbone.dtype == "float32" else f"{name}-{backbone.dtype}"


def source_label(source: PromptSource | ImportedSource, backbone: BackboneSpec) -> str:
    """Return a short readable name of what is put before the text."""
    if isinstance(source, NoPrompt):
        return "none"
    if isinstance(source, Majority):
        return "majority"
    if isinstance(source, RandomPrompt):
        return f"random{source.seed}"
    if isinstance(source, MixedPrompt):
        return source.name
    origin = "" if source.backbone == backbone.name else re.sub(r"[^A-Za-z0-9._-]+", "-", source.backbone) + "-"
    if isinstance(source, UnseenPrompt):
        return f"{'projected-' if source.projected else ''}{origin}{source.task}"
    how = f"{source.method}-" if isinstance(source, ProjectedPrompt) else ""
    return f"{how}{origin}{source.task}-seed{source.seed}"
