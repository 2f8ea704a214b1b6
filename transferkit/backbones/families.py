"""Every family there is; a new one is one file and one line here."""

from transformers import PreTrainedConfig

from transferkit.backbones.bert import BERT, ROBERTA
from transferkit.backbones.deberta import DEBERTA
from transferkit.backbones.distilbert import DISTILBERT
from transferkit.backbones.family import Family
from transferkit.backbones.gemma3 import GEMMA3
from transferkit.backbones.gpt2 import GPT2
from transferkit.backbones.llama import LLAMA, MISTRAL, QWEN2, QWEN3, SMOLLM3
from transferkit.backbones.modernbert import MODERNBERT
from transferkit.backbones.mpnet import MPNET
from transferkit.backbones.t5 import T5
from transferkit.errors import InputError

_ALL: tuple[Family, ...] = (
    BERT,
    ROBERTA,
    DISTILBERT,
    MPNET,
    DEBERTA,
    MODERNBERT,
    GPT2,
    LLAMA,
    MISTRAL,
    QWEN2,
    QWEN3,
    SMOLLM3,
    GEMMA3,
    T5,
)

FAMILIES: dict[str, Family] = {model_type: family for family in _ALL for model_type in family.model_types}
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


def family_of(config: PreTrainedConfig) -> Family:
    """Return the family of a model, by its config.

    Raises:
        InputError: no family serves its architecture, or it has something its family cannot do.
    """
    model_type = config.model_type
    if any(getattr(config, field, None) for field in EXPERTS):
        raise InputError(
            f"backbone architecture {model_type!r} is a mixture of experts, which is not supported",
            fix=f"use a dense model; supported: {', '.join(FAMILIES)}",
        )
    if model_type not in FAMILIES:
        raise InputError(
            f"backbone architecture {model_type!r} is not supported", fix=f"supported: {', '.join(FAMILIES)}"
        )
    FAMILIES[model_type].check(config)
    return FAMILIES[model_type]
