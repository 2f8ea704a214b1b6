"""Hidden rows somewhere in the stack of blocks, with all that is needed to go on from there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

KeysValues = tuple[Float[Tensor, "B heads S dh"], Float[Tensor, "B heads S dh"]]


@dataclass(frozen=True)
class Prefix:
    """A prompt in front of a causal backbone: what the text sees of it, computed once for all examples.

    No row in front depends on what follows it, so keys and values of the prompt serve every example, in training too.

    Attributes:
        keys, values: of the blocks from `start` on, each [G,heads,P,dh]; group g serves rows g·B/G … of a batch.
        start: block in front of which the prompt joined.
        everywhere: whether local blocks see it at any distance.
    """

    keys: tuple[Float[Tensor, "G heads P dh"], ...]
    values: tuple[Float[Tensor, "G heads P dh"], ...]
    start: int
    everywhere: bool

    def __len__(self) -> int:
        return self.keys[0].shape[2]

    @property
    def n_bytes(self) -> int:
        """Memory its keys and values take."""
        return sum(part.nbytes for part in (*self.keys, *self.values))

    @classmethod
    def together(cls, prefixes: "Sequence[Prefix]") -> "Prefix":
        """Return prompts of one length and place as the groups of one."""
        first = prefixes[0]
        if len(prefixes) == 1:
            return first
        keys = zip(*(prefix.keys for prefix in prefixes), strict=True)
        values = zip(*(prefix.values for prefix in prefixes), strict=True)
        return cls(tuple(map(torch.cat, keys)), tuple(map(torch.cat, values)), first.start, first.everywhere)


@dataclass(frozen=True)
class Entrance:
    """Rows that stand in front of the block where a prompt joined the text.

    There, and only there, prompt rows are the same for all examples and text rows carry no gradient, which saves work.

    Attributes:
        prompt: prompt rows, one set per group of examples [G,P,d].
        text: text rows [B,T,d].
    """

    prompt: Float[Tensor, "G P d"]
    text: Float[Tensor, "B T d"]


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
        everywhere: whether local blocks see prompt rows at any distance.
        prefix: a shared causal prompt in front of the rows; not counted among them.
        entrance: prompt and text apart, in front of the block where they met; None elsewhere.
        decoder_ids: tokens an encoder-decoder begins its answer with [B,D].
        memory: encoder rows and their mask, once decoder blocks run.
        kept: gathers the keys and values of every block that runs, those of the prompt included; None lets them go.
    """

    hidden: Float[Tensor, "B S d"]
    mask: Bool[Tensor, "B S"]
    positions: Int[Tensor, "S"]
    depth: int
    text_rows: Int[Tensor, "B T"]
    is_padded: bool
    everywhere: bool = False
    prefix: Prefix | None = None
    entrance: Entrance | None = None
    decoder_ids: Int[Tensor, "B D"] | None = None
    memory: "EncoderRows | None" = None
    kept: "list[KeysValues] | None" = None

    @property
    def n_prefix(self) -> int:
        """Prompt positions in front that are not among the rows."""
        return 0 if self.prefix is None else len(self.prefix)


@dataclass(frozen=True)
class EncoderRows:
    """Rows an encoder has finished [B,S,d], which of them are real [B,S], and whether any is not."""

    hidden: Float[Tensor, "B S d"]
    mask: Bool[Tensor, "B S"]
    is_padded: bool


def take_rows(hidden: Float[Tensor, "B S d"], rows: Int[Tensor, "B R"]) -> Float[Tensor, "B R d"]:
    """Return the named rows of every example."""
    return hidden.gather(1, rows.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))


def spread(rows: Float[Tensor, "G ..."], n_examples: int) -> Float[Tensor, "B ..."]:
    """Give every example the rows of its group; group g serves the examples from g·B/G on.

    Raises:
        ValueError: the examples do not divide among the groups.
    """
    times, rest = divmod(n_examples, len(rows))
    if rest:
        raise ValueError(f"{n_examples} examples do not divide among {len(rows)} prompts")
    if times == 1:
        return rows
    return rows.expand(n_examples, *rows.shape[1:]) if len(rows) == 1 else rows.repeat_interleave(times, dim=0)


def join(
    text: Float[Tensor, "B T d"],
    text_mask: Bool[Tensor, "B T"],
    prompt: Float[Tensor, "G P d"],
    where: str,
) -> tuple[Float[Tensor, "B S d"], Bool[Tensor, "B S"], Int[Tensor, "B T"]]:
    """Put prompt rows in front of the text, after its first token, or after its last real one.

    Args:
        text: text rows, padded on the right.
        text_mask: True for real text rows.
        prompt: rows, one set per group of examples.
        where: "front", "after_first" or "end".

    Returns:
        All rows, their mask, and where each text token went. Padding stays last.
    """
    n_examples, n_text = text.shape[:2]
    prompt = spread(prompt, n_examples).to(text.dtype)
    n_prompt = prompt.shape[1]
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
