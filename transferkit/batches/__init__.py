"""Making. How examples become rows of token ids: template, cutting, answers to be written, length-bucketed batches.

Every per-token tensor of a batch is made here and extended in one place (`Backbone.embed`).
"""

from transferkit.batches.answers import Written, continuations
from transferkit.batches.batch import IGNORED, POOL, Batch, Encoded
from transferkit.batches.encoding import encode, text_limit
from transferkit.batches.texts import empty_row, special_id

__all__ = [
    "IGNORED",
    "POOL",
    "Batch",
    "Encoded",
    "Written",
    "continuations",
    "empty_row",
    "encode",
    "special_id",
    "text_limit",
]
