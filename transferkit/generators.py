"""Making. Networks that make each example's prompt of its own rows (Liu et al. 2022, section 3.2)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from transferkit import weights
from transferkit.backbones import Backbone, State
from transferkit.backbones.state import take_rows
from transferkit.batches import Batch
from transferkit.specs import Generator

STREAM = 3  # this use's stream of a seed


@dataclass(frozen=True)
class Generated:
    """Prompts a generator makes.

    Attributes:
        spec: kind of generator.
        length: rows of a prompt, P.
        width: of a row, d.
        weights: all numbers it learns, flat.
        sums_up_first: whether the first row sums a text up, or the last.
        training: whether numbers are dropped.
    """

    spec: Generator
    length: int
    width: int
    weights: Float[Tensor, "N"]
    sums_up_first: bool
    training: bool = False

    @classmethod
    def of(
        cls, spec: Generator, backbone: Backbone, length: int, weights: Float[Tensor, "N"], **more: bool
    ) -> "Generated":
        """Return a generator for a backbone."""
        return cls(spec, length, backbone.width, weights, backbone.kind == "encoder", **more)

    def __call__(self, state: State, batch: Batch) -> Float[Tensor, "B P d"]:
        """Return each example's prompt, made of its text rows where they stand; of a causal text, not of its answer."""
        text = take_rows(state.hidden, state.text_rows).to(self.weights.dtype)
        real = state.mask.gather(1, state.text_rows)
        if batch.targets is not None and batch.decoder_ids is None:  # what is to be written stands behind the text
            at = torch.arange(real.shape[1], device=real.device)
            real = real & (at <= batch.answer[:, None])
        parts = split_weights(self.spec, self.length, self.width, self.weights)
        if self.spec.kind == "bottleneck":
            last = real.sum(1, keepdim=True) - 1
            row = take_rows(text, torch.zeros_like(last) if self.sums_up_first else last).squeeze(1)
            inner = F.relu(F.linear(row, parts["down.weight"], parts["down.bias"]))
            made = F.linear(inner, parts["up.weight"], parts["up.bias"]).view(-1, self.length, self.width)
        else:
            inner = F.linear(text, parts["down.weight"], parts["down.bias"])
            pooled = pool(inner, real, self.length, self.spec.kind == "max_pool")
            made = F.linear(F.relu(pooled), parts["up.weight"], parts["up.bias"])
        return F.dropout(made, self.spec.dropout, self.training)


def split_weights(spec: Generator, length: int, width: int, flat: Float[Tensor, "N"]) -> dict[str, Tensor]:
    """Return the weights by name, as views."""
    return weights.split(flat, spec.shapes(length, width))


def join_weights(spec: Generator, length: int, width: int, parts: Mapping[str, np.ndarray]) -> Float[Tensor, "N"]:
    """Return weights by name as the flat vector they are views of."""
    return weights.join(parts, spec.shapes(length, width))


def decays(spec: Generator, length: int, width: int) -> Float[Tensor, "N"]:
    """Return which numbers weight decay shrinks: 1 for weights, 0 for biases."""
    shapes = spec.shapes(length, width)
    return torch.cat([torch.full((math.prod(shape),), float(len(shape) > 1)) for shape in shapes.values()])


def make_weights(spec: Generator, length: int, width: int, seed: int) -> Float[Tensor, "N"]:
    """Return the weights training begins from, as `nn.Linear` has them."""
    shapes = spec.shapes(length, width)
    return weights.join(weights.draw(shapes, np.random.default_rng([seed, STREAM])), shapes)


def pool(rows: Float[Tensor, "B T m"], real: Bool[Tensor, "B T"], length: int, by_max: bool) -> Float[Tensor, "B P m"]:
    """Return each example's real rows pooled to a length, as `adaptive_avg_pool1d` and `adaptive_max_pool1d` do.

    Bin j holds rows ⌊jn/P⌋ … ⌈(j+1)n/P⌉−1 of n, also where n < P. Real rows stand first.
    """
    n = real.sum(1)[:, None]
    bins = torch.arange(length, device=rows.device)
    begin, end = bins * n // length, -(-(bins + 1) * n // length)
    at = torch.arange(rows.shape[1], device=rows.device)
    within: Bool[Tensor, "B P T"] = (begin[..., None] <= at) & (at < end[..., None])
    if not by_max:
        return (within / (end - begin)[..., None]).to(rows.dtype) @ rows
    return torch.stack([_masked_max(rows, within[:, j]) for j in range(length)], dim=1)


def _masked_max(rows: Float[Tensor, "B T m"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B m"]:
    return rows.masked_fill(~mask[..., None], -math.inf).amax(1)
