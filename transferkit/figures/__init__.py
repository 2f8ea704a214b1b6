"""Explaining. Figures as functions: each takes data and `ax=None` and returns the Axes; none shows anything."""

from transferkit.figures.clustered import clustered
from transferkit.figures.curves import curves
from transferkit.figures.dendrogram import dendrogram
from transferkit.figures.depth_lines import block_lines, convergence
from transferkit.figures.forest import forest
from transferkit.figures.growth import growth
from transferkit.figures.heatmap import Scale, heatmap, ratio_scale
from transferkit.figures.intervals import intervals
from transferkit.figures.layers import layers
from transferkit.figures.likeness import likeness
from transferkit.figures.overlap import overlap
from transferkit.figures.parts import parts
from transferkit.figures.prompt_map import prompt_map
from transferkit.figures.regret import regret_curves
from transferkit.figures.row_norms import row_norms
from transferkit.figures.scatter import scatter
from transferkit.figures.shoot_out import shoot_out
from transferkit.figures.starts import starts
from transferkit.figures.structure import structure
from transferkit.figures.style import style
from transferkit.figures.target_scores import target_scores
from transferkit.figures.trade_off import trade_off
from transferkit.figures.verdicts import verdicts

__all__ = [
    "Scale",
    "block_lines",
    "clustered",
    "convergence",
    "curves",
    "dendrogram",
    "forest",
    "growth",
    "heatmap",
    "intervals",
    "layers",
    "likeness",
    "overlap",
    "parts",
    "prompt_map",
    "ratio_scale",
    "regret_curves",
    "row_norms",
    "scatter",
    "shoot_out",
    "starts",
    "structure",
    "style",
    "target_scores",
    "trade_off",
    "verdicts",
]
