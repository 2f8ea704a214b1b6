"""Explaining. The ways to get a prompt for a task on another backbone: projectors, and the yardsticks beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from transferkit.results.scores import BASELINES
from transferkit.specs import (
    AnyScoreSpec,
    ConstantMap,
    Method,
    NormsMap,
    ProjectedPrompt,
    PromptNet,
    PromptSpec,
    ScoreSpec,
    Spec,
    TrainedPrompt,
    Tuned,
    key,
)
from transferkit.store import Store
from transferkit.study import Crossing

COSTS = ("parameters", "cpu_seconds", "cpu_seconds_each", "gflop", "cpu_seconds_needed", "gflop_needed")
OWN, RETRAINED = "own prompt", "retrained"
SEEN, HELD_OUT, ALL = "seen", "held out", "all tasks"


Ways = dict[str, dict[str, list[AnyScoreSpec]]]


def ways(crossing: Crossing) -> Ways:
    """Return the scores of every way to get a prompt by task, seeds in order: projectors first, then yardsticks."""
    named = ((OWN, crossing.own), (RETRAINED, crossing.retrained))
    trained = {name: {key(spec) for spec in specs} for name, specs in named}
    found: dict[str, dict[str, dict[str, AnyScoreSpec]]] = {name: {} for name in _order(crossing)}
    for spec in sorted(crossing.scores, key=lambda spec: getattr(spec.source, "seed", 0)):
        for name in _names(spec, trained):  # retrained for as many steps, a prompt is the target's own
            found[name].setdefault(spec.task.name, {})[key(spec)] = spec
    return {
        name: {task: list(specs.values()) for task, specs in by_task.items()}
        for name, by_task in found.items()
        if by_task
    }


def _order(crossing: Crossing) -> Iterator[str]:
    names = [method.name for method in crossing.methods]
    yield from (name for name in names if not is_yardstick(crossing, name))
    yield from (name for name in names if is_yardstick(crossing, name))
    yield from (*BASELINES, RETRAINED, OWN)


def _names(spec: ScoreSpec, trained: Mapping[str, Set[str]]) -> list[str]:
    source = spec.source
    if isinstance(source, ProjectedPrompt):
        return [source.method]
    if isinstance(source, TrainedPrompt):
        return [name for name, keys in trained.items() if source.key in keys]
    return [name for name, kind in BASELINES.items() if isinstance(source, kind)]


def is_yardstick(crossing: Crossing, name: str) -> bool:
    """Tell whether a way carries nothing over from the source but norms of rows, or needs no projector."""
    method = method_of(crossing, name)
    if method is None or isinstance(method, (ConstantMap, NormsMap)):
        return True
    return isinstance(method, PromptNet) and method.objective == "none"


def method_of(crossing: Crossing, name: str) -> Method | None:
    """Return the kind of projector of a name; None for a way without one."""
    return next((method for method in crossing.methods if method.name == name), None)


def untrained_of(crossing: Crossing, name: str) -> str:
    """Return the name of the same network before it is trained; empty where the study has none of it."""
    method = method_of(crossing, name)
    nets = [other for other in crossing.methods if isinstance(other, PromptNet) and other.objective == "none"]
    if not isinstance(method, PromptNet) or method in nets:
        return ""
    return next((other.name for other in nets if other.form == method.form), "")


def needs_of(crossing: Crossing, name: str) -> str:
    """Return what a way to get a prompt has to be given, beside the source's prompt that a projector brings."""
    method, n = method_of(crossing, name), len(crossing.train_on)
    tasks = f"{n} task{'' if n == 1 else 's'}"
    if name in (OWN, RETRAINED, "majority"):
        return "labels of each task"
    if method is None or isinstance(method, NormsMap) or (isinstance(method, PromptNet) and method.objective == "none"):
        return "nothing"
    if not isinstance(method, Tuned):
        return "shared words"
    if method.objective == "tasks":
        return f"labels of {tasks}"
    return f"prompts of {tasks} on {'the target' if isinstance(method, ConstantMap) else 'both'}"


def is_fitted_to_own(crossing: Crossing, name: str) -> bool:
    """Tell whether a way needs the target's own prompts of the seen tasks, each trained in full."""
    method = method_of(crossing, name)
    return isinstance(method, Tuned) and method.objective == "distance"


def named_crossings(crossings: Sequence[Crossing]) -> dict[tuple[str, str], Crossing]:
    """Return every projection by its backbones; a second between the same two has a number behind its target."""
    found: dict[tuple[str, str], Crossing] = {}
    for crossing in crossings:
        n = sum((c.source, c.target) == (crossing.source, crossing.target) for c in found.values())
        found[crossing.source, f"{crossing.target} ({n + 1})" if n else crossing.target] = crossing
    return found


def part_of(crossing: Crossing, task: str) -> str:
    """Return whether projectors fitted on tasks saw this one; all are alike where none is."""
    if not crossing.train_on:
        return ALL
    return SEEN if task in crossing.train_on else HELD_OUT


def parts(crossing: Crossing) -> dict[str, tuple[str, ...]]:
    """Return the tasks by part, those that were seen first."""
    named = {part: tuple(t for t in crossing.tasks if part_of(crossing, t) == part) for part in (SEEN, HELD_OUT, ALL)}
    return {part: tasks for part, tasks in named.items() if tasks}


def costs(store: Store, crossing: Crossing, name: str) -> dict[str, object]:
    """Return what a way needs, how many numbers it fits, CPU-seconds to fit it and of each prompt, GFLOP of tuning.

    Means over seeds; GFLOP by formula for all steps of the recipe, of one projector or of the prompts of all tasks.
    What it took to train the target's own prompts that a projector of one seed is fitted to is in none of these, but
    apart (`cpu_seconds_needed`, `gflop_needed`); what the source's prompts took is nowhere.
    """
    found: dict[str, object] = dict.fromkeys(COSTS, float("nan"))
    found["needs"] = needs_of(crossing, name)
    if name in (OWN, RETRAINED):
        specs = crossing.own if name == OWN else crossing.retrained
        found |= {"parameters": _mean(store, specs, "parameters")}
        found |= {"gflop": _training(store, specs) * len(crossing.tasks)}
        return {**found, "cpu_seconds_each": _mean(store, specs, "cpu_seconds")}
    projectors = [spec for spec in crossing.projectors if spec.method.name == name]
    projected = [spec for spec in crossing.projected if spec.method == name]
    found |= {what: _mean(store, projectors, what) for what in ("parameters", "gflop", "cpu_seconds")}
    if is_fitted_to_own(crossing, name):
        of_tasks = [[spec for spec in crossing.own if spec.task.name == task] for task in crossing.train_on]
        found["cpu_seconds_needed"] = sum(_mean(store, specs, "cpu_seconds") for specs in of_tasks)
        found["gflop_needed"] = sum(_training(store, specs) for specs in of_tasks)
    return {**found, "cpu_seconds_each": _mean(store, projected, "cpu_seconds")}


def _training(store: Store, specs: Sequence[PromptSpec]) -> float:
    """Return the GFLOP of training one of some prompts of one recipe, by formula for all its steps."""
    if not specs:
        return float("nan")
    recipe = specs[0].recipe
    return _mean(store, specs, "gflop_per_example") * recipe.steps * recipe.batch_size


def _mean(store: Store, specs: Sequence[Spec], what: str) -> float:
    """Return the mean of a fact kept beside artifacts, over those that have it; NaN where none has."""
    metas = [store.meta(spec) for spec in specs]
    costs = [cost for meta in metas if isinstance(cost := meta.get("cost"), Mapping)]
    known = [found[what] for found in (metas if what == "cpu_seconds" else costs) if what in found]
    numbers = [float(number) for number in known if isinstance(number, int | float)]
    return sum(numbers) / len(numbers) if numbers else float("nan")
