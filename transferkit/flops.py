"""Shelf. Floating-point operations of one example by formula: what prompts and fine-tuning cost.

A multiply-add is two operations. A linear map counts once forward, once more for the gradient of its input and once
more for that of its weights; attention of n rows to n rows has two products forward and four backward. Norms,
activations, generators and optimisers are left out.

Two questions are answered. `prompt_tuning` and `fine_tuning` compare methods on a stack of like blocks, the answer read
at one row (Liu et al. 2022); `prompt_cost` counts a prompt's step on a whole or partial backbone of any kind, decoder
and head included (Huang et al. 2022). `benchmarks/flops.py` counts something else: what our engine does, every saving
taken into account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

CAUSAL = frozenset({"gpt2", "llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma3_text"})
GATED = CAUSAL - {"gpt2"} | {"modernbert"}

Convention = Literal["all", "ptflops"]


@dataclass(frozen=True)
class Dimensions:
    """What sets the arithmetic of a stack of blocks that are alike.

    Attributes:
        n_blocks: blocks, L.
        width: of a row, d.
        n_heads: heads of the queries.
        n_key_heads: heads of keys and values, fewer where several heads of queries share one.
        head_width: of a head.
        ffn: width of the feed-forward part, f.
        n_ffn: its matrices: 2, or 3 with a gate.
        vocabulary: words, V.
    """

    n_blocks: int
    width: int
    n_heads: int
    n_key_heads: int
    head_width: int
    ffn: int
    n_ffn: int
    vocabulary: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Dimensions":
        """Return those a Hugging Face `config.json` tells; of an encoder-decoder those of its encoder.

        Raises:
            ValueError: the config lacks one.
        """
        width = _named(config, "hidden_size", "d_model", "n_embd", "dim")
        n_heads = _named(config, "num_attention_heads", "num_heads", "n_head", "n_heads")
        is_gated = config.get("model_type") in GATED or str(config.get("feed_forward_proj")).startswith("gated")
        default = 4 * width if config.get("model_type") == "gpt2" else None
        return cls(
            n_blocks=_named(config, "num_hidden_layers", "num_layers", "n_layer", "n_layers"),
            width=width,
            n_heads=n_heads,
            n_key_heads=_named(config, "num_key_value_heads", default=n_heads),
            head_width=_named(config, "head_dim", "d_kv", default=width // n_heads),
            ffn=_named(config, "intermediate_size", "d_ff", "n_inner", "hidden_dim", default=default),
            n_ffn=3 if is_gated else 2,
            vocabulary=_named(config, "vocab_size"),
        )

    @property
    def inner(self) -> int:
        """Width of all queries of a row."""
        return self.n_heads * self.head_width

    @property
    def inner_keys(self) -> int:
        """Width of all keys of a row, and of all values."""
        return self.n_key_heads * self.head_width

    @property
    def weights(self) -> int:
        """Numbers in the matrices of a block, 4d² + 2df of a plain one."""
        return self.width * (2 * self.inner + 2 * self.inner_keys + self.n_ffn * self.ffn)

    @property
    def parameters(self) -> int:
        """Numbers of a block with biases and two norms, as BERT's."""
        biases = self.inner + 2 * self.inner_keys + (self.n_ffn - 1) * self.ffn + 2 * self.width
        return self.weights + biases + 4 * self.width


@dataclass(frozen=True)
class Kept:
    """The blocks of a partial backbone, in order, each by the width of its feed-forward part.

    Attributes:
        encoder: blocks of an encoder-decoder's encoder; of any other model, all its blocks.
        decoder: blocks of an encoder-decoder's decoder.
    """

    encoder: tuple[int, ...]
    decoder: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cost:
    """Operations of one example.

    Attributes:
        forward: of the forward pass.
        backward: of the gradients that are passed back to the prompt.
    """

    forward: float
    backward: float

    @property
    def total(self) -> float:
        """Operations of a training step."""
        return self.forward + self.backward

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.forward + other.forward, self.backward + other.backward)


def forward(of: Dimensions, rows: int, *, attention: bool = True) -> int:
    """Return the operations of a block: F(n), or of its linear maps alone."""
    return 2 * (rows * of.weights + attention * 2 * rows**2 * of.inner)


def backward(of: Dimensions, rows: int, *, frozen: bool = True) -> int:
    """Return those of the gradients a block passes on, B(n), or of these and those of its weights."""
    return 2 * ((1 if frozen else 2) * rows * of.weights + 4 * rows**2 * of.inner)


def head(of: Dimensions) -> int:
    """Return those of a masked language model's head at one row: H."""
    return 2 * (of.width**2 + of.width * of.vocabulary)


def scoring(of: Dimensions, text: int, prompt: int = 0, *, insert_after: int = 0, visits: float = 1) -> float:
    """Return the operations of the forward pass; arguments as in `prompt_tuning`."""
    below = _below(of, text, insert_after, visits)
    return below + (of.n_blocks - insert_after) * forward(of, text + prompt) + head(of)


def prompt_tuning(of: Dimensions, text: int, prompt: int, *, insert_after: int = 0, visits: float = 1) -> float:
    """Return the operations of an example of a training step, of which only the prompt learns.

    Args:
        of: the model.
        text: rows of the text, S.
        prompt: rows of the prompt, l.
        insert_after: blocks that run without the prompt, i; nothing is differentiated there.
        visits: how often an example comes for each time it goes through these, E; more than once where rows are kept.

    Raises:
        ValueError: the prompt enters behind the last block.
    """
    passed_back = (of.n_blocks - insert_after) * backward(of, text + prompt) + head(of)
    return scoring(of, text, prompt, insert_after=insert_after, visits=visits) + passed_back


def fine_tuning(of: Dimensions, text: int) -> float:
    """Return the operations of an example of a training step in which all weights learn."""
    return of.n_blocks * (forward(of, text) + backward(of, text, frozen=False)) + 3 * head(of)


def whole(config: Mapping[str, Any]) -> Kept:
    """Return all blocks of a model at their full width."""
    of = Dimensions.from_config(config)
    if not config.get("is_encoder_decoder"):
        return Kept((of.ffn,) * of.n_blocks)
    n_decoder = _named(config, "num_decoder_layers", default=of.n_blocks)
    return Kept((of.ffn,) * of.n_blocks, (of.ffn,) * n_decoder)


def prompt_cost(  # noqa: PLR0913 (what sets the arithmetic, and nothing else)
    config: Mapping[str, Any],
    text: int,
    prompt: int,
    *,
    answer: int = 1,
    read: int = 1,
    kept: Kept | None = None,
    insert_after: int = 0,
    visits: float = 1.0,
    convention: Convention = "all",
) -> Cost:
    """Return the operations of an example of a training step, of which only the prompt learns.

    All rows are counted in full, as a stock model computes them: pairs that a causal or local mask hides, gradients of
    the text's rows beside the prompt's, and those of the answer's own words in the first decoder block. Left out of
    DeBERTa is the projection of its table of positions, which a pass needs once, however many examples it has.

    Args:
        config: of a Hugging Face model, as a dict.
        text: rows of the text, without the prompt.
        prompt: rows of the prompt. An encoder-decoder has them among its decoder's rows if they join there.
        answer: rows of an encoder-decoder's decoder, all of which are read.
        read: rows of any other model at which the head is read; 0 of one that has no head for words.
        kept: the blocks there are, by default all at full width.
        insert_after: blocks that run without the prompt, and forward only: the first kept ones, an encoder's before its
            decoder's.
        visits: how often an example comes for each time it goes through these; more than once where rows are kept.
        convention: "all", or what ptflops 0.6 sees (and halves): linear maps alone, and forward alone.

    Raises:
        ValueError: the prompt enters behind the last block, or the blocks kept are those of another kind of model.
    """
    of, kept = Dimensions.from_config(config), kept or whole(config)
    n_encoder, n_blocks = len(kept.encoder), len(kept.encoder) + len(kept.decoder)
    if not kept.encoder or bool(kept.decoder) != bool(config.get("is_encoder_decoder")):
        raise ValueError(f"{n_encoder} blocks and {len(kept.decoder)} of a decoder are no {config.get('model_type')}")
    _refuse_outside(insert_after, n_blocks)
    attention, in_decoder = convention == "all", insert_after >= n_encoder
    memory = text if in_decoder else text + prompt
    cost = _head(of, config, answer if kept.decoder else read)
    for depth, ffn in enumerate(kept.encoder + kept.decoder):
        is_decoder, has_begun = depth >= n_encoder, depth >= insert_after
        rows = answer if is_decoder else text
        if has_begun and is_decoder == in_decoder:
            rows += prompt
        block = _block(replace(of, ffn=ffn), rows, table=_table(config), attention=attention)
        if is_decoder:
            block += _cross(of, rows, memory, learns=not in_decoder, attention=attention)
        cost += block if has_begun else Cost(block.forward / visits, 0)
    return cost if convention == "all" else Cost(cost.forward, 0)


def schedule_share(shares: Sequence[float], costs: Sequence[float], full: float) -> float:
    """Return what a training costs that grows through partial models, as a share of one on the full model throughout.

    Args:
        shares: of the steps, by stage; the full model has what is left.
        costs: of a step, by stage.
        full: cost of a step on the full model.

    Raises:
        ValueError: there are not as many shares as costs.
    """
    partial = sum(share * cost for share, cost in zip(shares, costs, strict=True))
    return (partial + (1 - sum(shares)) * full) / full


def _block(of: Dimensions, rows: int, *, table: int, attention: bool) -> Cost:
    """Return the cost of a block among its own rows; `table` entries of positions are met by each of them."""
    positions = attention * 2 * rows * table * of.inner
    return Cost(forward(of, rows, attention=attention) + positions, backward(of, rows) + positions)


def _cross(of: Dimensions, rows: int, memory: int, *, learns: bool, attention: bool) -> Cost:
    """Return the cost of attending to an encoder's rows, which pass gradients on only if a prompt is among them."""
    queries, keys = 2 * rows * of.width * of.inner, 2 * memory * of.width * of.inner_keys
    products = attention * 2 * rows * memory * of.inner
    passed_back = queries + products + learns * (keys + products)
    return Cost(2 * (queries + keys + products), 2 * passed_back)


def _head(of: Dimensions, config: Mapping[str, Any], rows: int) -> Cost:
    """Return the cost of a head, of which a masked language model's has a map of its own before the vocabulary's."""
    is_masked = not config.get("is_encoder_decoder") and config.get("model_type") not in CAUSAL
    each = head(of) if is_masked else 2 * of.width * of.vocabulary
    return Cost(rows * each, rows * each)


def _table(config: Mapping[str, Any]) -> int:
    """Return how many entries of a table of positions each row is compared with: DeBERTa's, by queries and by keys."""
    if not config.get("relative_attention"):
        return 0
    sizes = (config.get(name) or 0 for name in ("position_buckets", "max_relative_positions"))
    span = next((size for size in sizes if size > 0), _named(config, "max_position_embeddings"))
    return 2 * span * sum(term in (config.get("pos_att_type") or ()) for term in ("c2p", "p2c"))


def _below(of: Dimensions, text: int, insert_after: int, visits: float) -> float:
    _refuse_outside(insert_after, of.n_blocks)
    return insert_after * forward(of, text) / visits


def _refuse_outside(insert_after: int, n_blocks: int) -> None:
    if not 0 <= insert_after < n_blocks:
        raise ValueError(f"insert_after = {insert_after} lies outside 0 … {n_blocks - 1}")


def _named(config: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    """Return the first number a config holds under one of some names."""
    found = next((config[name] for name in names if config.get(name) is not None), default)
    if found is None:
        raise ValueError(f"the config holds none of {', '.join(names)}")
    return int(found)
