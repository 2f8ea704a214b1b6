"""Su et al. 2022, cross-task transfer: the matrix of zero-shot relative scores, as the paper draws it, and its means.

Rows are sources here, the paper's figure has them so too. The means within and across types of tasks stand beside an
independent computation from the same files (`reference/su2022_means.csv`) where there is one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from transferkit import figures
from transferkit.figures import Scale
from transferkit.matrices import Matrix
from transferkit.report import Drawing, Part, Section, Table, Text
from transferkit.report.reference import read_reference
from transferkit.report.score_sections import drawn
from transferkit.report.words import listed, slug, snippet
from transferkit.results import Form, Results

REFERENCE = Path(__file__).with_name("reference") / "su2022_means.csv"
FORMS: tuple[Form, ...] = ("relative", "chance_corrected")


def sections(results: Results) -> list[Section]:
    """Return the paper's matrix per backbone, and the means by type of task beside their reference.

    Nothing of a study of one's own, whose matrices the report shows anyway.
    """
    if not results.is_imported:
        return []
    parts: list[Part] = []
    for backbone in results.backbones:
        matrix = results.relative(backbone)
        if matrix.is_measured.any():
            parts += [Text(heading=backbone, body=_sentence(matrix)), _drawing(results, backbone, matrix)]
    if not parts:
        return []
    parts.append(_means_table(results, means(results)))
    return [Section(title="The paper's matrix", slug="paper-matrix", parts=tuple(parts))]


def means(results: Results) -> pd.DataFrame:
    """Return mean scores off the diagonal by backbone, form and cells, beside the reference where there is one."""
    rows = []
    for backbone in results.backbones:
        for form in FORMS:
            matrix = results.forms(backbone)[form]
            same = np.array(matrix.source_groups)[:, None] == np.array(matrix.target_groups)[None, :]
            foreign = matrix.is_measured & ~matrix.is_own()
            for name, cells in (("same group", same), ("other group", ~same), ("all", np.ones_like(same))):
                values = matrix.values[foreign & cells]
                row = {"backbone": backbone, "score": form, "cells": name, "n": values.size}
                rows.append({**row, "mean": float(values.mean()) if values.size else np.nan})
    ours = pd.DataFrame(rows)
    reference = read_reference(REFERENCE, results).rename(columns={"mean": "reference"})
    both = ours.merge(reference, on=["backbone", "score", "cells"], how="left")
    return both.assign(difference=both["mean"] - both["reference"])


def _sentence(matrix: Matrix) -> str:
    foreign = matrix.is_measured & ~matrix.is_own()
    above = [f"{matrix.sources[i]} → {matrix.targets[j]}" for i, j in np.argwhere(foreign & (matrix.values > 1.0))]
    best = np.where(foreign, matrix.values, -np.inf).argmax(axis=0)
    has_any = foreign.any(axis=0)
    same = sum(matrix.source_groups[best[j]] == matrix.target_groups[j] for j in np.flatnonzero(has_any))
    if not has_any.any():
        return "No foreign prompt was measured."
    text = f"The best foreign source is of the target's own type for {same} of {has_any.sum()} targets."
    return text + (f" Above the target's own prompt: {listed(above)}." if above else "")


def _drawing(results: Results, backbone: str, matrix: Matrix) -> Drawing:
    low, high = float(np.nanmin(matrix.values)), float(np.nanmax(matrix.values))
    return Drawing(
        name=f"paper-matrix-{slug(backbone)}",
        title=f"Zero-shot transfer relative to the target's own prompt, {backbone}",
        caption="Score of the source's prompt on the target in percent of the target's own; 100 on the diagonal. A "
        "random prompt is not 0 here: see the chance-corrected matrix below.",
        draw=drawn(partial(figures.heatmap, matrix, scale=Scale(low, high))),
        frame=matrix.cells(),
        snippet=snippet(results, f'tk.figures.heatmap(results.relative("{backbone}"))'),
        keys=matrix.keys,
    )


def _means_table(results: Results, found: pd.DataFrame) -> Table:
    checked = found["difference"].notna()
    n_right = int((found["difference"].abs() <= found["tolerance"])[checked].sum())
    return Table(
        name="paper-means",
        title="Mean transfer within and across types of tasks",
        caption="Off the diagonal."
        + (
            " Reference: an independent computation from the same files; "
            f"{n_right} of {checked.sum()} agree within its last digit."
            if checked.any()
            else ""
        ),
        frame=found.assign(score=found["score"].str.replace("_", "-")),
        columns={
            "backbone": "backbone",
            "score": "score",
            "cells": "cells",
            "n": "n",
            "mean": "mean, %",
            "reference": "reference, %",
            "difference": "difference, points",
        },
        percent=("mean", "reference", "difference"),
        keys=results.keys,
    )
