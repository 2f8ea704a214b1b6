"""A made-up study that brings prompts of one backbone to another: which answers are right is chosen by hand."""

import dataclasses
from functools import cached_property

import numpy as np
from explaining.synthetic import SyntheticStudy, f1, make_task

from transferkit.artifacts import Examples, Projector, Prompt, Score
from transferkit.specs import (
    Lesson,
    LinearMap,
    Majority,
    NoPrompt,
    NormsMap,
    ProjectedSpec,
    ProjectorSpec,
    PromptSpec,
    RandomPrompt,
    Recipe,
    ScoreSpec,
    Tuned,
    key,
)
from transferkit.store import Store
from transferkit.study import Crossing
from transferkit.study.projection import METHODS

N, P, D = 100, 3, 4
TASKS = ("films", "shops", "entails")
KINDS = ("linear", "flat_tasks", "rows_distance", "constant_distance", "constant_tasks", "rows_random", "norms")
HITS = {
    "linear": 62,
    "flat_tasks": 80,
    "rows_distance": 60,
    "constant_distance": 60,
    "constant_tasks": 64,
    "rows_random": 50,
    "norms": 51,
    "no prompt": 45,
    "majority": 52,
    "random prompt": 50,
    "retrained": 75,
    "own prompt": 90,
}  # right answers of 100 on the first task; two fewer on each further one, for each seed one more
COSTS = {"parameters": 1200, "gflop_per_example": 0.5, "gflop": 640.0}


def cross(study, *, source="tiny/alpha", target="tiny/beta", train_on=TASKS[:2], kinds=KINDS, seeds=(0, 1, 2)):
    """Return a projection of a study's tasks; its own prompts and retrained ones differ in their steps."""
    backbones = {spec.name: spec for spec in study.specs_of()}
    brought = tuple(p for p in study.prompts() if p.backbone.name == source and p.seed in seeds)
    own, retrained = (
        tuple(
            PromptSpec(backbone=backbones[target], readout=study.readout, task=t, seed=s, recipe=recipe)
            for t in study.tasks
            for s in seeds[::-1]  # in whatever order a study names them
        )
        for recipe in (Recipe(prompt_length=P), Recipe(prompt_length=P, steps=40, evaluate_every=40))
    )
    methods = tuple(METHODS[kind] for kind in kinds)
    projectors, projected = [], []
    for method in methods:
        is_of_one_seed = isinstance(method, (Tuned, NormsMap))
        for seed in seeds if is_of_one_seed else (0,):
            lessons = tuple(
                Lesson(task=p.task, source=key(p)) for p in brought if p.task.name in train_on and p.seed == seed
            )
            projector = ProjectorSpec(
                backbone=backbones[target],
                source_backbone=backbones[source],
                method=method,
                seed=seed,
                lessons=() if isinstance(method, LinearMap) else lessons,
            )
            projectors.append(projector)
            projected += [
                ProjectedSpec(
                    backbone=backbones[target], projector=key(projector), method=method.name, prompt=prompt.source
                )
                for prompt in brought
                if not is_of_one_seed or prompt.seed == seed
            ]
    found = Crossing(
        source,
        target,
        tuple(task.name for task in study.tasks),
        tuple(train_on),
        methods,
        own,
        retrained,
        brought,
        tuple(projectors),
        tuple(projected),
        (),
    )
    plain = [NoPrompt(), Majority(), *(RandomPrompt(seed=1000 + i, length=P) for i in range(3))]
    made = [spec.source for spec in (*own, *retrained)]
    scores = tuple(
        ScoreSpec(source=source_of, backbone=backbones[target], readout=study.readout, task=task)
        for task in study.tasks
        for source_of in [
            *plain,
            *(s for s in made if s.task == task.name),
            *(spec.source for spec in projected if spec.prompt.task == task.name),
        ]
    )
    return dataclasses.replace(found, scores=scores)


@dataclasses.dataclass(frozen=True)
class CrossedStudy(SyntheticStudy):
    backbones: tuple = ("tiny/alpha", "tiny/beta")
    tasks: tuple = (
        make_task("films", "sentiment"),
        make_task("shops", "sentiment"),
        make_task("entails", "inference", "macro_f1"),
    )
    seeds: tuple = (0, 1, 2)
    asked: tuple = ({},)  # what `cross` is given, for each projection

    @cached_property
    def crossings(self):
        return tuple(cross(self, **({"seeds": self.seeds} | fields)) for fields in self.asked)

    def neuron_sets(self):
        return []

    def words(self):
        return []

    def scores(self):
        return []

    def prompts(self):
        return [p for p in super().prompts() if p.backbone.name == self.backbones[0]]


def way_of(crossing, source):
    """Return the way a score's source is one of, in words, and its seed or draw."""
    names = {key(spec): "own prompt" for spec in crossing.own} | {key(spec): "retrained" for spec in crossing.retrained}
    plain = {"none": "no prompt", "majority": "majority", "random": "random prompt"}
    name = plain.get(source.kind) or getattr(source, "method", None) or names[source.key]
    return name, getattr(source, "seed", 0) % 1000


def gold_of(task):
    return np.arange(N) % 2 if task != "entails" else (np.arange(N) % 3 == 0).astype(int)


def hits_of(method, task, seed):
    return HITS[method] - 2 * TASKS.index(task) + (0 if method in ("no prompt", "majority") else seed)


def predicted(method, task, seed, hits=hits_of):
    """Return labels of which the first so many are right."""
    gold = gold_of(task)
    return np.where(np.arange(N) < hits(method, task, seed), gold, 1 - gold)


def rows_of(method, task, seed):
    """Return a prompt: constant ones and `rows_distance` the same for all tasks, others not."""
    which = 0 if method.startswith("constant") or method == "rows_distance" else TASKS.index(task)
    return np.random.default_rng([seed, which, len(method)]).normal(size=(P, D)).astype(np.float32)


class InMemory(Store):
    """A store that forgets: as the real one to a reader, and quick to fill."""

    def __init__(self, root):
        super().__init__(root)
        self.kept = {}

    def has(self, spec):
        return key(spec) in self.kept

    def put(self, spec, artifact, *, meta=None, overwrite="only-missing"):
        self.kept.setdefault(key(spec), (artifact, dict(meta or {})))
        return self.path(spec)

    def get(self, spec):
        return self.kept[key(spec)][0]

    def meta(self, spec):
        return self.kept[key(spec)][1] if self.has(spec) else {}


def fill_crossed(study, root, *, hits=hits_of, without=lambda spec, way: False):
    """Put every artifact of the projections into a store, but those `without` names."""
    store = InMemory(root)

    def put(spec, artifact, way=None, **more):
        if not without(spec, way):
            store.put(spec, artifact, meta={"host": "somewhere", **more})

    for spec in study.examples():
        put(spec, Examples(gold_of(spec.task.name), [f"{spec.task.name}-{i}" for i in range(N)], {}))
    for crossing in study.crossings:
        trained = [("source", p) for p in crossing.brought] + [("own prompt", p) for p in crossing.own]
        for way, spec in [*trained, *(("retrained", p) for p in crossing.retrained)]:
            rows = rows_of(way, spec.task.name, spec.seed)
            prompt = Prompt(rows, rows, np.ones(P, dtype=bool))
            put(spec, prompt, way, cost=COSTS, cpu_seconds=10.0 + spec.seed, health={"alarms": [], "steps": 40})
        for spec in crossing.projectors:
            way = spec.method.name
            put(spec, Projector({"rows": np.zeros((P, D))}, 1200), way, cost=COSTS, cpu_seconds=2.0 + spec.seed)
        for spec in crossing.projected:
            rows = rows_of(spec.method, spec.prompt.task, spec.prompt.seed)
            put(spec, Prompt(rows, None, np.ones(P, dtype=bool)), spec.method, cpu_seconds=0.25)
        for spec in crossing.scores:
            way, seed = way_of(crossing, spec.source)
            said, gold = predicted(way, spec.task.name, seed, hits), gold_of(spec.task.name)
            metrics = {"accuracy": float((said == gold).mean()), "macro_f1": f1(said, gold)}
            put(spec, Score(metrics, said), way)
    return store
