"""Explaining. Statistics of matrices and scores: agreement with its grouping, and intervals that say what varies."""

from transferkit.statistics.agreement import Agreement, Cells, agreement, partial_agreement, spearman
from transferkit.statistics.best_point import BestPoint, best_point
from transferkit.statistics.bootstrap import over_tasks
from transferkit.statistics.cells import CellTest, Verdict, cell_test, verdicts
from transferkit.statistics.discovery import false_discovery
from transferkit.statistics.intervals import (
    Comparison,
    Interval,
    compare,
    mcnemar,
    over_examples,
    over_seeds,
    paired_bootstrap,
    scores_of,
    wilson,
)
from transferkit.statistics.plane import Projection, neighbour_map, principal_plane
from transferkit.statistics.ranking import GROUPINGS, Grouping
from transferkit.statistics.regret import Regret, random_regret, regret, same_group_regret
from transferkit.statistics.relabelling import mantel, mantel_many
from transferkit.statistics.subsets import asymmetry_agreement, leave_one_group_out

__all__ = [
    "GROUPINGS",
    "Agreement",
    "BestPoint",
    "CellTest",
    "Cells",
    "Comparison",
    "Grouping",
    "Interval",
    "Projection",
    "Regret",
    "Verdict",
    "agreement",
    "asymmetry_agreement",
    "best_point",
    "cell_test",
    "compare",
    "false_discovery",
    "leave_one_group_out",
    "mantel",
    "mantel_many",
    "mcnemar",
    "neighbour_map",
    "over_examples",
    "over_seeds",
    "over_tasks",
    "paired_bootstrap",
    "partial_agreement",
    "principal_plane",
    "random_regret",
    "regret",
    "same_group_regret",
    "scores_of",
    "spearman",
    "verdicts",
    "wilson",
]
