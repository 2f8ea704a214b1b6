"""Making. What a frozen model does with a prompt: how often it is right, what a prompt is near to and acts on."""

from transferkit.measures.activity import measure_activity
from transferkit.measures.influence import Subject, measure_influence
from transferkit.measures.neurons import activated
from transferkit.measures.scores import majority_score, score_all
from transferkit.measures.words import nearest_words

__all__ = [
    "Subject",
    "activated",
    "majority_score",
    "measure_activity",
    "measure_influence",
    "nearest_words",
    "score_all",
]
