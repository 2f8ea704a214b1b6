"""A prompt in a folder scores the same under PEFT as under us, whichever of the two wrote the folder."""

import copy
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from backbones.stock import answer_mask, every_row, make_batch, prompt_of
from peft import PeftModel, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from tiny import make_tiny
from torch import Tensor

from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Batch
from transferkit.interop import export_prompt, read_peft
from transferkit.prompts.peft import peft_facts
from transferkit.specs import Placement

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
TYPES = {"encoder": "FEATURE_EXTRACTION", "decoder": "CAUSAL_LM", "encoder-decoder": "SEQ_2_SEQ_LM"}


def ours(backbone: Backbone, batch: Batch, vectors: Tensor) -> Tensor:
    with torch.no_grad():
        found = backbone.read(backbone.enter(batch, vectors, Placement()), every_row(backbone, batch))
    return found[answer_mask(backbone, batch)]


def theirs(backbone: Backbone, batch: Batch, model: PeftModel) -> Tensor:
    more = {} if batch.decoder_ids is None else {"decoder_input_ids": batch.decoder_ids}
    with torch.no_grad():
        logits = model.eval()(input_ids=batch.ids, attention_mask=batch.mask.long(), **more).logits
    n_rows = every_row(backbone, batch).shape[1]
    return logits[:, logits.shape[1] - n_rows :][answer_mask(backbone, batch)]


def loaded(backbone: Backbone, folder: Path) -> PeftModel:
    return PeftModel.from_pretrained(copy.deepcopy(backbone.model), str(folder))


def kept(backbone: Backbone, vectors: Tensor) -> Prompt:
    facts = peft_facts(backbone, Placement())
    return Prompt(vectors.numpy(), None, np.ones(len(vectors), dtype=bool), peft=facts)


def test_what_our_store_keeps_scores_the_same_under_peft(
    tiny: Backbone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    batch, vectors = make_batch(tiny), prompt_of(tiny)
    kept(tiny, vectors).write(tmp_path)
    with caplog.at_level(logging.WARNING):
        model = loaded(tiny, tmp_path)
    assert caplog.records == []
    config = model.peft_config["default"]
    assert config.task_type == TYPES[tiny.kind]
    if tiny.config.model_type != "distilbert":  # whose sizes it does not find
        own = PromptTuningConfig(task_type=TYPES[tiny.kind], num_virtual_tokens=4)
        get_peft_model(copy.deepcopy(tiny.model), own)
        for field in ("num_layers", "num_attention_heads", "token_dim"):
            assert getattr(config, field) == getattr(own, field), field
    torch.testing.assert_close(theirs(tiny, batch, model), ours(tiny, batch, vectors), **CLOSE)


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
def test_an_exported_prompt_scores_the_same_too(name: str, tmp_path: Path) -> None:
    backbone = make_tiny(name)
    batch, vectors = make_batch(backbone), prompt_of(backbone)
    folder = tmp_path / "exported"
    export_prompt(kept(backbone, vectors), folder, backbone="other")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["task_type"], config["base_model_name_or_path"]) == (TYPES[backbone.kind], f"tiny/{name}")
    torch.testing.assert_close(
        theirs(backbone, batch, loaded(backbone, folder)), ours(backbone, batch, vectors), **CLOSE
    )


@pytest.mark.parametrize("copies", [None, 1, 2])
def test_rows_for_both_stacks_are_read_as_the_first_ones(copies: int | None, tmp_path: Path) -> None:
    t5 = make_tiny("t5")
    config = PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=4, num_transformer_submodules=copies)
    model = get_peft_model(copy.deepcopy(t5.model), config)
    model.save_pretrained(tmp_path)
    found = read_peft(tmp_path)
    assert found.vectors.shape == (4, 32)
    assert found.dropped_rows == (0 if copies == 1 else 4)
    batch = make_batch(t5)
    torch.testing.assert_close(theirs(t5, batch, model), ours(t5, batch, torch.from_numpy(found.vectors)), **CLOSE)


def test_the_least_config_is_read_and_loaded(tiny: Backbone, tmp_path: Path) -> None:
    batch, vectors = make_batch(tiny), prompt_of(tiny)
    least = {"peft_type": "PROMPT_TUNING", "task_type": TYPES[tiny.kind], "num_virtual_tokens": 4}
    if tiny.config.model_type == "distilbert":  # whose sizes PEFT does not find
        least |= {"token_dim": 32, "num_layers": 4, "num_attention_heads": 4}
    (tmp_path / "adapter_config.json").write_text(json.dumps(least | {"base_model_name_or_path": "tiny"}))
    stored = torch.cat([vectors] * (2 if tiny.kind == "encoder-decoder" else 1))
    save_file({"prompt_embeddings": stored}, tmp_path / "adapter_model.safetensors")
    found = read_peft(tmp_path)
    assert torch.equal(torch.from_numpy(found.vectors), vectors)
    torch.testing.assert_close(theirs(tiny, batch, loaded(tiny, tmp_path)), ours(tiny, batch, vectors), **CLOSE)


def test_a_folder_kept_before_there_were_kinds_of_heads_is_read_as_an_encoders(tmp_path: Path) -> None:
    bert = make_tiny("bert")
    facts = {name: value for name, value in peft_facts(bert, Placement()).items() if name != "task_type"}
    Prompt(prompt_of(bert).numpy(), None, np.ones(4, dtype=bool), peft=facts).write(tmp_path)
    before = (tmp_path / "adapter_config.json").read_bytes()
    found = Prompt.read(tmp_path)
    assert found.peft == facts | {"task_type": "FEATURE_EXTRACTION"} == peft_facts(bert, Placement())
    found.write(tmp_path)
    assert (tmp_path / "adapter_config.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "placement", "is_one"),
    [
        ("bert", Placement(), True),
        ("bert", Placement(where="end"), False),
        ("gpt2", Placement(entry="block"), False),
        ("gpt2", Placement(visibility="everywhere"), True),  # no block of it is local
        ("gemma3", Placement(), True),
        ("gemma3", Placement(visibility="everywhere"), False),
    ],
)
def test_peft_knows_prompts_in_front_of_the_words_alone(name: str, placement: Placement, is_one: bool) -> None:
    assert (peft_facts(make_tiny(name), placement) is not None) == is_one
