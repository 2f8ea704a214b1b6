"""What a projector's kind makes of a prompt: one function for all kinds, whatever they were fitted on."""

import numpy as np
import torch
from jaxtyping import Float

from transferkit.artifacts import Projector
from transferkit.errors import InputError
from transferkit.projectors.anchors import Relative
from transferkit.projectors.linear import Linear
from transferkit.projectors.nearest import Nearest
from transferkit.projectors.nets import project
from transferkit.projectors.norms import random_directions
from transferkit.projectors.vocabulary import SharedWords
from transferkit.specs import (
    ConstantMap,
    LinearMap,
    NearestMap,
    NormsMap,
    ProjectorSpec,
    PromptNet,
    RelativeMap,
    RotationMap,
    WordsNet,
)


@torch.no_grad()
def use(spec: ProjectorSpec, projector: Projector, prompt: Float[np.ndarray, "P s"]) -> Float[np.ndarray, "P t"]:
    """Return a prompt of the target, float32.

    Raises:
        InputError: the projector is for prompts of another width or, where it maps whole prompts, length.
    """
    method, arrays = spec.method, projector.arrays
    try:
        if isinstance(method, (LinearMap, RotationMap)):
            made = Linear(arrays["weight"], arrays["from_mean"], arrays["to_mean"])(prompt)
        elif isinstance(method, NearestMap):
            made = Nearest(SharedWords((), arrays["source"], arrays["target"]))(prompt)
        elif isinstance(method, RelativeMap):
            made = _relative(method, projector)(prompt)
        elif isinstance(method, (PromptNet, WordsNet)):
            parts = {name: torch.from_numpy(part) for name, part in arrays.items()}
            made = project(method, parts, torch.from_numpy(prompt).float()[None])[0].numpy()
        elif isinstance(method, ConstantMap):
            made = arrays["rows"]
        else:
            assert isinstance(method, NormsMap)
            made = random_directions(prompt, float(arrays["scale"][0]), int(arrays["width"][0]), spec.seed)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"a prompt of {prompt.shape[0]} × {prompt.shape[1]} does not fit projector {method.name!r} from"
            f" {spec.source_backbone.name!r}",
            fix="project prompts of that backbone, as long as those it was fitted on",
        ) from error
    return np.asarray(made, dtype=np.float32)


def _relative(method: RelativeMap, projector: Projector) -> Relative:
    arrays = projector.arrays
    anchors = SharedWords((), arrays["source"], arrays["target"])
    mean, std = (float(arrays[name][0]) for name in ("mean", "std"))
    return Relative(anchors, mean, std, top_k=method.top_k, steps=method.steps, learning_rate=method.learning_rate)
