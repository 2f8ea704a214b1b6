"""Making. Projectors fitted and put to use, and prompts trained on several tasks, which are tuned like projectors."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
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
from transferkit.projectors import Made, Material, Taught, fit, project, start_of, tune, use
from transferkit.prompts import Job, Run, peft_facts, training_cost
from transferkit.sources import describe
from transferkit.specs import ConstantMap, MixtureSpec, ProjectedSpec, ProjectorSpec, PromptNet, PromptSpec, Spec, key
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
                    projector, cost, before = self._tuned_projector(spec, material, backbone, report)
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

    def make_mixtures(self, group: Group, advance: Advance) -> None:
        """Make prompts of several tasks each; one that cannot be made is noted, and the others go on."""
        specs = [spec for spec in group.specs if isinstance(spec, MixtureSpec)]
        assert group.backbone is not None
        backbone = self.supplies.backbone(group.backbone, specs[0].backbone, specs[0].readout.kind)
        for spec in specs:
            begun = time.process_time()
            try:
                jobs = [self._job(part, backbone) for part in spec.parts]
                initial = _middle(jobs)
                taught = [Taught(job, initial) for job in jobs]
                report = partial(_advanced, advance, f"{spec.name} seed {spec.seed} · {backbone.spec.name}")
                made, name = partial(_as_rows, initial.shape), key(spec)
                run, cost = self._tuned(made, initial.flatten(), taught, name=name, backbone=backbone, progress=report)
            except (InputError, RunError) as error:
                self.fail(spec, error)
                continue
            rows = run.best.view(initial.shape).cpu().numpy()
            facts = peft_facts(backbone, spec.recipe.placement)
            prompt = Prompt(rows, initial.numpy(), np.ones(len(rows), dtype=bool), run.history, peft=facts)
            self.put(spec, prompt, run.cpu_seconds_before + time.process_time() - begun, cost=cost)
            self.supplies.store.clear_scratch(key(spec))

    def _with_prompts(self, spec: ProjectorSpec, material: Material) -> Material:
        """Return material with the prompts of all lessons; as it is where there are none."""
        if not spec.lessons:
            return material
        pairs = [(lesson.source, lesson.target) for lesson in spec.lessons if lesson.target is not None]
        rows = [[self.supplies.prompt(name).vectors for name in pair] for pair in pairs]
        sources, targets = (np.stack(side) for side in zip(*rows, strict=True))
        return dataclasses.replace(material, prompts=(sources, targets))

    def _tuned_projector(
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
            rows = torch.from_numpy(self.supplies.prompt(lesson.source).vectors)
            taught.append(Taught(self._job(asked, backbone), rows))
        # A constant prompt begins as the target's own prompts do: it is one of them, tuned on several tasks.
        is_net = isinstance(spec.method, PromptNet)
        start = start_of(spec, material) if is_net else {"rows": _middle([one.job for one in taught]).numpy()}
        wanted = {name: part.shape for name, part in start.items()}
        made = partial(_made, spec.method, wanted)
        flat, name = weights.join(start, wanted), key(spec)
        run, cost = self._tuned(made, flat, taught, name=name, backbone=backbone, progress=progress)
        arrays = {name: part.cpu().numpy() for name, part in weights.split(run.best, wanted).items()}
        return Projector(arrays, run.best.numel(), run.history), cost, run.cpu_seconds_before

    def _job(self, asked: PromptSpec, backbone: Backbone) -> Job:
        """Return one of several tasks that are tuned on together, whose state lies elsewhere."""
        job = self.supplies.job(asked, backbone)
        self.supplies.store.clear_scratch(key(asked))
        return job

    def _tuned(
        self,
        made: Made,
        start: Float[Tensor, "N"],
        taught: list[Taught],
        *,
        name: str,
        backbone: Backbone,
        progress: Callable[[int], None],
    ) -> tuple[Run, dict[str, object]]:
        """Return a finished run, and what its steps cost."""
        scratch = self.supplies.store.scratch(name)
        run = tune(made, start, taught, backbone, name=name, scratch=scratch, room=self.room, progress=progress)
        recipe = taught[0].job.spec.recipe
        each = [training_cost(one.job, backbone)["gflop_per_example"] for one in taught]
        total = float(np.mean(each)) * recipe.batch_size * recipe.steps
        return run, {"gflop": round(total, 3)}


def _advanced(advance: Advance, label: str, n: int) -> None:
    advance(n, label)


def _middle(jobs: Sequence[Job]) -> Float[Tensor, "P d"]:
    """Return the rows that a prompt of several tasks begins from: where they differ, as label words do, their mean."""
    return torch.stack([job.initial for job in jobs]).double().mean(dim=0).float()


def _as_rows(shape: tuple[int, ...], flat: Float[Tensor, "N"], _prompt: Float[Tensor, "P d"]) -> Float[Tensor, "P d"]:
    return flat.view(shape)


def _made(
    method: PromptNet | ConstantMap,
    wanted: Mapping[str, tuple[int, ...]],
    flat: Float[Tensor, "N"],
    prompt: Float[Tensor, "P s"],
) -> Float[Tensor, "P t"]:
    parts = weights.split(flat, wanted)
    return parts["rows"] if isinstance(method, ConstantMap) else project(method, parts, prompt[None])[0]
