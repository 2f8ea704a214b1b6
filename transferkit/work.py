"""Making. Which function makes which spec: a workshop and its supplies.

Nothing is returned; every result goes to the store.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import torch

from transferkit import artifacts, provenance
from transferkit.backbones import Backbone
from transferkit.backbones.loading import Device
from transferkit.errors import InputError, RunError
from transferkit.groups import Group
from transferkit.measures import (
    Subject,
    activated,
    majority_score,
    measure_activity,
    measure_influence,
    nearest_words,
    score_all,
)
from transferkit.passes import Room
from transferkit.places import place
from transferkit.predictions import Entrant
from transferkit.projecting import Projecting
from transferkit.prompts import train_together, training_cost
from transferkit.readouts import make_readout
from transferkit.specs import (
    ActivitySpec,
    ExamplesSpec,
    InfluenceSpec,
    Majority,
    MixtureSpec,
    NeuronsSpec,
    ProjectedSpec,
    ProjectorSpec,
    PromptSpec,
    ScoreSpec,
    Spec,
    TrainedPrompt,
    WordsSpec,
    key,
)
from transferkit.states import StatesShelf
from transferkit.store import Overwrite, Store
from transferkit.supplies import Supplies, room_of
from transferkit.tasks.base import ReadoutKind

LOG = logging.getLogger("transferkit")
BATCH = 32  # examples per forward pass when scoring
Advance = Callable[[int, str], None]
S = TypeVar("S", ScoreSpec, NeuronsSpec, InfluenceSpec)


class Workshop:
    """Makes the artifacts of groups, one group after the other."""

    def __init__(
        self,
        store: Store,
        *,
        device: Device = "auto",
        cache: Path | None = None,
        overwrite: Overwrite = "only-missing",
        micro_batch: int | None = None,
        states_gb: float | None = None,
    ) -> None:
        self.store = store
        self.overwrite: Overwrite = overwrite
        self.room = Room(micro_batch)
        self.supplies = Supplies(store, device=device, cache=cache, states=StatesShelf(store, self.room, states_gb))
        self._projecting = Projecting(self.supplies, self.room, self._put, self._fail)

    def make(self, group: Group, advance: Advance) -> None:
        """Make what a group asks for and put it into the store.

        Raises:
            InputError, RunError: it cannot be made; what was finished before stays in the store.
        """
        first = group.specs[0]
        if isinstance(first, ExamplesSpec):
            self._make_examples(group, advance)
        elif isinstance(first, ActivitySpec):
            self._make_activity(group, advance)
        elif isinstance(first, PromptSpec):
            self._make_prompts(group, advance)
        elif isinstance(first, MixtureSpec):
            self._projecting.make_mixtures(group, advance)
        elif isinstance(first, ScoreSpec):
            self._make_scores(group, advance)
        elif isinstance(first, WordsSpec):
            self._make_words(group, advance)
        elif isinstance(first, InfluenceSpec):
            self._make_influence(group, advance)
        elif isinstance(first, ProjectorSpec):
            self._projecting.make_projectors(group, advance)
        elif isinstance(first, ProjectedSpec):
            self._projecting.make_projected(group, advance)
        else:
            self._make_neurons(group, advance)

    # --- one method per kind -----------------------------------------------------------------------------------------
    def _make_examples(self, group: Group, advance: Advance) -> None:
        for spec in group.specs:
            assert isinstance(spec, ExamplesSpec)
            begun = time.process_time()
            examples = self.supplies.examples(spec.task)[spec.split].artifact()
            self._put(spec, examples, _seconds(begun))
            advance(1, spec.task.name)

    def _make_activity(self, group: Group, advance: Advance) -> None:
        for spec in group.specs:
            assert isinstance(spec, ActivitySpec)
            begun, source, label = time.process_time(), spec.source, f"{spec.task.name} · {spec.backbone.name}"
            backbone = self._backbone(group, spec.readout.kind)
            encoded = self.supplies.encoded(
                spec.task, "train", backbone, spec, room_of(source.placement, source.length)
            )
            measure = partial(
                measure_activity,
                backbone,
                encoded,
                self.supplies.entrant(source, backbone, spec.task),
                n_examples=spec.n_examples,
                seed=source.seed,
                progress=lambda n, label=label: advance(n, label),
            )
            found = self.room.fit(BATCH, lambda size, of=measure: of(batch_size=size))
            self._put(spec, found, _seconds(begun))

    def _make_prompts(self, group: Group, advance: Advance) -> None:
        specs = [spec for spec in group.specs if isinstance(spec, PromptSpec)]
        begun = time.process_time()
        backbone = self._backbone(group, specs[0].readout.kind)
        jobs = [self.supplies.job(spec, backbone) for spec in specs]
        label = f"{specs[0].task.name} seed {specs[0].seed} · {backbone.spec.name}"
        if len(specs) > 1:
            label = f"{len(specs)} prompts together · {backbone.spec.name}"
        found = train_together(jobs, backbone, room=self.room, progress=lambda n: advance(n, label))
        healths = [one[1] for one in found if not isinstance(one, RunError)]
        trained = sum(cast("float", h["cpu_seconds"]) - cast("float", h["cpu_seconds_before"]) for h in healths)
        shared = (_seconds(begun) - trained) / len(specs)  # loading, filling, evaluating the start
        together: dict[str, object] = {"trained_together": len(specs)} if len(specs) > 1 else {}
        for job, one in zip(jobs, found, strict=True):
            if isinstance(one, RunError):
                self.store.fail(job.spec, str(one))
                LOG.error("%s", one)
                continue
            prompt, health = one
            for alarm in cast("list[str]", health["alarms"]):
                LOG.warning("%s: %s", place(job.spec), alarm)
            truncated = job.data.train.n_truncated
            cost = training_cost(job, backbone)
            spent = cast("float", health["cpu_seconds"]) + shared
            self._put(job.spec, prompt, spent, health=health, n_truncated=truncated, cost=cost, **together)
            self.store.clear_scratch(key(job.spec))

    def _make_scores(self, group: Group, advance: Advance) -> None:
        begun = time.process_time()
        specs = [spec for spec in group.specs if isinstance(spec, ScoreSpec)]
        task, split = specs[0].task, specs[0].split
        examples = self.supplies.examples(task)
        for spec in specs:
            if isinstance(spec.source, Majority):
                self._put(spec, majority_score(task, examples["train"].gold, examples[split].gold), _seconds(begun))
        specs = [spec for spec in specs if not isinstance(spec.source, Majority)]
        if not specs:
            return
        backbone = self._backbone(group, specs[0].readout.kind)
        readout = make_readout(specs[0].readout, backbone, task)
        # Text is cut for the prompt in front of it alone, never for another that happens to be measured with it.
        # Prompts that join in front of the same block share the rows below it.
        alike: dict[tuple[int, int], list[tuple[ScoreSpec, Entrant]]] = {}
        for spec, entrant in self._entrants(specs, backbone):
            room = 0 if entrant.vectors is None else room_of(entrant.placement, len(entrant.vectors))
            alike.setdefault((room, entrant.placement.insert_after), []).append((spec, entrant))
        loading = _seconds(begun, len(specs))
        for (room, depth), pairs in alike.items():
            begun = time.process_time()
            encoded = self.supplies.encoded(task, split, backbone, specs[0], room)
            encoded = self.supplies.with_states(encoded, backbone, depth, n_visits=len(pairs))
            measure = partial(
                score_all,
                task,
                backbone,
                readout,
                encoded,
                [entrant for _, entrant in pairs],
                progress=lambda n: advance(n, f"{task.name} · {backbone.spec.name}"),
            )
            scores = self.room.fit(BATCH, lambda size, of=measure: of(batch_size=size))
            spent = loading + _seconds(begun, len(pairs))
            for (spec, _), score in zip(pairs, scores, strict=True):
                if math.isfinite(score.metrics["loss"]):
                    self._put(spec, score, spent)
                else:
                    self._fail(spec, RunError(f"{task.name}: the scores are not finite", fix='set dtype = "float32"'))

    def _make_neurons(self, group: Group, advance: Advance) -> None:
        begun = time.process_time()
        specs = [spec for spec in group.specs if isinstance(spec, NeuronsSpec)]
        readout = specs[0].readout.kind
        backbone = self._backbone(group, readout)
        pairs = self._entrants(specs, backbone)
        entrants = [entrant for _, entrant in pairs]
        found = activated(backbone, entrants, specs[0].site, readout=readout)
        spent = _seconds(begun, len(pairs))
        for (spec, _), neurons in zip(pairs, found, strict=True):
            self._put(spec, neurons, spent)
            advance(1, backbone.spec.name)

    def _make_words(self, group: Group, advance: Advance) -> None:
        for spec in group.specs:
            assert isinstance(spec, WordsSpec)
            assert isinstance(spec.source, TrainedPrompt)  # a study asks for no others
            begun = time.process_time()
            backbone = self._backbone(group, spec.readout.kind)
            prompt = self.supplies.prompt(spec.source.key)
            words = nearest_words(backbone, prompt, n_nearest=spec.n_nearest)
            self._put(spec, words, _seconds(begun))
            advance(1, backbone.spec.name)

    def _make_influence(self, group: Group, advance: Advance) -> None:
        specs = [spec for spec in group.specs if isinstance(spec, InfluenceSpec)]
        first, task = specs[0], specs[0].task
        backbone = self._backbone(group, first.readout.kind)
        readout = make_readout(first.readout, backbone, task)
        alike: dict[tuple[int, int, int], list[tuple[InfluenceSpec, Entrant]]] = {}
        for spec, entrant in self._entrants(specs, backbone):
            room = 0 if entrant.vectors is None else room_of(entrant.placement, len(entrant.vectors))
            alike.setdefault((room, spec.n_gradients, spec.n_folds), []).append((spec, entrant))
        for (room, n_gradients, n_folds), pairs in alike.items():
            begun = time.process_time()
            encoded = self.supplies.encoded(task, first.split, backbone, first, room)
            subjects = [Subject(entrant, self.supplies.began(spec.source, backbone)) for spec, entrant in pairs]
            measure = partial(
                measure_influence,
                readout,
                encoded,
                subjects,
                n_gradients=n_gradients,
                n_folds=n_folds,
                progress=lambda n: advance(n, f"{task.name} · {backbone.spec.name}"),
            )
            found = self.room.fit(BATCH, lambda size, of=measure: of(batch_size=size))
            spent = _seconds(begun, len(pairs))
            for (spec, _), influence in zip(pairs, found, strict=True):
                self._put(spec, influence, spent)

    # --- details -----------------------------------------------------------------------------------------------------
    def _backbone(self, group: Group, readout: ReadoutKind) -> Backbone:
        spec = group.specs[0]
        assert not isinstance(spec, ExamplesSpec)
        return self.supplies.backbone(group.backbone or spec.backbone.name, spec.backbone, readout)

    def _entrants(self, specs: Sequence[S], backbone: Backbone) -> list[tuple[S, Entrant]]:
        """Return what each spec puts before the text; one that cannot be had is noted, and the others go on."""
        found: list[tuple[S, Entrant]] = []
        for spec in specs:
            task = None if isinstance(spec, NeuronsSpec) else spec.task
            try:
                found.append((spec, self.supplies.entrant(spec.source, backbone, task)))
            except (InputError, RunError) as error:
                self._fail(spec, error)
        return found

    def _fail(self, spec: Spec, error: Exception) -> None:
        self.store.fail(spec, str(error))
        LOG.error("%s: %s", self.store.path(spec).name, error)

    def _put(self, spec: Spec, artifact: artifacts.Artifact, cpu_seconds: float, **more: object) -> None:
        meta = provenance.facts(
            device=self._device_name(),
            threads=torch.get_num_threads(),
            cpu_seconds=round(cpu_seconds, 3),
            **more,
        )
        self.store.put(spec, artifact, meta=meta, overwrite=self.overwrite)
        self.store.forgive(spec)

    def _device_name(self) -> str:
        backbone = self.supplies.at_hand
        device = torch.device("cpu") if backbone is None else backbone.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _seconds(begun: float, n: int = 1) -> float:
    """Return the CPU-seconds since then, of each of n artifacts its share."""
    return (time.process_time() - begun) / n
