"""How much arithmetic the algorithm needs, counted from the model's dimensions: floating-point operations per example.

A multiply-add is two operations. A linear map of a → b costs 2·a·b per row; attention of q rows to k rows costs
2·q·k·(heads·width) for the scores and as much for the mixture, so 4·q·k·inner. Norms, activations and the head at one
row are left out. Training a prompt over frozen weights needs the forward pass and the gradient of the activations, not
that of the weights: linear maps count twice, attention three times (Kaplan et al. 2020, section 2.1, count
2N forward and 4N backward with the gradients of the weights, which is half of it; attention has two inputs that need
gradients in each of its two products).

What can be saved exactly is not counted as done: the last block asks from one row and forms no keys and values for the
others, prompt rows enter the block they join at once per batch, and the text's rows there need no gradient. Without
these savings, as papers compare methods, `transferkit/flops.py` counts.
"""

from typing import TypeVar

import numpy as np

from transferkit.flops import Dimensions
from transferkit.shapes import FloatArray, IntArray

N = TypeVar("N", float, FloatArray)


def encoder(
    of: Dimensions,
    lengths: IntArray,
    *,
    prompt: int,
    batch: int,
    insert_after: int = 0,
    visits: float = 1,
    training: bool,
) -> float:
    """Return the mean operations per example of an encoder, a prompt in front of the texts.

    Args:
        of: the model.
        lengths: text rows of the examples.
        prompt: prompt rows.
        batch: examples per step, which share the prompt's rows where it joins.
        insert_after: blocks that see the text alone, and are never differentiated.
        visits: how often an example comes for each time it goes through these.
        training: whether gradients of the activations are computed.
    """
    text = lengths.astype(np.float64)
    rows = text + prompt
    below = insert_after * (_maps(of) * text + _attention(of, text, text)) / visits
    inside = of.n_blocks - insert_after - 1
    meeting = (
        _entering(of) if inside else 0.0
    )  # the last block forms no keys, so nothing is shared where it is the first
    linear = inside * _maps(of) * rows - meeting * prompt * (1 - 1 / batch) + _asking(of)
    attention = inside * _attention(of, rows, rows) + _absorbed(of, rows)
    return float(np.mean(below + _passes(linear, attention, meeting * text, training)))


def causal(of: Dimensions, lengths: IntArray, *, prompt: int, batch: float, training: bool) -> float:
    """Return the mean operations per example of a causal model whose prompt is run once for `batch` examples.

    Rows of the last block that nobody reads still give keys and values.
    """
    text = lengths.astype(np.float64)
    ahead = prompt / batch
    inside = of.n_blocks - 1
    linear = inside * _maps(of) * (text + ahead) + _keys(of) * (text + ahead) + _asking(of)
    seen = inside * (_attention(of, text, text + prompt) + _attention(of, ahead, float(prompt)))
    attention = seen + _attention(of, 1.0, text + prompt)
    return float(np.mean(_passes(linear, attention, _entering(of) * text, training)))


def _passes(linear: N, attention: N, needless: N, training: bool) -> N:
    """Return the forward pass, or that and the backward pass, but for linear maps whose inputs need no gradient."""
    return 2 * linear - needless + 3 * attention if training else linear + attention


def _maps(of: Dimensions) -> float:
    """Return the operations of a block's linear maps per row."""
    return 2 * of.weights


def _entering(of: Dimensions) -> float:
    """Return those of its queries, keys and values."""
    return 2 * of.width * of.inner + _keys(of)


def _keys(of: Dimensions) -> float:
    return 4 * of.width * of.inner_keys


def _asking(of: Dimensions) -> float:
    """Return those of a row that asks in the last block: its query, its output and its feed-forward part."""
    return _maps(of) - _keys(of)


def _attention(of: Dimensions, queries: N, keys: N) -> N:
    return 4 * queries * keys * of.inner


def _absorbed(of: Dimensions, keys: FloatArray) -> FloatArray:
    """Return those of one row that attends to the rows themselves: W_kᵀq and V·mean, then scores and mean over them."""
    return _keys(of) + 4 * keys * of.n_heads * of.width
