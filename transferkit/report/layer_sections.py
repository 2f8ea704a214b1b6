"""Explaining. The section about depth: what a prompt is worth in front of which block."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.words import slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COLUMNS = {
    "backbone": "backbone",
    "task": "task",
    "generator": "generator",
    "chosen": "chosen depth",
    "score": "its score, %",
    "low": "from",
    "high": "to",
    "first": "at the lowest depth, %",
    "no prompt": "no prompt, %",
    "best": "best depth",
    "best_from": "between",
    "best_to": "and",
}


def layer_section(results: Results) -> Section | None:
    """Return scores by depth; None where the study has no sweep, or nothing of it is there."""
    points = results.layers()
    known = points.dropna(subset=["score"])
    if known.empty:
        return None
    parts: list[Part] = [Text(body=_sentence(results.best_layers()))]
    for backbone in dict.fromkeys(known["backbone"]):
        frame = known[known["backbone"] == backbone]
        n_seeds, n = int(frame["n_seeds"].max()), int(frame["n"].max())
        spread = "95 % t intervals over seeds" if n_seeds > 1 else "95 % intervals over examples (Wilson)"
        parts.append(
            Drawing(
                name=f"layers-{slug(backbone)}",
                title=f"Score by depth, {backbone}",
                caption="Score on the report split of the task a prompt was trained for, by the number of blocks that "
                f"run without it (paper's layer − 1). Mean over {n_seeds} seed{'s' if n_seeds > 1 else ''}, n = {n};"
                f" bars are {spread}. In front of block 0 the prompt joins behind the embedding module.",
                draw=partial(_draw, frame, backbone),
                frame=frame,
                snippet=snippet(results, f'tk.figures.layers(results.layers("{backbone}"))'),
                keys=tuple(" ".join(frame["keys"]).split()),
            )
        )
    best = results.best_layers()
    if len(best):
        parts.append(
            Table(
                name="best-layers",
                title="The best depth, and how sure it is",
                caption="The chosen depth has the highest mean selection score; its score is that of the report split, "
                "with the interval of the figure. The best depth is that of the report split itself, and lies "
                "between the last two numbers in 95 % of resamples of seeds and examples. An interval that spans the "
                "model says that depth does not matter here, or that there is too little data to tell.",
                frame=best,
                columns=COLUMNS,
                percent=("score", "low", "high", "first", "no prompt"),
                snippet=snippet(results, "results.best_layers()"),
                keys=tuple(dict.fromkeys(" ".join(best["keys"]).split())),
            )
        )
    return Section(title="Depth", slug="depth", parts=tuple(parts))


def _draw(frame: pd.DataFrame, backbone: str) -> Figure:
    figure = figures.layers(frame, title=f"Score by depth, {backbone}")[0].get_figure(root=True)
    assert figure is not None
    return figure


def _sentence(best: pd.DataFrame) -> str:
    known = best.dropna(subset=["best"])
    if known.empty:
        return "Scores by depth are not all there yet, so no best depth can be named."
    sure = known[known["best_from"] == known["best_to"]]
    later = known[known["best_from"] > 0]
    return (
        f"Of {len(known)} sweeps, {len(sure)} have one best depth in 95 % of resamples of seeds and examples, and in "
        f"{len(later)} the best lies above the lowest block with that certainty."
    )
