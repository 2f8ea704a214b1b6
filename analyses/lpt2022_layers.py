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
from transferkit.statistics import order_p, over_seeds, spearman

REFERENCE = Path(__file__).with_name("reference") / "lpt2022_flops.csv"
ROBERTA_LARGE = flops.Dimensions(24, 1024, 16, 16, 64, 4096, 2, 50265)
TEXT, PROMPT, LONGER, VISITS = 128, 5, 20, 10  # rows of a text and of two prompts; epochs
LEAST_DEPTHS = 4  # a rank correlation of fewer says nothing
LEVEL = 0.05
CLAIMS = {
    "signal_initial": "signal at the first step",
    "removed": "influence on the answer",
    "sensitivity": "sensitivity",
    "turned": "turn of the row read",
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
    """Return per backbone, generator and quantity its rank correlation with depth: mean and interval over tasks, and p.

    Depth is the number of blocks below the prompt, so a signal that grows on a shorter way correlates positively.
    Depths that not all tasks have are left out.
    """
    found = results.depths.influence()
    rows = []
    for (backbone, generator, quantity), of_one in found.groupby(["backbone", "generator", "quantity"], sort=False):
        if quantity not in CLAIMS:
            continue
        values = of_one.pivot(index="task", columns="insert_after", values="value").dropna(axis="columns")
        rho = [spearman(values.columns.to_numpy(), row) for row in values.to_numpy()]
        each = np.array([value for value in rho if value is not None])
        if len(values.columns) < LEAST_DEPTHS or not len(each):
            continue
        interval = over_seeds(each)
        rows.append(
            {
                "backbone": backbone,
                "generator": NAMES[str(generator)],
                "quantity": CLAIMS[str(quantity)],
                "rho": float(each.mean()),
                "low": max(-1.0, interval.low) if interval else float("nan"),
                "high": min(1.0, interval.high) if interval else float("nan"),
                "p": order_p(values.to_numpy()),
                "n_tasks": len(each),
                "n_depths": len(values.columns),
                "keys": " ".join(of_one["keys"]),
            }
        )
    columns = ["backbone", "generator", "quantity", "rho", "low", "high", "p", "n_tasks", "n_depths", "keys"]
    return pd.DataFrame(rows, columns=columns)


def sentence(table: pd.DataFrame) -> str:
    """Say for every backbone and way of making prompts which half of the trade-off shows."""
    said = []
    for (backbone, generator), rows in table.groupby(["backbone", "generator"], sort=False):
        known = {str(row["quantity"]): row for row in rows.to_dict("records")}
        halves = [
            f"{name} {_verdict(known[CLAIMS[quantity]], wanted)}"
            for name, quantity, wanted in (("signal", "signal_initial", 1), ("influence", "removed", -1))
            if CLAIMS[quantity] in known
        ]
        said.append(f"{backbone}, {generator}: {', '.join(halves)}")
    return (
        "The paper's trade-off asks for a signal that grows with depth and an influence that falls. Rank correlations"
        f" with depth, means over tasks, judged at 5 % against every other order of the depths: {'; '.join(said)}. The"
        " size of a gradient also depends on that of the rows it is taken for, which differs by depth."
    )


def _verdict(row: Mapping[Hashable, float], wanted: int) -> str:
    """Say whether a rank correlation has the sign the paper asks for, the opposite one, or cannot be told from 0."""
    meant = "cannot be told" if row["p"] > LEVEL else "as asked" if wanted * row["rho"] > 0 else "the opposite"
    return f"{signed(row['rho'])} ({meant})"


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
        " of each task; mean over tasks with a 95 % t interval over tasks, which knows nothing of how few depths there"
        " are. p: two-sided, of the mean among those of every other order of the depths, the same for all tasks:"
        " tasks on one backbone are no independent witnesses. Definitions stand under the first plot with gradients in"
        " the section on depth.",
        frame=table,
        columns={
            "backbone": "backbone",
            "generator": "prompt",
            "quantity": "quantity",
            "rho": "Spearman with depth",
            "low": "from",
            "high": "to",
            "p": "p",
            "n_tasks": "tasks",
            "n_depths": "depths",
        },
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
