"""Hidden rows somewhere in the stack of blocks, with all that is needed to go on from there."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class State:
    """Rows after `depth` blocks.

    Attributes:
        hidden: the rows [B,S,d].
        mask: True for rows that may be attended to [B,S].
        positions: position of each row [S]; after an insertion rows are numbered anew.
        depth: blocks that have run.
        text_rows: where each text token stands among the rows [B,T], so that nobody ever adds P.
        is_padded: False when every row is real, which lets attention run without a mask.
    """

    hidden: Float[Tensor, "B S d"]
    mask: Bool[Tensor, "B S"]
    positions: Int[Tensor, "S"]
    depth: int
    text_rows: Int[Tensor, "B T"]
    is_padded: bool


def take_rows(hidden: Float[Tensor, "B S d"], rows: Int[Tensor, "B R"]) -> Float[Tensor, "B R d"]:
    """Return the named rows of every example."""
    return hidden.gather(1, rows.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))


def join(
    text: Float[Tensor, "B T d"],
    text_mask: Bool[Tensor, "B T"],
    prompt: Float[Tensor, "P d"] | Float[Tensor, "B P d"],
    where: str,
) -> tuple[Float[Tensor, "B S d"], Bool[Tensor, "B S"], Int[Tensor, "B T"]]:
    """Put prompt rows in front of the text, after its first token, or after its last real one.

    Args:
        text: text rows, padded on the right.
        text_mask: True for real text rows.
        prompt: rows shared by all examples, or one set per example.
        where: "front", "after_first" or "end".

    Returns:
        All rows, their mask, and where each text token went. Padding stays last.
    """
    n_examples, n_text = text.shape[:2]
    n_prompt = prompt.shape[-2]
    if prompt.ndim == 2:
        prompt = prompt.expand(n_examples, -1, -1)
    prompt = prompt.to(text.dtype)
    prompt_mask = text_mask.new_ones(n_examples, n_prompt)
    ahead = {"front": 0, "after_first": 1, "end": n_text}[where]
    rows = torch.cat([text[:, :ahead], prompt, text[:, ahead:]], dim=1)
    mask = torch.cat([text_mask[:, :ahead], prompt_mask, text_mask[:, ahead:]], dim=1)
    at = torch.arange(n_text, device=text.device)
    text_rows = torch.where(at < ahead, at, at + n_prompt).expand(n_examples, -1)
    if where != "end":
        return rows, mask, text_rows
    # A stable sort of "is padding" moves the prompt in front of each example's padding and keeps all else in order.
    order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)
    return take_rows(rows, order), mask.gather(1, order), order.argsort(dim=1).gather(1, text_rows)
