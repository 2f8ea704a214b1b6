"""Making. Projectors fitted and put to use: which material each kind takes, and what becomes of it."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from transferkit import weights
from transferkit.artifacts import Artifact, Projector, Prompt
from transferkit.backbones import Backbone
from transferkit.errors import InputError, RunError
from transferkit.groups import Group
from transferkit.passes import Room
from transferkit.projectors import Material, Taught, fit, project, start_of, tune, use
from transferkit.prompts import peft_facts, training_cost
from transferkit.sources import describe
from transferkit.specs import ConstantMap, ProjectedSpec, ProjectorSpec, PromptNet, PromptSpec, Spec, key
from transferkit.supplies import Supplies
from transferkit.tasks.base import ReadoutKind

Advance = Callable[[int, str], None]


class Put(Protocol):
    """Keeps an artifact with the CPU-seconds it took and other facts."""

    def __call__(self, spec: Spec, artifact: Artifact, cpu_seconds: float, **more: object) -> None:
        """Keep it."""


@dataclass(frozen=True)
class Projecting:
    """Makes projectors and what they make of prompts.

    Attributes:
        supplies: backbones, vocabularies, prompts, splits.
        room: how many examples go through a backbone at once.
        put: where results go.
        fail: where it is noted that something cannot be made.
    """

    supplies: Supplies
    room: Room
    put: Put
    fail: Callable[[Spec, Exception], None]

    def make_projectors(self, group: Group, advance: Advance) -> None:
        """Make the projectors between two backbones; one that cannot be made is noted, and the others go on."""
        specs = [spec for spec in group.specs if isinstance(spec, ProjectorSpec)]
        first = specs[0]
        assert group.source is not None
        assert group.backbone is not None
        source_kind = describe(group.source, first.source_backbone.dtype).readout
        source = self.supplies.vocabulary(group.source, first.source_backbone, source_kind)
        own_kind: ReadoutKind = describe(group.backbone, first.backbone.dtype).readout
        asked: list[ReadoutKind] = [spec.readout.kind for spec in specs if spec.readout is not None]
        kind = asked[0] if asked else own_kind
        target = self.supplies.vocabulary(group.backbone, first.backbone, kind)
        backbone = self.supplies.backbone(group.backbone, first.backbone, kind)
        for spec in specs:
            begun, before = time.process_time(), 0.0
            cost: dict[str, object] = {}
            label = f"{spec.method.name} · {spec.source_backbone.name} → {spec.backbone.name}"
            material = Material(source, target, device=backbone.device)
            try:
                if spec.readout is not None:
                    report = partial(_advanced, advance, label)
                    projector, cost, before = self._tuned(spec, material, backbone, report)
                else:
                    projector = fit(spec, self._with_prompts(spec, material))
                    advance(1, label)
            except (InputError, RunError) as error:
                self.fail(spec, error)
                continue
            cost = {"parameters": projector.n_parameters, **cost}
            self.put(spec, projector, before + time.process_time() - begun, cost=cost)
            self.supplies.store.clear_scratch(key(spec))

    def make_projected(self, group: Group, advance: Advance) -> None:
        """Make the prompts of one projector."""
        specs = [spec for spec in group.specs if isinstance(spec, ProjectedSpec)]
        first = specs[0]
        made_by, projector = self.supplies.projector(first.projector)
        assert group.backbone is not None
        kind = describe(group.backbone, first.backbone.dtype).readout
        backbone = self.supplies.backbone(group.backbone, first.backbone, kind)
        for spec in specs:
            begun = time.process_time()
            try:
                rows = use(made_by, projector, self.supplies.prompt(spec.prompt.key).vectors)
                if not np.isfinite(rows).all():
                    raise RunError(f"{spec.method}: rows are not finite", fix="look at the projector's history")
            except (InputError, RunError) as error:
                self.fail(spec, error)
                continue
            prompt = Prompt(rows, None, np.ones(len(rows), dtype=bool), peft=peft_facts(backbone, spec.placement))
            self.put(spec, prompt, time.process_time() - begun)
            advance(1, f"{spec.method} · {spec.prompt.task}")

    def _with_prompts(self, spec: ProjectorSpec, material: Material) -> Material:
        """Return material with the prompts of all lessons; as it is where there are none."""
        if not spec.lessons:
            return material
        pairs = [(lesson.source, lesson.target) for lesson in spec.lessons if lesson.target is not None]
        rows = [[self.supplies.prompt(name).vectors for name in pair] for pair in pairs]
        sources, targets = (np.stack(side) for side in zip(*rows, strict=True))
        return dataclasses.replace(material, prompts=(sources, targets))

    def _tuned(
        self, spec: ProjectorSpec, material: Material, backbone: Backbone, progress: Callable[[int], None]
    ) -> tuple[Projector, dict[str, object], float]:
        """Return a projector tuned on tasks, what that costs, and CPU-seconds of processes that were killed over it."""
        assert spec.recipe is not None
        assert spec.readout is not None
        assert isinstance(spec.method, (PromptNet, ConstantMap))
        taught = []
        for lesson in spec.lessons:
            asked = PromptSpec(
                backbone=spec.backbone, readout=spec.readout, task=lesson.task, seed=spec.seed, recipe=spec.recipe
            )
            job = self.supplies.job(asked, backbone)
            self.supplies.store.clear_scratch(key(asked))  # the projector has a place of its own
            taught.append(Taught(job, torch.from_numpy(self.supplies.prompt(lesson.source).vectors)))
        # A constant prompt begins as the target's own prompts do: it is one of them, tuned on several tasks.
        is_net = isinstance(spec.method, PromptNet)
        start = start_of(spec, material) if is_net else {"rows": taught[0].job.initial.numpy()}
        wanted = {name: part.shape for name, part in start.items()}
        run = tune(
            partial(_made, spec.method, wanted),
            weights.join(start, wanted),
            taught,
            backbone,
            name=key(spec),
            scratch=self.supplies.store.scratch(key(spec)),
            room=self.room,
            progress=progress,
        )
        arrays = {name: part.cpu().numpy() for name, part in weights.split(run.best, wanted).items()}
        each = [training_cost(one.job, backbone)["gflop_per_example"] for one in taught]
        total = float(np.mean(each)) * spec.recipe.batch_size * spec.recipe.steps
        cost: dict[str, object] = {"gflop": round(total, 3)}
        return Projector(arrays, run.best.numel(), run.history), cost, run.cpu_seconds_before


def _advanced(advance: Advance, label: str, n: int) -> None:
    advance(n, label)


def _made(
    method: PromptNet | ConstantMap,
    wanted: Mapping[str, tuple[int, ...]],
    flat: Float[Tensor, "N"],
    prompt: Float[Tensor, "P s"],
) -> Float[Tensor, "P t"]:
    parts = weights.split(flat, wanted)
    return parts["rows"] if isinstance(method, ConstantMap) else project(method, parts, prompt[None])[0]
