"""Shelf. Transfer as initialisation: prompts trained on from other tasks' prompts, or from another backbone's.

Su et al. 2022, section 6 (TPT). Each stands beside its plain twin: the same recipe and seed, begun from nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass as plain
from typing import TYPE_CHECKING, Annotated

from pydantic.dataclasses import dataclass

from transferkit.errors import InputError, nearest
from transferkit.specs import Partial, ProjectedInitial, PromptInitial, PromptSpec, key, on_part
from transferkit.study.sweep import ANY_SEQUENCE, STRICT, chosen

if TYPE_CHECKING:
    from transferkit.study.question import Study


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Initialisation:
    """Prompts trained on each target task from the prompts of each source task, seed by seed.

    Attributes:
        backbones: the study's backbones it is about; all by default.
        sources: tasks whose prompts are begun from; all by default.
        targets: tasks that are trained on; all by default. On its own backbone a task is never its own source.
        parts: parts of the backbones whose prompts are begun from as well, a task's own among them: cheaper to have.
        projected: kinds of projector whose prompts are begun from as well, each on its own task, in every projection of
            the study that trains the target's own prompts.
    """

    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    sources: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    targets: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    parts: Annotated[tuple[Partial, ...], ANY_SEQUENCE] = ()
    projected: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()

    def __post_init__(self) -> None:
        """Refuse what a part finds out by itself: what it is ranked by, and what lies below its prompt."""
        for part in self.parts:
            if part.activity is not None or part.above:
                raise ValueError("parts: activity and above follow from the study: leave them out")


@plain(frozen=True)
class Start:
    """A prompt trained from another one.

    Attributes:
        prompt: what is trained.
        plain: the same, begun as the recipe says.
        source: task of the prompt it begins from.
        source_backbone: where that one was trained.
        how: "trained" for a prompt as it is, "part" for one trained on a part of the backbone, else the kind of
            projector that brought it.
        begun: the prompt it begins from, where that is trained for nothing else; None elsewhere.
    """

    prompt: PromptSpec
    plain: PromptSpec
    source: str
    source_backbone: str
    how: str = "trained"
    begun: PromptSpec | None = None


def starts(study: Study, asked: Initialisation) -> list[Start]:
    """Return every prompt to train from another one, by backbone, source, target and seed.

    Raises:
        InputError: it names a backbone, a task or a projector the study has not.
    """
    if study.recipe.generator is not None:
        raise InputError(
            "initialisation: a generator makes each text's prompt, and begins from no other prompt",
            fix="leave the generator or the initialisation out",
        )
    names = [task.name for task in study.resolved_tasks]
    backbones = chosen(asked.backbones, [model.spec.name for model in study.models], "initialisation: backbones")
    sources, targets = (
        chosen(asked.sources, names, "initialisation: sources"),
        chosen(asked.targets, names, "initialisation: targets"),
    )
    native = {(spec.backbone.name, spec.task.name, spec.seed): spec for spec in study.prompts()}
    found = []
    for backbone in backbones:
        for source in sources:
            for target in targets:
                for seed in study.seeds if source != target else ():
                    begun, twin = native[backbone, source, seed], native[backbone, target, seed]
                    recipe = dataclasses.replace(twin.recipe, initial=PromptInitial(key=key(begun)))
                    found.append(Start(dataclasses.replace(twin, recipe=recipe), twin, source, backbone))
    if asked.parts and study.recipe.growth is not None:
        raise InputError(
            "initialisation: parts do not grow, but the study's recipe does",
            fix="leave growth out of the recipe, or parts out of the initialisation",
        )
    if not found and not asked.parts:
        raise InputError(
            f"initialisation: sources {', '.join(sources)} and targets {', '.join(targets)} make no pair",
            fix="name a task among the sources that is not the only target",
        )
    parts = _from_parts(native, asked.parts, backbones, sources, targets)
    return [*found, *parts, *_projected(study, asked, targets)]


def _from_parts(
    native: dict[tuple[str, str, int], PromptSpec],
    parts: tuple[Partial, ...],
    backbones: list[str],
    sources: list[str],
    targets: list[str],
) -> list[Start]:
    found = []
    for (backbone, target, seed), twin in native.items():
        if backbone not in backbones or target not in targets:
            continue
        for source, part in itertools.product(sources, parts):
            begun = on_part(native[backbone, source, seed], part)
            recipe = dataclasses.replace(twin.recipe, initial=PromptInitial(key=key(begun)))
            prompt = dataclasses.replace(twin, recipe=recipe)
            found.append(Start(prompt, twin, source, begun.backbone.name, "part", begun))
    return found


def _projected(study: Study, asked: Initialisation, targets: list[str]) -> list[Start]:
    known = [method.name for crossing in study.crossings for method in crossing.methods]
    for name in asked.projected:
        if name not in known:
            raise InputError(
                f"initialisation: projected has {name!r}, which no projection has", fix=nearest(name, known)
            )
    if asked.projected and not any(crossing.own for crossing in study.crossings):
        raise InputError(
            "initialisation: projected prompts are begun from, but no projection trains the target's own beside them",
            fix="set own = true in the projection",
        )
    found = []
    for crossing in study.crossings:
        own = {(spec.task.name, spec.seed): spec for spec in crossing.own}
        for spec in crossing.projected:
            twin = own.get((spec.prompt.task, spec.prompt.seed))
            if spec.method in asked.projected and spec.prompt.task in targets and twin is not None:
                recipe = dataclasses.replace(twin.recipe, initial=ProjectedInitial(key=key(spec)))
                prompt = dataclasses.replace(twin, recipe=recipe)
                found.append(Start(prompt, twin, spec.prompt.task, spec.prompt.backbone, spec.method))
    return found
