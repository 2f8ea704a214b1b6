"""What PEFT must know of a backbone so that a prompt's folder is one of its own."""

from transferkit.backbones import Backbone
from transferkit.backbones.family import Stack
from transferkit.specs import Placement

TASK_TYPES: dict[Stack, str] = {
    "encoder": "FEATURE_EXTRACTION",  # it has no word for masked language models; this one keeps their logits
    "decoder": "CAUSAL_LM",
    "encoder-decoder": "SEQ_2_SEQ_LM",
}


def peft_facts(backbone: Backbone, placement: Placement) -> dict[str, str | int] | None:
    """Return the backbone's id, layers and heads and the kind of head, as PEFT's configs name them.

    PEFT has prompts in front of the text, at the word level, that are seen as far as a whole backbone sees: None for
    others.
    """
    reaches = placement.visibility == "window" or backbone.stack.window is None
    if placement.entry != "words" or placement.where != "front" or not reaches or backbone.is_partial:
        return None
    return {
        "base_model_name_or_path": backbone.upstream,
        "num_attention_heads": backbone.config.num_attention_heads,
        "num_layers": backbone.config.num_hidden_layers,  # of an encoder-decoder those of the encoder alone
        "task_type": TASK_TYPES[backbone.kind],
    }
