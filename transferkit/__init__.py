"""transferkit: when does a soft prompt also serve another task, or another language model, and why?

Public names are imported when they are first used, so that `import transferkit` stays fast and needs no torch.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.3.0"

if TYPE_CHECKING:
    from transferkit import figures, indicators, interop, presets, statistics, tasks
    from transferkit.backbones import Backbone
    from transferkit.chapters import find_analysis
    from transferkit.filling import fill
    from transferkit.named import find_study
    from transferkit.opening import open_results
    from transferkit.results import Results
    from transferkit.store import Store
    from transferkit.study import Study
    from transferkit.suggestion import suggest

_WHERE = {
    "Backbone": "transferkit.backbones",
    "Results": "transferkit.results",
    "Store": "transferkit.store",
    "Study": "transferkit.study",
    "fill": "transferkit.filling",
    "find_analysis": "transferkit.chapters",
    "find_study": "transferkit.named",
    "open_results": "transferkit.opening",
    "suggest": "transferkit.suggestion",
}
_MODULES = ("figures", "indicators", "interop", "presets", "statistics", "tasks")

__all__ = [
    "Backbone",
    "Results",
    "Store",
    "Study",
    "figures",
    "fill",
    "find_analysis",
    "find_study",
    "indicators",
    "interop",
    "open_results",
    "presets",
    "statistics",
    "suggest",
    "tasks",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"transferkit.{name}")
    raise AttributeError(f"module 'transferkit' has no attribute {name!r}")
