"""A made-up study whose backbone grows: every curve, cost, answer and row is chosen by hand; no model, no data."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from explaining.crossed import InMemory
from explaining.synthetic import generator_of, make_task

from transferkit.artifacts import Activity, Examples, Prompt, Score
from transferkit.specs import ActivitySpec, Growth, PromptSpec, Recipe, ScoreSpec, Spec, TrainedPrompt, key
from transferkit.study import Growing, Study

N, P, D = 40, 3, 5
STEPS, EVERY = 20, 2
SHARES = (0.3, 0.3)  # stages end behind steps 6 and 12
SCHEDULES = (Growth(shares=SHARES, depth=(0.25, 0.5)), Growth(shares=SHARES, width=(0.25, 0.5)))
SHORTER = (0.5, 0.65, 0.7)  # 10, 13 and 14 steps
SEEDS = (0, 1, 2)
TASKS = (make_task("films", "sentiment"), make_task("entails", "inference", "macro_f1"))
PARTS = {"depth": ("d25", "d50"), "width": ("w25", "w50")}
COST = {"d25": 0.25, "d50": 0.5, "w25": 0.4, "w50": 0.6, "whole": 1.0}  # of a step, of the whole's
GFLOP = {"films": 2.0, "entails": 3.0}  # of a step of the whole
LOOK = 1.5  # seconds of the clock


def make_study(folder: Path, **fields: object) -> Study:
    """Return a study on a folder that says it is a model; `growth` may be replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"architectures": ["BertForMaskedLM"]}')
    (folder / "model.safetensors").write_text("weights")
    asked = {
        "name": "grown",
        "backbones": [str(folder)],
        "tasks": TASKS,
        "seeds": SEEDS,
        "recipe": Recipe(prompt_length=P, steps=STEPS, evaluate_every=EVERY),
        "random_prompts": 1,
        "neurons": None,
        "nearest_words": 0,
        "growth": Growing(schedules=SCHEDULES, shorter=SHORTER),
    }
    return Study(**{**asked, **fields})


def way_of(spec: PromptSpec) -> str:
    """Return "plain", "plain 10", "depth", "d25", …: how a prompt was trained."""
    if spec.recipe.growth is not None:
        return spec.recipe.growth.name
    if spec.backbone.partial is not None:
        return spec.backbone.partial.name
    return "plain" if spec.recipe.steps == STEPS else f"plain {spec.recipe.steps}"


def trained_on(way: str) -> list[str]:
    """Return the part each step is taken on."""
    if way in PARTS:
        return [PARTS[way][0]] * 6 + [PARTS[way][1]] * 6 + ["whole"] * 8
    return ["whole"] * (int(way.split()[1]) if " " in way else STEPS) if way.startswith("plain") else [way] * STEPS


def looks_of(way: str) -> list[int]:
    last = len(trained_on(way))
    return [*range(0, last, EVERY), last]


def gflop_of(way: str, task: str, step: int) -> float:
    return sum(GFLOP[task] * COST[part] for part in trained_on(way)[:step])


def seconds_of(way: str, task: str, seed: int) -> list[float]:
    """Seconds between looks: no share of the arithmetic, and in each seed of another machine."""
    slow = 1 + 0.25 * seed * (way in PARTS)
    looks, parts = looks_of(way), trained_on(way)
    return [
        sum(slow * GFLOP[task] * (0.1 + 0.4 * COST[part]) for part in parts[a:b]) for a, b in itertools.pairwise(looks)
    ]


def score_at(way: str, task: str, seed: int, step: int) -> float:
    """A curve on the selection split: slower on parts, with a dip."""
    speed = sum(COST[part] ** 0.2 for part in trained_on(way)[:step])
    high = 0.9 - 0.05 * (task == "entails")
    dip = 0.03 * ((step + seed) % 8 == 4)
    return round(float(high - 0.4 * np.exp(-speed / 9)) + 0.01 * seed - dip, 6)


def gold_of(task: str) -> np.ndarray:
    return np.arange(N) % 2 if task == "films" else (np.arange(N) % 3 == 0).astype(int)


def answers_of(way: str, seed: int, part: str, task: str) -> np.ndarray:
    """Return the labels that a backbone says with a prompt in front: some right, which is drawn."""
    skill = {"plain": 34, "none": 22}.get(way, 26)
    draw = generator_of("answers", way, seed, part, task)
    right = draw.permutation(N) < skill + draw.integers(-4, 5)
    return np.where(right, gold_of(task), 1 - gold_of(task))


def metrics_of(said: np.ndarray, task: str) -> dict[str, float]:
    gold, each = gold_of(task), []
    for label in (0, 1):
        hits = np.sum((said == label) & (gold == label))
        each.append(2 * hits / (np.sum(said == label) + np.sum(gold == label)))
    return {"accuracy": float(np.mean(said == gold)), "macro_f1": float(np.mean(each))}


def rows_of(way: str, task: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return trained and initial rows: seeds begin apart, tasks go apart, parts and seeds add a little."""
    initial = generator_of("initial", seed).normal(size=(P, D))
    towards = generator_of("task", task).normal(size=(P, D))
    own = generator_of("own", way, task, seed).normal(size=(P, D))
    return (initial + 0.5 * towards + 0.2 * own).astype(np.float32), initial.astype(np.float32)


def prompt_of(spec: PromptSpec) -> tuple[Prompt, dict[str, object]]:
    """Return a prompt, and what is noted beside it."""
    way, task = way_of(spec), spec.task.name
    history = [
        {"step": s, "selection_score": score_at(way, task, spec.seed, s), "gflop": round(gflop_of(way, task, s), 6)}
        for s in looks_of(way)
    ]
    vectors, initial = rows_of(way, task, spec.seed)
    seconds = seconds_of(way, task, spec.seed)
    health = {"alarms": [], "steps": looks_of(way)[-1], "step_seconds": seconds, "seconds": [s + LOOK for s in seconds]}
    return Prompt(vectors, initial, np.ones(P, dtype=bool), history), {"health": health}


def score_of(spec: ScoreSpec, ways: dict[str, tuple[str, int]]) -> Score:
    part = "whole" if spec.backbone.partial is None else spec.backbone.partial.name
    trained = isinstance(spec.source, TrainedPrompt)
    way, seed = ways[spec.source.key] if trained else (spec.source.kind, 0)
    said = answers_of(way, seed, part, spec.task.name)
    return Score(metrics_of(said, spec.task.name), said)


def fill_grown(study: Study, root: Path) -> InMemory:
    """Put every artifact of the study into a store; what blocks do to texts is nothing, for nobody reads it here."""
    store = InMemory(root)
    for spec in study.examples():
        store.put(spec, Examples(gold_of(spec.task.name), [f"{spec.task.name}-{i}" for i in range(N)], {}))
    prompts = study.every_prompt()
    for spec in prompts:
        prompt, meta = prompt_of(spec)
        store.put(spec, prompt, meta={"host": "somewhere", **meta})
    ways = {key(spec): (way_of(spec), spec.seed) for spec in prompts}
    for spec in study.specs():
        if isinstance(spec, ActivitySpec):
            store.put(spec, Activity(np.zeros((4, 8)), np.zeros((4, 8)), np.zeros(4), N))
        if isinstance(spec, ScoreSpec) and (not isinstance(spec.source, TrainedPrompt) or spec.source.key in ways):
            store.put(spec, score_of(spec, ways), meta={"host": "somewhere"})
    return store


def without(store: InMemory, study: Study, is_gone: Callable[[Spec], bool]) -> InMemory:
    """Return a store that lacks some of its artifacts."""
    gone = {key(spec) for spec in study.specs() if is_gone(spec)}
    assert gone & set(store.kept)
    return _copy(store, {name: found for name, found in store.kept.items() if name not in gone})


def with_prompts(
    store: InMemory, study: Study, change: Callable[[PromptSpec, Prompt], Prompt], **health: object
) -> InMemory:
    """Return a store whose prompts are others, and whose notes say something else of their health."""
    kept = dict(store.kept)
    for spec in study.every_prompt():
        prompt, meta = kept[key(spec)]
        kept[key(spec)] = (change(spec, prompt), {**meta, "health": {**meta["health"], **health}})
    return _copy(store, kept)


def with_notes(store: InMemory, study: Study, note: Callable[[PromptSpec], dict[str, object]]) -> InMemory:
    """Return a store that notes more beside some prompts."""
    kept = dict(store.kept)
    for spec in study.every_prompt():
        prompt, meta = kept[key(spec)]
        kept[key(spec)] = (prompt, {**meta, **note(spec)})
    return _copy(store, kept)


def shorn(prompt: Prompt, column: str) -> Prompt:
    """Return a prompt whose history lacks a column."""
    history = [{name: cell for name, cell in row.items() if name != column} for row in prompt.history]
    return dataclasses.replace(prompt, history=history)


def _copy(store: InMemory, kept: dict[str, tuple[object, dict[str, object]]]) -> InMemory:
    found = InMemory(store.root)
    found.kept = kept
    return found
