"""Explaining. The section about choosing a source: how good the best of a few is, or their average."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.words import percent, slug, snippet
from transferkit.results import Results
from transferkit.statistics import TopK

if TYPE_CHECKING:
    import pandas as pd

SHOWN_K = 3
COLUMNS = {
    "indicator": "choose by",
    "k": "sources tried, k",
    "best_of_k": "best of them, %",
    "average": "their average, %",
    "regret": "regret, %",
    "hits": "hits",
    "n_targets": "targets",
    "needs": "needs",
}


def choosing_section(results: Results) -> Section | None:
    """Return what each way to choose a source comes to, per backbone; None where there is nothing to choose."""
    parts: list[Part] = []
    for backbone in results.backbones:
        curves = results.choosing.curves(backbone)
        if curves and max(len(curve.k) for curve in curves) > 1:
            parts += _of_backbone(results, backbone, curves)
    return Section(title="Choosing a source", slug="choosing", parts=tuple(parts)) if parts else None


def _of_backbone(results: Results, backbone: str, curves: list[TopK]) -> list[Part]:
    table = results.choosing.table(backbone)
    keys = tuple(dict.fromkeys((*results.transfer(backbone).keys, *" ".join(table["keys"].dropna()).split())))
    return [
        Text(heading=backbone, body=_sentence(results, backbone, curves, table)),
        Drawing(
            name=f"regret-curves-{slug(backbone)}",
            title=f"What is lost by trying k sources, {backbone}",
            caption="Regret@k: how far the best of the k sources an indicator ranks highest stays behind the best"
            " foreign source, in percent of that one's score, mean over targets; ties in expectation. The best three"
            " indicators are named after the fact, on these targets.",
            draw=drawn(partial(figures.regret_curves, curves, title=f"What trusting an indicator loses, {backbone}")),
            frame=table,
            snippet=snippet(results, f'tk.figures.regret_curves(results.choosing.curves("{backbone}"))'),
            keys=keys,
        ),
        Table(
            name=f"choosing-{slug(backbone)}",
            title=f"The best of k sources, and their average, {backbone}",
            caption=f"Mean scores over targets, for k up to {SHOWN_K}. Best of them: all k are tried on the target with"
            " its labels, and the best one counts. Average: one prompt, the mean of the k sources' rows weighted by"
            " what the indicator says of them, seed by seed (Vu et al. 2022), blank where the study does not ask for"
            " it. The oracle knows the scores. Hits: targets whose best source is among the k. Needs: what has to be"
            " there for the target; a prompt costs its training, a pass one forward pass over an empty text.",
            frame=_shown(table),
            columns=COLUMNS if table["average"].notna().any() else {n: w for n, w in COLUMNS.items() if n != "average"},
            percent=("best_of_k", "average", "regret"),
            snippet=snippet(results, f'results.choosing.table("{backbone}")'),
            keys=keys,
        ),
    ]


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    few = table[(table["k"] <= SHOWN_K) | table["best_of_k"].isna()]
    return few.assign(indicator=few["indicator"].str.replace("_", " "), hits=few["hits"].round(1))


def _sentence(results: Results, backbone: str, curves: list[TopK], table: pd.DataFrame) -> str:
    random = next((curve for curve in curves if curve.name == "random source"), None)
    own = results.own(backbone)
    text = f"The best foreign source of each target scores {percent(curves[0].oracle)} on average"
    if random is not None:
        text += f", a random one {percent(float(random.score[0]))}, the best of three random ones {_at(random, 3)}"
    text += f"; the targets' own prompts {percent(float(own.mean()))}." if len(own) else "."
    averaged = table.dropna(subset=["average"])
    if len(averaged):
        best = averaged.sort_values("average").iloc[-1]
        named = f"{str(best['indicator']).replace('_', ' ')}, k = {int(best['k'])}, named after the fact"
        text += f" The best average ({named}) scores {percent(float(best['average']))}."
    return text


def _at(curve: TopK, k: int) -> str:
    return percent(float(curve.score[min(k, len(curve.score)) - 1]))
