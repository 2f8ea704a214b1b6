"""Shelf. The question: which backbones, tasks, seeds and recipe; and the specs that answer it.

One strict dataclass serves Python, the TOML file and the keys. An unknown field is refused with the nearest known one.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from transferkit import presets
from transferkit.errors import InputError
from transferkit.own_task import OwnTask
from transferkit.sources import Dtype, Model, describe
from transferkit.specs import (
    CausalReadout,
    EmbeddingReadout,
    ExamplesSpec,
    InfluenceSpec,
    MaskedReadout,
    NeuronSite,
    NeuronsSpec,
    PromptSource,
    PromptSpec,
    ReadoutSpec,
    Recipe,
    ScoreSpec,
    Seq2seqReadout,
    Spec,
    WordsSpec,
    key,
)
from transferkit.study.crossing import Crossing, crossing
from transferkit.study.gathering import gathered
from transferkit.study.growing import Growing, GrowthSpecs, activities, growth_specs
from transferkit.study.initialisation import Initialisation, Start, starts
from transferkit.study.looks import nearest_words, neuron_sets
from transferkit.study.models import check_models, places
from transferkit.study.projection import Projection
from transferkit.study.retrieval import Retrieval
from transferkit.study.sweep import ANY_SEQUENCE, STRICT, Sweep, influences, swept
from transferkit.study.yardsticks import yardsticks
from transferkit.tasks.base import ReadoutKind, Sizes, Task

WITHOUT_FIELDS = {"masked": MaskedReadout, "seq2seq": Seq2seqReadout, "causal": CausalReadout}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Study:
    """What is asked.

    Attributes:
        name: names the report.
        backbones: catalogue names, local folders or hub ids (`id@revision`).
        tasks: task names, "@group" names, or `Task` values.
        task: the user's own tasks by name.
        seeds: one prompt per task, backbone and seed.
        recipe: how prompts are trained; in a file `{preset = "…", field = value}`.
        readout: how answers are read; "auto" follows each model's own files.
        scale: factor on the cosines of the embedding readout.
        dtype: arithmetic of the frozen weights.
        sizes: examples per split, for every task.
        split_seed: seed of the cut into splits, for every task; None keeps each task's own. Another data seed is
            another study: 13, 21, 42, 87 and 100 are those of Liu et al. (2022).
        max_tokens: text is cut there, for every task.
        random_prompts: untrained prompts per target, the yardstick.
        across_backbones: also score each prompt on every other backbone as it is, without a projector; sensible only
            where backbones share vocabulary and width.
        limit: score at most this many examples per task, for a trial; prompts stay the same.
        neurons: which feed-forward neurons count as activated; false (in Python also None) leaves them out.
        nearest_words: words of the vocabulary kept per prompt row; 0 leaves them out.
        sweep: prompts at several depths, beside those that are used everywhere; None leaves them out.
        initialisation: prompts trained from other tasks' prompts, beside those trained from nothing; likewise.
        projections: prompts of a backbone brought to other ones.
        retrieval: averages and mixtures of the prompts that indicators rank highest for a task.
        growth: prompts trained while their backbone grows, beside plain ones.
    """

    name: str = Field(default="study", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE, Field(min_length=1)]
    tasks: Annotated[tuple[str | Task, ...], ANY_SEQUENCE] = ()
    task: dict[str, OwnTask] = Field(default_factory=dict)
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], ANY_SEQUENCE, Field(min_length=1)] = (0,)
    recipe: Annotated[Recipe, BeforeValidator(presets.changed)] = presets.default
    readout: Literal["auto", ReadoutKind] = "auto"
    scale: float = Field(default=20.0, gt=0, allow_inf_nan=False)
    dtype: Dtype = "float32"
    sizes: Sizes = Sizes()
    split_seed: int | None = Field(default=None, ge=0)
    max_tokens: int = Field(default=128, ge=8)
    random_prompts: int = Field(default=3, ge=1)
    across_backbones: bool = False
    neurons: NeuronSite | Literal[False] | None = NeuronSite()
    nearest_words: int = Field(default=5, ge=0)
    limit: int | None = Field(default=None, ge=1)
    sweep: Sweep | None = None
    initialisation: Initialisation | None = None
    projections: Annotated[tuple[Projection, ...], ANY_SEQUENCE] = ()
    retrieval: Retrieval | None = None
    growth: Growing | None = None
    folder: str = "."

    def __post_init__(self) -> None:
        """Refuse what would be done twice, or would hide something.

        Raises:
            InputError: a seed or a backbone stands twice.
        """
        for field, values in (("seeds", self.seeds), ("backbones", self.backbones)):
            if twice := sorted({str(value) for value in values if list(values).count(value) > 1}):
                raise InputError(f"{field}: {', '.join(twice)} stands twice", fix=f"name each of {field} once")

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """What the backbones' names mean, in the study's order."""
        found = tuple(describe(name, self.dtype) for name in self.backbone_names)
        check_models(found, self.resolved_tasks, lambda model: self.readout_of(model).kind)
        return found

    @property
    def backbone_names(self) -> tuple[str, ...]:
        """Names to load the backbones by; a folder is looked for beside the study file first."""
        return places(self.backbones, Path(self.folder))

    @cached_property
    def targets(self) -> tuple[Model, ...]:
        """The backbones that prompts are brought to, one per projection."""
        found = tuple(describe(name, self.dtype) for name in self.target_names)
        for model in dict.fromkeys(found):
            others = [other for other in self.models if other != model]
            check_models([*others, model], self.resolved_tasks, lambda model: self.readout_of(model).kind)
        return found

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names to load these by."""
        return places([asked.target for asked in self.projections], Path(self.folder))

    @property
    def every_model(self) -> dict[str, Model]:
        """Every backbone of the study by the name to load it by, those of projections included."""
        names = (*self.backbone_names, *self.target_names)
        return dict(zip(names, (*self.models, *self.targets), strict=True))

    @cached_property
    def resolved_tasks(self) -> tuple[Task, ...]:
        """Every task as a value, cut as this study says, in the order of the study.

        Raises:
            InputError: an unknown task, or no task at all.
        """
        found = gathered(self.tasks, self.task, Path(self.folder))
        seeded = {} if self.split_seed is None else {"split_seed": self.split_seed}
        same = {"sizes": self.sizes, "max_tokens": self.max_tokens, **seeded}
        return tuple(dataclasses.replace(task, **same) for task in found)

    @property
    def scored_tasks(self) -> tuple[Task, ...]:
        """The tasks as they are scored: all of their report split, or `limit` examples of it for a trial."""
        if self.limit is None:
            return self.resolved_tasks
        most = min(self.limit, self.sizes.report or self.limit)
        sizes = dataclasses.replace(self.sizes, report=most)
        return tuple(dataclasses.replace(task, sizes=sizes) for task in self.resolved_tasks)

    def readout_of(self, model: Model) -> ReadoutSpec:
        """Return how answers are read off a backbone in this study."""
        kind = model.readout if self.readout == "auto" else self.readout
        return EmbeddingReadout(scale=self.scale) if kind == "embedding" else WITHOUT_FIELDS[kind]()

    def prompts(self) -> list[PromptSpec]:
        """Return the prompts to train."""
        return [
            self.prompt(model, task, seed, self.recipe)
            for model, task, seed in itertools.product(self.models, self.resolved_tasks, self.seeds)
        ]

    def prompt(self, model: Model, task: Task, seed: int, recipe: Recipe) -> PromptSpec:
        """Return one prompt to train."""
        return PromptSpec(backbone=model.spec, readout=self.readout_of(model), task=task, seed=seed, recipe=recipe)

    def every_prompt(self) -> list[PromptSpec]:
        """Return the prompts to train, those of sweep, projections and initialisation included, each once."""
        others = [spec for found in self.crossings for spec in (*found.own, *found.retrained)]
        others += [] if self.growing is None else self.growing.prompts
        others += [start.begun for start in self.starts() if start.begun is not None]
        everything = [*self.prompts(), *self.swept_prompts(), *others, *(start.prompt for start in self.starts())]
        return list({key(spec): spec for spec in everything}.values())

    def sources(self, model: Model, task: Task | None = None) -> list[PromptSource]:
        """Return everything that is put before the text on a backbone: baselines, then trained prompts."""
        trained = [spec.source for spec in self.prompts() if self.across_backbones or spec.backbone == model.spec]
        return [*self.baselines(self.recipe, task), *trained]

    def baselines(
        self, recipe: Recipe, task: Task | None = None, *, random_prompts: int | None = None
    ) -> list[PromptSource]:
        """Return what needs no training: no prompt, the majority, random prompts."""
        return yardsticks(recipe, task, random_prompts or self.random_prompts)

    def scores(self) -> list[ScoreSpec]:
        """Return the cells to measure: everything on every task, on the report split."""
        return [
            ScoreSpec(source=source, backbone=model.spec, readout=self.readout_of(model), task=task)
            for model in self.models
            for task in self.scored_tasks
            for source in self.sources(model, task)
        ]

    def neuron_sets(self) -> list[NeuronsSpec]:
        """Return the neuron sets to read."""
        return neuron_sets(self)

    def words(self) -> list[WordsSpec]:
        """Return the vocabulary look-ups to make."""
        return nearest_words(self)

    def swept_prompts(self) -> list[PromptSpec]:
        """Return the prompts of the sweep, by backbone, task, recipe and seed.

        Raises:
            InputError: the sweep names a backbone or a task the study has not.
        """
        return [] if self.sweep is None else swept(self, self.sweep)

    def swept_scores(self) -> list[ScoreSpec]:
        """Return the scores of the sweep: each prompt's on its own task, in the order of the prompts."""
        return self.own_scores(self.swept_prompts())

    def influences(self) -> list[InfluenceSpec]:
        """Return what is measured of the sweep's prompts, and of no prompt, beside their scores."""
        if self.sweep is None or not self.sweep.influence:
            return []
        return influences(self.swept_prompts(), {task.name: task for task in self.scored_tasks})

    def starts(self) -> list[Start]:
        """Return the prompts trained from prompts of other tasks or backbones, each beside its plain twin."""
        return [] if self.initialisation is None else starts(self, self.initialisation)

    def started_scores(self) -> list[ScoreSpec]:
        """Return their scores: each on its own task, in the same order."""
        return self.own_scores(start.prompt for start in self.starts())

    @property
    def growing(self) -> GrowthSpecs | None:
        """What answers `growth`; None where nothing is asked."""
        return self._growing

    @cached_property
    def _growing(self) -> GrowthSpecs | None:
        return None if self.growth is None else growth_specs(self, self.growth)

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """Every projection with the specs that answer it; InputError where one names what the study has not."""
        return self._crossings

    @cached_property
    def _crossings(self) -> tuple[Crossing, ...]:
        return tuple(
            crossing(self, asked, target) for asked, target in zip(self.projections, self.targets, strict=True)
        )

    def own_scores(self, prompts: Iterable[PromptSpec]) -> list[ScoreSpec]:
        """Return the scores of some prompts, each on its own task and backbone."""
        tasks = {task.name: task for task in self.scored_tasks}
        return [
            ScoreSpec(source=spec.source, backbone=spec.backbone, readout=spec.readout, task=tasks[spec.task.name])
            for spec in prompts
        ]

    def examples(self) -> list[ExamplesSpec]:
        """Return the splits whose gold labels the analysis needs."""
        return [ExamplesSpec(task=task) for task in self.scored_tasks]

    def specs(self) -> Iterator[Spec]:
        """Yield every spec of the study, once: a point of the sweep may be the recipe itself."""
        parts = (self.examples, self.prompts, self.scores, self.neuron_sets, self.words)
        everything = [spec for make in parts for spec in make()]
        everything += [*self.swept_prompts(), *self.swept_scores(), *self.influences()]
        for found in self.crossings:
            everything += [*found.own, *found.retrained, *found.projectors, *found.projected, *found.scores]
        everything += [start.begun for start in self.starts() if start.begun is not None]
        everything += [*(start.prompt for start in self.starts()), *self.started_scores()]
        everything += [] if self.growing is None else [*self.growing.prompts, *self.growing.scores]
        everything += activities(self.every_prompt())
        yield from {key(spec): spec for spec in everything}.values()
