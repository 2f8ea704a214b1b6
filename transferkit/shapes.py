"""Shelf. The array axes used everywhere, and the array types annotations are made of.

`B` examples · `T` text tokens · `P` prompt positions · `S` rows in a State · `R` rows read · `d` width · `L` blocks ·
`F` feed-forward neurons per block · `K` label words; `source` `target` `seed` `step` are spelled out. Result axes come
first, then batch, block, position, feature: hidden `[B,T,d]`, prompts `[source,P,d]`, matrices `[source,target]`.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
NumberArray = npt.NDArray[np.integer | np.floating]
BoolArray = npt.NDArray[np.bool_]
