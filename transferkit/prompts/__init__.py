"""Making. The thing being studied: where a prompt begins, how it is trained, what its training looked like."""

from transferkit.prompts.alarms import Sight, find_alarms
from transferkit.prompts.arithmetic import Term, weighted_sum
from transferkit.prompts.cost import training_cost
from transferkit.prompts.initial import make_initial
from transferkit.prompts.optimizers import make_optimizer
from transferkit.prompts.peft import peft_facts
from transferkit.prompts.runs import Data, Job, Run, Stage, batches
from transferkit.prompts.steps import step
from transferkit.prompts.training import EVALUATION_BATCH, Progress, train, train_together

__all__ = [
    "EVALUATION_BATCH",
    "Data",
    "Job",
    "Progress",
    "Run",
    "Sight",
    "Stage",
    "Term",
    "batches",
    "find_alarms",
    "make_initial",
    "make_optimizer",
    "peft_facts",
    "step",
    "train",
    "train_together",
    "training_cost",
    "weighted_sum",
]
