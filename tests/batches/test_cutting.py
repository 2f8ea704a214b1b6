"""Cutting a text always ends, also where one character is several tokens."""

import numpy as np
import pytest
from tiny import make_tiny
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from transferkit.backbones import Backbone
from transferkit.batches import encode
from transferkit.errors import InputError
from transferkit.examples import Examples
from transferkit.tasks.base import Label, LocalData, Task

LABELS = (Label(value="a", word="a", description="a"), Label(value="b", word="b", description="b"))
TASK = Task(name="cut", source=LocalData(train="x.csv", sha256="0"), labels=LABELS, max_tokens=16)


def byte_level() -> Backbone:
    """A backbone whose tokenizer knows single bytes alone: a syllable of Hangul is three tokens, an emoji four."""
    special = ["<pad>", "<s>", "</s>", "<mask>"]
    vocabulary = {token: i for i, token in enumerate(special + sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    backbone = make_tiny("bert")
    backbone.tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", mask_token="<mask>"
    )
    return backbone


@pytest.mark.parametrize("text", ["한국어 문장은 길다", "🙂🙃🙂🙃🙂🙃", "plain words that are too many", "ａ" * 40])
@pytest.mark.parametrize("room", [0, 3])
def test_cutting_ends_where_characters_are_several_tokens(text: str, room: int) -> None:
    backbone = byte_level()
    examples = Examples([(text,)], np.array([0]), {})
    encoded = encode(examples, TASK, backbone, "embedding", room=room)
    assert encoded.n_truncated == 1
    assert len(encoded.ids[0]) <= TASK.max_tokens
    kept = backbone.tokenizer.decode(encoded.ids[0], skip_special_tokens=True)
    assert text.startswith(kept)
    assert "\ufffd" not in kept  # no character was cut through


def test_a_prompt_longer_than_the_backbone_is_said_so() -> None:
    with pytest.raises(InputError, match="prompt_length = 70 does not fit tiny-bert, which holds 66"):
        encode(Examples([("a",)], np.array([0]), {}), TASK, make_tiny("bert"), "embedding", room=70)
