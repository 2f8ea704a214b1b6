"""The texts a backbone writes for a split, and how likely it finds the right ones."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from transferkit.backbones import Backbone, State
from transferkit.batches import IGNORED, Batch, Encoded
from transferkit.generation import continues, write
from transferkit.predictions.entrants import Entrant, Pass, passes, stacked
from transferkit.readouts import Readout, losses
from transferkit.tasks.base import Answer

CUDA_BEAMS = 256  # texts written at once on a GPU, beams counted: keys and values of each are kept
TOKENS = 1024  # scored against the whole vocabulary at once


@dataclass(frozen=True)
class Texts:
    """What one prompt makes a backbone write, in the order of the split.

    Attributes:
        said: a text for each example.
        loss: mean cross-entropy of the tokens of the first right answers.
    """

    said: Sequence[str]
    loss: float


@torch.no_grad()
def texts(
    answer: Answer,
    backbone: Backbone,
    readout: Readout,
    encoded: Encoded,
    entrants: Sequence[Entrant],
    *,
    batch_size: int,
    progress: Callable[[int], None],
) -> list[Texts]:
    """Return what each prompt makes a backbone write; arguments as of `outcomes`."""
    if backbone.kind == "decoder" and any(entrant.generator is not None for entrant in entrants):
        raise ValueError("a generator cannot make prompts for what a causal backbone writes")
    said = [[""] * len(encoded) for _ in entrants]
    total = np.zeros(len(entrants))
    alone = encoded.unanswered
    at_once = CUDA_BEAMS // answer.beams
    for now in passes(backbone, encoded, entrants, batch_size=batch_size, at_once=at_once, progress=progress):
        placement, prompts = entrants[now.who[0]].placement, stacked([entrants[who] for who in now.who])
        state = _remembering(backbone, now.state, is_read=prompts is None or continues(backbone, placement))
        hidden = backbone.finish(state, readout.rows(now.batch))
        total[now.who] += token_losses(backbone, hidden, now.batch).view(len(now.who), -1).sum(1).cpu().numpy()
        batch = alone.batch(now.index).to(backbone.device).tile(len(now.who))
        known = state.kept if state.memory is None else state.memory
        _put(said, now, write(backbone, batch, prompts, placement, answer, known=known))
    assert encoded.written is not None
    n_tokens = sum(map(len, encoded.written.tokens))
    return [Texts(own, float(loss / n_tokens)) for own, loss in zip(said, total, strict=True)]


def _remembering(backbone: Backbone, state: State, *, is_read: bool) -> State:
    """Return a State that leaves what the writing can go on from, so that no text is read twice."""
    n_encoder = backbone.stack.n_encoder
    if n_encoder:
        return backbone.stack.cross(backbone.run(state, state.depth, max(state.depth, n_encoder)))
    return dataclasses.replace(state, kept=[] if is_read else None)


def token_losses(backbone: Backbone, hidden: Float[Tensor, "B R d"], batch: Batch) -> Float[Tensor, "N"]:
    """Return the cross-entropy of every token that should be written, a limited number at a time."""
    assert batch.targets is not None
    places = batch.targets != IGNORED
    parts = zip(hidden[places].split(TOKENS), batch.targets[places].split(TOKENS), strict=True)
    return torch.cat([losses(backbone.head(rows.unsqueeze(0)).squeeze(0), gold) for rows, gold in parts]).double()


def _put(said: list[list[str]], now: Pass, written: Sequence[str]) -> None:
    n = len(now.index)
    for place, who in enumerate(now.who):
        for i, text in zip(now.index.tolist(), written[place * n : (place + 1) * n], strict=True):
            said[who][i] = text
