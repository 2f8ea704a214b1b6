"""Explaining. The section about other backbones: what a brought prompt scores and takes, and whether it says more."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.words import listed, percent, points, slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    "linear": "least squares between the embeddings of shared words",
    "ridge": "least squares between the embeddings of shared words, shrunk",
    "procrustes": "a rotation between the embeddings of shared words",
    "nearest": "each row becomes its nearest shared word",
    "relative": "rows as near to the target's words as they were to the source's",
    "words_net": "a two-layer network between the embeddings of shared words",
    "flat_distance": "a two-layer network that maps the whole prompt, fitted to the target's own prompts of seen tasks",
    "rows_distance": "a two-layer network that maps each row alone, fitted as flat distance is",
    "flat_tasks": "a two-layer network that maps the whole prompt, tuned on the labels of seen tasks with the target"
    " frozen",
    "rows_tasks": "a two-layer network that maps each row alone, tuned as flat tasks is",
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
CONSTANTS = {
    "constant_distance": "constant distance (the mean prompt)",
    "constant_tasks": "constant tasks (one tuned prompt)",
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
    "cpu_seconds_each": "CPU-s each prompt",
    "gflop": "GFLOP of tuning",
}
BESIDE = (*CONSTANTS, "own prompt", "retrained")
UNTRAINED = ("random prompt", "no prompt", "majority")
CHANCE = 0.025  # of a 95 % interval that lies above a difference that is not


def projection_section(results: Results) -> Section | None:
    """Return how prompts fare on other backbones; None where the study brings none there, or nothing is measured."""
    table = results.projections.shoot_out()
    if table.empty:
        return None
    parts: list[Part] = [Text(body=sentence) for sentence in (*projection_sentences(results), *_caveats(table))]
    for source, target in results.projections.pairs:
        here = table[(table["source"] == source) & (table["target"] == target)]
        if len(here):
            parts += _pair(results, source, target, here)
    parts.append(_kinds(list(dict.fromkeys(table["method"]))))
    spread = results.projections.diversity()
    if len(spread):
        parts.append(_collapse(results, spread))
    return Section(title="On another backbone", slug="projections", parts=tuple(parts))


def projection_sentences(results: Results) -> list[str]:
    """Say for every pair of backbones and part of the tasks which projectors beat a constant prompt, and which not."""
    table, spread = results.projections.shoot_out(), results.projections.diversity()
    is_collapsed = spread["is_constant"].astype(bool)
    collapsed = set(spread.loc[is_collapsed, ["source", "target", "method"]].itertuples(index=False, name=None))
    said = []
    for (source, target, part), rows in table.groupby(["source", "target", "part"], sort=False):
        n = int(rows["n_tasks"].iloc[0])
        where = f"{'all' if part == 'all tasks' else part} ({n} task{'' if n == 1 else 's'})"
        judged = rows[~rows["is_yardstick"].astype(bool)]
        kinds: dict[str, list[str]] = {}
        for row in _records(judged):
            name = str(row["method"])
            mark = " (collapsed: one prompt for all tasks)" if (source, target, name) in collapsed else ""
            kinds.setdefault(_verdict(row), []).append(_words(name) + mark)
        said.append(f"Prompts of {source} on {target}, {where}: {_found(kinds)}. {_means(rows)}")
    return said


def _found(kinds: dict[str, list[str]]) -> str:
    """Say which projectors got which verdict."""
    said = []
    for verdict, names in sorted(kinds.items(), reverse=True):  # yes, only, no
        one = len(names) == 1
        if verdict == "yes":
            said.append(f"{listed(names, 20)} {'beats' if one else 'beat'} every constant prompt (95 %)")
        elif verdict.startswith("only"):
            said.append(f"{listed(names, 20)} {'beats' if one else 'beat'} {verdict}")
        elif verdict:
            other = verdict.removeprefix("not ") if verdict != "no" else "any constant prompt"
            said.append(f"{listed(names, 20)} {'does' if one else 'do'} not beat {other}")
    if not said:
        return "no projector can be compared with a constant prompt" if kinds else "no projector was scored"
    if "" in kinds:
        said.append(f"of {listed(kinds[''], 20)} it is not known")
    return "; ".join(said)


def _verdict(row: dict[str, object]) -> str:
    """Return "yes", "no", which constant prompt alone is beaten or known, or nothing where it is not known."""
    beats = row["beats_constant"]
    if not isinstance(beats, bool) or beats:
        return "yes" if beats is True else ""
    lows = {words: float(str(row[f"low_{name}"])) for name, words in CONSTANTS.items()}
    if over := [words for words, low in lows.items() if low > 0]:
        return f"only {over[0]}"
    known = [words for words, low in lows.items() if not math.isnan(low)]
    return "no" if len(known) == len(CONSTANTS) else f"not {known[0]}"


def _means(rows: pd.DataFrame) -> str:
    projectors = rows[~rows["is_yardstick"].astype(bool)]
    scores = dict(zip(rows["method"], rows["score"].astype(float), strict=True))
    said = [f"{_words(name)} {percent(scores[name])}" for name in BESIDE if name in scores]
    if len(projectors):
        best = projectors.sort_values("score").iloc[-1]
        name = f"best projector ({_words(str(best['method']))}, chosen on the same examples)"
        said.insert(0, f"{name} {percent(float(best['score']))}")
    if untrained := [name for name in UNTRAINED if name in scores]:
        name = max(untrained, key=lambda name: scores[name])
        said.append(f"best without training ({name}) {percent(scores[name])}")
    return f"Mean scores: {', '.join(said)}."


def _caveats(table: pd.DataFrame) -> list[str]:
    judged = table[~table["is_yardstick"].astype(bool) & table["beats_constant"].notna()]
    if judged.empty:
        return []
    n = len(judged)
    text = (
        f"{n} verdict{'' if n == 1 else 's'}, each on one projector and one part of the tasks: were no projector better"
        f" than a constant prompt, chance alone would call up to {CHANCE * n:.1f} of them better. They hold for these"
        " tasks, not for others."
    )
    if int(judged["n_seeds"].min()) == 1:
        text += " With a single seed, intervals know nothing of how seeds differ."
    return [text]


def _pair(results: Results, source: str, target: str, table: pd.DataFrame) -> list[Part]:
    name = f"{slug(source)}-{slug(target)}"
    keys = tuple(dict.fromkeys(" ".join(table["keys"]).split()))
    matrix = results.projections.matrix(source, target)
    query = f'query(\'source == "{source}" and target == "{target}"\')'
    return [
        Drawing(
            name=f"shoot-out-{name}",
            title=f"Ways to bring a prompt from {source} to {target}",
            caption="Mean score over tasks on the report split, each prompt on its own task; lines reach from the least"
            " to the largest task and are no intervals. Filled: better than every constant prompt by the whole 95 %"
            " interval over examples and seeds, the tasks held fixed. Grey: yardsticks, which carry over nothing, or"
            " norms of rows alone.",
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
            " what that prompt and other given ones took to train is not in its costs. GFLOP are by formula, for all"
            " steps; CPU-seconds are of the machine it ran on.",
            frame=_with_words(table),
            columns={name: words for name, words in SHOWN.items() if not _is_blank(table, name)},
            percent=("score",),
            snippet=snippet(results, "results.projections.shoot_out()"),
            keys=keys,
        ),
        Drawing(
            name=f"ways-{name}",
            title=f"Task by task, {source} → {target}",
            caption="Score of each way on each task, means over seeds or draws; tasks that projectors saw first.",
            draw=drawn(partial(figures.heatmap, matrix, title=f"{source} → {target}")),
            frame=matrix.to_frame(),
            snippet=snippet(results, f'tk.figures.heatmap(results.projections.matrix("{source}", "{target}"))'),
            keys=matrix.keys,
        ),
    ]


def _with_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its intervals and verdicts as text."""
    said = table.assign(method=table["method"].map(_words))
    records = _records(table)
    for name in CONSTANTS:
        gains = [[float(str(row[f"{what}_{name}"])) for what in ("gain", "low", "high")] for row in records]
        said[f"said_{name}"] = [_gain(*gain) for gain in gains]
    ends = zip(table["least"], table["largest"], strict=True)
    said["range"] = [f"{100 * least:.1f} to {100 * largest:.1f}" for least, largest in ends]
    said["verdict"] = [_verdict(row) or None for row in records]
    return said


def _gain(gain: float, low: float, high: float) -> str | None:
    if math.isnan(gain):
        return None
    return f"{points(gain)} ({points(low)} to {points(high)})".replace("+", "")


def _is_blank(table: pd.DataFrame, name: str) -> bool:
    source = "beats_constant" if name == "verdict" else name.replace("said_", "gain_")
    return source in table and bool(table[source].isna().all())


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _kinds(names: list[str]) -> Table:
    import pandas as pd

    rows = [{"way": _words(name), "what": KINDS[name]} for name in names if name in KINDS]
    return Table(
        name="ways",
        title="What the ways are",
        caption="Seen tasks are those that projectors may be fitted on.",
        frame=pd.DataFrame(rows, columns=["way", "what"]),
        columns={"way": "way", "what": "what it is"},
    )


def _collapse(results: Results, spread: pd.DataFrame) -> Table:
    verdicts = [
        "by design" if name in CONSTANTS else "yes" if is_constant else "no"
        for name, is_constant in zip(spread["method"], spread["is_constant"], strict=True)
    ]
    return Table(
        name="collapse",
        title="Do projected prompts still differ?",
        caption="Prompts that one projector makes of different tasks, pair by pair within a seed: cosine of the"
        " flattened prompts, and distance over mean norm, beside the same of the prompts it was given. A projector"
        " whose prompts differ by less than 0.01 of their size has collapsed: its scores say nothing of transfer.",
        frame=spread.assign(method=spread["method"].map(_words), verdict=verdicts),
        columns={
            "source": "from",
            "target": "to",
            "method": "projector",
            "cosine": "cosine",
            "difference": "difference",
            "source_cosine": "given: cosine",
            "source_difference": "given: difference",
            "n_pairs": "pairs",
            "verdict": "collapsed",
        },
        snippet=snippet(results, "results.projections.diversity()"),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
