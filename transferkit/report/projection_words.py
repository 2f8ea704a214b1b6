"""Explaining. Which projectors beat a constant prompt, in words, and what such a verdict is worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from transferkit.report.words import listed, percent
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd

CONSTANTS = {
    "constant_distance": "constant distance (the mean prompt)",
    "constant_tasks": "constant tasks (one tuned prompt)",
}
BESIDE = (*CONSTANTS, "own prompt", "retrained")
UNTRAINED = ("random prompt", "no prompt", "majority")
CHANCE = 0.025  # of a 95 % interval over seeds and examples that lies above a difference that is not
COLLAPSED = {
    "yes": " (collapsed: one prompt for all tasks)",
    "nearly": " (nearly collapsed: less than 5 % of its prompts' differences is left)",
}
ONE_SEED = "of this seed alone"
TAUGHT_ALONE = "for constant prompts are this task's own, the only one that projectors were taught by"
ONE_TASK = (
    "One teaching task cannot show more: networks saw a single pair of prompts or a single task, and constant prompts"
    " are that task's own."
)


def projection_sentences(results: Results) -> list[str]:
    """Say for every pair of backbones and part of the tasks which projectors beat a constant prompt, and which not."""
    table, spread = results.projections.shoot_out(), results.projections.diversity()
    places = spread[["source", "target", "method"]].itertuples(index=False, name=None)
    collapsed = dict(zip(places, spread["collapsed"], strict=True))
    said = []
    for (source, target, part), rows in table.groupby(["source", "target", "part"], sort=False):
        n = int(rows["n_tasks"].iloc[0])
        where = f"{'all' if part == 'all tasks' else part} ({n} task{'' if n == 1 else 's'})"
        if is_one_seed(rows):
            where += f", {ONE_SEED}"
        judged, floor = rows[~rows["is_yardstick"].astype(bool)], untrained(rows)
        kinds: dict[str, list[str]] = {}
        for row in records_of(judged):
            name = str(row["method"])
            mark = COLLAPSED.get(collapsed.get((source, target, name), "no"), "")
            verdict = verdict_of(row)
            if is_idle(verdict, row, floor):
                mark += f" (yet scores no more than {floor[0]})"
            kinds.setdefault(verdict, []).append(spaced(name) + mark)
        found = _found(kinds, n_constants(rows)) if not is_taught_alone(rows) else f"no verdict, {TAUGHT_ALONE}"
        few = f" {ONE_TASK}" if part == "held out" and is_of_one_task(rows) else ""
        said.append(f"Prompts of {source} on {target}, {where}: {found}. {_means(rows)}{few}")
    return said


def _found(kinds: dict[str, list[str]], constants: int) -> str:
    """Say which projectors got which verdict."""
    every = "every constant prompt" if constants > 1 else "the constant prompt"
    said = []
    for verdict, names in sorted(kinds.items(), reverse=True):  # yes, only, no
        one = len(names) == 1
        if verdict == "yes":
            said.append(f"{listed(names, 20)} {'beats' if one else 'beat'} {every} (95 %)")
        elif verdict.startswith("only"):
            said.append(f"{listed(names, 20)} {'beats' if one else 'beat'} {verdict}")
        elif verdict:
            other = verdict.removeprefix("not ") if verdict != "no" else "any constant prompt"
            said.append(f"{listed(names, 20)} {'is' if one else 'are'} not shown to beat {other}")
    if not said:
        return "no projector can be compared with a constant prompt" if kinds else "no projector was scored"
    if "" in kinds:
        said.append(f"of {listed(kinds[''], 20)} it is not known")
    return "; ".join(said)


def n_constants(rows: pd.DataFrame) -> int:
    """Return how many constant prompts there are to compare with in one part of the tasks."""
    return sum(bool(rows[f"gain_{name}"].notna().any()) for name in CONSTANTS)


def is_one_seed(rows: pd.DataFrame) -> bool:
    """Tell whether ways are compared with constant prompts of a single seed, of which intervals cannot say more."""
    constant = rows.loc[rows["method"].isin(list(CONSTANTS)), "n_seeds"]
    return bool(len(constant)) and int(constant.min()) == 1


def is_of_one_task(rows: pd.DataFrame) -> bool:
    """Tell whether projectors and constant prompts were fitted on one task alone."""
    return n_constants(rows) > 0 and bool(rows["n_taught"].eq(1).all())


def is_taught_alone(rows: pd.DataFrame) -> bool:
    """Tell whether this part is the one task of teaching, where a constant prompt is the task's own."""
    return is_of_one_task(rows) and bool(rows["part"].eq("seen").all())


def verdict_of(row: dict[str, object]) -> str:
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
    said = [f"{spaced(name)} {percent(scores[name])}" for name in BESIDE if name in scores]
    if len(projectors):
        best = projectors.sort_values("score").iloc[-1]
        name = f"best projector ({spaced(str(best['method']))}, chosen on the same examples)"
        said.insert(0, f"{name} {percent(float(best['score']))}")
    plain, score = untrained(rows)
    if plain:
        said.append(f"best without training ({plain}) {percent(score)}")
    return f"Mean scores: {', '.join(said)}."


def untrained(rows: pd.DataFrame) -> tuple[str, float]:
    """Return the best way that needs no training, and its mean score; an empty name where there is none."""
    found = rows[rows["method"].isin(UNTRAINED)].sort_values("score")
    return ("", math.nan) if found.empty else (str(found["method"].iloc[-1]), float(found["score"].iloc[-1]))


def is_idle(verdict: str, row: dict[str, object], floor: tuple[str, float]) -> bool:
    """Tell whether a way that beats constant prompts is no better than one that needs no training."""
    is_itself = str(row["method"]) == floor[0]
    return verdict.startswith(("yes", "only")) and float(str(row["score"])) <= floor[1] and not is_itself


def caveats(table: pd.DataFrame) -> list[str]:
    """Say how many of the verdicts chance alone would make, and what they do not cover; nothing without verdicts."""
    judged = table[~table["is_yardstick"].astype(bool) & table["beats_constant"].notna()]
    if judged.empty:
        return []
    is_one = judged["n_seeds"].eq(1)
    n, n_several = len(judged), int((~is_one).sum())
    text = f"{n} verdict{'' if n == 1 else 's'}, each on one projector and one part of the tasks"
    if n_several:
        among = f" of the {n_several} of more than one seed" if n_several < n else " of them"
        text += (
            ": were no projector better than a constant prompt, chance alone would call about"
            f" {CHANCE * n_several:.1f}{among} better"
        )
    text += ". They hold for these tasks, not for others."
    if n_several < n:
        text += (
            " Where there is a single seed they are of this one seed: intervals over examples know nothing of how seeds"
            " differ, so chance alone may call many more projectors better than such intervals promise."
        )
    return [text]


def records_of(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows of a table by column."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def spaced(name: str) -> str:
    """Return a way's name as words."""
    return name.replace("_", " ")
