"""Explaining. One page per prompt: what it is, where it serves, how long its rows are, and what it is near to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.indicators import CosineConcat
from transferkit.report.page import Drawing, Links, Part, Report, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.similarity_sections import comparable
from transferkit.report.words import percent, slug
from transferkit.results import Results
from transferkit.specs import AnyPromptSpec, PromptSpec, key

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "cards"
MOST_NEIGHBOURS = 8
BACK = Links(items=(("The whole report", "../index.html"),))


def cards(results: Results) -> dict[str, Report]:
    """Return a page for every prompt that is there, by address."""
    return {address(spec): card(results, spec) for spec in results.prompt_specs()}


def address(spec: AnyPromptSpec) -> str:
    """Return where a prompt's page lies in the report, without its ending."""
    return f"{FOLDER}/{slug(spec.backbone.name)}-{slug(spec.task.name)}-{key(spec)}"


def card_section(results: Results) -> Section | None:
    """Return links to all cards; None where no prompt is there."""
    specs = results.prompt_specs()
    parts: list[Part] = []
    for backbone in results.backbones:
        here = [spec for spec in specs if spec.backbone.name == backbone]
        several = len({spec.seed for spec in here}) > 1
        names = [f"{spec.task.name}{f', seed {spec.seed}' if several else ''}" for spec in here]
        if here:
            items = tuple(zip(names, (f"{address(spec)}.html" for spec in here), strict=True))
            parts += [Text(heading=backbone, body=f"{len(here)} prompts."), Links(items=items)]
    return Section(title="One page per prompt", slug="cards", parts=tuple(parts)) if parts else None


def card(results: Results, spec: AnyPromptSpec) -> Report:
    """Return one prompt's page."""
    backbone, task = spec.backbone.name, spec.task.name
    serves, norms = results.prompt_scores(spec), results.row_norms(backbone).query("key == @key(@spec)")
    parts: list[Part] = [*_scores(serves, task, backbone), _norms(norms, task), *_neighbours(results, backbone, task)]
    words = results.word_table(backbone)
    words = words[words["prompt"] == key(spec)]
    if len(words):
        parts.append(_words(words))
    own = serves.loc[serves["is_own"], "score"]
    facts = {"task": task, "group": spec.task.group, "backbone": backbone, "key": key(spec)}
    if isinstance(spec, PromptSpec):
        recipe = spec.recipe
        facts |= {
            "seed": str(spec.seed),
            "trained": f"{recipe.steps} steps, {recipe.optimizer}, learning rate {recipe.learning_rate}",
        }
    else:
        facts |= {"origin": f"{spec.origin.collection}: {spec.origin.file}"}
    facts |= {"rows": str(len(norms)), "own score": percent(float(own.iloc[0])) if len(own) else "not measured"}
    return Report(
        title=f"Prompt of {task} on {backbone}",
        sections=(
            Section(title="This prompt", slug="prompt", parts=tuple(parts)),
            Section(
                title="Where it belongs", slug="back", parts=(Links(items=(("The whole report", "../index.html"),)),)
            ),
        ),
        facts=facts,
    )


def _scores(serves: pd.DataFrame, task: str, backbone: str) -> list[Part]:
    if serves.empty:
        return [Text(body="This prompt was not measured.")]
    title = f"Prompt of {task}, used on every task"
    return [
        Drawing(
            name="scores",
            title="Where it serves",
            caption=f"Score on every task of {backbone}; line: the task's own prompts, hollow: random prompts (means).",
            draw=drawn(partial(figures.target_scores, serves, title=title)),
            frame=serves,
        )
    ]


def _norms(norms: pd.DataFrame, task: str) -> Drawing:
    live = norms.loc[norms["is_live"], "norm"]
    return Drawing(
        name="norms",
        title="Norms by row",
        caption=f"Rows the backbone reads: {live.min():.2f} to {live.max():.2f}, mean {live.mean():.2f}.",
        draw=drawn(partial(figures.row_norms, norms, title=f"Norm of every row, {task}")),
        frame=norms,
    )


def _neighbours(results: Results, backbone: str, task: str) -> list[Part]:
    matrix = comparable(results, CosineConcat(), backbone)
    if matrix is None or task not in matrix.sources or len(matrix.sources) < 2:
        return []
    values = matrix.to_frame().T[task]
    transfer = results.transfer(backbone).to_frame()
    groups = dict(zip(matrix.targets, matrix.target_groups, strict=True))
    frame = values.drop(task).rename("cosine").rename_axis("task").reset_index()
    frame = frame.sort_values("cosine", ascending=False).head(MOST_NEIGHBOURS)
    frame["group"] = frame["task"].map(groups)
    frame["there"] = transfer.loc[task, list(frame["task"])].to_numpy()
    frame["back"] = transfer.loc[list(frame["task"]), task].to_numpy()
    if frame["cosine"].isna().all():
        return []
    return [
        Table(
            name="neighbours",
            title="Prompts it is most like",
            caption="By cosine of the prompts laid end to end, means over seeds; and how the two tasks' prompts score "
            "on each other.",
            frame=frame,
            columns={
                "task": "task",
                "group": "group",
                "cosine": "cosine",
                "there": "this task's prompts there, %",
                "back": "that task's prompts here, %",
            },
            percent=("there", "back"),
        )
    ]


def _words(words: pd.DataFrame) -> Table:
    return Table(
        name="words",
        title="Words nearest to each row",
        caption=f"By cosine; random directions reach {np.mean(words['control']):.2f}.",
        frame=words,
        columns={
            "position": "row",
            "nearest": "nearest word",
            "cosine": "cosine",
            "began": "began as",
            "others": "next nearest",
        },
    )
