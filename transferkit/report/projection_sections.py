"""Explaining. The section about other backbones: what a brought prompt scores and takes, and whether it says more."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.projection_words import (
    CONSTANTS,
    ONE_SEED,
    ONE_TASK,
    caveats,
    is_idle,
    is_of_one_task,
    is_one_seed,
    n_constants,
    projection_sentences,
    records_of,
    spaced,
    untrained,
    verdict_of,
)
from transferkit.report.score_sections import drawn
from transferkit.report.words import points, slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from transferkit.matrices import Matrix

KINDS = {
    "linear": "least squares between the embeddings of shared words",
    "ridge": "least squares between the embeddings of shared words, shrunk",
    "procrustes": "a rotation between the embeddings of shared words",
    "nearest": "each row becomes its nearest shared word",
    "relative": "rows as near to the target's words as they were to the source's",
    "words_net": "a two-layer network between the embeddings of shared words",
    "flat_distance": "a two-layer network that maps the whole prompt, fitted to the target's own prompts of seen tasks",
    "rows_distance": "a two-layer network that maps each row alone, fitted to the target's own prompts of seen tasks",
    "flat_tasks": "a two-layer network that maps the whole prompt, tuned on the labels of seen tasks with the target"
    " frozen",
    "rows_tasks": "a two-layer network that maps each row alone, tuned on the labels of seen tasks with the target"
    " frozen",
    "constant_distance": "one prompt for all tasks: the mean of the target's own prompts of seen tasks",
    "constant_tasks": "one prompt for all tasks: tuned on the labels of all seen tasks together",
    "flat_random": "the network that maps the whole prompt, untrained",
    "rows_random": "the network that maps each row, untrained",
    "norms": "random directions with the norms of the source's rows",
    "no prompt": "the target alone",
    "majority": "always the most frequent class",
    "random prompt": "rows as training begins from, untrained",
    "retrained": "trained on the target from scratch, for each task's share of the steps of a projector tuned on tasks",
    "own prompt": "trained on the target for each task, in full",
}
SHOWN = {
    "method": "way",
    "part": "tasks",
    "n_tasks": "of them",
    "n_seeds": "seeds or draws",
    "score": "mean score, %",
    "range": "least to largest task, %",
    "said_constant_distance": "over constant distance, points (95 %)",
    "said_constant_tasks": "over constant tasks, points (95 %)",
    "verdict": "beats the constant prompts",
    "needs": "needs",
    "parameters": "numbers fitted",
    "cpu_seconds": "CPU-s to fit",
    "cpu_seconds_with": "CPU-s with what it needs",
    "cpu_seconds_each": "CPU-s each prompt",
    "gflop": "GFLOP of tuning",
    "gflop_with": "GFLOP with what it needs",
}
SPREAD = {
    "source": "from",
    "target": "to",
    "method": "projector",
    "cosine": "cosine",
    "difference": "difference",
    "source_cosine": "given: cosine",
    "source_difference": "given: difference",
    "kept": "kept of it",
    "kept_of_untrained": "kept of untrained",
    "n_pairs": "pairs",
    "verdict": "collapsed",
}
LABELLED = '.set(xlabel="task", ylabel="way")'


def projection_section(results: Results) -> Section | None:
    """Return how prompts fare on other backbones; None where the study brings none there, or nothing is measured."""
    table = results.projections.shoot_out()
    if table.empty:
        return None
    parts: list[Part] = [Text(body=sentence) for sentence in (*projection_sentences(results), *caveats(table))]
    for source, target in results.projections.pairs:
        here = table[(table["source"] == source) & (table["target"] == target)]
        if len(here):
            parts += _pair(results, source, target, here)
    parts.append(_kinds(list(dict.fromkeys(table["method"]))))
    spread = results.projections.diversity()
    if len(spread):
        parts.append(_collapse(results, spread))
    return Section(title="On another backbone", slug="projections", parts=tuple(parts))


def _pair(results: Results, source: str, target: str, table: pd.DataFrame) -> list[Part]:
    name = f"{slug(source)}-{slug(target)}"
    keys = tuple(dict.fromkeys(" ".join(table["keys"]).split()))
    matrix = results.projections.matrix(source, target)
    frame, one_constant = _with_words(table), n_constants(table) == 1
    header = {"verdict": "beats the constant prompt"} if one_constant else {}
    more = f" Verdicts are {ONE_SEED}: intervals are over examples." if is_one_seed(table) else ""
    more += f" {ONE_TASK} On that task there is no verdict." if is_of_one_task(table) else ""
    query = f'query(\'source == "{source}" and target == "{target}"\')'
    return [
        Drawing(
            name=f"shoot-out-{name}",
            title=f"Ways to bring a prompt from {source} to {target}",
            caption="Mean score over tasks on the report split, each prompt on its own task; lines reach from the least"
            " to the largest task and are no intervals. Filled: better than"
            f" {'the' if one_constant else 'every'} constant prompt by the whole 95 % interval over examples and seeds,"
            " the tasks held fixed; that says little where constant prompts score less than random ones. Grey:"
            f" yardsticks, which carry over nothing, or norms of rows alone.{more}",
            draw=drawn(partial(figures.shoot_out, table, title=f"{source} → {target}")),
            frame=table,
            snippet=snippet(results, f"tk.figures.shoot_out(results.projections.shoot_out().{query})"),
            keys=keys,
        ),
        Table(
            name=f"shoot-out-table-{name}",
            title=f"What each way scores and takes, {source} → {target}",
            caption="Projectors fitted on tasks saw the seen ones alone. Gains have 95 % intervals, the widest of those"
            " over examples, over seeds, and over both. Every projector needs the source's prompt of the task as well;"
            " what that one took to train is in no column. With what it needs: the target's own prompts of the seen"
            " tasks, each trained in full, are counted where a way is fitted to them. GFLOP are by formula, for all"
            " steps of tuning with the target; fitting to words or to given prompts has none. CPU-seconds are of the"
            f" machine it ran on.{more}",
            frame=frame,
            columns={**{name: words for name, words in SHOWN.items() if not _is_blank(frame, name)}, **header},
            percent=("score",),
            snippet=snippet(results, "results.projections.shoot_out()"),
            keys=keys,
        ),
        Drawing(
            name=f"ways-{name}",
            title=f"Task by task, {source} → {target}",
            caption="Score of each way on each task, means over seeds or draws; tasks that projectors saw first.",
            draw=drawn(partial(_by_task, matrix, title=f"{source} → {target}")),
            frame=matrix.to_frame(),
            snippet=snippet(
                results, f'tk.figures.heatmap(results.projections.matrix("{source}", "{target}")){LABELLED}'
            ),
            keys=matrix.keys,
        ),
    ]


def _by_task(matrix: Matrix, *, title: str) -> Axes:
    ax = figures.heatmap(matrix, title=title)
    ax.set(xlabel="task", ylabel="way")
    return ax


def _with_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its intervals and verdicts as text."""
    said = table.assign(method=table["method"].map(spaced))
    records = records_of(table)
    for name in CONSTANTS:
        gains = [[float(str(row[f"{what}_{name}"])) for what in ("gain", "low", "high")] for row in records]
        said[f"said_{name}"] = [_gain(*gain) for gain in gains]
    ends = zip(table["least"], table["largest"], strict=True)
    said["range"] = [f"{100 * least:.1f} to {100 * largest:.1f}" for least, largest in ends]
    floors = {str(part): untrained(rows) for part, rows in table.groupby("part")}
    verdicts = []
    for row in records:
        verdict, floor = verdict_of(row), floors[str(row["part"])]
        more = f", but no more than {floor[0]}" if is_idle(verdict, row, floor) else ""
        verdicts.append("no" if verdict.startswith("not ") else f"{verdict}{more}" or None)
    alone = f"{ONE_SEED}: " if is_one_seed(table) else ""
    said["verdict"] = [verdict and alone + verdict for verdict in verdicts]
    for what in ("cpu_seconds", "gflop"):
        said[f"{what}_with"] = table[[what, f"{what}_needed"]].sum(axis=1, min_count=1)
    return said


def _gain(gain: float, low: float, high: float) -> str | None:
    if math.isnan(gain):
        return None
    return f"{points(gain)} ({points(low)} to {points(high)})".replace("+", "")


def _is_blank(table: pd.DataFrame, name: str) -> bool:
    source = "beats_constant" if name == "verdict" else name.replace("said_", "gain_")
    return source in table and bool(table[source].isna().all())


def _kinds(names: list[str]) -> Table:
    import pandas as pd

    rows = [{"way": spaced(name), "what": KINDS[name]} for name in names if name in KINDS]
    return Table(
        name="ways",
        title="What the ways are",
        caption="Seen tasks are those that projectors may be fitted on.",
        frame=pd.DataFrame(rows, columns=["way", "what"]),
        columns={"way": "way", "what": "what it is"},
    )


def _collapse(results: Results, spread: pd.DataFrame) -> Table:
    verdicts = [
        "by design" if name in CONSTANTS else said
        for name, said in zip(spread["method"], spread["collapsed"], strict=True)
    ]
    return Table(
        name="collapse",
        title="Do projected prompts still differ?",
        caption="Prompts that one projector makes of different tasks, pair by pair within a seed: cosine of the"
        " flattened prompts, and distance over mean norm, beside the same of the prompts it was given. A projector"
        " whose prompts differ by less than 0.01 of their size has collapsed: its scores say nothing of transfer. It"
        " nearly has where less than 0.05 is kept of the difference of what it was given, or of what the same network"
        " makes of that untrained.",
        frame=spread.assign(method=spread["method"].map(spaced), verdict=verdicts),
        columns={name: words for name, words in SPREAD.items() if name == "verdict" or spread[name].notna().any()},
        snippet=snippet(results, "results.projections.diversity()"),
    )
