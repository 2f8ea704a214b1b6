"""What training a prompt costs: numbers that learn, and arithmetic by formula."""

import numpy as np

from transferkit import flops
from transferkit.backbones import Backbone
from transferkit.prompts.runs import Job


def training_cost(job: Job, backbone: Backbone) -> dict[str, float]:
    """Return the numbers that learn, and the operations of an example of a step, in units of 10⁹.

    Counted are the blocks, forward and backward, by `transferkit.flops`: neither head nor generator, and of an
    encoder-decoder the encoder alone. Rows below a late prompt count once for all visits where they are kept.
    """
    recipe, texts = job.spec.recipe, job.data.train
    of = flops.Dimensions.from_config(backbone.config.to_dict())
    depth = recipe.placement.insert_after
    visits = 1.0 if texts.stored is None else max(1.0, recipe.steps * recipe.batch_size / len(texts))
    rows, counts = np.unique(texts.lengths, return_counts=True)
    if depth >= of.n_blocks:  # a decoder's prompt lies behind all that is counted, which is never differentiated
        each = [of.n_blocks * flops.forward(of, int(n)) for n in rows]
    else:
        head = 2 * flops.head(of)
        length = recipe.prompt_length
        each = [flops.prompt_tuning(of, int(n), length, insert_after=depth, visits=visits) - head for n in rows]
    blocks = float(np.average(each, weights=counts))
    return {"parameters": job.initial.numel(), "gflop_per_example": round(blocks / 1e9, 6)}
