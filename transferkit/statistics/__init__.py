"""Explaining. Statistics of matrices and scores: agreement with its grouping, and intervals that say what varies."""

from transferkit.statistics.agreement import (
    GROUPINGS,
    Agreement,
    Grouping,
    agreement,
    mantel,
    partial_agreement,
    spearman,
)
from transferkit.statistics.intervals import (
    Comparison,
    Interval,
    compare,
    mcnemar,
    over_seeds,
    paired_bootstrap,
    scores_of,
    wilson,
)
from transferkit.statistics.plane import Projection, principal_plane

__all__ = [
    "GROUPINGS",
    "Agreement",
    "Comparison",
    "Grouping",
    "Interval",
    "Projection",
    "agreement",
    "compare",
    "mantel",
    "mcnemar",
    "over_seeds",
    "paired_bootstrap",
    "partial_agreement",
    "principal_plane",
    "scores_of",
    "spearman",
    "wilson",
]
