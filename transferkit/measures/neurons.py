"""Which feed-forward neurons a prompt activates (Su et al. 2022, section 4.3).

The input is the prompt and an empty text: the special tokens, and the mask where the readout reads one. A neuron is
activated when its number at one row exceeds a threshold; which number, which row and which threshold the spec says.
Decoder blocks of an encoder-decoder are read at the row the decoder starts with.
"""

import numpy as np
import torch

from transferkit.artifacts import Neurons
from transferkit.backbones import Backbone
from transferkit.backbones.capture import observe
from transferkit.backbones.state import take_rows
from transferkit.batches import Batch, Encoded, empty_row, special_id
from transferkit.predictions import Entrant, ready
from transferkit.sources import ReadoutKind
from transferkit.specs import NeuronSite


@torch.no_grad()
def activated(backbone: Backbone, entrants: list[Entrant], site: NeuronSite, *, readout: ReadoutKind) -> list[Neurons]:
    """Return the activated neurons [L,F] of each prompt.

    Args:
        backbone: the frozen model.
        entrants: prompts, or nothing, in front of the empty text.
        site: tensor, row and threshold. The answer row is the mask, the last row of a causal text, or the first text
            row where the readout pools or a decoder answers.
        readout: kind of readout.

    Blocks below a late prompt cannot see it, and nothing counts as activated there.
    """
    batch = _empty(backbone, readout).to(backbone.device)
    at = {"first": torch.zeros_like(batch.answer), "answer": batch.answer, "last": batch.mask.sum(1) - 1}[site.position]
    found = []
    for entrant in entrants:
        state = backbone.enter(batch, ready([entrant], backbone), entrant.placement)
        n_below = state.depth
        with observe(backbone, site.tensor) as seen:
            backbone.run(state, n_below, backbone.n_blocks)
        text, start = state.text_rows.gather(1, at.unsqueeze(1)), torch.zeros_like(at).unsqueeze(1)
        n_text = backbone.stack.n_encoder or backbone.n_blocks  # blocks whose rows are those of the text
        rows = [text] * n_text + [start] * (backbone.n_blocks - n_text)
        activity = torch.stack([take_rows(tensor, row)[0, 0] for tensor, row in zip(seen, rows[n_below:], strict=True)])
        active = (activity > site.threshold).cpu().numpy()
        found.append(Neurons(np.concatenate([np.zeros((n_below, active.shape[1]), dtype=bool), active])))
    return found


def _empty(backbone: Backbone, readout: ReadoutKind) -> Batch:
    tokenizer = backbone.tokenizer
    ids = empty_row(tokenizer, readout)
    answer = np.zeros(1, dtype=np.int64)
    if readout == "masked":
        answer[0] = ids.index(special_id(tokenizer.mask_token_id))
    elif readout == "causal":
        answer[0] = len(ids) - 1
    return Encoded([ids], None, answer, np.zeros_like(answer), special_id(tokenizer.pad_token_id), 0).batch(
        np.arange(1)
    )
