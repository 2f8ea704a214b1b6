"""Making. What a frozen model does with a prompt: how often it is right, which neurons and words the prompt is near."""

from transferkit.measures.neurons import activated
from transferkit.measures.scores import majority_score, score_all
from transferkit.measures.words import nearest_words

__all__ = ["activated", "majority_score", "nearest_words", "score_all"]
