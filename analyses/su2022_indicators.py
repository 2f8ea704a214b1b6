"""Su et al. 2022, which similarity of prompts predicts transfer: the paper's table, and what corrections make of it.

The paper correlates four similarities of prompts (and the overlap of activated neurons, which is not published) with
relative scores. It compares every row, also the one the backbone never reads, and names neither grouping nor diagonal;
all of them are here. Reference values (`reference/su2022_agreement.csv`, `su2022_regret.csv`) come from an independent
computation on the same files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from transferkit.indicators import EMBEDDING
from transferkit.report import Part, Section, Table, Text
from transferkit.report.predictor_sections import best_of
from transferkit.report.reference import read_reference
from transferkit.report.words import percent, signed, slug, snippet
from transferkit.results import Results
from transferkit.statistics import Grouping

FOLDER = Path(__file__).with_name("reference")
FOUR = tuple(indicator.name for indicator in EMBEDDING)
ON = ["backbone", "indicator", "grouping", "diagonal", "score"]
GROUPINGS = ("per_source", "per_target", "all")


def sections(results: Results) -> list[Section]:
    """Return the paper's table as published and corrected, per backbone, and the comparison with the reference.

    Nothing of a study of one's own, of which the report says all this in its own sections.
    """
    if not results.is_imported:
        return []
    parts: list[Part] = []
    for backbone in results.backbones:
        table = results.agreements(backbone).query("form == 'relative' and grouping == 'all' and diagonal == 'without'")
        if table.loc[table["indicator"].isin(FOUR), "rho"].notna().any():
            parts.append(Text(heading=backbone, body=what_corrections_change(results, backbone)))
            parts.append(_paper_table(results, backbone))
    if not parts:
        return []
    agreement, regret = compared_agreement(results), compared_regret(results)
    if agreement["reference"].notna().any():
        parts += [_reference_table(results, agreement), _regret_table(results, regret)]
    return [Section(title="The paper's table, and what corrections change", slug="paper-table", parts=tuple(parts))]


def published_name(name: str, results: Results, backbone: str) -> str:
    """Return the variant of a similarity that compares every row, as the paper does."""
    known = {matrix.name for matrix in results.candidates(backbone)}
    return f"{name}_all_rows" if f"{name}_all_rows" in known else name


def what_corrections_change(results: Results, backbone: str) -> str:
    """Say in one paragraph what is left of the published agreement once each correction is made."""
    table = results.agreements(backbone).query("diagonal == 'without'").set_index(["form", "indicator", "grouping"])

    def rho(name: str, form: str = "relative", grouping: str = "all") -> str:
        return signed(float(table.loc[(form, name, grouping), "rho"]))  # pyright: ignore[reportArgumentType]

    plain = {name: published_name(name, results, backbone) for name in FOUR}
    said = [  # one sentence each
        "As published (every row, relative scores, all cells) the agreement is "
        + ", ".join(f"{rho(published)} for {_words(name)}" for name, published in plain.items())
    ]
    norms = results.row_norms(backbone)
    if not norms["is_live"].all():
        squares = norms.assign(square=norms["norm"] ** 2).groupby(["key", "is_live"])["square"].sum().unstack()
        share = (squares[False] / squares.sum(axis=1)).max()
        dead = ", ".join(str(i) for i in sorted(set(norms.loc[~norms["is_live"], "position"])))
        said.append(
            f"Row {dead}, which the embedding of the mask overwrites so that the backbone never reads it, holds up to "
            f"{percent(float(share))} of a prompt's squared norm; without it cosine concat goes from "
            f"{rho(plain['cosine_concat'])} to {rho('cosine_concat')}, and all numbers from here on leave it out"
        )
    partial = results.predictors(backbone, form="relative", grouping="all").set_index("indicator")
    left = [f"{signed(float(partial.loc[name, 'given_norm_proxy']))} for {_words(name)}" for name in FOUR]  # pyright: ignore[reportArgumentType]
    said.append(f"Given how long the prompts are, the partial correlation is {', '.join(left)}")
    if results.chance_corrected(backbone).is_measured.any():
        said.append(
            "With chance-corrected scores (a random prompt is 0, the own prompt 1) it is "
            + ", ".join(f"{rho(name, 'chance_corrected')} for {_words(name)}" for name in FOUR)
        )
    said.append(
        f"The grouping decides the story: cosine average is {rho('cosine_average', grouping='per_source')} per source "
        f"(which targets does a prompt serve?) and {rho('cosine_average', grouping='per_target')} per target (which "
        "prompts serve a task?)"
    )
    said.append(
        f"Knowing only the group of each task gives {rho('same_group')} over all cells and "
        f"{rho('same_group', grouping='per_target')} per target; the best similarity reaches "
        f"{_best_rho(results, backbone, 'all')} and {_best_rho(results, backbone, 'per_target')}"
    )
    said.append("The overlap of activated neurons is missing, because no activations are published")
    return ". ".join(said) + "."


def _best_rho(results: Results, backbone: str, grouping: Grouping) -> str:
    """Return the highest agreement of any indicator with relative scores, off the diagonal, baselines left out."""
    best = best_of(results.predictors(backbone, form="relative", grouping=grouping))
    return "none" if best is None else signed(float(best["rho"]))


def _paper_table(results: Results, backbone: str) -> Table:
    """Return the four similarities as published beside each correction, off the diagonal and with it."""
    table = results.agreements(backbone)
    partial = {g: results.predictors(backbone, grouping=g).set_index("indicator") for g in GROUPINGS}
    rows = []
    for name in (*FOUR, *(f"{name}_centred" for name in FOUR), "norm_proxy", "same_group"):
        published = published_name(name, results, backbone)
        for label, which in dict.fromkeys([(_words(published), published), (_words(name), name)]):
            here = table[table["indicator"] == which]
            row: dict[str, object] = {"indicator": label}
            for grouping in GROUPINGS:
                for diagonal in ("without", "with"):
                    cell = here.query("form == 'relative' and grouping == @grouping and diagonal == @diagonal")
                    row[f"{grouping}_{diagonal}"] = float(cell["rho"].iloc[0])
            corrected = here.query("form == 'chance_corrected' and grouping == 'all' and diagonal == 'without'")
            row |= {"corrected": float(corrected["rho"].iloc[0]), "corrected_p": float(corrected["p"].iloc[0])}
            plain = here.query("form == 'relative' and grouping == 'all' and diagonal == 'without'")
            row |= {"p": float(plain["p"].iloc[0]), "given_norms": float(partial["all"].loc[which, "given_norm_proxy"])}  # pyright: ignore[reportArgumentType]
            rows.append(row)
    return Table(
        name=f"paper-table-{slug(backbone)}",
        title=f"Agreement of prompt similarities with transfer, {backbone}",
        caption="Spearman with relative scores, off the diagonal and in the next column with it. “All rows” is what "
        "the paper compares; the names without it leave out rows the backbone never reads; “centred” takes away the "
        "mean prompt, for what all began from is not published. Last columns: all cells off the diagonal.",
        frame=pd.DataFrame(rows),
        columns={
            "indicator": "indicator",
            "per_source_without": "per source",
            "per_source_with": "with diagonal",
            "per_target_without": "per target",
            "per_target_with": "with diagonal ",
            "all_without": "all cells",
            "all_with": "with diagonal  ",
            "p": "p",
            "given_norms": "given norms",
            "corrected": "chance-corrected",
            "corrected_p": "p ",
        },
        snippet=snippet(results, f'results.agreements("{backbone}")'),
        keys=results.transfer(backbone).keys,
    )


def compared_agreement(results: Results) -> pd.DataFrame:
    """Return our agreements beside the reference: reference, spearman, difference, p, reference_p."""
    ours = pd.concat([results.agreements(backbone).assign(backbone=backbone) for backbone in results.backbones])
    ours = ours.rename(columns={"form": "score", "rho": "spearman"})
    reference = read_reference(FOLDER / "su2022_agreement.csv", results).rename(
        columns={"spearman": "reference", "p": "reference_p"}
    )
    both = ours.merge(reference, on=ON, how="inner")
    return both.assign(difference=both["spearman"] - both["reference"])


def compared_regret(results: Results) -> pd.DataFrame:
    """Return our regrets beside the reference: regret, reference, difference, hits, reference_hits."""
    ours = pd.concat([results.regrets(backbone).assign(backbone=backbone) for backbone in results.backbones])
    reference = read_reference(FOLDER / "su2022_regret.csv", results).rename(
        columns={"regret": "reference", "hits": "reference_hits"}
    )
    both = ours.merge(reference, on=["backbone", "indicator", "k"], how="inner")
    return both.assign(difference=both["regret"] - both["reference"])


def _reference_table(results: Results, both: pd.DataFrame) -> Table:
    n_right = int((both["difference"].abs() <= both["tolerance"]).sum())
    return Table(
        name="reference-agreement",
        title="Our agreements beside the reference",
        caption=f"{n_right} of {len(both)} correlations agree within {np.max(both['tolerance']):g}. Reference p values "
        "rest on 2,000 relabellings, ours on 10,000, so they differ by chance.",
        frame=both.assign(**{c: both[c].str.replace("_", " ") for c in ("indicator", "grouping", "score")}),
        columns={
            "backbone": "backbone",
            "indicator": "indicator",
            "grouping": "grouping",
            "diagonal": "diagonal",
            "score": "score",
            "spearman": "ours",
            "reference": "reference",
            "difference": "difference",
            "p": "our p",
            "reference_p": "reference p",
        },
        keys=results.keys,
    )


def _regret_table(results: Results, both: pd.DataFrame) -> Table:
    n_right = int((both["difference"].abs() <= both["tolerance"]).sum())
    return Table(
        name="reference-regret",
        title="Our regrets beside the reference",
        caption=f"{n_right} of {len(both)} regrets agree within 0.01 points.",
        frame=both.assign(indicator=both["indicator"].str.replace("_", " ")),
        columns={
            "backbone": "backbone",
            "indicator": "choose by",
            "k": "k",
            "regret": "ours, %",
            "reference": "reference, %",
            "difference": "difference, points",
            "hits": "our hits",
            "reference_hits": "reference hits",
        },
        percent=("regret", "reference", "difference"),
        keys=results.keys,
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
