"""One optimiser step of one prompt, or of several that share a pass through the backbone.

Prompts that share a pass do not see each other: each has its own examples, its own loss and its own optimiser, and no
row of one example enters another. In small steps the backbone's weights, not the rows, set the time, so sharing pays.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transferkit.backbones import Backbone
from transferkit.batches import Batch
from transferkit.generators import Generated
from transferkit.passes import Room, merge, part
from transferkit.prompts.optimizers import rate_factor
from transferkit.prompts.runs import Job, Run
from transferkit.readouts import losses

Active = tuple[Job, Run, Batch]


def step(backbone: Backbone, active: Sequence[Active], room: Room) -> list[tuple[Tensor, Tensor]]:
    """Take one step of every run; return its loss and the norm of its gradient before clipping.

    Args:
        backbone: the frozen model.
        active: runs of one kind (placement, length, readout, dropout), each with its batch.
        room: how many examples fit through the backbone at once.
    """
    values = room.fit(sum(len(batch.gold) for _, _, batch in active), lambda size: _gradients(backbone, active, size))
    return [(value, _update(job, run)) for (job, run, _), value in zip(active, values, strict=True)]


def _gradients(backbone: Backbone, active: Sequence[Active], size: int) -> list[Float[Tensor, ""]]:
    """Leave each run's gradient of its mean loss in place, `size` examples at a time, and return the mean losses."""
    for _, run, _ in active:
        run.vectors.grad = None
    each = max(1, size // len(active))
    most = max(1, size // each)  # prompts that share a pass
    values = [torch.zeros((), device=backbone.device) for _ in active]
    longest = max(len(batch.gold) for _, _, batch in active)
    for start in range(0, longest, each):
        pieces: dict[int, list[tuple[int, Batch]]] = {}
        for i, (_, _, batch) in enumerate(active):
            if start < len(batch.gold):
                whole = start == 0 and each >= len(batch.gold)
                piece = batch if whole else part(batch, slice(start, start + each))
                pieces.setdefault(len(piece.gold), []).append((i, piece))
        for alike in pieces.values():  # examples divide evenly among prompts that share a pass
            for first in range(0, len(alike), most):
                sharing = alike[first : first + most]
                shares = _losses(backbone, [(active[i], piece) for i, piece in sharing])
                torch.stack(shares).sum().backward()
                for (i, _), share in zip(sharing, shares, strict=True):
                    values[i] += share.detach()
    return values


def _losses(backbone: Backbone, pieces: Sequence[tuple[Active, Batch]]) -> list[Float[Tensor, ""]]:
    """Return what some examples add to the mean loss of each run."""
    recipe = pieces[0][0][0].spec.recipe
    prompts = _prompts(backbone, [(job, run) for (job, run, _), _ in pieces])
    together = merge([batch for _, batch in pieces]).to(backbone.device)
    n_each = len(pieces[0][1].gold)
    own = [part_as_is(together, i * n_each, n_each) for i in range(len(pieces))]
    with backbone.dropout(recipe.backbone_dropout):
        state = backbone.enter(together, prompts, recipe.placement)
        rows = [job.readout.rows(batch) for ((job, _, _), _), batch in zip(pieces, own, strict=True)]
        hidden = backbone.finish(state, torch.cat(rows)).split(n_each)
    shares = []
    for ((job, _, whole), _), rows_of, batch in zip(pieces, hidden, own, strict=True):
        found = losses(job.readout.scores(rows_of, batch), job.readout.gold(batch))
        shares.append(found.sum() / len(job.readout.gold(whole)))
    return shares


def _prompts(backbone: Backbone, taken: Sequence[tuple[Job, Run]]) -> Float[Tensor, "G P d"] | Generated:
    """Return the prompts of a pass; a generator has it to itself."""
    recipe, (_, run) = taken[0][0].spec.recipe, taken[0]
    if recipe.generator is None:
        return torch.stack([run.rows() for _, run in taken])
    assert len(taken) == 1
    return Generated.of(recipe.generator, backbone, recipe.prompt_length, run.learned(), training=True)


def part_as_is(batch: Batch, start: int, n: int) -> Batch:
    """Return some examples of a batch, as wide as it is."""
    return batch if n == len(batch.gold) else batch.each(lambda rows: rows[start : start + n])


def _update(job: Job, run: Run) -> Float[Tensor, ""]:
    recipe = job.spec.recipe
    norm = nn.utils.clip_grad_norm_([run.vectors], recipe.clip_norm or math.inf)
    rate = recipe.learning_rate * rate_factor(run.step, recipe)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    if run.decays is not None:  # decoupled, before the step, as AdamW does it
        with torch.no_grad():
            run.vectors.mul_(1 - rate * recipe.weight_decay * run.decays)
    run.optimizer.step()
    return norm
