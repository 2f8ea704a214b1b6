"""Explaining. Statistics of matrices and scores: agreement with its grouping, and intervals that say what varies."""

from transferkit.statistics.agreement import Agreement, Cells, agreement, partial_agreement, spearman
from transferkit.statistics.best_point import BestPoint, best_point
from transferkit.statistics.bootstrap import over_tasks
from transferkit.statistics.cells import CellTest, Verdict, cell_test, verdicts
from transferkit.statistics.choosing import Choice, choose
from transferkit.statistics.convergence import (
    ConvergenceRule,
    Curve,
    Times,
    comparable_speedup,
    comparable_times,
    converged_level,
    convergence_speedup,
    convergence_times,
    reference_step,
    step_converged,
    step_reaching,
)
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
from transferkit.statistics.speedup import Speedup, SpeedupSummary, median_speedup, ratio, summarise, within
from transferkit.statistics.subsets import asymmetry_agreement, leave_one_group_out
from transferkit.statistics.top_k import TopK, top_k, top_k_curves

__all__ = [
    "GROUPINGS",
    "Agreement",
    "BestPoint",
    "CellTest",
    "Cells",
    "Choice",
    "Comparison",
    "ConvergenceRule",
    "Curve",
    "Grouping",
    "Interval",
    "Projection",
    "Regret",
    "Speedup",
    "SpeedupSummary",
    "Times",
    "TopK",
    "Verdict",
    "agreement",
    "asymmetry_agreement",
    "best_point",
    "cell_test",
    "choose",
    "comparable_speedup",
    "comparable_times",
    "compare",
    "converged_level",
    "convergence_speedup",
    "convergence_times",
    "false_discovery",
    "leave_one_group_out",
    "mantel",
    "mantel_many",
    "mcnemar",
    "median_speedup",
    "neighbour_map",
    "over_examples",
    "over_seeds",
    "over_tasks",
    "paired_bootstrap",
    "partial_agreement",
    "principal_plane",
    "random_regret",
    "ratio",
    "reference_step",
    "regret",
    "same_group_regret",
    "scores_of",
    "spearman",
    "step_converged",
    "step_reaching",
    "summarise",
    "top_k",
    "top_k_curves",
    "verdicts",
    "wilson",
    "within",
]
