"""Making. The thing being studied: where a prompt begins, how it is trained, what its training looked like."""

from transferkit.prompts.alarms import Sight, find_alarms
from transferkit.prompts.cost import training_cost
from transferkit.prompts.initial import make_initial
from transferkit.prompts.runs import Data, Job
from transferkit.prompts.training import Progress, train, train_together

__all__ = [
    "Data",
    "Job",
    "Progress",
    "Sight",
    "find_alarms",
    "make_initial",
    "train",
    "train_together",
    "training_cost",
]
