"""Explaining. The section on single cells: where a foreign prompt transfers, does nothing, or harms."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.words import examples_of, listed, percent, seeds_of, slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd

POINTS = ("difference_random", "low_random", "high_random", "difference_own", "low_own", "high_own")


def cell_section(results: Results) -> Section | None:
    """Return which cells differ from a random prompt and from the own one; None where answers are not known."""
    parts: list[Part] = [
        Text(
            body="Each foreign prompt against random prompts on the same examples: it transfers where it is better and "
            "harms where it is worse, with at most 5 % of such calls expected to be false on a backbone (Benjamini and "
            "Hochberg). Neutral only means that no difference was shown: with few seeds and few random prompts, which "
            "differ among themselves, little can be. Better than a random prompt is not yet better than no prompt."
        )
    ]
    for backbone in results.backbones:
        cells = results.cell_tests(backbone)
        if not cells.empty:
            parts.append(Text(heading=backbone, body=verdict_sentence(cells)))
            parts += [_map(results, backbone, cells), _table(results, backbone, cells)]
    return Section(title="Where a prompt transfers", slug="cells", parts=tuple(parts)) if len(parts) > 1 else None


def verdict_counts(cells: pd.DataFrame) -> dict[str, tuple[int, int, int]]:
    """Return cells that transfer, that harm, and all foreign ones: within groups and across."""
    foreign = cells[~cells["is_own"]]
    same = foreign["source_group"] == foreign["target_group"]
    return {
        where: (int((part["verdict"] == "transfers").sum()), int((part["verdict"] == "harms").sum()), len(part))
        for where, part in (("within", foreign[same]), ("across", foreign[~same]))
    }


def verdict_sentence(cells: pd.DataFrame) -> str:
    """Say how many cells transfer and harm, within groups and across, and how many reach the own prompt."""
    counts = verdict_counts(cells)
    said = [
        f"{words} groups {better} of {n} foreign prompts transfer and {worse} harm"
        for words, (better, worse, n) in counts.items()
        if n
    ]
    foreign = cells[~cells["is_own"]]
    even = foreign[(foreign["verdict"] == "transfers") & (foreign["is_worse_than_own"] == False)]  # noqa: E712  (None where own answers are unknown)
    names = [f"{s} → {t}" for s, t in even[["source", "target"]].itertuples(index=False)]
    tail = f" Not shown to be worse than the target's own prompt: {listed(names)}." if names else ""
    text = ", ".join(said)
    return f"{text[:1].upper()}{text[1:]}.{tail}"


def _map(results: Results, backbone: str, cells: pd.DataFrame) -> Drawing:
    return Drawing(
        name=f"verdicts-{slug(backbone)}",
        title=f"Transfers, neutral, harms, {backbone}",
        caption=f"Difference to the random prompt in points; {seeds_of(results)}, {examples_of(results)}. The "
        "least certain decides of a bootstrap paired over examples, a t test over seeds, and Welch's t test of seeds "
        "against random prompts.",
        draw=drawn(partial(figures.verdicts, cells, title=f"Foreign prompts against random ones, {backbone}")),
        frame=cells,
        snippet=snippet(results, f'tk.figures.verdicts(results.cell_tests("{backbone}"))'),
        keys=_keys(cells),
    )


def _table(results: Results, backbone: str, cells: pd.DataFrame) -> Table:
    foreign = cells[~cells["is_own"]].sort_values("difference_random", ascending=False, kind="stable")
    return Table(
        name=f"cells-{slug(backbone)}",
        title=f"Every foreign cell, {backbone}",
        caption="Differences in points with 95 % intervals; q is the false-discovery rate over the backbone's foreign "
        "cells.",
        frame=foreign,
        columns={
            "source": "source",
            "target": "target",
            "n": "n",
            "verdict": "verdict",
            "difference_random": "− random, points",
            "low_random": "from",
            "high_random": "to",
            "q_random": "q",
            "difference_own": "− own, points",
            "low_own": "from ",
            "high_own": "to ",
            "q_own": "q ",
        },
        percent=POINTS,
        snippet=snippet(results, f'results.cell_tests("{backbone}")'),
        keys=_keys(cells),
    )


def _keys(cells: pd.DataFrame) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for keys in cells["keys"] for key in str(keys).split()))


def foreign_section(results: Results) -> Section | None:
    """Return imported scores of prompts of other backbones, beside own and random; None where there are none."""
    parts: list[Part] = []
    for backbone in results.backbones:
        table = results.foreign_prompts(backbone)
        if table.empty:
            continue
        parts.append(Text(heading=backbone, body=_foreign_sentence(table)))
        parts.append(
            Table(
                name=f"other-backbones-{slug(backbone)}",
                title=f"Prompts of other backbones on {backbone}",
                caption="Used as they are, or brought over by a projector. Score of the target's own prompt and of a "
                "random one beside it.",
                frame=table,
                columns={
                    "target": "target",
                    "source": "prompt of",
                    "source_backbone": "from",
                    "how": "used",
                    "score": "score, %",
                    "own": "own, %",
                    "random": "random, %",
                },
                percent=("score", "own", "random"),
                snippet=snippet(results, f'results.foreign_prompts("{backbone}")'),
                keys=tuple(table["key"]),
            )
        )
    return Section(title="Prompts of other backbones", slug="other-backbones", parts=tuple(parts)) if parts else None


def _foreign_sentence(table: pd.DataFrame) -> str:
    """Say what is left of the own gain, and whether a projector gives every target the same score."""
    gap = table["own"] - table["random"]
    kept = ((table["score"] - table["random"]) / gap).where(gap > 0)
    said = []
    for (origin, how), rows in table.assign(kept=kept).groupby(["source_backbone", "how"], sort=False):
        share = rows["kept"].median()
        if not np.isnan(share):
            said.append(f"prompts of {origin}, {how}, keep {percent(float(share))}")
    return (
        f"Of what the own prompt gains over a random one, {'; '.join(said)} (medians over {table['target'].nunique()} "
        "targets)."
        if said
        else "No random score is there to compare with."
    )
