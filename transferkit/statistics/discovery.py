"""Explaining. Many p values were looked at: how many of those called discoveries may be false?

Reference: Benjamini & Hochberg 1995.
"""

import numpy as np

from transferkit.shapes import FloatArray


def false_discovery(p: FloatArray) -> FloatArray:
    """Return q values for p values of any shape, all one family; NaN stays NaN and is not counted.

    Calling every cell with q ≤ x a discovery makes at most a share x of them false, in expectation.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=np.float64)
    is_known = ~np.isnan(p)
    q = np.full(p.shape, np.nan)
    if is_known.any():
        q[is_known] = false_discovery_control(p[is_known])
    return q
