"""Shelf. Floating-point operations of one example by formula: what prompts and fine-tuning cost (Liu et al. 2022).

A multiply-add is two operations. A linear map counts once forward, once more for the gradient of its input and once
more for that of its weights; attention of n rows to n rows has two products forward and four backward. The answer is
read at one row, from the whole vocabulary. Norms, activations, generators and optimisers are left out.

`benchmarks/flops.py` counts something else: what our engine does, every saving taken into account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GATED = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma3_text", "modernbert"})


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


def forward(of: Dimensions, rows: int) -> int:
    """Return the operations of a block: F(n)."""
    return 2 * (rows * of.weights + 2 * rows**2 * of.inner)


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


def _below(of: Dimensions, text: int, insert_after: int, visits: float) -> float:
    if not 0 <= insert_after < of.n_blocks:
        raise ValueError(f"insert_after = {insert_after} lies outside 0 … {of.n_blocks - 1}")
    return insert_after * forward(of, text) / visits


def _named(config: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    """Return the first number a config holds under one of some names."""
    found = next((config[name] for name in names if config.get(name) is not None), default)
    if found is None:
        raise ValueError(f"the config holds none of {', '.join(names)}")
    return int(found)
