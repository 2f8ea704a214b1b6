"""Making. The thing being studied: where a prompt begins, how it is trained, what its training looked like."""

from transferkit.prompts.alarms import find_alarms
from transferkit.prompts.initial import make_initial
from transferkit.prompts.training import Data, Progress, train

__all__ = ["Data", "Progress", "find_alarms", "make_initial", "train"]
