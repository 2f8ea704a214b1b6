"""Shelf. The question: which backbones, tasks, seeds and recipe; and the specs that answer it.

One strict dataclass serves Python, the TOML file and the keys. An unknown field is refused with the nearest known one.
"""

import dataclasses
import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from transferkit import presets, tasks
from transferkit.errors import InputError
from transferkit.own_task import OwnTask, as_tuple
from transferkit.sources import Dtype, Model, describe
from transferkit.specs import (
    EmbeddingReadout,
    ExamplesSpec,
    Majority,
    MaskedReadout,
    NeuronSite,
    NeuronsSpec,
    NoPrompt,
    PromptSource,
    PromptSpec,
    RandomPrompt,
    ReadoutSpec,
    Recipe,
    ScoreSpec,
    Spec,
    TrainedPrompt,
    key,
)
from transferkit.tasks.base import Sizes, Task

RANDOM_SEED = 1000  # random prompts never share a stream with a trained one's initial rows

STRICT = ConfigDict(extra="forbid", strict=True)


def _as_recipe(value: object) -> object:
    """Read `{preset = "su2022", steps = 3000}`: a named recipe with some fields changed."""
    if isinstance(value, Mapping):
        changes = dict(value)
        base = presets.find(str(changes.pop("preset", "default")))
        known = [field.name for field in dataclasses.fields(Recipe)]
        for name in changes:
            if name not in known:
                raise InputError(f"recipe: unknown field {name!r}", fix=_suggest(name, known))
        return TypeAdapter(Recipe).validate_json(json.dumps({**_dump(base), **changes}))
    return value


def _dump(value: Recipe) -> dict[str, Any]:
    return TypeAdapter(Recipe).dump_python(value, mode="json")


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(sorted(known))


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
        max_tokens: text is cut there, for every task.
        random_prompts: untrained prompts per target, the yardstick.
        across_backbones: also score each prompt on every other backbone as it is, without a projector; sensible only
            where backbones share vocabulary and width.
        neurons: which feed-forward neurons count as activated; None leaves them out.
    """

    name: str = Field(default="study", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    backbones: Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]
    tasks: Annotated[tuple[str | Task, ...], BeforeValidator(as_tuple)] = ()
    task: dict[str, OwnTask] = Field(default_factory=dict)
    seeds: Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(min_length=1)] = (0,)
    recipe: Annotated[Recipe, BeforeValidator(_as_recipe)] = presets.default
    readout: Literal["auto", "masked", "embedding"] = "auto"
    scale: float = 20.0
    dtype: Dtype = "float32"
    sizes: Sizes = Sizes()
    max_tokens: int = 128
    random_prompts: int = Field(default=3, ge=1)
    across_backbones: bool = False
    neurons: NeuronSite | None = NeuronSite()
    folder: str = "."

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """What the backbones' names mean, in the study's order."""
        return tuple(describe(name, self.dtype) for name in self.backbones)

    @cached_property
    def resolved_tasks(self) -> tuple[Task, ...]:
        """Every task as a value, with this study's sizes, in the order of the study.

        Raises:
            InputError: an unknown task, or no task at all.
        """
        named = [item for item in self.tasks if isinstance(item, str)]
        found = {task.name: task for task in tasks.expand(named)} if named else {}
        found |= {item.name: item for item in self.tasks if isinstance(item, Task)}
        found |= {name: own.task(name, Path(self.folder)) for name, own in self.task.items()}
        if not found:
            raise InputError("the study names no task", fix='add tasks = ["rotten_tomatoes", …] or a [task.NAME] table')
        return tuple(dataclasses.replace(task, sizes=self.sizes, max_tokens=self.max_tokens) for task in found.values())

    def readout_of(self, model: Model) -> ReadoutSpec:
        """Return how answers are read off a backbone in this study."""
        kind = model.readout if self.readout == "auto" else self.readout
        return MaskedReadout() if kind == "masked" else EmbeddingReadout(scale=self.scale)

    # --- specs -------------------------------------------------------------------------------------------------------
    def prompts(self) -> list[PromptSpec]:
        """Return the prompts to train."""
        return [
            PromptSpec(backbone=model.spec, readout=self.readout_of(model), task=task, seed=seed, recipe=self.recipe)
            for model in self.models
            for task in self.resolved_tasks
            for seed in self.seeds
        ]

    def sources(self, model: Model) -> list[PromptSource]:
        """Return everything that is put before the text on a backbone: baselines, then trained prompts."""
        randoms = [
            RandomPrompt(
                seed=RANDOM_SEED + i,
                length=self.recipe.prompt_length,
                initial=self.recipe.initial,
                placement=self.recipe.placement,
            )
            for i in range(self.random_prompts)
        ]
        trained = [
            TrainedPrompt(key=key(spec), task=spec.task.name, seed=spec.seed, backbone=spec.backbone.name)
            for spec in self.prompts()
            if self.across_backbones or spec.backbone == model.spec
        ]
        return [NoPrompt(), Majority(), *randoms, *trained]

    def scores(self) -> list[ScoreSpec]:
        """Return the cells to measure: everything on every task, on the report split."""
        return [
            ScoreSpec(source=source, backbone=model.spec, readout=self.readout_of(model), task=task)
            for model in self.models
            for task in self.resolved_tasks
            for source in self.sources(model)
        ]

    def neuron_sets(self) -> list[NeuronsSpec]:
        """Return the neuron sets to read: of every prompt on its own backbone, and of the random ones."""
        if self.neurons is None:
            return []
        return [
            NeuronsSpec(source=source, backbone=model.spec, readout=self.readout_of(model), site=self.neurons)
            for model in self.models
            for source in self.sources(model)
            if isinstance(source, RandomPrompt)
            or (isinstance(source, TrainedPrompt) and source.backbone == model.spec.name)
        ]

    def examples(self) -> list[ExamplesSpec]:
        """Return the splits whose gold labels the analysis needs."""
        return [ExamplesSpec(task=task) for task in self.resolved_tasks]

    def specs(self) -> Iterator[Spec]:
        """Yield every spec of the study."""
        yield from self.examples()
        yield from self.prompts()
        yield from self.scores()
        yield from self.neuron_sets()


_STUDY: TypeAdapter[Study] = TypeAdapter(Study)
_PARTS: dict[str, type] = {"sizes": Sizes, "neurons": NeuronSite, "recipe": Recipe, "task": OwnTask}


def from_toml(path: str | Path) -> Study:
    """Read a study file.

    Raises:
        InputError: no such file, not TOML, or a field that is unknown or has a bad value; the message names it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no study file {path}", fix="name a .toml file or one of the built-in analyses")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML ({error})", fix="correct the line it names") from error
    table.setdefault("name", path.stem)
    return from_table(table, folder=path.parent)


def from_table(table: Mapping[str, Any], *, folder: Path | None = None) -> Study:
    """Read a study from plain values, as a file holds them.

    Raises:
        InputError: a field is unknown or has a bad value; the message names it.
    """
    table = {**table, "folder": str((folder or Path()).resolve())}
    try:
        return _STUDY.validate_json(json.dumps(table))
    except ValidationError as error:
        problem, fix = _explain(error)
        raise InputError(problem, fix=fix) from error


def to_json(study: Study) -> str:
    """Return a study as readable JSON, its tasks written out as values."""
    whole = dataclasses.replace(study, tasks=study.resolved_tasks, task={}, folder=".")
    return json.dumps(_STUDY.dump_python(whole, mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> Study:
    """Read what `to_json` wrote."""
    return _STUDY.validate_json(text)


def _explain(error: ValidationError) -> tuple[str, str]:
    """Return the first complaint as a problem naming field and value, and its fix."""
    first = error.errors(include_url=False)[0]
    where = [str(part) for part in first["loc"]]
    path = ".".join(where)
    if first["type"] == "unexpected_keyword_argument":
        owner = _PARTS.get(where[0], Study) if len(where) > 1 else Study
        return f"unknown field {path!r}", _suggest(where[-1], [field.name for field in dataclasses.fields(owner)])
    if first["type"] == "missing":
        return f"field {path!r} is missing", f"add {where[-1]} = …"
    return f"field {path!r}: {first['msg']}; got {first['input']!r}", f"correct {path!r} in the study"
