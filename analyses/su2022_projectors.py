"""Su et al. 2022, section 5: does a projector bring what a prompt knows to another model, or one prompt for all tasks?

Of the published files, scores of projected prompts stand beside the target's own, a random one, and the best native
prompt of a related task, which needs no other model. The prompts one published projector makes are one vector for all
tasks (pairwise relative difference 1 to 3 in 10,000), so what they share with a constant prompt is the question. In a
study of one's own, the paper's two kinds of projector are judged by what is gained over a constant prompt, on tasks
they saw and on tasks they did not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from transferkit.report import Part, Section, Table, Text
from transferkit.report.words import listed, percent, points, snippet
from transferkit.results import LEAST_GAP, Results

PAPER = ("flat_distance", "flat_tasks")
WHAT = {"flat_distance": "distance-minimising", "flat_tasks": "task-tuned"}


def sections(results: Results) -> list[Section]:
    """Return the published projections in proper company, or the paper's two projectors in a study of one's own."""
    parts = _published(results) if results.is_imported else _studied(results)
    return [Section(title="The paper's projectors", slug="paper-projectors", parts=tuple(parts))] if parts else []


def published(results: Results, backbone: str) -> pd.DataFrame:
    """Return each projected prompt's score beside own, random and the best native prompt of a related task."""
    table = results.foreign_prompts(backbone)
    table = table[table["how"] == "projected"]
    matrix = results.transfer(backbone)
    rows = []
    for row in table.to_dict("records"):
        j = matrix.targets.index(row["target"])
        related = [
            (matrix.values[i, j], source)
            for i, source in enumerate(matrix.sources)
            if matrix.source_groups[i] == row["group"] and source != row["target"] and matrix.is_measured[i, j]
        ]
        best, source = max(related, default=(np.nan, None))
        rows.append({**row, "related": source, "related_score": best, "over_related": row["score"] - best})
    columns = [
        "target",
        "group",
        "source_backbone",
        "score",
        "own",
        "random",
        "related",
        "related_score",
        "over_related",
    ]
    return pd.DataFrame(rows, columns=[*columns, "key"])


def _published(results: Results) -> list[Part]:
    parts: list[Part] = []
    for backbone in results.backbones:
        table = published(results, backbone)
        if table.empty:
            continue
        useful = table[table["score"] > table["random"] + LEAST_GAP]
        named = [
            f"{target} from {origin} ({percent(score)}, own {percent(own)}, related native prompt {percent(native)})"
            for target, origin, score, own, native in useful[
                ["target", "source_backbone", "score", "own", "related_score"]
            ].itertuples(index=False)
        ]
        better = useful[useful["over_related"] > 0]
        parts.append(
            Text(
                heading=backbone,
                body=f"Of {len(table)} projected prompts {len(useful)} score more than {100 * LEAST_GAP:g} points above"
                f" a random prompt{': ' + listed(named, 20) if named else ''}. {len(better)} of these score above the"
                " best native prompt of another task of the same group, which needs no projector. Which tasks a"
                " projector saw is not published.",
            )
        )
        parts.append(
            Table(
                name=f"paper-projected-{backbone.lower()}",
                title=f"Projected prompts on {backbone}",
                caption="Scores as published. Related: the best native prompt of another task of the same group, used"
                " as it is.",
                frame=table,
                columns={
                    "target": "task",
                    "source_backbone": "from",
                    "score": "projected, %",
                    "random": "random, %",
                    "own": "own, %",
                    "related": "related task",
                    "related_score": "its prompt, %",
                    "over_related": "projected minus that, points",
                },
                percent=("score", "random", "own", "related_score", "over_related"),
                snippet=snippet(results, f'tk.find_analysis("su2022_projectors").published(results, "{backbone}")'),
                keys=tuple(table["key"]),
            )
        )
    return parts


def _studied(results: Results) -> list[Part]:
    table = results.projections.shoot_out()
    spread = results.projections.diversity()
    said = []
    for row in table[table["method"].isin(PAPER)].to_dict("records"):
        over = [
            f"{points(row[f'gain_{name}'])} [{points(row[f'low_{name}'])}, {points(row[f'high_{name}'])}] over {what}"
            for name, what in (("constant_distance", "the mean prompt"), ("constant_tasks", "one prompt tuned alike"))
            if not np.isnan(row[f"gain_{name}"])
        ]
        if over:
            said.append(
                f"{row['source']} → {row['target']}, {WHAT[str(row['method'])]}, tasks {row['part']}:"
                f" {percent(row['score'])}, that is {' and '.join(over)}"
            )
    if not said:
        return []
    here = spread[spread["method"].isin(PAPER)]
    differences = [
        f"by {difference:.2g} of their size ({WHAT[method]}; what they are given, by {given:.2g})"
        for method, difference, given in here[["method", "difference", "source_difference"]].itertuples(index=False)
    ]
    return [
        Text(
            body=f"The paper's two projectors, in points with 95 % intervals: {'; '.join(said)}. Prompts of different"
            f" tasks differ {', '.join(differences)}; those of the published projectors by 0.0001 to 0.0003."
        )
    ]
