"""Explaining. How well every indicator agrees with transfer, beside the two baselines none of them should lose to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.indicators import BASELINES, EMBEDDING, NEURON, VARIANTS, Indicator
from transferkit.matrices import Matrix, same_group
from transferkit.results.reading import Reading
from transferkit.results.similarity import indicator_matrix
from transferkit.statistics import GROUPINGS, agreement, mantel, partial_agreement

if TYPE_CHECKING:
    import pandas as pd

DIAGONALS = ("without", "with")
CHANGES: tuple[Indicator, ...] = tuple(i for i in VARIANTS if i.name.endswith("_change"))
COMPARED: tuple[Indicator, ...] = (*EMBEDDING, *CHANGES, *NEURON, *BASELINES)
COLUMNS = ("form", "indicator", "grouping", "diagonal", "rho", "p", "n_groups", "n_asked", "n_cells")


def agreements(reading: Reading, forms: dict[str, Matrix], backbone: str, *, seed: int) -> pd.DataFrame:
    """Return one row per form of transfer, indicator, grouping and diagonal.

    Args:
        reading: the study and its store.
        forms: the same transfer matrix as raw, relative and chance-corrected scores.
        backbone: whose prompts the indicators compare.
        seed: of the relabellings behind each p value.
    """
    import pandas as pd

    generator = np.random.default_rng(seed)
    rows = []
    matrices = candidates(reading, next(iter(forms.values())), backbone)
    for form, transfer in forms.items():
        for matrix in matrices:
            for grouping in GROUPINGS:
                for diagonal in DIAGONALS:
                    found = agreement(transfer, matrix, grouping=grouping, diagonal=diagonal)
                    p = None
                    if diagonal == "without":
                        p = mantel(transfer, matrix, generator=generator, grouping=grouping)
                    counts = (found.n_groups, found.n_asked, found.n_cells)
                    rows.append((form, matrix.name, grouping, diagonal, _or_nan(found.rho), _or_nan(p), *counts))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def partial_agreements(reading: Reading, forms: dict[str, Matrix], backbone: str) -> pd.DataFrame:
    """Return agreement over all cells off the diagonal with prompt norm, or same group, taken out."""
    import pandas as pd

    rows = []
    matrices = candidates(reading, next(iter(forms.values())), backbone)
    for form, transfer in forms.items():
        given = {matrix.name: matrix for matrix in matrices if matrix.name in ("norm_proxy", "same group")}
        for matrix in matrices:
            row: dict[str, object] = {"form": form, "indicator": matrix.name}
            row["rho"] = _or_nan(agreement(transfer, matrix, grouping="all").rho)
            for name, other in given.items():
                rho = None if name == matrix.name else partial_agreement(transfer, matrix, other)
                row[f"given {name.replace('_', ' ')}"] = _or_nan(rho)
            rows.append(row)
    return pd.DataFrame(rows)


def candidates(reading: Reading, transfer: Matrix, backbone: str) -> list[Matrix]:
    """Return every indicator that can be computed from what is there, and the same-group baseline."""
    matrices = [indicator_matrix(reading, indicator, backbone, seed_pairs="all") for indicator in COMPARED]
    return [*(matrix for matrix in matrices if matrix.is_measured.any()), same_group(transfer)]


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
