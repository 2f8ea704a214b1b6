"""Making. Which function makes which spec: a workshop that keeps its last backbone and its tokenised splits.

Nothing is returned; every result goes to the store.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from transferkit import artifacts, provenance
from transferkit.backbones import Backbone
from transferkit.backbones.loading import Device
from transferkit.batches import Encoded, encode
from transferkit.errors import InputError, RunError
from transferkit.examples import Examples, load
from transferkit.groups import Group
from transferkit.measures import activated, majority_score, nearest_words, score_all
from transferkit.predictions import Entrant
from transferkit.prompts import Data, make_initial, train
from transferkit.readouts import make_readout
from transferkit.specs import (
    BackboneSpec,
    ExamplesSpec,
    Majority,
    NeuronsSpec,
    NoPrompt,
    Placement,
    PromptSource,
    PromptSpec,
    ScoreSpec,
    Spec,
    TrainedPrompt,
    WordsSpec,
    key,
)
from transferkit.store import Overwrite, Store
from transferkit.tasks.base import Split, Task

LOG = logging.getLogger("transferkit")
Advance = Callable[[int, str], None]
S = TypeVar("S", ScoreSpec, NeuronsSpec)


class Workshop:
    """Makes the artifacts of groups, one group after the other."""

    def __init__(
        self, store: Store, *, device: Device = "auto", cache: Path | None = None, overwrite: Overwrite = "only-missing"
    ) -> None:
        self.store = store
        self.device: Device = device
        self.cache = cache
        self.overwrite: Overwrite = overwrite
        self._loaded: tuple[object, Backbone] | None = None
        self._examples: dict[str, dict[Split, Examples]] = {}
        self._encoded: dict[object, Encoded] = {}
        self._prompt_specs: dict[str, PromptSpec] = {}

    def make(self, group: Group, advance: Advance) -> None:
        """Make what a group asks for and put it into the store.

        Raises:
            InputError, RunError: it cannot be made; what was finished before stays in the store.
        """
        first = group.specs[0]
        if isinstance(first, ExamplesSpec):
            self._make_examples(group, advance)
        elif isinstance(first, PromptSpec):
            self._make_prompt(group, advance)
        elif isinstance(first, ScoreSpec):
            self._make_scores(group, advance)
        elif isinstance(first, WordsSpec):
            self._make_words(group, advance)
        else:
            self._make_neurons(group, advance)

    # --- one method per kind -----------------------------------------------------------------------------------------
    def _make_examples(self, group: Group, advance: Advance) -> None:
        for spec in group.specs:
            assert isinstance(spec, ExamplesSpec)
            self._put(spec, self.examples(spec.task)[spec.split].artifact(), time.process_time())
            advance(1, spec.task.name)

    def _make_prompt(self, group: Group, advance: Advance) -> None:
        for spec in group.specs:
            assert isinstance(spec, PromptSpec)
            begun = time.process_time()
            backbone = self.backbone(group, spec.readout.kind)
            readout = make_readout(spec.readout, backbone, spec.task)
            room = _room(spec.recipe.placement, spec.recipe.prompt_length)
            data = Data(*(self.encoded(spec.task, split, backbone, spec, room) for split in ("train", "selection")))
            initial = make_initial(
                spec.recipe.initial,
                backbone,
                length=spec.recipe.prompt_length,
                seed=spec.seed,
                task=spec.task,
                find_prompt=lambda found: self.prompt(found).vectors,
            )
            scratch = self.store.scratch(key(spec))
            label = f"{spec.task.name} seed {spec.seed} · {spec.backbone.name}"
            prompt, health = train(
                spec,
                backbone,
                readout,
                data,
                initial=initial,
                scratch=scratch,
                progress=lambda n, t=label: advance(n, t),
            )
            self._put(spec, prompt, begun, health=health, n_truncated=data.train.n_truncated)
            self.store.clear_scratch(key(spec))

    def _make_scores(self, group: Group, advance: Advance) -> None:
        begun = time.process_time()
        specs = [spec for spec in group.specs if isinstance(spec, ScoreSpec)]
        task, split = specs[0].task, specs[0].split
        examples = self.examples(task)
        for spec in specs:
            if isinstance(spec.source, Majority):
                self._put(spec, majority_score(task, examples["train"].gold, examples[split].gold), begun)
        specs = [spec for spec in specs if not isinstance(spec.source, Majority)]
        if not specs:
            return
        backbone = self.backbone(group, specs[0].readout.kind)
        readout = make_readout(specs[0].readout, backbone, task)
        # Text is cut for the prompt in front of it alone, never for another that happens to be measured with it.
        by_room: dict[int, list[tuple[ScoreSpec, Entrant]]] = {}
        for spec, entrant in self._entrants(specs, backbone):
            room = 0 if entrant.vectors is None else _room(entrant.placement, len(entrant.vectors))
            by_room.setdefault(room, []).append((spec, entrant))
        for room, pairs in by_room.items():
            encoded = self.encoded(task, split, backbone, specs[0], room)
            label = f"{task.name} · {backbone.spec.name}"
            entrants = [entrant for _, entrant in pairs]
            scores = score_all(task, backbone, readout, encoded, entrants, progress=lambda n, t=label: advance(n, t))
            for (spec, _), score in zip(pairs, scores, strict=True):
                self._put(spec, score, begun)

    def _make_neurons(self, group: Group, advance: Advance) -> None:
        begun = time.process_time()
        specs = [spec for spec in group.specs if isinstance(spec, NeuronsSpec)]
        has_mask = specs[0].readout.kind == "masked"
        backbone = self.backbone(group, specs[0].readout.kind)
        pairs = self._entrants(specs, backbone)
        found = activated(backbone, [entrant for _, entrant in pairs], specs[0].site, has_mask=has_mask)
        for (spec, _), neurons in zip(pairs, found, strict=True):
            self._put(spec, neurons, begun)
            advance(1, backbone.spec.name)

    def _make_words(self, group: Group, advance: Advance) -> None:
        for spec in group.specs:
            assert isinstance(spec, WordsSpec)
            assert isinstance(spec.source, TrainedPrompt)  # a study asks for no others
            begun = time.process_time()
            backbone = self.backbone(group, spec.readout.kind)
            prompt = self.prompt(spec.source.key)
            self._put(spec, nearest_words(backbone, prompt, n_nearest=spec.n_nearest), begun)
            advance(1, backbone.spec.name)

    # --- what they need, kept as long as it serves -------------------------------------------------------------------
    def backbone(self, group: Group, readout: str) -> Backbone:
        """Return the group's backbone, loaded unless it is the last one used."""
        spec = _backbone_of(group.specs[0])
        wanted = (spec, readout)
        if self._loaded is None or self._loaded[0] != wanted:
            self._loaded = None  # let the old one go first
            self._encoded.clear()
            kind = "masked" if readout == "masked" else "embedding"
            loaded = Backbone.load(
                group.backbone or spec.name, readout=kind, dtype=spec.dtype, device=self.device, cache=self.cache
            )
            self._loaded = (wanted, loaded)
        return self._loaded[1]

    def examples(self, task: Task) -> dict[Split, Examples]:
        """Return a task's splits, read once."""
        name = key(ExamplesSpec(task=task))
        if name not in self._examples:
            self._examples[name] = load(task, cache=self.cache)
        return self._examples[name]

    def encoded(self, task: Task, split: Split, backbone: Backbone, spec: PromptSpec | ScoreSpec, room: int) -> Encoded:
        """Return a split as token ids of a backbone, tokenised once."""
        bound = backbone.capacity is not None and backbone.capacity - room < task.max_tokens
        wanted = (key(ExamplesSpec(task=task)), split, spec.readout.kind, room if bound else None)
        if wanted not in self._encoded:
            self._encoded[wanted] = encode(self.examples(task)[split], task, backbone, spec.readout.kind, room=room)
        return self._encoded[wanted]

    def prompt(self, found: str) -> artifacts.Prompt:
        """Return a stored prompt by key.

        Raises:
            RunError: it is not there, because its training failed or has not run.
        """
        if found not in self._prompt_specs:
            self._prompt_specs = {key(s): s for s in self.store.specs("prompt") if isinstance(s, PromptSpec)}
        if found not in self._prompt_specs:
            raise RunError(f"prompt {found} is not in the store", fix="train it first: transferkit train STUDY")
        prompt = self.store.get(self._prompt_specs[found])
        assert isinstance(prompt, artifacts.Prompt)
        return prompt

    def _entrants(self, specs: Sequence[S], backbone: Backbone) -> list[tuple[S, Entrant]]:
        """Return what each spec puts before the text; one that cannot be had is noted, and the others go on."""
        found: list[tuple[S, Entrant]] = []
        for spec in specs:
            task = spec.task if isinstance(spec, ScoreSpec) else None
            try:
                found.append((spec, self.entrant(spec.source, backbone, task)))
            except (InputError, RunError) as error:
                self.store.fail(spec, str(error))
                LOG.error("%s: %s", self.store.path(spec).name, error)
        return found

    def entrant(self, source: PromptSource, backbone: Backbone, task: Task | None) -> Entrant:
        """Return what a source puts before the text.

        Raises:
            InputError: the prompt was made for a backbone of another width.
            RunError: the prompt is not there.
        """
        if isinstance(source, TrainedPrompt):
            vectors = self._on(backbone, torch.from_numpy(self.prompt(source.key).vectors), source.backbone)
            return Entrant(vectors, self._prompt_specs[source.key].recipe.placement)
        if isinstance(source, (NoPrompt, Majority)):
            return Entrant(None, Placement())
        vectors = make_initial(
            source.initial,
            backbone,
            length=source.length,
            seed=source.seed,
            task=task,
            find_prompt=lambda found: self.prompt(found).vectors,
        )
        return Entrant(self._on(backbone, vectors, backbone.spec.name), source.placement)

    def _on(self, backbone: Backbone, vectors: Float[Tensor, "P d"], made_for: str) -> Float[Tensor, "P d"]:
        if vectors.shape[1] != backbone.width:
            raise InputError(
                f"a prompt of {made_for!r} (width {vectors.shape[1]}) does not fit {backbone.spec.name!r}"
                f" (width {backbone.width})",
                fix="set across_backbones = false, or use backbones that share vocabulary and width",
            )
        return vectors.to(backbone.device)

    def _put(self, spec: Spec, artifact: artifacts.Artifact, begun: float, **more: object) -> None:
        meta = provenance.facts(
            device=self._device_name(),
            threads=torch.get_num_threads(),
            cpu_seconds=round(time.process_time() - begun, 3),
            **more,
        )
        self.store.put(spec, artifact, meta=meta, overwrite=self.overwrite)
        self.store.forgive(spec)

    def _device_name(self) -> str:
        device = self._loaded[1].device if self._loaded else torch.device("cpu")
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _backbone_of(spec: Spec) -> BackboneSpec:
    assert not isinstance(spec, ExamplesSpec)
    return spec.backbone


def _room(placement: Placement, length: int) -> int:
    """Return the rows a prompt takes at the embeddings; one that joins above them takes none."""
    return length if placement.entry == "words" else 0
