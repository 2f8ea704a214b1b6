"""What reaches a prompt from the answer, and what of it reaches the answer: gradients, example by example."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from transferkit.backbones import Backbone
from transferkit.batches import Batch, Encoded
from transferkit.predictions import Entrant
from transferkit.readouts import Readout, losses
from transferkit.shapes import FloatArray


def signal(readout: Readout, encoded: Encoded, entrant: Entrant, *, n: int, batch_size: int) -> FloatArray:
    """Return ‖∂loss/∂P‖ of the first n examples of a split [n], in its order.

    Args:
        readout: of the split's task, which knows its backbone.
        encoded: the split.
        entrant: the prompt; where a generator makes it, the rows it makes count, not its weights.
        n: examples.
        batch_size: examples per pass; changes memory, not numbers beyond rounding.
    """
    found = []
    for batch in _first(encoded, n, batch_size):
        here = batch.to(readout.backbone.device)
        rows, scores = _scored(readout, here, entrant)
        (gradient,) = torch.autograd.grad(losses(scores, readout.gold(here)).sum(), rows)
        found.append(_norms(gradient))
    return np.concatenate(found)


def sensitivity(
    readout: Readout, encoded: Encoded, entrant: Entrant, *, n: int, batch_size: int
) -> tuple[FloatArray, FloatArray]:
    """Return Σ_c ‖∂s_c/∂P‖², over classes c, of the first n examples of a split [n], and their `signal` [n].

    The loss is a function of the class scores, so its gradient is Σ_c (p_c − [c = y]) ∂s_c/∂P, a by-product.
    """
    squares, signals = [], []
    for batch in _first(encoded, n, batch_size):
        here = batch.to(readout.backbone.device)
        rows, scores = _scored(readout, here, entrant)
        share = scores.detach().softmax(1)
        share[torch.arange(len(rows)), readout.gold(here)] -= 1
        of_loss, square = torch.zeros_like(rows), np.zeros(len(rows))
        for c in range(scores.shape[1]):
            (gradient,) = torch.autograd.grad(scores[:, c].sum(), rows, retain_graph=True)
            of_loss += share[:, c, None, None] * gradient
            square += _norms(gradient) ** 2
        squares.append(square)
        signals.append(_norms(of_loss))
    return np.concatenate(squares), np.concatenate(signals)


def _norms(gradient: Float[Tensor, "B P d"]) -> FloatArray:
    return gradient.detach().flatten(1).double().norm(dim=1).cpu().numpy()


def _first(encoded: Encoded, n: int, batch_size: int) -> Iterator[Batch]:
    order = np.arange(min(n, len(encoded)))
    for start in range(0, len(order), batch_size):
        yield encoded.without_rows.batch(order[start : start + batch_size])


def _scored(readout: Readout, batch: Batch, entrant: Entrant) -> tuple[Float[Tensor, "B P d"], Float[Tensor, "B K"]]:
    """Return prompt rows, a copy for each example so that gradients stay apart, and the class scores behind them."""
    rows = _own_rows(readout.backbone, batch, entrant).requires_grad_(True)
    return rows, readout.logits(readout.backbone.enter(batch, rows, entrant.placement), batch)


@torch.no_grad()
def _own_rows(backbone: Backbone, batch: Batch, entrant: Entrant) -> Float[Tensor, "B P d"]:
    if entrant.generator is not None:
        return entrant.generator(backbone.below(batch, entrant.placement.insert_after), batch).clone()
    assert entrant.vectors is not None
    return entrant.vectors.float().expand(len(batch.ids), -1, -1).clone()
