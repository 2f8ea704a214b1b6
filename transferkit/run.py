"""Fill a store with what a study asks for: plan what is missing, group it, execute, say what happened."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from transferkit import study
from transferkit.backbones.loading import Device, resolve_device
from transferkit.checks import check
from transferkit.errors import StoreError
from transferkit.executors import Executor, Inline
from transferkit.groups import Group, count_units, training_groups
from transferkit.progress import Quiet, Reporter
from transferkit.specs import (
    ActivitySpec,
    BackboneSpec,
    ExamplesSpec,
    InfluenceSpec,
    MixtureSpec,
    NeuronsSpec,
    ProjectedSpec,
    ProjectorSpec,
    PromptSpec,
    ScoreSpec,
    Spec,
    WordsSpec,
    key,
)
from transferkit.store import Overwrite, Store
from transferkit.study import STAGES, Stage, Study, stage_of
from transferkit.tasks.base import Task
from transferkit.work import Workshop

LOG = logging.getLogger("transferkit")


@dataclass(frozen=True)
class Plan:
    """What a study lacks.

    Attributes:
        examples, activity, prompts, mixtures, projectors, projected, started, scores, neurons, words, influence:
            groups of missing artifacts, in the order of working; `started` are prompts that begin from projected ones.
        n_present: artifacts that are there already.
    """

    examples: tuple[Group, ...]
    activity: tuple[Group, ...]
    prompts: tuple[Group, ...]
    mixtures: tuple[Group, ...]
    projectors: tuple[Group, ...]
    projected: tuple[Group, ...]
    started: tuple[Group, ...]
    scores: tuple[Group, ...]
    neurons: tuple[Group, ...]
    words: tuple[Group, ...]
    influence: tuple[Group, ...]
    n_present: int

    @property
    def n_missing(self) -> int:
        """Artifacts to make."""
        return sum(len(group.specs) for groups in self.groups.values() for group in groups)

    @property
    def groups(self) -> dict[str, tuple[Group, ...]]:
        """The groups by kind, in the order of working."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "n_present"}


@dataclass(frozen=True)
class Outcome:
    """What filling a store came to."""

    n_made: int
    n_present: int
    failed: tuple[Spec, ...]

    def __add__(self, other: "Outcome") -> "Outcome":
        """Return what two fillings came to."""
        return Outcome(self.n_made + other.n_made, self.n_present + other.n_present, (*self.failed, *other.failed))


def plan(
    asked: Study,
    store: Store,
    *,
    stages: Sequence[Stage] = STAGES,
    overwrite: Overwrite = "only-missing",
    device: Device = "auto",
    specs: Sequence[Spec] | None = None,
) -> Plan:
    """Return what is missing, grouped so that a backbone is loaded and a task read once, and small steps are shared.

    `specs` says what is asked besides the study's own, and instead of it.

    Raises:
        InputError: the study names something unknown; nothing has been loaded.
    """
    specs = [s for s in (asked.specs() if specs is None else specs) if stage_of(s) in stages]
    missing = [s for s in specs if overwrite == "always" or not store.has(s)]
    names = {model.spec: name for name, model in asked.every_model.items()}
    sizes = {key(spec): spec for spec in asked.examples()}

    def n_examples(task: Task) -> int:
        spec = sizes[key(ExamplesSpec(task=task))]
        with contextlib.suppress(StoreError):
            return len(store.get(spec).gold)  # type: ignore[union-attr]
        return task.sizes.report or 1000

    def grouped(kind: type, together: object) -> tuple[Group, ...]:
        found: dict[object, list[Spec]] = {}
        for spec in missing:
            if isinstance(spec, kind):
                found.setdefault(together(spec), []).append(spec)  # type: ignore[operator]
        return tuple(_group(same, names, count_units(same, n_examples)) for same in found.values())

    def trained(stage: Stage) -> tuple[Group, ...]:
        prompts = [s for s in missing if isinstance(s, PromptSpec) and stage_of(s) == stage]
        return tuple(
            Group(tuple(same), names[same[0].backbone.whole], count_units(same, n_examples))
            for same in training_groups(prompts, resolve_device(device))
        )

    return Plan(
        examples=grouped(ExamplesSpec, key),
        activity=grouped(ActivitySpec, lambda s: s.backbone),
        prompts=trained("train"),
        mixtures=grouped(MixtureSpec, lambda s: s.backbone),
        projectors=grouped(ProjectorSpec, lambda s: (s.backbone, s.source_backbone)),
        projected=grouped(ProjectedSpec, lambda s: s.projector),
        started=trained("project"),
        scores=grouped(ScoreSpec, lambda s: (s.backbone, key(ExamplesSpec(task=s.task)))),
        neurons=grouped(NeuronsSpec, lambda s: s.backbone),
        words=grouped(WordsSpec, lambda s: s.backbone),
        influence=grouped(InfluenceSpec, lambda s: (s.backbone, key(ExamplesSpec(task=s.task)))),
        n_present=len(specs) - len(missing),
    )


def fill(
    asked: Study,
    store: Store,
    *,
    stages: Sequence[Stage] = STAGES,
    overwrite: Overwrite = "only-missing",
    device: Device = "auto",
    cache: Path | None = None,
    reporter: Reporter | None = None,
    micro_batch: int | None = None,
    states_gb: float | None = None,
    specs: Sequence[Spec] | None = None,
) -> Outcome:
    """Make what a study asks for and the store lacks; killed and called again, it goes on where it stopped.

    Args:
        asked: the study.
        store: where everything goes.
        stages: "train" makes prompts, "project" fits projectors, brings prompts to other backbones and trains on from
            them, "measure" makes all else that is asked; each needs what the ones before it make.
        overwrite: "always" makes everything anew.
        device: "auto" takes a GPU when there is one.
        cache: the catalogue's folder; the user's cache by default.
        reporter: shows progress; silent by default.
        micro_batch: examples that go through a backbone at once at most; by default as many as a batch holds, fewer
            when memory runs out. Changes memory and speed, not numbers (beyond rounding).
        states_gb: disk space that rows of the blocks below late prompts may take in the store (8); computed once, they
            serve every epoch, seed, prompt and cell. Changes speed, not numbers (beyond rounding).
        specs: instead of all the study asks for, on its backbones and tasks: averages and mixtures, named by what is
            measured.

    Raises:
        InputError: the study is not right, or an asset is not here; said before any model is loaded.
        StoreError: the store cannot be written.
    """
    reporter = reporter or Quiet()
    store.sweep()
    check(asked, store, cache=cache)
    workshop = Workshop(
        store, device=device, cache=cache, overwrite=overwrite, micro_batch=micro_batch, states_gb=states_gb
    )
    executor: Executor = Inline(workshop)
    for spec in asked.every_prompt():
        if store.has(spec):  # a run killed between keeping a prompt and tidying up after it
            store.clear_scratch(key(spec))
    first = plan(asked, store, stages=stages, overwrite=overwrite, device=device, specs=specs)
    executor.run("data", first.examples, store, reporter)
    todo = plan(asked, store, stages=stages, overwrite=overwrite, device=device, specs=specs)  # sizes are known now
    executor.run("activity", todo.activity, store, reporter)
    executor.run("train", (*todo.prompts, *todo.mixtures), store, reporter)
    executor.run("project", (*todo.projectors, *todo.projected), store, reporter)
    executor.run("train on", todo.started, store, reporter)
    executor.run("score", todo.scores, store, reporter)
    executor.run("neurons", todo.neurons, store, reporter)
    executor.run("words", todo.words, store, reporter)
    executor.run("influence", todo.influence, store, reporter)
    store.write_file(store.root / "studies" / f"{asked.name}.json", study.to_json(asked))
    store.write_index()
    asked_now = [s for s in (asked.specs() if specs is None else specs) if stage_of(s) in stages]
    failed = tuple(s for s in asked_now if not store.has(s) or store.failure(s))
    return Outcome(first.n_missing - len(failed), first.n_present, failed)


def _group(same: Sequence[Spec], names: Mapping[BackboneSpec, str], units: int) -> Group:
    first = same[0]
    if isinstance(first, ExamplesSpec):
        return Group(tuple(same), None, units)
    source = names[first.source_backbone] if isinstance(first, ProjectorSpec) else None
    return Group(tuple(same), names[first.backbone.whole], units, source)
