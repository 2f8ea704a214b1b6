"""Beside both halves. What does a checkout of Su et al.'s repository hold? Prompts, scores, and what was left out.

Reads `task_prompt_emb/{TASK}Prompt{BACKBONE}/task_prompt` and `result/{TARGET}Prompt{BACKBONE}/result_*.json` of
`thunlp/Prompt-Transferability` for any backbone. Nothing found there is fatal: what is odd is listed with its reason.

Reference: Su et al. 2022, On Transferability of Prompt Tuning for Natural Language Processing.
"""

from transferkit.interop.su2022.checkout import Checkout, read_checkout
from transferkit.interop.su2022.folders import PROMPTS, RESULTS, is_checkout
from transferkit.interop.su2022.found import FoundPrompt, FoundScore, Kind, Skipped
from transferkit.interop.su2022.names import NAME
from transferkit.interop.su2022.prompts import MAX_NESTED, PROMPT_FILES, PROMPT_SUFFIXES
from transferkit.interop.su2022.scores import RESULT
from transferkit.interop.su2022.tasks import (
    BACKBONES,
    BINARY_FAMILIES,
    GENERATION,
    GROUPS,
    MASKED,
    N_CLASSES,
    UNMASKED,
    group_of,
    live_rows,
    metric_of,
    n_classes_of,
)

__all__ = [
    "BACKBONES",
    "BINARY_FAMILIES",
    "GENERATION",
    "GROUPS",
    "MASKED",
    "MAX_NESTED",
    "NAME",
    "N_CLASSES",
    "PROMPTS",
    "PROMPT_FILES",
    "PROMPT_SUFFIXES",
    "RESULT",
    "RESULTS",
    "UNMASKED",
    "Checkout",
    "FoundPrompt",
    "FoundScore",
    "Kind",
    "Skipped",
    "group_of",
    "is_checkout",
    "live_rows",
    "metric_of",
    "n_classes_of",
    "read_checkout",
]
