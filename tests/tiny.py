"""Tiny random backbones of every family, 32 wide; no network, no weights. A new family is one function and one line."""

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    MPNetConfig,
    MPNetForMaskedLM,
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    RobertaConfig,
    RobertaForMaskedLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from transferkit.backbones import Backbone
from transferkit.specs import BackboneSpec

WORDS = (
    "good bad nice awful great terrible film food the a it was very not really sport money vote cell phone . ! ?"
    " negative positive neutral"
).split()
BARE = ["input_ids", "attention_mask"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SMALL = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
VOCABULARY = {"vocab_size": len(SPECIAL) + len(WORDS), "pad_token_id": 0}
TABLE = {"max_position_embeddings": 66}
ENDS = {"bos_token_id": 2, "eos_token_id": 3}
GROUPED = {"num_key_value_heads": 2, "attention_dropout": 0.1}  # two heads of queries share one of keys and values
WINDOW = {"sliding_window": 5}  # a row sees itself and four more, so that even short texts have far prompts
# T5's own initial weights, spread out like those of the others, would make its unscaled attention all but an argmax.
WIDTHS = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4, "initializer_factor": 0.5}
DISTANCES = {"relative_attention_max_distance": 12, "relative_attention_num_buckets": 16}
STARTS = {"eos_token_id": 3, "decoder_start_token_id": 0, **DISTANCES}


def toy_tokenizer(*, types: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer as BERT has one."""
    return _tokenizer(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask", *(["token_type_ids"] if types else [])],
    )


def plain_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer as causal models have one: nothing is added."""
    return _tokenizer(single="$A", pair="$A $B", bos_token="[CLS]", eos_token="[SEP]", model_input_names=BARE)


def closing_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer as T5 has one: an end token closes the text."""
    return _tokenizer(single="$A [SEP]", pair="$A [SEP] $B [SEP]", eos_token="[SEP]", model_input_names=BARE)


def _tokenizer(*, single: str, pair: str, **options: object) -> PreTrainedTokenizerFast:
    vocabulary = {token: i for i, token in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", **options)


def _bert() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    return BertForMaskedLM(BertConfig(**SMALL, **VOCABULARY, **TABLE)), toy_tokenizer()


def _roberta() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = RobertaConfig(**SMALL, **TABLE, **VOCABULARY | {"pad_token_id": 1}, type_vocab_size=1)
    return RobertaForMaskedLM(config), toy_tokenizer()


def _mpnet() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = MPNetConfig(**SMALL, **TABLE, **VOCABULARY | {"pad_token_id": 1})
    return MPNetForMaskedLM(config), toy_tokenizer(types=False)


def _distilbert() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = DistilBertConfig(**VOCABULARY, **TABLE, dim=32, n_layers=4, n_heads=4, hidden_dim=64)
    return DistilBertForMaskedLM(config), toy_tokenizer(types=False)


def _deberta_v2() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    # Distances beyond six are all the same to it.
    positions = {"relative_attention": True, "max_relative_positions": 6, "pos_att_type": "p2c|c2p"}
    config = DebertaV2Config(**SMALL, **VOCABULARY, **TABLE, **positions, type_vocab_size=2)
    return DebertaV2ForMaskedLM(config), toy_tokenizer()


def _deberta_v3() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    positions = {"relative_attention": True, "position_buckets": 8, "pos_att_type": "p2c|c2p", "share_att_key": True}
    alone = {"position_biased_input": False, "norm_rel_ebd": "layer_norm", "legacy": False}
    config = DebertaV2Config(**SMALL, **VOCABULARY, **TABLE, **positions, **alone)
    return DebertaV2ForMaskedLM(config), toy_tokenizer(types=False)


def _modernbert() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    local = {"local_attention": 6, "global_attn_every_n_layers": 2}  # three rows either way, in every other block
    dropout = {"embedding_dropout": 0.1, "attention_dropout": 0.1, "mlp_dropout": 0.1}
    ends = {**ENDS, "cls_token_id": 2, "sep_token_id": 3}
    config = ModernBertConfig(**SMALL, **VOCABULARY, **ends, **local, **dropout)
    return ModernBertForMaskedLM(config), toy_tokenizer(types=False)


def _gpt2() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = GPT2Config(**VOCABULARY, **ENDS, n_positions=66, n_embd=32, n_layer=4, n_head=4, n_inner=64)
    return GPT2LMHeadModel(config), plain_tokenizer()


def _llama() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = LlamaConfig(**SMALL, **VOCABULARY, **ENDS, **GROUPED)
    return LlamaForCausalLM(config), plain_tokenizer()


def _mistral() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = MistralConfig(**SMALL, **VOCABULARY, **ENDS, **GROUPED, **WINDOW)
    return MistralForCausalLM(config), plain_tokenizer()


def _qwen2() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    local = {"use_sliding_window": True, "max_window_layers": 2}
    config = Qwen2Config(**SMALL, **VOCABULARY, **ENDS, **GROUPED, **WINDOW, **local)
    return Qwen2ForCausalLM(config), plain_tokenizer()


def _qwen3() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = Qwen3Config(**SMALL, **VOCABULARY, **ENDS, **GROUPED, head_dim=16)
    return Qwen3ForCausalLM(config), plain_tokenizer()


def _smollm3() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    local = {"use_sliding_window": True, "no_rope_layer_interval": 2}
    config = SmolLM3Config(**SMALL, **VOCABULARY, **ENDS, **GROUPED, **WINDOW, **local)
    return SmolLM3ForCausalLM(config), plain_tokenizer()


def _gemma3() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    heads = {"head_dim": 16, "query_pre_attn_scalar": 24, "sliding_window_pattern": 2}
    config = Gemma3TextConfig(**SMALL, **VOCABULARY, **ENDS, **GROUPED, **WINDOW, **heads)
    return Gemma3ForCausalLM(config), plain_tokenizer()


def _t5() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = T5Config(**WIDTHS, **VOCABULARY, **STARTS, num_layers=4, num_decoder_layers=4)
    return T5ForConditionalGeneration(config), closing_tokenizer()


def _t5_v11() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    sizes = {**WIDTHS, "d_kv": 12, "num_layers": 4, "num_decoder_layers": 3}
    config = T5Config(**sizes, **VOCABULARY, **STARTS, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    return untied(T5ForConditionalGeneration(config)), closing_tokenizer()


def _mt5() -> tuple[nn.Module, PreTrainedTokenizerFast]:
    config = MT5Config(**WIDTHS, **VOCABULARY, **STARTS, num_layers=2, num_decoder_layers=3)
    return untied(MT5ForConditionalGeneration(config)), closing_tokenizer()


def untied(model: nn.Module) -> nn.Module:
    model.lm_head.weight = nn.Parameter(0.1 * torch.randn_like(model.lm_head.weight))
    return model


MODELS = {"bert": _bert, "roberta": _roberta, "distilbert": _distilbert, "mpnet": _mpnet}
MODELS |= {"deberta-v2": _deberta_v2, "deberta-v3": _deberta_v3, "modernbert": _modernbert}
MODELS |= {"gpt2": _gpt2, "llama": _llama, "mistral": _mistral, "qwen2": _qwen2, "qwen3": _qwen3}
MODELS |= {"smollm3": _smollm3, "gemma3": _gemma3}
MODELS |= {"t5": _t5, "t5-v1.1": _t5_v11, "mt5": _mt5}
TINY = tuple(MODELS)
MASKED = ("bert", "roberta", "distilbert", "mpnet", "deberta-v2", "deberta-v3", "modernbert")
CAUSAL = ("gpt2", "llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma3")
SEQ2SEQ = ("t5", "t5-v1.1", "mt5")


def make_tiny(name: str, *, seed: int = 0, spread: float = 4.0) -> Backbone:
    """A random backbone; weights are spread out so that attention is far from uniform."""
    torch.manual_seed(seed)
    model, tokenizer = MODELS[name]()
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(spread)
            elif "bias" in path:
                parameter.normal_(0, 0.1)
    spec = BackboneSpec(name=f"tiny-{name}", revision="0")
    return Backbone(model, tokenizer, spec=spec, upstream=f"tiny/{name}")
