"""Explaining. The section on what predicts transfer: every indicator beside the baselines it would have to beat."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.indicators import CosineConcat, EuclideanAverage, Indicator, NeuronOverlap
from transferkit.matrices import Matrix
from transferkit.report.page import Drawing, Part, Row, Section, Table, Text
from transferkit.report.score_sections import drawn
from transferkit.report.similarity_sections import comparable
from transferkit.report.words import percent, signed, slug, snippet
from transferkit.results import Form, Results
from transferkit.results.predictors import TWIN
from transferkit.statistics import Grouping

if TYPE_CHECKING:
    import pandas as pd

GROUPING_WORDS: dict[Grouping, str] = {"per_source": "per source", "per_target": "per target", "all": "all cells"}
SCATTERED: tuple[Indicator, ...] = (CosineConcat(), EuclideanAverage(), NeuronOverlap(), NeuronOverlap(blocks="top"))
LEVEL = 0.05
LEAST_TASKS = 4  # a rank correlation of two foreign sources is always ±1
COLUMNS = {
    "indicator": "indicator",
    "rho": "Spearman",
    "low": "95 % from",
    "high": "to",
    "p": "p",
    "q": "q",
    "given_norm_proxy": "given norms",
    "given_same_group": "given groups",
    "given_both": "given both",
    "lowest_without_a_group": "lowest without a group",
    "highest_without_a_group": "highest",
    "within_groups": "within groups",
    "across_groups": "across groups",
    "asymmetry": "direction",
}


def predictor_section(results: Results) -> Section | None:
    """Return what each indicator is worth, per backbone; None where none can be computed."""
    parts: list[Part] = [
        Text(
            body="Spearman correlation of indicator and transfer, off the diagonal. “Per target” asks which sources "
            "help a given target, which is what a user wants to know; it is the same for raw, relative and "
            "chance-corrected scores, because all three order a target's sources alike. “All cells” also compares "
            "targets with each other, so there the correction for chance matters. Cells are not independent: p values "
            "relabel sources and targets jointly (one-sided Mantel test of the grouping's own statistic), intervals "
            "resample tasks, q is the false-discovery rate over the indicators tried. The two answer different "
            "questions, whether these tasks could be matched so well by accident and how another draw of tasks would "
            "look, so a small p may stand beside an interval that holds zero. Two yardsticks need no prompt to "
            "be compared: same group knows only the task groups, norm proxy only how long the prompts are. An "
            "indicator that does not beat them has shown nothing."
        )
    ]
    for backbone in results.backbones:
        table = results.predictors(backbone)
        if not table["rho"].notna().any():
            continue
        parts.append(Text(heading=backbone, body=predictor_sentence(results, backbone)))
        parts.append(_forest(results, backbone, table))
        parts.append(_predictors(results, backbone, "relative", "per_target"))
        if results.chance_corrected(backbone).is_measured.any():
            parts.append(_predictors(results, backbone, "chance_corrected", "all"))
        parts.append(_regrets(results, backbone))
        scattered = [d for i in SCATTERED if (d := _scatter(results, backbone, i)) is not None]
        parts += [Row(parts=tuple(scattered)), agreement_table(results, backbone)]
    if len(parts) > 1:
        return Section(title="What predicts transfer", slug="agreement", parts=tuple(parts))
    if len(results.tasks) < LEAST_TASKS:
        text = f"A correlation per target needs {LEAST_TASKS} tasks or more; {len(results.tasks)} can say nothing."
        return Section(title="What predicts transfer", slug="agreement", parts=(Text(body=text),))
    return None


def best_of(table: pd.DataFrame) -> pd.Series | None:
    """Return the row of the indicator with the highest correlation, out of those `tried_of` a table."""
    known = tried_of(table)
    return None if known.empty else known.sort_values("rho", kind="stable").iloc[-1]


def tried_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return the indicators that have a correlation; baselines, all-rows forms and a twin are left out."""
    is_sound = ~table["is_baseline"] & ~table["indicator"].str.endswith("_all_rows") & (table["indicator"] != TWIN)
    return table[is_sound].dropna(subset=["rho"])


def baseline_of(table: pd.DataFrame, name: str = "same_group") -> float:
    """Return the correlation of a baseline; NaN where it is not defined."""
    return float(table.loc[table["indicator"] == name, "rho"].iloc[0])


def predictor_sentence(results: Results, backbone: str) -> str:
    """Say which indicator orders sources best, what the yardsticks reach, and what neuron overlap does."""
    table = results.predictors(backbone)
    best = best_of(table)
    if best is None:
        return "No indicator has a defined agreement with transfer."
    name, same = str(best["indicator"]).replace("_", " "), baseline_of(table)
    interval = "" if np.isnan(best["low"]) else f" (95 % of this one {signed(best['low'])} to {signed(best['high'])})"
    said = [f"Per target, the best of {len(tried_of(table))} indicators is {name} with {signed(best['rho'])}{interval}"]
    if np.isnan(best["q"]):
        said.append("it could not be tested")
    elif best["q"] > LEVEL:
        said.append("with so many tried it cannot be told from chance")
    if not np.isnan(same):
        said.append(f"knowing the task groups alone gives {signed(same)}")
    norm = baseline_of(table, "norm_proxy")
    said.append(f"norms alone give {signed(norm)}" if not np.isnan(norm) else "")
    overlap = table.loc[table["indicator"] == NeuronOverlap().name, "rho"]
    if len(overlap) and not np.isnan(overlap.iloc[0]):
        said.append(f"the overlap of activated neurons gives {signed(float(overlap.iloc[0]))}")
    return "; ".join(part for part in said if part) + "."


def _forest(results: Results, backbone: str, table: pd.DataFrame) -> Drawing:
    return Drawing(
        name=f"predictors-{slug(backbone)}",
        title=f"Which indicators order the sources of a target, {backbone}",
        caption="Spearman correlation per target, mean over targets, with 95 % intervals from resampling tasks. "
        "Filled: q ≤ 0.05. The dashed line is what knowing the task groups alone gives.",
        draw=drawn(partial(figures.forest, table, title=f"Agreement with transfer, {backbone}")),
        frame=table,
        snippet=snippet(results, f'tk.figures.forest(results.predictors("{backbone}"))'),
        keys=results.transfer(backbone).keys,
    )


def _predictors(results: Results, backbone: str, form: Form, grouping: Grouping) -> Table:
    table = results.predictors(backbone, form=form, grouping=grouping).sort_values(
        "rho", ascending=False, kind="stable", na_position="last"
    )
    columns = {name: words for name, words in COLUMNS.items() if table[name].notna().any()}
    what = "every score" if grouping == "per_target" else f"{form.replace('_', '-')} scores"
    return Table(
        name=f"predictors-{grouping.replace('_', '-')}-{slug(backbone)}",
        title=f"Every indicator beside its baselines, {GROUPING_WORDS[grouping]}, {backbone}",
        caption=f"Spearman with {what}; p, interval and q as above. Given norms, groups, both: partial correlations. "
        "Lowest and highest without a group: each group of tasks left out in turn, which "
        "may raise the value too. Direction: of directional "
        "indicators, whether they tell source → target from target → source. A dash: not "
        "defined, or, in column q, a baseline.",
        frame=table.assign(indicator=table["indicator"].str.replace("_", " ")),
        columns=columns,
        snippet=snippet(results, f'results.predictors("{backbone}", form="{form}", grouping="{grouping}")'),
        keys=results.transfer(backbone).keys,
    )


def _regrets(results: Results, backbone: str) -> Table:
    long = results.regrets(backbone)
    wide = long.pivot(index="indicator", columns="k", values=["regret", "hits"])
    wide.columns = [f"{what}_{k}" for what, k in wide.columns]
    wide = wide.assign(n_targets=long.groupby("indicator")["n_targets"].min()).sort_values("regret_1").reset_index()
    random = long[long["indicator"].str.startswith("random source")].query("k == 1").set_index("indicator")["regret"]
    yardsticks = "; ".join(f"a {name} loses {percent(value)}" for name, value in random.items())
    return Table(
        name=f"regret-{slug(backbone)}",
        title=f"What trusting an indicator costs, {backbone}",
        caption="Regret@k: how far the best of an indicator's k favourite sources stays behind the best foreign "
        "source, in percent of that one's score, mean over targets; hits: targets whose best foreign source is among "
        f"the k. Ties are broken at random, in expectation. With one source, {yardsticks}.",
        frame=wide.assign(
            indicator=wide["indicator"].str.replace("_", " "),
            hits_1=wide["hits_1"].round(1),
            hits_3=wide["hits_3"].round(1),
        ),
        columns={
            "indicator": "choose by",
            "regret_1": "regret@1, %",
            "hits_1": "hits@1",
            "regret_3": "regret@3, %",
            "hits_3": "hits@3",
            "n_targets": "targets",
        },
        percent=("regret_1", "regret_3"),
        snippet=snippet(results, f'results.regrets("{backbone}")'),
        keys=results.transfer(backbone).keys,
    )


def _scatter(results: Results, backbone: str, indicator: Indicator) -> Drawing | None:
    values, transfer = comparable(results, indicator, backbone), results.relative(backbone)
    if values is None or not (values.is_measured & transfer.is_measured & ~transfer.is_own()).any():
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


def agreement_table(results: Results, backbone: str) -> Table:
    """Return agreement in every form and grouping, with and without the diagonal."""
    words = GROUPING_WORDS
    return Table(
        name=f"agreement-{slug(backbone)}",
        title=f"Agreement in every grouping, {backbone}",
        caption="Spearman correlation without the diagonal, in brackets with it; p from joint relabelling, without the "
        "diagonal. tables/agreement.csv holds the same one by one, with p values for both and the cells that entered.",
        frame=_wide(results.agreements(backbone)),
        columns={"form": "transfer as", "indicator": "indicator"}
        | {f"{g}_{w}": f"{words[g]}{', p' if w == 'p' else ''}" for g in words for w in ("rho", "p")},
        snippet=snippet(results, f'results.agreements("{backbone}")'),
        keys=results.transfer(backbone).keys,
    )


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per form and indicator: correlation with and without the diagonal, and p, per grouping."""
    import pandas as pd

    rows = []
    for (form, indicator), cells in table.groupby(["form", "indicator"], sort=False):
        row: dict[str, object] = {"form": str(form).replace("_", "-"), "indicator": str(indicator).replace("_", " ")}
        for grouping in GROUPING_WORDS:
            here = cells[cells["grouping"] == grouping].set_index("diagonal")
            without, whole = float(here.loc["without", "rho"]), float(here.loc["with", "rho"])  # pyright: ignore[reportArgumentType]
            row[f"{grouping}_rho"] = (
                None if np.isnan(without) else f"{signed(without).lstrip('+')} ({signed(whole).lstrip('+')})"
            )
            row[f"{grouping}_p"] = here.loc["without", "p"]
        rows.append(row)
    return pd.DataFrame(rows)
