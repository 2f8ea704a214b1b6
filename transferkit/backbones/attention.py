"""Attention as all families share it: who may see whom, and three ways to compute what they see.

`attend` is the plain one. `absorbed` gives the same numbers without forming keys and values, which is cheaper when few
rows ask. Scores are float32 on a CPU whatever the rows are: half precision is slower there, and worse.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transferkit.backbones.family import LinearMap, Reach, Rotary
from transferkit.backbones.state import State

Mask = Float[Tensor, "B heads R K"]


def score_dtype(rows: Tensor) -> torch.dtype:
    """Return the arithmetic attention scores are computed in."""
    return torch.float32 if rows.device.type == "cpu" else rows.dtype


def additive(allowed: Bool[Tensor, "..."], dtype: torch.dtype) -> Float[Tensor, "..."]:
    """Return what is added to the scores: 0 where attention is allowed, the most negative number elsewhere.

    Not −∞: a padding row that may see nothing must stay finite.
    """
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill(~allowed, torch.finfo(dtype).min)


def visibility(state: State, reach: Reach, *, causal: bool, window: int | None) -> Bool[Tensor, "B 1 S K"] | None:
    """Return which keys each row may attend to; None where it may attend to all.

    Args:
        state: the rows, and the shared prompt in front of them.
        reach: "local" blocks see rows at most `window` positions away.
        causal: whether rows see backwards only. Padding stands on the right, so no real row ever sees it then.
        window: see above.
    """
    n_rows, n_ahead = state.hidden.shape[1], state.n_prefix
    key = torch.arange(n_ahead + n_rows, device=state.hidden.device)
    query = key[n_ahead:, None]
    allowed = None
    if reach == "local" and window is not None:
        allowed = ((query - key).abs() <= window)[None, None]
        if state.everywhere:
            allowed = allowed | _is_prompt(state)[:, None, None, :]
    if causal:
        if n_rows == 1 and allowed is None:
            return None
        backwards = (key <= query)[None, None]
        return backwards if allowed is None else allowed & backwards
    if not state.is_padded:
        return allowed
    real = state.mask[:, None, None, :]
    return real if allowed is None else allowed & real


def _is_prompt(state: State) -> Bool[Tensor, "B K"]:
    among = torch.ones_like(state.mask).scatter(1, state.text_rows, torch.zeros_like(state.mask))
    return torch.cat([state.mask.new_ones(len(among), state.n_prefix), among], dim=1)


def pick_mask(mask: Mask | None, rows: Int[Tensor, "B R"]) -> Mask | None:
    """Return the part of a mask that belongs to some queries."""
    if mask is None or mask.shape[2] == 1:
        return mask
    if len(mask) == 1:
        return mask[0][:, rows].transpose(0, 1)
    at = rows[:, None, :, None].expand(-1, mask.shape[1], -1, mask.shape[3])
    return mask.gather(2, at)


def pick_rotary(rotary: Mapping[Reach, Rotary], rows: Int[Tensor, "B R"]) -> Mapping[Reach, Rotary]:
    """Return the part of the rotary tables that belongs to some rows."""
    return {reach: (cos[0][rows], sin[0][rows]) for reach, (cos, sin) in rotary.items()}


def rotate(heads: Float[Tensor, "B h S dh"], rotary: Rotary) -> Float[Tensor, "B h S dh"]:
    """Turn each head's halves by the angle of their position (Su et al. 2021, in the half-split form of Llama)."""
    cos, sin = (table.unsqueeze(1) for table in rotary)
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-second, first], dim=-1) * sin


def split_heads(rows: Float[Tensor, "B S hd"], n_heads: int) -> Float[Tensor, "B h S dh"]:
    """Return rows as heads."""
    return rows.view(*rows.shape[:2], n_heads, -1).transpose(1, 2)


def attend(
    query: Float[Tensor, "B h R dh"],
    key: Float[Tensor, "B g K dh"],
    value: Float[Tensor, "B g K dh"],
    *,
    mask: Mask | None,
    scale: float | None,
    dropout: float = 0.0,
) -> Float[Tensor, "B R hd"]:
    """Return multi-head attention of some rows to all, before the output map; g heads of keys may serve h queries."""
    dtype, wanted = query.dtype, score_dtype(query)
    query, key, value = (heads.to(wanted) for heads in (query, key, value))
    groups = key.shape[1] != query.shape[1]
    mixed = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, scale=scale, enable_gqa=groups
    )
    return mixed.transpose(1, 2).flatten(2).to(dtype)


def weights(
    query: Float[Tensor, "B h R dh"], key: Float[Tensor, "B g K dh"], *, mask: Mask | None, scale: float | None
) -> Float[Tensor, "B h R K"]:
    """Return how much each row attends to each key, in float32: what `attend` mixes by and never forms."""
    key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scores = query.float() @ key.float().transpose(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    return (scores if mask is None else scores + mask).softmax(-1)


def absorbing_pays(n_asking: int, rows: Float[Tensor, "B S d"], n_heads: int, inner: int) -> bool:
    """Tell whether few enough rows ask: multiplications of `absorbed` against those of two maps over all rows."""
    n_rows = rows.shape[1]
    return n_asking * (inner + n_heads * n_rows) < n_rows * inner


def absorbed(
    query: Float[Tensor, "B h R dh"],
    rows: Float[Tensor, "B S d"],
    maps: tuple[LinearMap, LinearMap],
    *,
    mask: Mask | None,
    scale: float | None,
) -> Float[Tensor, "B R hd"]:
    """Return what `attend` does, from the rows themselves: q·(W x) = (Wᵀq)·x, and Σ w·(V x) = V·(Σ w·x).

    The bias of the keys adds the same to every score of a row, which the softmax cancels; that of the values is added
    once, because weights sum to one.
    """
    n_examples, n_heads, n_asking, size = query.shape
    key, value = maps
    wanted = score_dtype(query)
    asked = torch.einsum("bhre,hed->bhrd", query, key.weight.view(n_heads, size, -1))
    seen = rows.to(wanted)
    scores = (asked.to(wanted).flatten(1, 2) @ seen.transpose(1, 2)).view(n_examples, n_heads, n_asking, -1)
    scores = scores * (size**-0.5 if scale is None else scale)
    weights = (scores if mask is None else scores + mask).softmax(-1)
    mean = (weights.flatten(1, 2) @ seen).view(n_examples, n_heads, n_asking, -1).to(rows.dtype)
    mixed = torch.einsum("bhrd,hed->brhe", mean, value.weight.view(n_heads, size, -1)).flatten(2)
    return mixed if value.bias is None else mixed + value.bias
