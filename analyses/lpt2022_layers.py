"""Liu et al. 2022, the trade-off of depth: does it show in the prompts of a sweep, and what depth saves by formula.

The abstract claims a trade-off between a prompt's distance from the label's signal and its influence on the answer. The
paper published neither code nor estimators for it, so ours are named plainly (`transferkit/measures/influence.py`).
Reference values of the arithmetic (`reference/lpt2022_flops.csv`) come from an independent computation of the same
formulas, printed to one or two decimals.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from transferkit import flops
from transferkit.figures.depths import NAMES
from transferkit.report import Part, Section, Table, Text
from transferkit.report.words import signed, snippet
from transferkit.results import Results
from transferkit.statistics import spearman

REFERENCE = Path(__file__).with_name("reference") / "lpt2022_flops.csv"
ROBERTA_LARGE = flops.Dimensions(24, 1024, 16, 16, 64, 4096, 2, 50265)
TEXT, PROMPT, LONGER, VISITS = 128, 5, 20, 10  # rows of a text and of two prompts; epochs
LEAST_DEPTHS = 4  # a rank correlation of fewer says nothing
CLAIMS = {
    "signal_initial": "signal at the first step",
    "removed": "influence on the answer",
    "sensitivity": "sensitivity",
    "turned": "turn of the row read",
}
COLUMNS = {
    "backbone": "backbone",
    "generator": "prompt",
    "quantity": "quantity",
    "rho": "Spearman with depth",
    "low": "lowest task",
    "high": "highest task",
    "peak_from": "largest after",
    "peak_to": "to",
    "n_tasks": "tasks",
    "n_depths": "depths",
}


def sections(results: Results) -> list[Section]:
    """Return how the trade-off shows by depth, and the paper's arithmetic beside ours."""
    parts: list[Part] = []
    table = trade_off(results)
    if len(table):
        parts += [Text(body=sentence(table)), _trade_off_table(results, table)]
        parts.append(_flops_table(results))
    return [Section(title="The paper's trade-off", slug="trade-off", parts=tuple(parts))] if parts else []


def trade_off(results: Results) -> pd.DataFrame:
    """Return per backbone, generator and quantity its rank correlation with depth and where it is highest, over tasks.

    Depth is the number of blocks below the prompt, so a signal that grows on a shorter way correlates positively.
    """
    found = results.depths.influence()
    rows = []
    for (backbone, generator, quantity), of_one in found.groupby(["backbone", "generator", "quantity"], sort=False):
        if quantity not in CLAIMS:
            continue
        tasks = [of_task for _, of_task in of_one.groupby("task", sort=False) if len(of_task) >= LEAST_DEPTHS]
        rho = [spearman(of_task["insert_after"].to_numpy(), of_task["value"].to_numpy()) for of_task in tasks]
        each = np.array([value for value in rho if value is not None])
        if not len(each):
            continue
        peaks = [int(str(of_task.set_index("insert_after")["value"].idxmax())) for of_task in tasks]
        rows.append(
            {
                "backbone": backbone,
                "generator": NAMES[str(generator)],
                "quantity": CLAIMS[str(quantity)],
                "rho": float(each.mean()),
                "low": float(each.min()),
                "high": float(each.max()),
                "peak_from": min(peaks),
                "peak_to": max(peaks),
                "n_tasks": len(each),
                "n_depths": min(len(of_task) for of_task in tasks),
                "keys": " ".join(of_one["keys"]),
            }
        )
    return pd.DataFrame(rows, columns=[*COLUMNS, "keys"])


def sentence(table: pd.DataFrame) -> str:
    """Say for every backbone and way of making prompts how signal and influence change with depth."""
    said = []
    for (backbone, generator), rows in table.groupby(["backbone", "generator"], sort=False):
        known = {str(row["quantity"]): row for row in rows.to_dict("records")}
        halves = [
            f"{name} {_described(known[CLAIMS[quantity]])}"
            for name, quantity in (("signal", "signal_initial"), ("influence", "removed"))
            if CLAIMS[quantity] in known
        ]
        said.append(f"{backbone}, {generator}: {', '.join(halves)}")
    return (
        "The paper's trade-off asks for a signal that grows with depth and an influence that falls. Mean rank"
        f" correlations with depth, and the depths at which tasks have the largest value: {'; '.join(said)}. Nothing is"
        " tested here: neighbouring depths are alike, and tasks on one backbone are no independent witnesses. The size"
        " of a gradient also depends on that of the rows it is taken for, which differs by depth. So this neither"
        " confirms nor refutes the trade-off."
    )


def _described(row: Mapping[Hashable, float]) -> str:
    first, last = int(row["peak_from"]), int(row["peak_to"])
    return f"{signed(row['rho'])}, largest after {first if first == last else f'{first} to {last}'}"


def paper_arithmetic() -> pd.DataFrame:
    """Return the operations of an example of a training step by depth, RoBERTa-large, with the reference values."""
    large = ROBERTA_LARGE
    full, at_input = flops.fine_tuning(large, TEXT), flops.prompt_tuning(large, TEXT, PROMPT)
    longer = flops.prompt_tuning(large, TEXT, LONGER)
    reference = pd.read_csv(REFERENCE)
    rows = []
    for depth in reference["blocks_below"]:
        anew = flops.prompt_tuning(large, TEXT, PROMPT, insert_after=depth)
        kept = flops.prompt_tuning(large, TEXT, PROMPT, insert_after=depth, visits=VISITS) if depth else anew
        rows.append(
            {
                "blocks_below": depth,
                "gflop": anew / 1e9,
                "cached": kept / 1e9,
                "speedup_fine_tuning": full / anew,
                "speedup_prompt_20": longer / anew,
                "speedup_prompt_5": at_input / anew,
                "cached_fine_tuning": full / kept,
                "cached_prompt_20": longer / kept,
                "cached_prompt_5": at_input / kept,
                "cached_uncached": anew / kept,
            }
        )
    ours = pd.DataFrame(rows)
    difference = (ours - reference).drop(columns="blocks_below").abs().max(axis=1)
    return ours.assign(reference=reference["gflop"], reference_cached=reference["cached"], difference=difference)


def _trade_off_table(results: Results, table: pd.DataFrame) -> Table:
    return Table(
        name="trade-off-ranks",
        title="What grows with depth, and what falls",
        caption="Spearman's rank correlation of a quantity with the number of blocks below the prompt, over the depths"
        " of each task: mean over tasks, lowest and highest; and the depths at which tasks have the largest value."
        " Definitions stand under the first plot with gradients in the section on depth.",
        frame=table,
        columns=COLUMNS,
        snippet=snippet(results, 'tk.find_analysis("lpt2022_layers").trade_off(results)'),
        keys=tuple(dict.fromkeys(" ".join(table["keys"]).split())),
    )


def _flops_table(results: Results) -> Table:
    frame = paper_arithmetic()
    return Table(
        name="paper-arithmetic",
        title="What depth saves in the paper's setting, by formula",
        caption=f"RoBERTa-large, texts of {TEXT} rows, prompt {PROMPT}: operations of an example of a training step, in"
        f" 10⁹, with the rows below the prompt computed each time and once for {VISITS} epochs, and how many times"
        f" fewer than full fine-tuning, a prompt of {LONGER} and one of {PROMPT} at the input take. A multiply-add is"
        " two; generators are left out. The last columns: the reference's operations, and the largest difference of any"
        " number of the row from its reference, which is printed to one or two decimals.",
        frame=frame,
        columns={
            "blocks_below": "blocks below",
            "gflop": "GFLOP",
            "cached": "kept rows",
            "speedup_fine_tuning": "× fine-tuning",
            "speedup_prompt_20": "× prompt 20",
            "speedup_prompt_5": "× prompt 5",
            "cached_fine_tuning": "kept × fine-tuning",
            "cached_prompt_20": "kept × prompt 20",
            "cached_prompt_5": "kept × prompt 5",
            "cached_uncached": "kept × not kept",
            "reference": "reference",
            "reference_cached": "reference, kept",
            "difference": "largest difference",
        },
        snippet=snippet(results, 'tk.find_analysis("lpt2022_layers").paper_arithmetic()'),
    )
