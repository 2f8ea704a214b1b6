"""Which feed-forward neurons a prompt activates (Su et al. 2022, section 4.3).

The input is the prompt and an empty text: the special tokens, and the mask where the readout reads one. A neuron is
activated when its number at one row exceeds a threshold; which number, which row and which threshold the spec says.
"""

import numpy as np
import torch

from transferkit.artifacts import Neurons
from transferkit.backbones import Backbone
from transferkit.backbones.capture import observe
from transferkit.backbones.state import take_rows
from transferkit.batches import Batch, Encoded, special_id
from transferkit.errors import InputError
from transferkit.predictions import Entrant
from transferkit.specs import NeuronSite


@torch.no_grad()
def activated(backbone: Backbone, entrants: list[Entrant], site: NeuronSite, *, has_mask: bool) -> list[Neurons]:
    """Return the activated neurons [L,F] of each prompt.

    Args:
        backbone: the frozen model.
        entrants: prompts, or nothing, in front of the empty text.
        site: tensor, row and threshold. The answer row is the mask, or the first text row where the readout pools.
        has_mask: whether the readout reads a mask token.

    Raises:
        InputError: a prompt enters above block 0, where lower blocks cannot see it.
    """
    batch = _empty(backbone, has_mask=has_mask).to(backbone.device)
    at = {"first": torch.zeros_like(batch.answer), "answer": batch.answer, "last": batch.mask.sum(1) - 1}[site.position]
    found = []
    for entrant in entrants:
        if entrant.placement.insert_after:
            raise InputError(
                "neurons of a prompt above block 0 are not comparable with others",
                fix="leave out neurons for this study",
            )
        state = backbone.enter(batch, entrant.vectors, entrant.placement)
        with observe(backbone, site.tensor) as seen:
            backbone.run(state, state.depth, backbone.n_blocks)
        rows = state.text_rows.gather(1, at.unsqueeze(1))
        activity = torch.stack([take_rows(tensor, rows)[0, 0] for tensor in seen])
        found.append(Neurons((activity > site.threshold).cpu().numpy()))
    return found


def _empty(backbone: Backbone, *, has_mask: bool) -> Batch:
    tokenizer = backbone.tokenizer
    ids = list(tokenizer(str(tokenizer.mask_token) if has_mask else "")["input_ids"])
    answer = np.array([ids.index(tokenizer.mask_token_id) if has_mask else 0], dtype=np.int64)
    zero = np.zeros(1, dtype=np.int64)
    return Encoded([ids], None, answer, zero, special_id(tokenizer.pad_token_id), 0).batch(np.arange(1))
