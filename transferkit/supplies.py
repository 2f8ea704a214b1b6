"""Making. What work is done with: a backbone, splits as texts and as tokens, prompts; kept as long as they serve."""

import dataclasses
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from transferkit import artifacts
from transferkit.backbones import Backbone
from transferkit.backbones.loading import Device
from transferkit.batches import Encoded, encode, text_limit
from transferkit.errors import InputError, RunError
from transferkit.examples import Examples, load
from transferkit.generators import Generated, join_weights, make_weights
from transferkit.predictions import Entrant, Prefills
from transferkit.projectors import Vocabulary
from transferkit.prompts import Data, Job, Stage, Term, make_initial, weighted_sum
from transferkit.readouts import make_readout
from transferkit.specs import (
    ActivitySpec,
    BackboneSpec,
    ExamplesSpec,
    Generator,
    InfluenceSpec,
    LabelWordsInitial,
    Majority,
    MixedPrompt,
    MixtureSpec,
    NoPrompt,
    Partial,
    Placement,
    ProjectedPrompt,
    ProjectedSpec,
    ProjectorSpec,
    PromptSource,
    PromptSpec,
    Recipe,
    ScoreSpec,
    TrainedPrompt,
    key,
    stages_of,
)
from transferkit.states import StatesShelf
from transferkit.store import Store
from transferkit.tasks.base import ReadoutKind, Split, Task


class Supplies:
    """Gets everything once, and keeps the last backbone with all that was made for it."""

    def __init__(
        self, store: Store, *, device: Device = "auto", cache: Path | None = None, states: StatesShelf | None = None
    ) -> None:
        self.store = store
        self.states = states
        self.device: Device = device
        self.cache = cache
        self._loaded: tuple[object, Backbone] | None = None
        self._prefills = Prefills()
        self._examples: dict[str, dict[Split, Examples]] = {}
        self._encoded: dict[object, Encoded] = {}
        self._prompt_specs: dict[str, PromptSpec | MixtureSpec | ProjectedSpec] = {}
        self._vocabularies: dict[BackboneSpec, Vocabulary] = {}
        self._part: tuple[BackboneSpec, Backbone] | None = None
        self._activity: tuple[str, artifacts.Activity] | None = None

    @property
    def at_hand(self) -> Backbone | None:
        """The last backbone used."""
        return self._loaded[1] if self._loaded else None

    def backbone(self, name: str, spec: BackboneSpec, readout: ReadoutKind) -> Backbone:
        """Return a backbone by the name to load it by, or a part of it; loaded unless it is the last one used."""
        wanted = (spec.whole, readout)
        if self._loaded is None or self._loaded[0] != wanted:
            self._loaded = self._part = self._activity = None  # let the old one go first
            self._encoded.clear()
            self._prefills = Prefills()
            loaded = Backbone.load(name, readout=readout, dtype=spec.dtype, device=self.device, cache=self.cache)
            self._loaded = (wanted, loaded)
        whole = self._loaded[1]
        in_use = None if self._part is None else self._part[0]
        if in_use != (None if spec.partial is None else spec):
            self._prefills = Prefills()  # of another model
            self._part = None  # let its weights go first
            self._part = None if spec.partial is None else (spec, self.part(whole, spec.partial))
        return whole if self._part is None else self._part[1]

    def part(self, whole: Backbone, partial: Partial) -> Backbone:
        """Return a part of a backbone.

        Raises:
            RunError: what it is ranked by is not in the store.
        """
        activity = None if partial.activity is None else self.activity(partial.activity)
        return whole.partial(partial, activity)

    def activity(self, found: str) -> artifacts.Activity:
        """Return a stored activity by key, read once as long as it serves.

        Raises:
            RunError: it is not there.
        """
        if self._activity is None or self._activity[0] != found:
            spec = next((spec for spec in self.store.specs("activity") if key(spec) == found), None)
            if spec is None:
                raise RunError(f"activity {found} is not in the store", fix="measure it first: transferkit train STUDY")
            activity = self.store.get(spec)
            assert isinstance(activity, artifacts.Activity)
            self._activity = (found, activity)
        return self._activity[1]

    def examples(self, task: Task) -> dict[Split, Examples]:
        """Return a task's splits, read once."""
        name = key(ExamplesSpec(task=task))
        if name not in self._examples:
            self._examples[name] = load(task, cache=self.cache)
        return self._examples[name]

    def encoded(
        self,
        task: Task,
        split: Split,
        backbone: Backbone,
        spec: PromptSpec | ScoreSpec | InfluenceSpec | ActivitySpec,
        room: int,
    ) -> Encoded:
        """Return a split as token ids of a backbone, tokenised once."""
        kind = spec.readout.kind
        wanted = (key(ExamplesSpec(task=task)), split, kind, text_limit(task, backbone, kind, room))
        if wanted not in self._encoded:
            self._encoded[wanted] = encode(self.examples(task)[split], task, backbone, kind, room=room)
        return self._encoded[wanted]

    def with_states(self, encoded: Encoded, backbone: Backbone, depth: int, *, n_visits: float) -> Encoded:
        """Return a split with its rows in front of a block, where more than one visit makes them worth keeping."""
        if self.states is None or n_visits <= 1:
            return encoded
        return self.states.with_states(encoded, backbone, depth)

    def job(self, spec: PromptSpec, backbone: Backbone) -> Job:
        """Return a prompt to train, with its data encoded and its first rows drawn."""
        recipe = spec.recipe
        room = room_of(recipe.placement, recipe.prompt_length)
        data = Data(*(self.encoded(spec.task, split, backbone, spec, room) for split in ("train", "selection")))
        if not recipe.backbone_dropout:  # rows that are dropped out are others each time
            depth, n_epochs = recipe.placement.insert_after, recipe.steps * recipe.batch_size / len(data.train)
            n_evaluations = 1 + recipe.steps / recipe.evaluate_every
            data = Data(
                self.with_states(data.train, backbone, depth, n_visits=n_epochs),
                self.with_states(data.selection, backbone, depth, n_visits=n_evaluations),
            )
        if recipe.generator is not None:
            initial = make_weights(recipe.generator, recipe.prompt_length, backbone.width, spec.seed)
        else:
            initial = make_initial(
                recipe.initial,
                backbone,
                length=recipe.prompt_length,
                seed=spec.seed,
                task=spec.task,
                find_prompt=lambda found: self.prompt(found).vectors,
            )
        readout = make_readout(spec.readout, backbone, spec.task)
        stages = []
        for until, partial in stages_of(spec):
            part = self.part(backbone, partial)
            stages.append(Stage(until, part, make_readout(spec.readout, part, spec.task)))
        return Job(spec, readout, data, initial, self.store.scratch(key(spec)), tuple(stages))

    def projector(self, found: str) -> tuple[ProjectorSpec, artifacts.Projector]:
        """Return a stored projector by key, with its spec.

        Raises:
            RunError: it is not there, because it could not be fitted or has not been.
        """
        for spec in self.store.specs("projector"):
            if key(spec) == found:
                assert isinstance(spec, ProjectorSpec)
                projector = self.store.get(spec)
                assert isinstance(projector, artifacts.Projector)
                return spec, projector
        raise RunError(f"projector {found} is not in the store", fix="fit it first: transferkit project STUDY")

    def prompt(self, found: str) -> artifacts.Prompt:
        """Return a stored prompt by key.

        Raises:
            RunError: it is not there, because its training failed or has not run.
        """
        if found not in self._prompt_specs:
            kinds = (PromptSpec, MixtureSpec, ProjectedSpec)
            self._prompt_specs = {key(spec): spec for spec in self.store.specs("prompt") if isinstance(spec, kinds)}
        if found not in self._prompt_specs:
            raise RunError(
                f"prompt {found} is not in the store",
                fix="make it first: transferkit train STUDY; of another backbone, transferkit project STUDY; of several"
                " tasks, transferkit measure STUDY",
            )
        prompt = self.store.get(self._prompt_specs[found])
        assert isinstance(prompt, artifacts.Prompt)
        return prompt

    def vocabulary(self, name: str, spec: BackboneSpec, readout: ReadoutKind) -> Vocabulary:
        """Return the words of a backbone, read once; loads it by name."""
        if spec not in self._vocabularies:
            self._vocabularies[spec] = Vocabulary.of(self.backbone(name, spec, readout))
        return self._vocabularies[spec]

    def _recipe(self, trained: str) -> Recipe:
        spec = self._prompt_specs[trained]
        assert isinstance(spec, (PromptSpec, MixtureSpec))  # a trained prompt is no projected one
        return spec.recipe

    def entrant(self, source: PromptSource, backbone: Backbone, task: Task | None) -> Entrant:
        """Return what a source puts before the text.

        Raises:
            InputError: the prompt was made for a backbone of another width.
            RunError: the prompt is not there.
        """
        if isinstance(source, MixedPrompt):
            return self._mixed(source, backbone)
        if isinstance(source, ProjectedPrompt):
            vectors = _on(backbone, torch.from_numpy(self.prompt(source.key).vectors), source.backbone)
            made = self._prompt_specs[source.key]
            assert isinstance(made, ProjectedSpec)
            return Entrant(vectors, made.placement, key(source), self._prefills)
        if isinstance(source, TrainedPrompt):
            return self._trained(source, backbone)
        if isinstance(source, (NoPrompt, Majority)):
            return Entrant(None, Placement())
        if source.generator is not None:
            weights = make_weights(source.generator, source.length, backbone.width, source.seed)
            return _generating(backbone, source.generator, source.length, source.placement, weights)
        vectors = make_initial(
            source.initial,
            backbone,
            length=source.length,
            seed=source.seed,
            task=task,
            find_prompt=lambda found: self.prompt(found).vectors,
        )
        # Rows made of label words are others for every task.
        kept = None if isinstance(source.initial, LabelWordsInitial) else self._prefills
        return Entrant(_on(backbone, vectors, backbone.spec.name), source.placement, key(source), kept)

    def _trained(self, source: TrainedPrompt, backbone: Backbone) -> Entrant:
        prompt = self.prompt(source.key)
        vectors = _on(backbone, torch.from_numpy(prompt.vectors), source.backbone)
        recipe = self._recipe(source.key)
        if recipe.generator is not None and prompt.generator is not None:
            weights = join_weights(recipe.generator, recipe.prompt_length, backbone.width, prompt.generator)
            return _generating(backbone, recipe.generator, recipe.prompt_length, recipe.placement, weights)
        return Entrant(vectors, recipe.placement, key(source), self._prefills)

    def _mixed(self, source: MixedPrompt, backbone: Backbone) -> Entrant:
        terms = []
        for part in source.parts:
            prompt = part.prompt
            owner = prompt.backbone if isinstance(prompt, TrainedPrompt) else backbone.spec.name
            name = f"{prompt.key} ({prompt.task}, seed {prompt.seed})"
            terms.append(Term(name, owner, part.weight, self.entrant(prompt, backbone, None)))
        return dataclasses.replace(weighted_sum(terms), name=key(source), kept=self._prefills)

    def began(self, source: PromptSource, backbone: Backbone) -> Entrant | None:
        """Return what the training of a source began from; None where nothing was trained."""
        if not isinstance(source, TrainedPrompt):
            return None
        prompt, recipe = self.prompt(source.key), self._recipe(source.key)
        if recipe.generator is not None:
            weights = make_weights(recipe.generator, recipe.prompt_length, backbone.width, source.seed)
            return _generating(backbone, recipe.generator, recipe.prompt_length, recipe.placement, weights)
        assert prompt.initial is not None  # a trained prompt knows where it began
        return Entrant(_on(backbone, torch.from_numpy(prompt.initial), source.backbone), recipe.placement)


def _generating(
    backbone: Backbone, spec: Generator, length: int, placement: Placement, weights: Float[Tensor, "N"]
) -> Entrant:
    generated = Generated.of(spec, backbone, length, weights.to(backbone.device))
    return Entrant(None, placement, generator=generated)


def _on(backbone: Backbone, vectors: Float[Tensor, "P d"], made_for: str) -> Float[Tensor, "P d"]:
    if vectors.shape[1] != backbone.width:
        raise InputError(
            f"a prompt of {made_for!r} (width {vectors.shape[1]}) does not fit {backbone.spec.name!r}"
            f" (width {backbone.width})",
            fix="set across_backbones = false, or use backbones that share vocabulary and width",
        )
    return vectors.to(backbone.device)


def room_of(placement: Placement, length: int) -> int:
    """Return the rows a prompt takes at the embeddings; one that joins above them takes none."""
    return length if placement.entry == "words" else 0
