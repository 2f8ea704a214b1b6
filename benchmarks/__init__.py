"""Ratios against real peers in the same run, and measurements of this project; results/ keeps the numbers."""

NAMES = (
    "encoder_training",
    "memory",
    "causal_training",
    "causal_evaluation",
    "t5_training",
    "matrix",
    "late_prompts",
    "efficiency",
    "neurons",
    "similarities",
    "projectors",
    "growth",
    "many_prompts",
    "step_overhead",
    "savings",
    "gpu",
)
