"""Explaining. The sections about why: how alike prompts are, which neurons they share, and what predicts transfer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.errors import InputError
from transferkit.indicators import EMBEDDING, NEURON, CosineConcat, EuclideanAverage, Indicator, NeuronOverlap
from transferkit.matrices import Matrix
from transferkit.report.page import Drawing, Part, Row, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.words import seeds_of, signed, slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd

GROUPING_WORDS = {"per_source": "per source", "per_target": "per target", "all": "all cells"}
SCATTERED: tuple[Indicator, ...] = (CosineConcat(), EuclideanAverage(), NeuronOverlap(), NeuronOverlap(blocks="top"))


def _similarity(results: Results, backbone: str, indicator: Indicator, caption: str) -> Drawing | None:
    matrix = results.indicator(indicator, backbone)
    if not matrix.is_measured.any():
        return None
    has_both_signs = bool(np.nanmin(matrix.values) < -1e-3)
    off = ~np.eye(len(matrix.sources), dtype=bool)
    whole = len(matrix.sources) > 2 and bool(matrix.is_measured[off].all())
    draw = figures.clustered if whole else figures.heatmap
    order = " Order and tree: average linkage." if whole else ""
    return Drawing(
        name=f"{slug(indicator.name)}-{slug(backbone)}",
        title=f"{indicator.name.replace('_', ' ')}, {backbone}",
        caption=caption + order,
        draw=drawn(partial(draw, matrix, show="number", centre=0.0 if has_both_signs else None)),
        frame=matrix.cells(),
        snippet=snippet(
            results,
            f'tk.figures.{draw.__name__}(results.indicator(tk.indicators.find("{indicator.name}"), "{backbone}"), '
            'show="number")',
        ),
        keys=matrix.keys,
    )


def _diagonal_words(results: Results) -> str:
    if len(results.seeds) > 1:
        return "Means over pairs of seeds; the diagonal compares different seeds of one task, a ceiling for the rest."
    return "The diagonal compares a prompt with itself, for there is one seed."


def prompt_section(results: Results) -> Section | None:
    """Return the four similarities of prompts and their map; None where no prompt is there."""
    parts: list[Part] = [
        Text(
            body="How alike the vectors of two prompts are (Su et al. 2022, section 4.3). “Concat” compares row i with "
            "row i, “average” every row with every row. Rows the backbone never reads are left out. The Euclidean "
            "forms mostly measure how long the prompts are; the agreement section sets them beside norms alone."
        )
    ]
    for backbone in results.backbones:
        caption = _diagonal_words(results)
        found = [d for i in EMBEDDING if (d := _similarity(results, backbone, i, caption)) is not None]
        if found:
            parts += [Row(parts=tuple(found)), *_map(results, backbone)]
    return Section(title="How alike the prompts are", slug="prompts", parts=tuple(parts)) if len(parts) > 1 else None


def _map(results: Results, backbone: str) -> list[Part]:
    try:
        points, explained = results.prompt_points(backbone)
    except InputError as error:
        return [Text(body=f"No map of prompts for {backbone}: {error.problem}.")]
    return [
        Drawing(
            name=f"prompt-map-{slug(backbone)}",
            title=f"Map of prompts, {backbone}",
            caption=f"Flattened live rows in their first two principal components ({explained.sum():.0%} of the "
            "variance); colour is the group, the marker the seed, crosses are prompts before training. Distances in "
            "the plane are only part of the distances between prompts.",
            draw=drawn(
                partial(
                    figures.prompt_map, points, explained=explained.tolist(), title=f"Prompts of {backbone} in a plane"
                )
            ),
            frame=points,
            snippet=snippet(
                results,
                f'points, explained = results.prompt_points("{backbone}"); '
                "tk.figures.prompt_map(points, explained=explained)",
            ),
            keys=results.indicator(EMBEDDING[0], backbone).keys,
        )
    ]


def neuron_section(results: Results) -> Section | None:
    """Return overlap of activated neurons, over all blocks and by block; None where no neuron set is there."""
    parts: list[Part] = [
        Text(
            body="Which feed-forward neurons a prompt switches on, on the empty text, and how far two such sets agree "
            "(cosine of the 0/1 vectors). Two sets of this density overlap by accident too: the chance level stands "
            "beside every value, taken block by block. Random prompts show what any prompt shares."
        )
    ]
    for backbone in results.backbones:
        by_block = results.overlap_by_block(backbone)
        if by_block.empty:
            continue
        caption = f"{_diagonal_words(results)} Bottom and top are a third of the blocks each."
        found = [d for i in NEURON if (d := _similarity(results, backbone, i, caption)) is not None]
        parts += [_by_block(results, backbone, by_block), _overlap_table(results, backbone), Row(parts=tuple(found))]
    return (
        Section(title="Which neurons the prompts share", slug="neurons", parts=tuple(parts)) if len(parts) > 1 else None
    )


def _by_block(results: Results, backbone: str, by_block: pd.DataFrame) -> Drawing:
    return Drawing(
        name=f"overlap-by-block-{slug(backbone)}",
        title=f"Overlap by block, {backbone}",
        caption=f"Mean overlap over pairs of prompts, {seeds_of(results)}; block 1 nearest to the input. Dashed: what "
        "sets of the trained prompts' densities would share by chance. Random prompts have a density, and so a chance "
        "level, of their own (see the table).",
        draw=drawn(partial(figures.overlap, by_block, title=f"Overlap of activated neurons, {backbone}")),
        frame=by_block,
        snippet=snippet(results, f'tk.figures.overlap(results.overlap_by_block("{backbone}"))'),
        keys=results.indicator(NEURON[0], backbone).keys,
    )


def _overlap_table(results: Results, backbone: str) -> Table:
    return Table(
        name=f"overlap-{slug(backbone)}",
        title=f"Overlap, chance level and density, {backbone}",
        caption="Lowest and highest are over pairs of prompts. Density is the share of neurons switched on.",
        frame=results.overlap_table(backbone),
        columns={
            "blocks": "blocks",
            "relation": "relation",
            "n_pairs": "pairs",
            "mean": "mean overlap",
            "low": "lowest",
            "high": "highest",
            "chance": "chance level",
            "density": "density",
        },
        snippet=snippet(results, f'results.overlap_table("{backbone}")'),
        keys=results.indicator(NEURON[0], backbone).keys,
    )


def agreement_section(results: Results) -> Section | None:
    """Return how well each indicator agrees with transfer, in every grouping; None where none can be computed."""
    parts: list[Part] = [
        Text(
            body="Spearman correlation of indicator and transfer: per source over its targets, per target over its "
            "sources (means of the correlations that are defined), and over all cells. Main numbers leave out the "
            "diagonal, brackets include it. Cells are not independent, so p values relabel sources and targets jointly "
            "(one-sided Mantel test); they are not corrected for the number of indicators. “Same group” knows only the "
            "task groups and “norm proxy” only how long the prompts are: an indicator that does not beat them has "
            "shown nothing."
        )
    ]
    for backbone in results.backbones:
        table = results.agreements(backbone)
        if not table["rho"].notna().any():
            continue
        parts.append(Text(heading=backbone, body=_best_sentence(table)))
        scattered = [d for i in SCATTERED if (d := _scatter(results, backbone, i)) is not None]
        parts.append(Row(parts=tuple(scattered)))
        parts += _agreement_tables(results, backbone, table)
    return Section(title="What predicts transfer", slug="agreement", parts=tuple(parts)) if len(parts) > 1 else None


def best_indicator(table: pd.DataFrame, form: str = "chance-corrected") -> tuple[str, float, float] | None:
    """Return the indicator with the highest agreement per target without diagonal, its value, and same group's."""
    rows = table.query("form == @form and grouping == 'per_target' and diagonal == 'without'").dropna(subset=["rho"])
    guesses = rows[~rows["indicator"].isin(["same group", "norm_proxy"])]
    if guesses.empty:
        return None
    best = guesses.sort_values("rho", kind="stable").iloc[-1]
    baseline = rows.loc[rows["indicator"] == "same group", "rho"]
    return str(best["indicator"]), float(best["rho"]), float(baseline.iloc[0]) if len(baseline) else float("nan")


def count_tried(table: pd.DataFrame) -> int:
    """Return how many indicators a table compares, its two yardsticks left out."""
    return len(set(table["indicator"]) - {"same group", "norm_proxy"})


def _best_sentence(table: pd.DataFrame) -> str:
    found = best_indicator(table)
    if found is None:
        return "No indicator has a defined agreement per target with chance-corrected transfer."
    name, rho, baseline = found
    n_tried = count_tried(table)
    said = "which has none" if np.isnan(baseline) else f"which reaches {signed(baseline)}"
    return (
        f"Per target, with chance-corrected transfer, the best of {n_tried} indicators is {name.replace('_', ' ')} "
        f"with {signed(rho)}; the yardstick is same group, {said}."
    )


def _scatter(results: Results, backbone: str, indicator: Indicator) -> Drawing | None:
    values, transfer = results.indicator(indicator, backbone), results.relative(backbone)
    if not (values.is_measured & transfer.is_measured & ~transfer.is_own()).any():
        return None
    return Drawing(
        name=f"scatter-{slug(indicator.name)}-{slug(backbone)}",
        title=f"{indicator.name.replace('_', ' ')} against transfer, {backbone}",
        caption="One point per source and target, without the diagonal. The number above is the correlation in the "
        "grouping it names, not over all points.",
        draw=drawn(partial(figures.scatter, values, transfer)),
        frame=_both(values, transfer),
        snippet=snippet(
            results,
            f'tk.figures.scatter(results.indicator(tk.indicators.find("{indicator.name}"), "{backbone}"), '
            f'results.relative("{backbone}"))',
        ),
        keys=(*values.keys, *transfer.keys),
    )


def _both(indicator: Matrix, transfer: Matrix) -> pd.DataFrame:
    cells = transfer.cells()[["source", "target", "source_group", "target_group", "value"]]
    return cells.rename(columns={"value": "transfer"}).assign(indicator=indicator.values.ravel())


def _agreement_tables(results: Results, backbone: str, table: pd.DataFrame) -> list[Part]:
    partial_table = results.partial_agreements(backbone)
    named = {"form": "transfer as", "indicator": "indicator"}
    words = GROUPING_WORDS
    return [
        Table(
            name=f"agreement-{slug(backbone)}",
            title=f"Agreement with transfer, {backbone}",
            caption="Spearman correlation without the diagonal, in brackets with it; p from joint relabelling, without "
            "the diagonal. The method named below also counts cells and groups.",
            frame=_wide(table),
            columns=named | {f"{g}_{w}": f"{words[g]}{', p' if w == 'p' else ''}" for g in words for w in ("rho", "p")},
            snippet=snippet(results, f'results.agreements("{backbone}")'),
            keys=results.transfer(backbone).keys,
        ),
        Table(
            name=f"partial-agreement-{slug(backbone)}",
            title=f"What is left when norms or groups are known, {backbone}",
            caption="Spearman correlation over all cells off the diagonal, then its partial forms.",
            frame=partial_table.assign(indicator=partial_table["indicator"].str.replace("_", " ")),
            columns=named
            | {str(c): str(c) if str(c) != "rho" else "all cells" for c in partial_table.columns if c not in named},
            snippet=snippet(results, f'results.partial_agreements("{backbone}")'),
            keys=results.transfer(backbone).keys,
        ),
    ]


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per form and indicator: correlation with and without the diagonal, and p, per grouping."""
    import pandas as pd

    rows = []
    for (form, indicator), cells in table.groupby(["form", "indicator"], sort=False):
        row: dict[str, object] = {"form": form, "indicator": str(indicator).replace("_", " ")}
        for grouping in GROUPING_WORDS:
            here = cells[cells["grouping"] == grouping].set_index("diagonal")
            without, whole = float(here.loc["without", "rho"]), float(here.loc["with", "rho"])  # pyright: ignore[reportArgumentType]
            row[f"{grouping}_rho"] = (
                None if np.isnan(without) else f"{signed(without).lstrip('+')} ({signed(whole).lstrip('+')})"
            )
            row[f"{grouping}_p"] = here.loc["without", "p"]
        rows.append(row)
    return pd.DataFrame(rows)
