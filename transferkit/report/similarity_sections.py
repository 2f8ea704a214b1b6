"""Explaining. The section about the prompts: how alike they are, what that is worth, and what they look like."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.errors import InputError
from transferkit.figures import Scale
from transferkit.indicators import EMBEDDING, CosineConcat, Indicator
from transferkit.matrices import Matrix
from transferkit.report.page import Drawing, Part, Row, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.words import slug, snippet
from transferkit.results import Results
from transferkit.results.views import Method
from transferkit.shapes import FloatArray

if TYPE_CHECKING:
    import pandas as pd

RELATION_WORDS = {
    "same task, other seed": "for two seeds of a task",
    "same group": "within a group",
    "other group": "across groups",
}
LEAST_NEIGHBOURS = 10  # a map of fewer prompts shows neighbours that are none
MAPS: dict[Method, tuple[str, str]] = {
    "pca": ("principal plane", "Distances in the plane are only part of the distances between prompts."),
    "tsne": ("t-SNE", "Neighbours mean something here, distances between clusters nothing."),
}


def similarity(results: Results, backbone: str, indicator: Indicator, caption: str) -> Drawing | None:
    """Return an indicator's matrix with similar tasks side by side; None where it cannot be computed."""
    matrix = comparable(results, indicator, backbone)
    if matrix is None:
        return None
    off = ~np.eye(len(matrix.sources), dtype=bool)
    seen = matrix.values[off & matrix.is_measured] if off.any() else matrix.values[matrix.is_measured]
    scale = _scale(seen if seen.size else matrix.values[matrix.is_measured])
    whole = len(matrix.sources) > 2 and bool(matrix.is_measured[off].all())
    draw = figures.clustered if whole else figures.heatmap
    order = " Order and tree: average linkage." if whole else ""
    return Drawing(
        name=f"{slug(indicator.name)}-{slug(backbone)}",
        title=f"{indicator.name.replace('_', ' ')}, {backbone}",
        caption=caption + order,
        draw=drawn(partial(draw, matrix, show="number", scale=scale)),
        frame=matrix.cells(),
        snippet=snippet(
            results,
            f'tk.figures.{draw.__name__}(results.indicator(tk.indicators.find("{indicator.name}"), "{backbone}"), '
            'show="number")',
        ),
        keys=matrix.keys,
    )


def _scale(values: FloatArray) -> Scale:
    """Return colours for values off the diagonal, where a prompt's likeness to itself would take all of them."""
    low, high = float(values.min()), float(values.max())
    if low < -1e-3:
        reach = max(abs(low), abs(high))
        return Scale(-reach, reach, 0.0)
    return Scale(low, high) if high > low else Scale(low - 0.5, high + 0.5)


def comparable(results: Results, indicator: Indicator, backbone: str) -> Matrix | None:
    """Return an indicator's values; None where prompts do not pair up, or nothing is there."""
    try:
        matrix = results.indicator(indicator, backbone)
    except InputError:
        return None
    return matrix if matrix.is_measured.any() else None


def diagonal_words(results: Results) -> str:
    """Say what the diagonal of a similarity matrix compares."""
    if len(results.seeds) > 1:
        return "Means over pairs of seeds; the diagonal compares different seeds of one task, a ceiling for the rest."
    return "The diagonal compares a prompt with itself, for there is one seed."


def prompt_section(results: Results) -> Section | None:
    """Return similarities of prompts, what they are worth, and views of the prompts; None where no prompt is there."""
    parts: list[Part] = [
        Text(
            body="How alike the vectors of two prompts are (Su et al. 2022, section 4.3). “Concat” compares row i with "
            "row i, “average” every row with every row. Rows the backbone never reads are left out. The Euclidean "
            "forms mostly measure how long the prompts are; the section on predictors sets them beside norms alone."
        )
    ]
    for backbone in results.backbones:
        caption = diagonal_words(results)
        found = [d for i in EMBEDDING if (d := similarity(results, backbone, i, caption)) is not None]
        if found:
            parts += [Text(heading=backbone, body=_floor_sentence(results.levels(backbone), backbone))]
            parts += [Row(parts=tuple(found)), _levels(results, backbone), *_views(results, backbone)]
    return Section(title="How alike the prompts are", slug="prompts", parts=tuple(parts)) if len(parts) > 1 else None


def _floor_sentence(levels: pd.DataFrame, backbone: str) -> str:
    name = CosineConcat().name
    if name not in set(levels["indicator"]):
        return "These prompts differ in length, so that their rows do not pair up."
    row = levels.set_index("indicator").loc[name]
    said = [f"{row[k]:.3f} {w}" for k, w in RELATION_WORDS.items() if not np.isnan(row[k])]
    return (
        f"On {backbone} the cosine of two prompts laid end to end is on average {', '.join(said)}; prompts of the same "
        f"row norms and random directions give {row['floor']:.3f} (95 % of pairs {row['floor_low']:.3f} to "
        f"{row['floor_high']:.3f})."
    ).replace("-0.", "−0.")


def _levels(results: Results, backbone: str) -> Table:
    frame = results.levels(backbone)
    return Table(
        name=f"levels-{slug(backbone)}",
        title=f"What a similarity is worth, {backbone}",
        caption="Means over pairs of prompts. Floor: prompts of the same row norms and random directions, with the "
        "range of 95 % of their pairs; a value within it says nothing but how long the prompts are."
        + (
            " “Same task, other seed” shows how alike two prompts of one task get. Only pairs of different seeds "
            "count, for prompts of one seed begin from the same rows."
            if len(results.seeds) > 1
            else ""
        ),
        frame=frame.assign(indicator=frame["indicator"].str.replace("_", " ")),
        columns={
            "indicator": "indicator",
            **{name: name for name in RELATION_WORDS if frame[name].notna().any()},
            "floor": "floor",
            "floor_low": "floor from",
            "floor_high": "to",
        },
        snippet=snippet(results, f'results.levels("{backbone}")'),
        keys=results.prompt_keys(backbone),
    )


def _views(results: Results, backbone: str) -> list[Part]:
    keys, norms = results.prompt_keys(backbone), results.row_norms(backbone)
    parts: list[Part] = [Row(parts=(*_maps(results, backbone, keys), *_tree(results, backbone, keys)))]
    dead = norms[~norms["is_live"]]
    said = ""
    if len(dead):
        rows = ", ".join(str(i) for i in sorted(set(dead["position"])))
        norms_of = norms.groupby("is_live")["norm"].mean()
        said = (
            f" Row {rows} is never read by the backbone (hollow): its mean norm is {norms_of[False]:.1f}, that of the "
            f"others {norms_of[True]:.1f}."
        )
    parts.append(
        Drawing(
            name=f"row-norms-{slug(backbone)}",
            title=f"Norms by row, {backbone}",
            caption=f"Length of every row of every prompt, colour by group.{said}",
            draw=drawn(partial(figures.row_norms, norms, title=f"Norm of every prompt row, {backbone}")),
            frame=norms,
            snippet=snippet(results, f'tk.figures.row_norms(results.row_norms("{backbone}"))'),
            keys=keys,
        )
    )
    words = results.word_table(backbone)
    return [*parts, _words(results, backbone, words)] if len(words) else parts


def _maps(results: Results, backbone: str, keys: tuple[str, ...]) -> list[Drawing]:
    found = []
    for method, words in MAPS.items():
        if method == "tsne" and len(keys) < LEAST_NEIGHBOURS:
            continue
        try:
            points, explained = results.prompt_points(backbone, method=method)
        except InputError:  # fewer than three prompts, or prompts that do not pair up
            continue
        shown = "" if np.isnan(explained).any() else f" ({explained.sum():.0%} of the variance)"
        title = f"Prompts of {backbone}, {words[0]}"
        found.append(
            Drawing(
                name=f"prompt-map-{method}-{slug(backbone)}",
                title=f"Map of prompts, {words[0]}, {backbone}",
                caption=f"Flattened live rows{shown}; colour is the group, the marker the seed, crosses are prompts "
                f"before training where they are known. {words[1]}",
                draw=drawn(partial(figures.prompt_map, points, explained=explained.tolist(), title=title)),
                frame=points,
                snippet=snippet(
                    results,
                    f'points, explained = results.prompt_points("{backbone}", method="{method}"); '
                    "tk.figures.prompt_map(points, explained=explained)",
                ),
                keys=keys,
            )
        )
    return found


def _tree(results: Results, backbone: str, keys: tuple[str, ...]) -> list[Drawing]:
    matrix = comparable(results, CosineConcat(), backbone)
    if matrix is None:
        return []
    off = ~np.eye(len(matrix.sources), dtype=bool)
    if len(matrix.sources) < 3 or not matrix.is_measured[off].all():
        return []
    return [
        Drawing(
            name=f"dendrogram-{slug(backbone)}",
            title=f"Tree of prompts, {backbone}",
            caption="Average linkage of the cosine of prompts laid end to end; the distance of a pair is 1 minus it.",
            draw=drawn(partial(figures.dendrogram, matrix, title=f"Tree of prompts, {backbone}")),
            frame=matrix.cells(),
            snippet=snippet(
                results, f'tk.figures.dendrogram(results.indicator(tk.indicators.find("cosine_concat"), "{backbone}"))'
            ),
            keys=keys,
        )
    ]


def _words(results: Results, backbone: str, words: pd.DataFrame) -> Table:
    stayed, above = int(words["is_as_it_began"].sum()), int((words["cosine"] > words["control_highest"]).sum())
    return Table(
        name=f"words-{slug(backbone)}",
        title=f"Words nearest to each row, {backbone}",
        caption=f"By cosine, in the backbone's own vocabulary. {stayed} of {len(words)} rows are still nearest to the "
        f"word they began as; {above} are nearer to a word than any of as many random directions is (those reach "
        f"{words['control'].mean():.2f} on average). Words near to a prompt are no explanation of it.",
        frame=words,
        columns={
            "task": "task",
            "seed": "seed",
            "position": "row",
            "nearest": "nearest word",
            "cosine": "cosine",
            "control": "random directions",
            "began": "began as",
            "others": "next nearest",
        },
        snippet=snippet(results, f'results.word_table("{backbone}")'),
        keys=tuple(dict.fromkeys(words["prompt"])),
    )
