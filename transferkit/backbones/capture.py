"""Watch neurons and attention while blocks run; the watching ends when the `with` block does, whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from transferkit.backbones.attention import Mask, weights
from transferkit.backbones.base import Backbone


@contextmanager
def observe(backbone: Backbone, tensor: Literal["pre", "post"]) -> Iterator[list[Float[Tensor, "B S F"]]]:
    """Collect one tensor per block that runs inside the `with` block.

    Args:
        backbone: the model to watch.
        tensor: "pre" is what leaves the up-projection (its gate branch in gated families), "post" what enters the
            down-projection.
    """
    seen: list[Tensor] = []
    found = [backbone.family.feed_forward(block) for block in backbone.blocks]
    gate_first = found[0].gate_first

    def after(_module: nn.Module, _inputs: object, out: Tensor) -> None:
        seen.append(out.chunk(2, dim=-1)[0] if gate_first else out)

    def before(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    handles = []
    try:
        for block, paths in zip(backbone.blocks, found, strict=True):
            if tensor == "pre":
                hook = block.get_submodule(paths.up).register_forward_hook(after)
            else:
                hook = block.get_submodule(paths.down).register_forward_pre_hook(before)
            handles.append(hook)
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def observe_attention(backbone: Backbone) -> Iterator[list[Float[Tensor, "B S K"]]]:
    """Collect how much each row attends to each key, mean over heads, per block that runs inside the `with` block.

    Keys of a shared prompt come first. What a decoder attends to of its encoder is not among them.
    """
    seen: list[Tensor] = []

    def see(query: Tensor, key: Tensor, mask: Mask | None, scale: float | None) -> None:
        seen.append(weights(query, key, mask=mask, scale=scale).mean(1))

    backbone.stack.watch = see
    try:
        yield seen
    finally:
        backbone.stack.watch = None
