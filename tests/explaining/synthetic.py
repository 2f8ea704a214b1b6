"""A store filled with made-up artifacts: two backbones, four tasks in two groups, two seeds; no torch, no data."""

import dataclasses
from unittest import mock

import numpy as np

from transferkit.artifacts import Examples, Neurons, Prompt, Score, Words
from transferkit.specs import (
    BackboneSpec,
    ExamplesSpec,
    Majority,
    MaskedReadout,
    NeuronsSpec,
    NoPrompt,
    PromptInitial,
    PromptSpec,
    RandomPrompt,
    Recipe,
    ScoreSpec,
    Seq2seqReadout,
    TrainedPrompt,
    WordsSpec,
    key,
)
from transferkit.store import Store
from transferkit.study import Start
from transferkit.tasks.base import Answer, Label, LocalData, Task

N, P, D, L, F = 120, 5, 12, 6, 40
STEPS = range(0, 201, 20)


def make_task(name, group, metric="accuracy"):
    return Task(
        name=name,
        source=LocalData(train="none.csv", sha256=name),
        labels=(
            Label(value="0", word="bad", description="It is bad."),
            Label(value="1", word="good", description="It is good."),
        ),
        group=group,
        metric=metric,
    )


def make_text_task(name, group, metric="f1"):
    source = LocalData(train="none.jsonl", sha256=name)
    kind = "free" if metric.startswith("rouge") else "extractive"
    return Task(name=name, source=source, answer=Answer(kind=kind), group=group, metric=metric)


@dataclasses.dataclass(frozen=True)
class SyntheticStudy:
    name: str = "synthetic"
    backbones: tuple = ("tiny/alpha", "tiny/beta")
    tasks: tuple = (
        make_task("films", "sentiment"),
        make_task("shops", "sentiment"),
        make_task("entails", "inference"),
        make_task("follows", "inference", "macro_f1"),
    )
    seeds: tuple = (0, 1)
    across: bool = True
    readout: object = MaskedReadout()
    begun: bool = False  # whether prompts are trained from those of other tasks, too

    def swept_prompts(self):
        return []

    def swept_scores(self):
        return []

    crossings = ()
    growing = None

    def starts(self):
        if not self.begun:
            return []
        return [
            Start(self.trained_from(key(source), plain), plain, source.task.name, source.backbone.name)
            for plain in self.prompts()
            for source in self.prompts()
            if (source.backbone, source.seed) == (plain.backbone, plain.seed) and source.task != plain.task
        ]

    def trained_from(self, name, plain):
        recipe = dataclasses.replace(plain.recipe, initial=PromptInitial(key=name))
        return dataclasses.replace(plain, recipe=recipe)

    def started_scores(self):
        return [
            ScoreSpec(source=p.source, backbone=p.backbone, readout=p.readout, task=p.task)
            for p in (start.prompt for start in self.starts())
        ]

    def specs(self):
        for make in (self.examples, self.prompts, self.scores, self.neuron_sets, self.words):
            yield from make()
        yield from (start.prompt for start in self.starts())
        yield from self.started_scores()

    def specs_of(self):
        return [BackboneSpec(name=name, revision="0" * 40) for name in self.backbones]

    def prompts(self):
        return [
            PromptSpec(backbone=b, readout=self.readout, task=t, seed=s, recipe=Recipe(prompt_length=P))
            for b in self.specs_of()
            for t in self.tasks
            for s in self.seeds
        ]

    def sources(self, backbone):
        trained = [
            TrainedPrompt(key=key(p), task=p.task.name, seed=p.seed, backbone=p.backbone.name)
            for p in self.prompts()
            if self.across or p.backbone == backbone
        ]
        return [NoPrompt(), Majority(), *(RandomPrompt(seed=1000 + i, length=P) for i in range(3)), *trained]

    def scores(self):
        return [
            ScoreSpec(source=source, backbone=b, readout=self.readout, task=t)
            for b in self.specs_of()
            for t in self.tasks
            for source in self.sources(b)
            if t.answer is None or not isinstance(source, Majority)
        ]

    def neuron_sets(self):
        return [
            NeuronsSpec(source=source, backbone=b, readout=self.readout)
            for b in self.specs_of()
            for source in self.sources(b)
            if isinstance(source, RandomPrompt) or (isinstance(source, TrainedPrompt) and source.backbone == b.name)
        ]

    def words(self):
        return [
            WordsSpec(source=source, backbone=b, readout=self.readout)
            for b in self.specs_of()
            for source in self.sources(b)
            if isinstance(source, TrainedPrompt) and source.backbone == b.name
        ]

    def examples(self):
        return [ExamplesSpec(task=t) for t in self.tasks]


def generator_of(*parts):
    import hashlib

    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def chance_of_being_right(spec, groups):
    source = spec.source
    if not isinstance(source, TrainedPrompt):
        return 0.5
    skill = 0.9 if source.task == spec.task.name else 0.72 if groups[source.task] == spec.task.group else 0.55
    return skill if source.backbone == spec.backbone.name else 0.5 + (skill - 0.5) / 3


def class_score(spec, skill, truth):
    right = generator_of("score", key(spec)).random(N) < skill
    predicted = np.where(right, truth, 1 - truth)
    if isinstance(spec.source, Majority):
        predicted = np.full(N, np.bincount(truth).argmax())
    metrics = {"accuracy": float((predicted == truth).mean()), "macro_f1": f1(predicted, truth)}
    return Score({**metrics, "legal": 0.75} if spec.readout.kind == "seq2seq" else metrics, predicted)


def text_score(spec, skill, _truth):
    """Graded numbers around a skill and, for short answers, whether they are quite right."""
    draw = generator_of("score", key(spec))
    each = np.round(np.clip(draw.normal(skill, 0.3, N), 0, 1), 2)
    names = {"f1": each, "exact_match": (each == 1).astype(float)}
    if spec.task.metric.startswith("rouge"):
        names = {"rouge1": each, "rouge2": each / 2, "rougeL": each * 0.75}
    values = {**names, "legal": (draw.random(N) < 0.9).astype(float)}
    return Score({name: float(v.mean()) for name, v in values.items()}, None, values=values)


def text_study(**fields):
    """Two tasks with classes beside three whose answers are texts, on backbones that write."""
    tasks = (
        make_task("films", "sentiment"),
        make_task("shops", "sentiment"),
        make_text_task("asks", "qa"),
        make_text_task("seeks", "qa", "exact_match"),
        make_text_task("sums", "summarization", "rougeL"),
    )
    return SyntheticStudy(**{"tasks": tasks, "readout": Seq2seqReadout()} | fields)


def f1(predicted, gold):
    from sklearn.metrics import f1_score

    return float(f1_score(gold, predicted, average="macro"))


def curve_of(spec, start=None):
    """Scores by step: slowly from nothing, sooner from a prompt of the same group, not in time from another one."""
    gap, time = 0.4 + 0.05 * spec.seed, 60
    if start is not None and start.source == "films":
        gap = 0.01  # there at once
    elif start is not None:
        groups = {task.name: task.group for task in SyntheticStudy().tasks}
        time = 20 if groups[start.source] == spec.task.group else 150
    return [round(min(0.86, float(0.9 - gap * np.exp(-step / time))), 6) for step in STEPS]


def fill(study, root, *, without=lambda spec: False):
    """Put every artifact of the study into a store, but those `without` names."""
    store = Store(root)
    groups = {task.name: task.group for task in study.tasks}
    gold = {task.name: generator_of("gold", task.name).integers(0, task.n_classes or 1, N) for task in study.tasks}
    meta = {"host": "somewhere", "versions": {"transferkit": "0.1.0", "numpy": "2"}, "device": "cpu", "wall_s": 1.5}

    def put(spec, artifact, **more):
        if not without(spec):
            with mock.patch("os.fsync"):  # hundreds of small files, none worth keeping
                store.put(spec, artifact, meta={**meta, **more})

    for spec in study.examples():
        name = spec.task.name
        shared = "films" if name == "shops" else name
        hashes = [f"{shared if i < 3 else name}-{i}" for i in range(N)]
        put(spec, Examples(gold[name], hashes, {"dropped_from_training": 2}))
    begun = {key(start.prompt): start for start in study.starts()}
    for spec in [*study.prompts(), *(start.prompt for start in begun.values())]:
        draw = generator_of("prompt", spec.backbone.name, spec.task.name, spec.seed)
        initial = generator_of("initial", spec.backbone.name, spec.seed).normal(size=(P, D))
        towards = generator_of("group", spec.backbone.name, spec.task.group).normal(size=(P, D))
        own = generator_of("task", spec.backbone.name, spec.task.name).normal(size=(P, D))
        vectors = initial + 2 * towards + own + 0.4 * draw.normal(size=(P, D))
        history = [
            {
                "step": s,
                "train_loss": 1 / (1 + s / 40),
                "selection_loss": 0.7,
                "selection_score": score,
                "prompt_norm": 3.0,
            }
            for s, score in zip(STEPS, curve_of(spec, begun.get(key(spec))), strict=True)
        ]
        history = [{k: round(float(v), 6) if k != "step" else v for k, v in row.items()} for row in history]
        live = np.arange(P) > 0
        alarms = ["gradient_vanished"] if (spec.task.name, spec.seed) == ("entails", 1) else []
        early = (initial + towards).astype(np.float32)
        prompt = Prompt(vectors.astype(np.float32), initial.astype(np.float32), live, history, early=early)
        cost = {"cost": {"gflop_per_example": 0.25}} if begun else {}
        put(spec, prompt, health={"alarms": alarms, "steps": 200}, **cost)
    for spec in [*study.scores(), *study.started_scores()]:
        make = class_score if spec.task.answer is None else text_score
        put(spec, make(spec, chance_of_being_right(spec, groups), gold[spec.task.name]))
    for spec in study.neuron_sets():
        source = spec.source
        base = generator_of("neurons", spec.backbone.name).random((L, F))
        if isinstance(source, TrainedPrompt):
            base = 0.4 * base + 0.4 * generator_of("n", groups[source.task]).random((L, F))
        noise = generator_of("noise", key(spec)).random((L, F))
        put(spec, Neurons(0.7 * base + 0.3 * noise > 0.55))
    for spec in study.words():
        cosines = np.sort(generator_of("words", key(spec)).random((P, 2)), axis=1)[:, ::-1]
        nearest = [[f"word{i}", f"next{i}"] for i in range(P)]
        put(spec, Words(nearest, cosines, [f"word{i % 3}" for i in range(P)], np.full(P, 0.3)))
    return store
