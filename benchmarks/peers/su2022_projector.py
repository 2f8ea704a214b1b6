"""The projector between prompts that Su et al. 2022 published, and its loop, ported to today's library.

A module over one flattened prompt, library defaults throughout. Its distance-tuned form, which only the history of
their repository has, used Adam; so does this. PyTorch then took one weight after the other (`foreach=False`), today it
takes them together where it can. Gradients are dropped between steps as today's library does by default, which costs
less than filling them with zeros did then. Their distance-tuned loop drew 16 tasks a step, all others take one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transferkit.shapes import FloatArray


class Projector(nn.Module):
    """Flatten, linear, LeakyReLU, linear, layer norm over each row; its shapes are those of the weights it is given."""

    def __init__(self, parts: Mapping[str, FloatArray]) -> None:
        super().__init__()
        width, read = parts["down.weight"].shape
        made, row = len(parts["up.bias"]), len(parts["norm.bias"])
        self.down = nn.Linear(read, width)
        self.up = nn.Linear(width, made)
        self.norm = nn.LayerNorm(row)
        self.load_state_dict({name: torch.from_numpy(part) for name, part in parts.items()})

    def forward(self, prompts: Tensor) -> Tensor:
        """Return prompts of the target."""
        flat = self.up(F.leaky_relu(self.down(prompts.flatten(1))))
        return self.norm(flat.view(len(prompts), -1, self.norm.normalized_shape[0]))


class Loop:
    """A projector in training.

    Args:
        parts: its first weights.
        learning_rate: of Adam.
        foreach: whether Adam takes all weights together.
    """

    def __init__(self, parts: Mapping[str, FloatArray], learning_rate: float, *, foreach: bool) -> None:
        self.projector = Projector(parts)
        self._optimizer = torch.optim.Adam(self.projector.parameters(), lr=learning_rate, foreach=foreach, fused=False)

    def step(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Take one step; return the loss before it."""
        self._optimizer.zero_grad()
        loss = F.mse_loss(self.projector(sources), targets)
        loss.backward()
        self._optimizer.step()
        return loss.detach()
