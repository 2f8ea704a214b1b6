"""Explaining. The phrases a report repeats: what a number rests on, and the two lines that make a figure again."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from transferkit.results import Results
from transferkit.specs import PromptSpec


def slug(text: str) -> str:
    """Return text as it may stand in a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def seeds_of(results: Results) -> str:
    """Return what scores are averaged over."""
    if results.is_imported:
        return "one published prompt per task"
    seeds = results.seeds
    if len(seeds) < 2:
        return f"seed {seeds[0]} alone" if seeds else "no seed"
    return f"{len(seeds)} seeds ({', '.join(map(str, seeds))})"


def examples_of(results: Results) -> str:
    """Return how many examples a score rests on."""
    counts = sorted(n for n in results.task_table()["n"].tolist() if n)
    if not counts:
        return "number of examples not published" if results.is_imported else "n unknown"
    return (
        f"n = {counts[0]} examples per task"
        if counts[0] == counts[-1]
        else f"n = {counts[0]} to {counts[-1]} examples per task"
    )


def entry_of(results: Results) -> str:
    """Return where prompts enter and what makes them; empty for plain ones in front of the words."""
    recipes = [spec.recipe for spec in results.prompt_specs() if isinstance(spec, PromptSpec)]
    if not recipes or recipes[0].placement.entry == "words":
        return ""
    depth, generator = recipes[0].placement.insert_after, recipes[0].generator
    said = f"in front of block {depth} (the paper's layer {depth + 1})"
    if generator is None:
        return said
    width = results.prompt_width()
    size = generator.n_parameters(recipes[0].prompt_length, width)
    kind = generator.kind.replace("_", " ")
    return (
        f"{said}, made for each text by a generator ({kind}, {generator.width} wide, {size:,} parameters); what is said"
        " of their rows is said of the mean over the selection split"
    )


def snippet(results: Results, line: str) -> str:
    """Return two lines of Python that recreate a part."""
    return f'results = tk.Results(study, tk.Store("{results.store.root.name}"))\n{line}'


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names as part of a sentence."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def percent(value: float) -> str:
    """Return a fraction as percent with one digit."""
    return f"{round(100 * value, 1) + 0.0:.1f} %".replace("-", "−")


def points(value: float) -> str:
    """Return a difference of fractions in points, with its sign."""
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")


def signed(value: float) -> str:
    """Return a correlation with its sign."""
    if math.isnan(value):
        return "undefined"
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")
