"""Explaining. The section about choosing a source: how good the best of a few is, or one prompt made of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.words import percent, slug, snippet
from transferkit.results import Results
from transferkit.statistics import TopK
from transferkit.statistics.top_k import RANDOM

if TYPE_CHECKING:
    import pandas as pd

SHOWN_K = 3
COLUMNS = {
    "indicator": "choose by",
    "k": "sources tried, k",
    "best_of_k": "best of them, %",
    "average": "their average, %",
    "averaged": "averages of",
    "mixture": "one trained on all of them, %",
    "mixed": "mixtures of",
    "regret": "regret, %",
    "hits": "hits",
    "n_targets": "targets",
    "needs": "needs",
}

_AVERAGES = (
    " Average: one prompt, the mean of the k sources' rows weighted by what the indicator says of them, seed by seed"
    " (Vu et al. 2022), blank where the study does not ask for it; there is none for a target to which one of the k is"
    " not above zero by the indicator, and an average of fewer targets, marked so, is not to be compared with others."
)


_MIXTURES = (
    " One trained on all of them: a prompt tuned on the k sources' training data in turn, never on the target's, for as"
    " many steps as one source takes; it is looked at less often, so there are fewer checkpoints to choose from, and it"
    " is never stopped early."
)
_SHOWN = {"average": ("averaged", "n_averaged"), "mixture": ("mixed", "n_mixed")}  # of how many targets, in words


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
    has = {how: bool(table[how].notna().any()) for how in _SHOWN}
    hidden = {name for how, (said, _) in _SHOWN.items() if not has[how] for name in (how, said)}
    keys = tuple(dict.fromkeys((*results.transfer(backbone).keys, *" ".join(table["keys"].dropna()).split())))
    return [
        Text(heading=backbone, body=_sentence(results, backbone, table)),
        Drawing(
            name=f"regret-curves-{slug(backbone)}",
            title=f"What is lost by trying k sources, {backbone}",
            caption="Regret@k: how far the best of the k sources an indicator ranks highest stays behind the best"
            " foreign source, in percent of that one's score, mean over targets; ties in expectation. In-sample:"
            " sources are chosen and scored on the same examples. The best three indicators are named after the fact,"
            " on these targets.",
            draw=drawn(partial(figures.regret_curves, curves, title=f"What trusting an indicator loses, {backbone}")),
            frame=table,
            snippet=snippet(results, f'tk.figures.regret_curves(results.choosing.curves("{backbone}"))'),
            keys=keys,
        ),
        Table(
            name=f"choosing-{slug(backbone)}",
            title=f"The best of k sources, and one prompt made of them, {backbone}",
            caption=f"Mean scores over targets, for k up to {SHOWN_K} and wherever prompts were made of more; every"
            " prompt as it is, without training on the target. Best of them: all k are tried on the target with"
            f" its labels, and the best one counts; {_how(table)}. The oracle tries all foreign sources likewise."
            f"{_AVERAGES if has['average'] else ''}{_MIXTURES if has['mixture'] else ''}"
            " Regret and hits (targets whose best source is among the k) are in-sample. Needs: what has to be there for"
            " the target; a prompt costs its training, a pass one forward pass over an empty text.",
            frame=_shown(table),
            columns={name: words for name, words in COLUMNS.items() if name not in hidden},
            percent=("best_of_k", "average", "mixture", "regret"),
            snippet=snippet(results, f'results.choosing.table("{backbone}")'),
            keys=keys,
        ),
    ]


def _how(table: pd.DataFrame) -> str:
    """Return on which examples the best source was chosen and scored."""
    if table["is_cross_fitted"].eq(True).any():
        return "chosen on one half of the examples and scored on the other, both ways round"
    return "chosen and scored on the same examples, as answers are not known, so too high"


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    few = table[(table["k"] <= SHOWN_K) | table[["average", "mixture"]].notna().any(axis=1)]
    said = few.assign(**{name: _of_how_many(few, how, counted) for how, (name, counted) in _SHOWN.items()})
    return said.assign(indicator=few["indicator"].str.replace("_", " "), hits=few["hits"].round(1))


def _of_how_many(table: pd.DataFrame, how: str, counted: str) -> pd.Series[str]:
    """Return of how many targets each average or mixture is, said where it is fewer than of the others."""
    most, numbers = int(table["n_targets"].max()), table[counted].fillna(0).astype(int)
    words = numbers.map(lambda n: f"{n} targets" if n == most else f"only {n} of {most}")
    return words.where(table[how].notna(), None)


def _sentence(results: Results, backbone: str, table: pd.DataFrame) -> str:
    best = table.dropna(subset=["best_of_k"]).set_index(["indicator", "k"])["best_of_k"]
    own = results.own(backbone)
    text = f"The best foreign source of each target scores {percent(best['oracle', 1])} on average"
    if RANDOM in best.index:
        of_random = best[RANDOM]
        most = min(SHOWN_K, of_random.index.max())
        text += f", a random one {percent(of_random[1])}, the best of {most} random ones {percent(of_random[most])}"
    means = f"; the targets' own prompts {percent(float(own.mean()))}" if np.isfinite(own).all() and len(own) else ""
    text += f" ({_how(table)}){means}."
    for how, (_, counted) in _SHOWN.items():
        there = table.dropna(subset=[how])
        whole = there[there[counted] == table["n_targets"].max()]
        if len(whole):
            one = whole.sort_values(how).iloc[-1]
            named = f"{str(one['indicator']).replace('_', ' ')}, k = {int(one['k'])}, named after the fact"
            text += f" The best {how} ({named}) scores {percent(float(one[how]))}."
    return text
