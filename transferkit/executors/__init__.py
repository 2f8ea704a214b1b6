"""Making. Where work happens; an executor takes groups and fills the store, and returns nothing."""

from transferkit.executors.base import Executor
from transferkit.executors.inline import Inline

__all__ = ["Executor", "Inline"]
