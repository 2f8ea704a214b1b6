"""What a ranking of prompts on a few examples allows to be said, in sentences that name how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from transferkit.statistics import Choice, Comparison
from transferkit.statistics.choosing import by_name
from transferkit.tasks import SHARED_TEXTS
from transferkit.tasks.base import Task

if TYPE_CHECKING:
    import pandas as pd

PLUS = " + "  # between the tasks of prompts that hold the same rows
N_TASKS = 3  # tasks named in one sentence
SEEN = {  # what prompts have to do with the task asked for, and what is said of so many
    "own": "trained on it",
    "saw this task": "made of something that was (a prompt of it, or a projector fitted on it)",
    "may have seen it": "made of something the store no longer has",
}


def sentences(
    task: Task,
    table: pd.DataFrame,
    baselines: pd.DataFrame,
    choice: Choice,
    gain: Comparison,
    *,
    n_examples: int,
    beats_nothing: bool,
    left_out: Mapping[str, int] | None = None,
) -> tuple[str, ...]:
    """Return what can be said of a task's ranked prompts.

    Args:
        task: what was asked.
        table: the prompts from the best on, as a `Suggestion` has them; `baselines` likewise.
        baselines: no prompt and, where there are classes, the majority.
        choice: what the ranking rests on.
        gain: the first prompt against no prompt, on the same examples.
        n_examples: how many there were.
        beats_nothing: whether some prompt is better than none by more than chance, all that were tried considered.
        left_out: how many were not tried: "imported" ones that cannot be, and by their relation those not foreign.
    """
    return tuple(
        [
            _first(task, table, choice, n_examples),
            *_chances(table),
            _left_in(table),
            *_needed(table, n_examples),
            _against_nothing(table, baselines, gain, beats_nothing=beats_nothing),
            *_same_rows(table),
            *_warnings(task, table),
            *_left_out(task, left_out or {}),
        ]
    )


def _first(task: Task, table: pd.DataFrame, choice: Choice, n_examples: int) -> str:
    first = table.iloc[0]
    metric = task.metric.replace("_", " ")
    sure = f"95 %: {first['low']:.0%} to {first['high']:.0%}, {choice.interval.partition(',')[0]}"
    high = ""
    if len(table) > 1 and choice.optimism >= 0.005:
        high = f"; the best of {len(table)} on these examples, it is about {_points(choice.optimism)} too high"
    said = f"scores {first['score']:.1%} ({metric}) on {n_examples} examples of {task.name}"
    return f"{_name(first)} {said} ({sure}{high})."


def _chances(table: pd.DataFrame) -> Iterator[str]:
    if len(table) < 2:
        return
    of_tasks = by_name(table["p_best"].to_numpy(), table["task"].tolist())
    likely = ", ".join(f"{few(name)} {share:.0%}" for name, share in list(of_tasks.items())[:N_TASKS])
    yield (
        f"It is the best of all {len(table)} with probability {table.iloc[0]['p_best']:.0%}; by the task they were"
        f" trained on, the best is one of: {likely}."
    )


def _left_in(table: pd.DataFrame) -> str:
    left = table[table["may_be_best"]]
    if len(table) == 1:
        return "There is no other prompt to choose."
    if len(left) == len(table):
        return f"At 95 % none of the {len(table)} prompts can be ruled out as the best."
    if len(left) == 1:
        return f"At 95 % it is the best: the other {len(table) - 1} are ruled out."
    tasks = [
        f"{few(str(name))} {n} of {(table['task'] == name).sum()}" for name, n in left["task"].value_counts().items()
    ]
    more = f" and {len(tasks) - 2 * N_TASKS} more tasks" if len(tasks) > 2 * N_TASKS else ""
    return (
        f"At 95 % {len(left)} of {len(table)} cannot be told from the best ({', '.join(tasks[: 2 * N_TASKS])}{more});"
        " the others are ruled out."
    )


def _needed(table: pd.DataFrame, n_examples: int) -> Iterator[str]:
    """Say what it would take to rule out the next best of another task: which seed it is matters less."""
    first = table.iloc[0]
    others = table[(table["task"] != first["task"]) & table["may_be_best"]]
    if others.empty:
        return
    rival = others.iloc[0]
    behind, needed = float(first["score"] - rival["score"]), float(rival["n_needed"])
    if not math.isnan(needed):
        more = f"{needed - n_examples:,.0f}".replace(",", " ")
        yield (
            f"To rule out the next of another task, {_name(rival)}, {_points(behind)} behind, takes about {more} more"
            " examples, if it is that much worse."
        )
    else:
        yield f"The next of another task, {_name(rival)}, is as good here: more examples must show a difference first."


def _against_nothing(table: pd.DataFrame, baselines: pd.DataFrame, gain: Comparison, *, beats_nothing: bool) -> str:
    scores = {str(row["name"]): float(row["score"]) for row in baselines.to_dict("records")}
    said = ", ".join(f"{name} {score:.1%}" for name, score in scores.items())
    low, high = gain.examples.low, gain.examples.high
    by, least, most = (_points(value, sign=True) for value in (gain.difference, low, high))
    tried = f", {len(table)} having been tried" if len(table) > 1 else ""
    if high < 0:
        verdict = "so it does harm"
    else:
        verdict = f"which is {'more than chance' if beats_nothing else 'not more than chance can do'}{tried}"
    useless = ""
    if float(table.iloc[0]["score"]) <= scores.get("majority", -1.0):
        useless = " No prompt here is better than always saying the most frequent class."
    differs = f"The first differs from no prompt by {by} (95 % for it alone: {least} to {most}), {verdict}."
    return f"On the same examples: {said}. {differs}{useless}"


def _warnings(task: Task, table: pd.DataFrame) -> Iterator[str]:
    n_own = int((table["relation"] == "own").sum())
    saw = {name for names in table.loc[table["relation"] == "shares texts", "saw"] for name in names.split(", ")}
    shared = sorted(name for name in saw if any({name, task.name} <= together for together in SHARED_TEXTS))
    if n_own:
        yield (
            f"Trained on {task.name} itself, perhaps on these very examples: {n_own} of the prompts. Their scores are"
            " too high; --foreign leaves them out."
        )
    for relation, how in (("saw this task", "Saw"), ("may have seen it", "May have seen")):
        if n := int((table["relation"] == relation).sum()):
            why = f"being {SEEN[relation]}"
            yield f"{how} {task.name} on the way, {why}: {n} of the prompts; --foreign leaves them out."
    if shared:
        yield f"{', '.join(shared)}: its training texts may be among these examples, which flatters its prompts."


def _same_rows(table: pd.DataFrame) -> Iterator[str]:
    for row in table[table["alike"] != ""].to_dict("records"):
        n, how = 1 + len(row["alike"].split(", ")), f" ({row['how']})" if row["how"] else ""
        tasks = row["task"].replace(PLUS, ", ")
        yield f"{n} prompts hold the same rows and are tried as one, {row['key']}{how}: of {tasks}."


def _left_out(task: Task, left_out: Mapping[str, int]) -> Iterator[str]:
    if n := left_out.get("imported"):
        yield f"Left out: {n} imported, which are of another width, or enter who knows where."
    said = [f"{left_out[relation]} {how}" for relation, how in SEEN.items() if left_out.get(relation)]
    if said:
        yield f"Left out, as not foreign to {task.name}: {'; '.join(said)}."


def few(tasks: str) -> str:
    """Return the first of several names, and how many more there are."""
    names = tasks.split(PLUS)
    return tasks if len(names) <= N_TASKS else f"{PLUS.join(names[:2])} and {len(names) - 2} more"


def _name(row: pd.Series) -> str:
    how = f", {row['how']}" if row["how"] else ""
    return f"{row['key']} ({few(row['task'])}, seed {row['seed']}{how})"


def _points(value: float, *, sign: bool = False) -> str:
    return f"{100 * value:{'+' if sign else ''}.1f} points".replace("-", "−")
