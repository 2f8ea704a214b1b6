"""Making. What a frozen backbone answers, for many prompts on one split, and the numbers made of it."""

from transferkit.predictions.classes import class_scores, count_right, metrics_of
from transferkit.predictions.ensembles import Ensemble, ensemble_scores
from transferkit.predictions.entrants import Entrant, Prefills, ready
from transferkit.predictions.outcomes import Outcome, outcomes

__all__ = [
    "Ensemble",
    "Entrant",
    "Outcome",
    "Prefills",
    "class_scores",
    "count_right",
    "ensemble_scores",
    "metrics_of",
    "outcomes",
    "ready",
]
