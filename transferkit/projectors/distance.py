"""Networks fitted by distance: to the target's own prompts of the same tasks, or to its embeddings of the same words.

Su et al. 2022, section 5 (their loss A: mean squared error), and v2v-nn of Lester et al. 2022. What limits a step is
the way through memory: weights, gradients, moments. So the optimiser is fused, gradients lie where they lay the step
before, and all prompts go through in one step.
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction

from transferkit.artifacts import Cell
from transferkit.errors import RunError
from transferkit.projectors.nets import STREAM, project
from transferkit.shapes import FloatArray
from transferkit.specs import PromptNet, WordsNet

LOOKS = 20  # records of the loss


class Fit:
    """A network on its way to some targets.

    Args:
        method: the network.
        start: its first weights by name.
        device: where it is fitted.
    """

    def __init__(
        self, method: PromptNet | WordsNet, start: Mapping[str, FloatArray], device: torch.device | None = None
    ) -> None:
        self.method = method
        self.parts = {name: nn.Parameter(torch.tensor(part, device=device)) for name, part in start.items()}
        self._optimizer = torch.optim.AdamW(self.parts.values(), lr=method.learning_rate, weight_decay=0.0, fused=True)

    def step(self, sources: Float[Tensor, "n P s"], targets: Float[Tensor, "n P t"]) -> Float[Tensor, ""]:
        """Take one step towards the targets of all sources; return the mean squared error before it."""
        for part in self.parts.values():
            if part.ndim == 1:  # gradients of matrices are written over
                part.grad = None
        loss = F.mse_loss(project(self.method, self.parts, sources, linear=_Linear.apply), targets)
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def weights(self) -> dict[str, FloatArray]:
        """Return the weights by name."""
        return {name: part.detach().cpu().numpy() for name, part in self.parts.items()}


def fit_prompts(
    method: PromptNet,
    start: Mapping[str, FloatArray],
    sources: Float[np.ndarray, "n P s"],
    targets: Float[np.ndarray, "n P t"],
    *,
    device: torch.device | None = None,
) -> tuple[dict[str, FloatArray], list[dict[str, Cell]]]:
    """Return weights fitted to pairs of prompts, all pairs in every step, and the loss on the way.

    Raises:
        RunError: the loss is not finite.
    """
    fit = Fit(method, start, device)
    pairs = [torch.as_tensor(rows, dtype=torch.float32, device=device) for rows in (sources, targets)]
    with torch.enable_grad():
        losses = [fit.step(*pairs) for _ in range(method.steps)]
    return fit.weights(), _history(losses, method.steps)


def fit_words(
    method: WordsNet,
    start: Mapping[str, FloatArray],
    sources: Float[np.ndarray, "N s"],
    targets: Float[np.ndarray, "N t"],
    *,
    device: torch.device | None = None,
) -> tuple[dict[str, FloatArray], list[dict[str, Cell]]]:
    """Return weights fitted to pairs of words in shuffled batches, epoch by epoch; seed 0, as theirs.

    Raises:
        RunError: the loss is not finite.
    """
    fit = Fit(method, start, device)
    pairs = [torch.as_tensor(rows, dtype=torch.float32, device=device)[:, None] for rows in (sources, targets)]
    rng = np.random.default_rng([0, STREAM])
    losses = []
    with torch.enable_grad():
        for _ in range(method.epochs):
            order = torch.from_numpy(rng.permutation(len(sources))).to(pairs[0].device)
            losses += [fit.step(*(rows[some] for rows in pairs)) for some in order.split(method.batch_size)]
    return fit.weights(), _history(losses, len(losses))


class _Linear(torch.autograd.Function):
    """A linear layer whose backward pass overwrites the gradient of its weight; the others are returned as ever.

    Autograd would take fresh memory in every step; for hundreds of MB, page by page, that is slower than the products.
    """

    @staticmethod
    def forward(ctx: BackwardCFunction, rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return F.linear(rows, weight, bias)

    @staticmethod
    def backward(ctx: BackwardCFunction, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor]:
        (gradient,), (rows, weight) = gradients, list(ctx.saved_tensors)
        if weight.grad is None:
            weight.grad = torch.empty_like(weight)
        flat = gradient.flatten(0, -2)
        torch.mm(flat.T, rows.flatten(0, -2), out=weight.grad)
        return gradient @ weight if ctx.needs_input_grad[0] else None, None, flat.sum(0)


def _history(losses: list[Tensor], steps: int) -> list[dict[str, Cell]]:
    every = max(1, steps // LOOKS)
    values = torch.stack(losses).cpu().tolist()
    if not np.isfinite(values[-1]):
        raise RunError("the loss of a projector is not finite", fix="lower its learning_rate")
    return [{"step": i + 1, "train_loss": values[i]} for i in range(every - 1, steps, every)]
