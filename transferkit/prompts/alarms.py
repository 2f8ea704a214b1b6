"""Signs of dead training, so that a silent failure does not end up in a table as a result."""

import math
from collections.abc import Mapping, Sequence

from transferkit.artifacts import Cell

NORM_BLOW_UP = 20.0  # × the initial norm
VANISHED = 1e-7  # gradient norm


def find_alarms(history: Sequence[Mapping[str, Cell]], *, n_classes: int, predicted_classes: int) -> list[str]:
    """Return what looks dead about a training run, in plain words; nothing for a healthy one.

    Args:
        history: records of evaluations, the one before the first step included.
        n_classes: classes of the task.
        predicted_classes: different classes the chosen prompt predicts on the selection split.
    """
    first, last = history[0], history[-1]
    found = []
    if predicted_classes == 1:
        found.append("constant predictions: one class for the whole selection split")
    if (gradient := last.get("gradient_norm")) is not None and float(gradient) < VANISHED:
        found.append(f"vanishing gradient: norm {float(gradient):.1e} at the last evaluation")
    if (loss := last.get("train_loss")) is not None and float(loss) >= math.log(n_classes):
        found.append(f"training loss {float(loss):.3f} is not below ln {n_classes}, that of guessing")
    if float(last["prompt_norm"] or 0) > NORM_BLOW_UP * float(first["prompt_norm"] or math.inf):
        found.append(f"norm blow-up: {float(first['prompt_norm'] or 0):.1f} → {float(last['prompt_norm'] or 0):.1f}")
    return found
