"""Explaining. The chapters an analysis puts in front of the default report.

An analysis is a file of the `analyses/` folder that offers `sections(results)`. Its name begins with the first word of
the collections and studies it is about: `su2022_cross_task` is about the collection su2022, `lpt2022_layers` about the
study lpt2022_minilm.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from transferkit import named
from transferkit.errors import InputError, nearest
from transferkit.report import Chapter


def analyses() -> dict[str, Path]:
    """Return the files of the built-in analyses by name."""
    return {path.stem: path for path in sorted(named.analyses_folder().glob("*.py"))}


def find_analysis(name: str) -> ModuleType:
    """Return a built-in analysis as a module; what it offers is said in its own docstring.

    Raises:
        InputError: there is no such analysis.
    """
    known = analyses()
    if name not in known:
        raise InputError(f"no analysis {name!r}", fix=nearest(name, list(known)))
    qualified = f"transferkit_analyses_{name}"
    if qualified not in sys.modules:
        spec = importlib.util.spec_from_file_location(qualified, known[name])
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[qualified] = module
    return sys.modules[qualified]


def chapters_for(question: str) -> list[Chapter]:
    """Return the chapters of every built-in analysis about a collection or study, in the order of their names."""
    word = question.split("_", maxsplit=1)[0]
    return [find_analysis(name).sections for name in analyses() if name.startswith(f"{word}_")]


def chapters_of(study: str) -> list[Chapter]:
    """Return the chapters about a built-in study; one's own has none, whatever it is called."""
    return chapters_for(study) if study in named.builtin() else []
