"""Random models at real sizes, built from configs, and their tiny siblings; speed does not depend on the weights."""

from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from tokenizers import models as tokenizer_models
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
)

from transferkit.backbones import Backbone
from transferkit.flops import Dimensions
from transferkit.specs import BackboneSpec

Dtype = Literal["float32", "bfloat16"]
Head = Literal["words", "classes"]
Kind = Literal["masked", "causal", "seq2seq"]

N_SPECIAL = 16  # ids below are kept for special tokens and label words
PAD, UNKNOWN, MASK, END, START = range(5)
SPECIAL = dict(
    zip(
        ("pad_token", "unk_token", "mask_token", "eos_token", "bos_token"),
        ("[PAD]", "[UNK]", "[MASK]", "[END]", "[START]"),
        strict=True,
    )
)
LABEL_WORDS = ("bad", "good")
TINY = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
TINY_VOCABULARY = 5000


def _roberta(**sizes: int) -> RobertaConfig:
    return RobertaConfig(max_position_embeddings=514, type_vocab_size=1, pad_token_id=1, **sizes)


CONFIGS: dict[str, Any] = {
    "roberta-base": lambda: _roberta(vocab_size=50265),
    "roberta-large": lambda: _roberta(
        vocab_size=50265, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    ),
    "gpt2": lambda: GPT2Config(),
    "smollm-135m": lambda: LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    ),
    "t5-base": lambda: T5Config(
        vocab_size=32128, d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12, decoder_start_token_id=0
    ),
    "tiny-roberta": lambda: _roberta(vocab_size=TINY_VOCABULARY, **TINY),
    "tiny-gpt2": lambda: GPT2Config(
        vocab_size=TINY_VOCABULARY, n_embd=128, n_layer=4, n_head=4, bos_token_id=START, eos_token_id=END
    ),
    "tiny-llama": lambda: LlamaConfig(
        vocab_size=TINY_VOCABULARY, num_key_value_heads=2, tie_word_embeddings=True, **TINY
    ),
    "tiny-t5": lambda: T5Config(
        vocab_size=TINY_VOCABULARY,
        d_model=128,
        d_kv=32,
        d_ff=512,
        num_layers=4,
        num_heads=4,
        decoder_start_token_id=0,
    ),
}
SMALLER = {
    "roberta-base": "tiny-roberta",
    "roberta-large": "tiny-roberta",
    "gpt2": "tiny-gpt2",
    "smollm-135m": "tiny-llama",
    "t5-base": "tiny-t5",
}
CLASSES: dict[str, Any] = {
    "roberta": RobertaForMaskedLM,
    "gpt2": GPT2LMHeadModel,
    "llama": LlamaForCausalLM,
    "t5": T5ForConditionalGeneration,
}
KINDS: dict[str, Kind] = {"roberta": "masked", "gpt2": "causal", "llama": "causal", "t5": "seq2seq"}


def kind_of(name: str) -> Kind:
    """Return how answers are read off a model."""
    return KINDS[CONFIGS[name]().model_type]


def vocabulary_of(name: str) -> int:
    """Return the size of a model's vocabulary."""
    return CONFIGS[name]().vocab_size


def stock(
    name: str, *, head: Head = "words", dtype: Dtype = "float32", device: str = "cpu", attention: str = "sdpa"
) -> PreTrainedModel:
    """Return a random model; the same name gives the same weights.

    Args:
        name: one of `CONFIGS`.
        head: the language-model head, or a classifier of two classes.
        dtype: arithmetic of its weights.
        device: where it lies.
        attention: the library's implementation of attention.
    """
    config = CONFIGS[name]()
    config.pad_token_id = config.pad_token_id or PAD  # GPT-2 and Llama name none
    config._attn_implementation = attention
    torch.manual_seed(0)
    made = RobertaForSequenceClassification if head == "classes" else CLASSES[config.model_type]
    return made(config).to(device, getattr(torch, dtype)).eval()


def backbone(name: str, *, dtype: Dtype = "float32", device: str = "cpu") -> Backbone:
    """Return the same model as a backbone."""
    spec = BackboneSpec(name=name, revision="random", dtype=dtype)
    return Backbone(stock(name, dtype=dtype, device=device), toy_tokenizer(), spec=spec, upstream=name)


def toy_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows the label words; examples are ids from the start."""
    words = [*SPECIAL.values(), *LABEL_WORDS]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(tokenizer_models.WordLevel(vocabulary, SPECIAL["unk_token"]))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


def label_ids() -> list[int]:
    """Return the ids of the label words."""
    return [START + 1 + i for i in range(len(LABEL_WORDS))]


def dimensions(name: str) -> Dimensions:
    """Return what sets the arithmetic of a model; of an encoder-decoder that of its encoder."""
    return Dimensions.from_config(CONFIGS[name]().to_dict())
