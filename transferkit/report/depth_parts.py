"""Explaining. What a prompt does by depth: the trade-off, rows behind every block, training, and cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from transferkit import figures
from transferkit.figures.depths import NAMES
from transferkit.report.page import Drawing, Part, Table
from transferkit.report.words import slug, snippet
from transferkit.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTHING = "no prompt"
TRADE_OFF = (
    "x: blocks k that run without the prompt P; above it the blocks between prompt and answer, D = L − k, L all blocks "
    "of the model, a decoder's included. Score: as above; the larger the marker, the more arithmetic an example of a "
    "training step takes. Influence on the answer: KL(p(y|x,P) ‖ p(y|x)) over the classes, in nats: what the prompt "
    "changes of the answer. Signal at the first step: ‖∂loss/∂P‖ of one example at the rows that training began from "
    "(of a generator, those it made then): what of the label reaches the prompt. Sensitivity: Σ_c ‖∂s_c/∂P‖², s_c the "
    "score of class c: how much the answer could follow the prompt. Means over examples of the report split "
    "(gradients: the first {n_gradients}), then over seeds, with 95 % t intervals over {over}, which may reach below "
    "zero where they are wide: a bar that would reach below a tenth of its point ends there, dotted. The CSV holds "
    "more: swapped, KL(p(y|x,P) ‖ p(y|x,P₀)), P₀ what training began from; removed_vocabulary, as influence over all "
    "words; turned and changed, 1 − cosine and ‖r_P − r‖ / ‖r‖ of the row r the answer is taken from; signal, with the "
    "rows as trained. These estimators are ours; the paper published none."
)
BLOCKS = (
    "x: blocks that have run; one line per k. Similarity: cosine of a text row with and without the prompt, mean over "
    "rows and examples. Attention: share of attention text rows pay to prompt rows, mean over heads, rows, examples; "
    "blocks of a decoder behind an encoder have no prompt row among their own, and what they attend to of the encoder "
    "is not counted. Information: H(y) − cross-entropy of a linear probe (multinomial logistic regression on "
    "standardised features, L2 penalty 1/C, C = 0.01, 5-fold cross-validation), at least 0; classes with fewer than 5 "
    "examples are left out. It estimates a lower bound of the mutual information of label and row, limited by the "
    "probe. It reads the row that answers, or the mean text row where texts are pooled or encoded for a decoder. "
    "Dashed: without a prompt."
)
CONVERGENCE = (
    "Selection score, mean over seeds, by step and by CPU-second of the training process, evaluations and the share of "
    "loading and filling included, spread evenly over the steps."
)
COSTS = (
    "Numbers that learn; arithmetic of an example of a training step by formula (blocks alone, forward and backward, "
    "multiply-add counted as two, rows below the prompt once for all visits where they are kept; networks that make "
    "prompts and, of an encoder-decoder, the decoder left out); CPU-seconds of a training run, mean over seeds, on a "
    "machine that may have been busy."
)


def depth_parts(results: Results, backbone: str) -> list[Part]:
    """Return what is known of the prompts of a sweep on one backbone beside their scores."""
    parts: list[Part] = []
    scores = results.depths.scores(backbone).dropna(subset=["score"])
    influence, costs = results.depths.influence(backbone), results.depths.costs(backbone)
    if len(influence):
        both = [
            influence.assign(score=float("nan")),
            scores.assign(quantity="score", value=scores["score"]),
        ]
        over = "seeds" if int(influence["n_seeds"].max()) > 1 else "examples"
        n_gradients = int(influence.loc[influence["quantity"] == "signal", "n"].max())
        parts.append(
            _drawing(
                results,
                f"trade-off-{slug(backbone)}",
                f"Distance and influence, {backbone}",
                TRADE_OFF.format(n_gradients=n_gradients, over=over),
                lambda title: figures.trade_off(scores, influence, costs=costs, title=title),
                _together(both),
                f'd = results.depths; b = "{backbone}"; '
                "tk.figures.trade_off(d.scores(b), d.influence(b), costs=d.costs(b))",
            )
        )
    parts += _block_drawings(results, backbone)
    curves = results.depths.curves(backbone)
    for generator, of_one in curves.groupby("generator", sort=False):
        parts.append(
            _drawing(
                results,
                f"convergence-{slug(backbone)}-{slug(str(generator))}",
                f"Training by depth, {backbone}, {NAMES[str(generator)]}",
                CONVERGENCE,
                lambda title, frame=of_one: figures.convergence(frame, title=title),
                of_one,
                f'tk.figures.convergence(results.depths.curves("{backbone}").query("generator == \'{generator}\'"))',
            )
        )
    if len(costs):
        parts.append(_cost_table(results, backbone, costs, scores))
    return parts


def _block_drawings(results: Results, backbone: str) -> list[Part]:
    blocks = results.depths.blocks(backbone)
    parts: list[Part] = []
    for generator in dict.fromkeys(name for name in blocks["generator"] if name != NOTHING):
        frame = blocks[blocks["generator"].isin([generator, NOTHING])]
        parts.append(
            _drawing(
                results,
                f"blocks-{slug(backbone)}-{slug(str(generator))}",
                f"Block by block, {backbone}, {NAMES[str(generator)]}",
                BLOCKS,
                lambda title, frame=frame: figures.block_lines(frame, title=title),
                frame,
                f'tk.figures.block_lines(results.depths.blocks("{backbone}").query('
                f"\"generator in ('{generator}', '{NOTHING}')\"))",
            )
        )
    return parts


def _cost_table(results: Results, backbone: str, costs: pd.DataFrame, scores: pd.DataFrame) -> Table:
    point = ["backbone", "task", "generator", "insert_after"]
    frame = costs.merge(scores[[*point, "score"]], on=point, how="left")
    return Table(
        name=f"costs-{slug(backbone)}",
        title=f"What depth saves, {backbone}",
        caption=COSTS,
        frame=frame,
        columns={
            "task": "task",
            "generator": "generator",
            "insert_after": "blocks below",
            "parameters": "numbers that learn",
            "gflop_per_example": "GFLOP per example",
            "cpu_seconds": "CPU-seconds",
            "score": "score, %",
            "n_seeds": "seeds",
        },
        percent=("score",),
        snippet=snippet(results, f'results.depths.costs("{backbone}")'),
        keys=tuple(dict.fromkeys(" ".join(frame["keys"]).split())),
    )


def _drawing(  # noqa: PLR0917
    results: Results,
    name: str,
    title: str,
    caption: str,
    draw: Callable[[str], list[list[Axes]]],
    frame: pd.DataFrame,
    line: str,
) -> Drawing:
    def drawn() -> Figure:
        figure = draw(title)[0][0].get_figure(root=True)
        assert figure is not None
        return figure

    keys = tuple(dict.fromkeys(" ".join(frame["keys"]).split())) if "keys" in frame else ()
    return Drawing(
        name=name, title=title, caption=caption, draw=drawn, frame=frame, snippet=snippet(results, line), keys=keys
    )


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    columns = ["backbone", "task", "generator", "insert_after", "quantity", "value", "low", "high", "n", "n_seeds"]
    return pd.concat(frames, ignore_index=True)[[*columns, "keys"]]
