"""How much the blocks of a backbone and their neurons do to the texts of a task (Huang et al. 2022, FPT).

The score of a neuron is the mean over examples of the mean over real rows of the absolute of what enters the
down-projection, an untrained prompt in front of the texts. Two deviations: the texts are of the training split, not of
the one checkpoints are chosen on, and a decoder that is asked for a class is shown its start token alone. That of a
block, by which theirs are not ranked, is how far it turns rows (Men et al. 2024, ShortGPT).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from transferkit.artifacts import Activity
from transferkit.backbones import Backbone, Savings, State
from transferkit.backbones.capture import observe
from transferkit.batches import IGNORED, Batch, Encoded
from transferkit.predictions import Entrant

STREAM = 3  # this use's stream of a seed


@torch.no_grad()
def measure_activity(
    backbone: Backbone,
    encoded: Encoded,
    entrant: Entrant,
    *,
    n_examples: int,
    seed: int,
    batch_size: int,
    progress: Callable[[int], None] = lambda _n: None,
) -> Activity:
    """Return how much each block and neuron does to some texts of a split.

    Args:
        backbone: the whole frozen model.
        encoded: the split.
        entrant: the prompt in front of the texts.
        n_examples: texts that are drawn; all where there are fewer.
        seed: which are drawn.
        batch_size: texts per pass; changes memory, not numbers (beyond rounding).
        progress: called with the number of texts done.
    """
    chosen = np.random.default_rng([seed, STREAM]).permutation(len(encoded))[:n_examples]
    chosen = chosen[np.argsort(encoded.lengths[chosen], kind="stable")]
    sums: list[list[Tensor]] = [[] for _ in range(backbone.n_blocks)]
    with _rows_of_prompts(backbone):
        for start in range(0, len(chosen), batch_size):
            batch = encoded.batch(chosen[start : start + batch_size]).to(backbone.device)
            for number, found in enumerate(_walk(backbone, batch, entrant)):
                sums[number] = [a + b for a, b in zip(sums[number], found, strict=True)] if start else found
            progress(len(batch.gold))
    absolute, signed, change = (
        (torch.stack(part) / len(chosen)).cpu().numpy().astype(np.float32) for part in zip(*sums, strict=True)
    )
    return Activity(absolute, signed, change, len(chosen))


def _walk(backbone: Backbone, batch: Batch, entrant: Entrant) -> Iterator[list[Tensor]]:
    """Yield of each block the sums over examples: absolute and signed activity [F], and how far it turns rows."""
    place = entrant.placement
    everywhere = place.visibility == "everywhere"
    at_words = entrant.vectors if place.entry == "words" else None
    state = backbone.embed(batch, at_words, where=place.where, everywhere=everywhere)
    for number in range(backbone.n_blocks):
        if place.entry == "block" and number == place.insert_after:
            rows = entrant.vectors if entrant.generator is None else entrant.generator(state, batch)
            assert rows is not None
            state = backbone.insert(state, rows, where=place.where, everywhere=everywhere)
        if number == backbone.stack.n_encoder:
            state = backbone.stack.cross(state)
        with observe(backbone, "post") as seen:
            after = backbone.run(state, number, number + 1)
        real = _real(state, batch)
        turned = 1 - F.cosine_similarity(state.hidden.float(), after.hidden.float(), dim=-1)
        (neurons,) = seen
        yield [_summed(part, real) for part in (neurons.float().abs(), neurons.float(), turned)]
        state = after


def _real(state: State, batch: Batch) -> Tensor:
    """Return which rows count: those of texts and prompt, and of a decoder those of what should be written."""
    if state.memory is None or batch.targets is None:
        return state.mask
    written = batch.targets != IGNORED
    return torch.cat([state.mask[:, : state.mask.shape[1] - written.shape[1]], written], dim=1)


def _summed(values: Float[Tensor, "B S ..."], real: Tensor) -> Float[Tensor, "..."]:
    """Return the sum over examples of their means over real rows."""
    shares = real.double() / real.sum(1, keepdim=True)
    return torch.einsum("bs...,bs->...", values.double(), shares)


@contextmanager
def _rows_of_prompts(backbone: Backbone) -> Iterator[None]:
    """Let a causal prompt be rows like those of the text, which are looked at, instead of computed once ahead of it."""
    kept = backbone.savings
    backbone.savings = Savings(share_prompt=False)
    try:
        yield
    finally:
        backbone.savings = kept
