"""Explaining. How well every indicator agrees with transfer, in every form of score, grouping and diagonal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.matrices import Diagonal, Matrix
from transferkit.statistics import GROUPINGS, agreement, mantel_many

if TYPE_CHECKING:
    import pandas as pd

Form = Literal["raw", "relative", "chance_corrected"]

DIAGONALS: tuple[Diagonal, ...] = ("without", "with")
COLUMNS = ("form", "indicator", "grouping", "diagonal", "rho", "p", "n_groups", "n_asked", "n_cells")


def agreements(forms: Mapping[Form, Matrix], candidates: list[Matrix], *, seed: int) -> pd.DataFrame:
    """Return one row per form of transfer, indicator, grouping and diagonal.

    Args:
        forms: the same transfer matrix as raw, relative and chance-corrected scores.
        candidates: indicators of the same tasks.
        seed: of the relabellings behind each p value.
    """
    import pandas as pd

    rows = []
    for grouping in GROUPINGS:
        for diagonal in DIAGONALS:
            generator = np.random.default_rng(seed)  # the same relabellings for every grouping
            p = mantel_many(list(forms.values()), candidates, generator=generator, grouping=grouping, diagonal=diagonal)
            for i, (form, transfer) in enumerate(forms.items()):
                for j, matrix in enumerate(candidates):
                    found = agreement(transfer, matrix, grouping=grouping, diagonal=diagonal)
                    rho = np.nan if found.rho is None else found.rho
                    counts = (found.n_groups, found.n_asked, found.n_cells)
                    rows.append((form, matrix.name, grouping, diagonal, rho, p[i, j], *counts))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {"form": list(forms), "indicator": [matrix.name for matrix in candidates]}
    places = [table[column].map({name: k for k, name in enumerate(names)}) for column, names in order.items()]
    return (
        table.assign(_form=places[0], _indicator=places[1])
        .sort_values(["_form", "_indicator"], kind="stable")[list(COLUMNS)]
        .reset_index(drop=True)
    )
