"""Signs of dead training, so that a silent failure does not end up in a table as a result."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from torch import Tensor

from transferkit.artifacts import Cell
from transferkit.backbones import Backbone
from transferkit.batches import IGNORED, Batch, Encoded
from transferkit.readouts import Readout
from transferkit.specs import Placement

NORM_BLOW_UP = 20.0  # × the initial norm
VANISHED = 1e-7  # gradient norm
FEW = 0.05  # share of answer rows that may be out of the prompt's reach
BATCH = 256


@dataclass(frozen=True)
class Sight:
    """Which answer rows of a text attend to the prompt directly.

    Attributes:
        shares: share of the answer rows that do, block by block from where the prompt joins.
        window: the farthest row that blocks with local attention see; None in a backbone without.
    """

    shares: tuple[float, ...]
    window: int | None

    @classmethod
    def of(cls, backbone: Backbone, readout: Readout, texts: Encoded, placement: Placement) -> "Sight":
        """Look from every row of the texts that is read."""
        window = backbone.stack.window
        if window is None:
            return cls((1.0,) * (backbone.n_blocks - placement.insert_after), None)
        rows = [_distances(readout.rows(batch), batch, placement.where) for batch in texts.in_order(BATCH)]
        distances, counts = np.unique(np.concatenate(rows), return_counts=True)
        seen = np.array([backbone.sees_prompt(int(distance), placement) for distance in distances])
        return cls(tuple((counts @ seen / counts.sum()).tolist()), window)


def _distances(rows: Int[Tensor, "B R"], batch: Batch, where: str) -> Int[np.ndarray, "N"]:
    """Return how far the rows that are read stand from the nearest prompt row."""
    is_read = batch.mask.gather(1, rows) if batch.targets is None else batch.targets != IGNORED
    after_last = batch.mask.sum(1, keepdim=True) - rows
    distances = {"front": rows + 1, "after_first": rows.clamp(min=1), "end": after_last}[where]
    return distances[is_read].numpy()


def find_alarms(
    history: Sequence[Mapping[str, Cell]], *, n_classes: int | None, predicted_classes: int, sight: Sight | None = None
) -> list[str]:
    """Return what looks dead about a training run, in plain words; nothing for a healthy one.

    Args:
        history: records of evaluations, the one before the first step included.
        n_classes: classes of the task; None where answers are texts.
        predicted_classes: different answers the chosen prompt gives on the selection split.
        sight: which answer rows of the training texts attend to the prompt.
    """
    first, last = history[0], history[-1]
    found = []
    if predicted_classes == 1:
        what = "text" if n_classes is None else "class"
        found.append(f"constant predictions: one {what} for the whole selection split")
    if (gradient := last.get("gradient_norm")) is not None and float(gradient) < VANISHED:
        found.append(f"vanishing gradient: norm {float(gradient):.1e} at the last evaluation")
    if n_classes and (loss := last.get("train_loss")) is not None and float(loss) >= math.log(n_classes):
        found.append(f"training loss {float(loss):.3f} is not below ln {n_classes}, that of guessing")
    if float(last["prompt_norm"] or 0) > NORM_BLOW_UP * float(first["prompt_norm"] or math.inf):
        found.append(f"norm blow-up: {float(first['prompt_norm'] or 0):.1f} → {float(last['prompt_norm'] or 0):.1f}")
    if sight is not None and min(sight.shares) < 1 - FEW:
        found.append(_out_of_reach(sight))
    return found


def _out_of_reach(sight: Sight) -> str:
    blind = [share for share in sight.shares if share < 1 - FEW]
    return (
        f"{len(blind)} of {len(sight.shares)} blocks see the prompt only within {sight.window} tokens: there"
        f" {100 * (1 - min(blind)):.0f} % of the training texts' answer rows are out of its reach"
        ' (placement = { visibility = "everywhere" } lets all rows see it)'
    )
