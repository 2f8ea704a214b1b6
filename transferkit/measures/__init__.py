"""Making. What a frozen model does when given a prompt: how often it is right, which neurons it activates."""

from transferkit.measures.neurons import activated
from transferkit.measures.scores import majority_score, score_all

__all__ = ["activated", "majority_score", "score_all"]
