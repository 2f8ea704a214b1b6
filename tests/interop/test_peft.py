"""PEFT folders: what we write, PEFT loads; what PEFT saves, we read; other adapters are refused with a reason."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel, T5Config, T5ForConditionalGeneration

from transferkit.errors import InputError, StoreError
from transferkit.interop.peft import read_peft, write_peft

VECTORS = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)
CONFIG = {
    "peft_type": "PROMPT_TUNING",
    "task_type": "FEATURE_EXTRACTION",
    "num_virtual_tokens": 5,
    "base_model_name_or_path": "some/model",
}


def make_folder(folder, config, vectors=VECTORS, *, weights="adapter_model.safetensors"):
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if weights.endswith(".bin"):
        torch.save({"prompt_embeddings": torch.from_numpy(vectors)}, folder / weights)
    elif weights:
        save_file({"prompt_embeddings": vectors, "unrelated": vectors * 0}, folder / weights)
    return folder


def tiny(kind):
    if kind == "bert":
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
        return BertModel(BertConfig(vocab_size=20, max_position_embeddings=40, **sizes))
    return T5ForConditionalGeneration(
        T5Config(vocab_size=20, d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2, decoder_start_token_id=0)
    )


# --- with PEFT itself -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "task_type"), [("bert", "FEATURE_EXTRACTION"), ("t5", "SEQ_2_SEQ_LM")])
@pytest.mark.parametrize("sizes", [{}, {"n_layers": 2, "n_heads": 2}])
def test_peft_loads_what_we_write(tmp_path, kind, task_type, sizes):
    from peft import PeftModel

    folder = tmp_path / "new" / "prompt"
    write_peft(folder, VECTORS, backbone="tiny", task_type=task_type, **sizes)
    model = PeftModel.from_pretrained(tiny(kind), str(folder))
    assert np.array_equal(model.get_prompt_embedding_to_save("default").numpy(), VECTORS)
    inputs = {"input_ids": torch.tensor([[3, 4, 5]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    if kind == "t5":
        inputs["labels"] = torch.tensor([[6, 7]])
    model(**inputs)
    back = read_peft(folder)
    assert np.array_equal(back.vectors, VECTORS)
    assert (back.backbone, back.task_type, back.dropped_rows) == ("tiny", task_type, 0)


@pytest.mark.parametrize(
    ("kind", "task_type", "dropped"), [("bert", "FEATURE_EXTRACTION", 0), ("t5", "SEQ_2_SEQ_LM", 5)]
)
@pytest.mark.parametrize("encoded", [False, True])
def test_we_read_what_peft_saves(tmp_path, kind, task_type, dropped, encoded):
    from peft import PromptEncoderConfig, PromptTuningConfig, get_peft_model

    make = PromptEncoderConfig if encoded else PromptTuningConfig
    more = {"encoder_hidden_size": 8} if encoded else {}
    model = get_peft_model(tiny(kind), make(task_type=task_type, num_virtual_tokens=5, **more))
    with torch.no_grad():
        saved = model.get_prompt_embedding_to_save("default").numpy()
    model.save_pretrained(tmp_path)
    read = read_peft(tmp_path)
    assert saved.shape == (5 + dropped, 16)
    assert np.array_equal(read.vectors, saved[:5])
    assert read.dropped_rows == dropped


# --- reading ----------------------------------------------------------------------------------------------------------
def test_minimal_config_and_weights_of_pytorch(tmp_path):
    folder = make_folder(tmp_path / "a", CONFIG, weights="adapter_model.bin")
    read = read_peft(folder)
    assert np.array_equal(read.vectors, VECTORS)
    assert (read.backbone, read.task_type, read.dropped_rows) == ("some/model", "FEATURE_EXTRACTION", 0)


def test_names_left_out(tmp_path):
    read = read_peft(make_folder(tmp_path / "a", {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 5}))
    assert (read.backbone, read.task_type) == (None, None)


@pytest.mark.parametrize("kind", ["PREFIX_TUNING", "LORA", "MULTITASK_PROMPT_TUNING", None, []])
def test_other_adapters_are_refused(tmp_path, kind):
    folder = make_folder(tmp_path / "a", CONFIG | {"peft_type": kind})
    with pytest.raises(InputError, match="is not one prompt") as caught:
        read_peft(folder)
    assert repr(kind) in caught.value.problem
    assert "PROMPT_TUNING" in caught.value.fix


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_virtual_tokens": 4}, "5 rows are stored, but num_virtual_tokens is 4"),
        ({"num_virtual_tokens": 1}, "num_virtual_tokens is 1 and num_transformer_submodules None"),
        ({"num_transformer_submodules": 2}, "num_virtual_tokens is 5 and num_transformer_submodules 2"),
        ({"num_transformer_submodules": 0}, "num_virtual_tokens is 5 and num_transformer_submodules 0"),
        ({"num_transformer_submodules": True}, "num_virtual_tokens is 5 and num_transformer_submodules True"),
        ({"num_transformer_submodules": "1"}, "num_virtual_tokens is 5 and num_transformer_submodules '1'"),
        ({"num_virtual_tokens": 6}, "num_virtual_tokens is 6"),
        ({"num_virtual_tokens": 0}, "num_virtual_tokens is 0"),
        ({"num_virtual_tokens": None}, "num_virtual_tokens is None"),
        ({"num_virtual_tokens": True}, "num_virtual_tokens is True"),
        ({"token_dim": 8}, "rows are 16 wide, but token_dim is 8"),
    ],
)
def test_config_and_weights_disagree(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_peft(make_folder(tmp_path / "a", CONFIG | change))


@pytest.mark.parametrize("n_copies", [None, 2])
def test_of_doubled_rows_the_first_half_is_read(tmp_path, n_copies):
    doubled = np.concatenate([VECTORS, VECTORS + 1])
    read = read_peft(make_folder(tmp_path / "a", CONFIG | {"num_transformer_submodules": n_copies}, doubled))
    assert np.array_equal(read.vectors, VECTORS)
    assert read.dropped_rows == 5


@pytest.mark.parametrize(("n_copies", "rows"), [(None, 15), (1, 10), (2, 15)])
def test_rows_of_more_copies_than_said_are_refused(tmp_path, n_copies, rows):
    folder = make_folder(
        tmp_path / "a", CONFIG | {"num_transformer_submodules": n_copies}, np.tile(VECTORS, (3, 1))[:rows]
    )
    with pytest.raises(InputError) as caught:
        read_peft(folder)
    assert caught.value.problem == (
        f"{folder}: {rows} rows are stored, but num_virtual_tokens is 5 and num_transformer_submodules {n_copies}"
    )


def test_folders_that_are_none(tmp_path):
    make_folder(tmp_path / "outer" / "checkpoint-3", CONFIG)
    make_folder(tmp_path / "bare", CONFIG, weights="")
    make_folder(tmp_path / "broken", "{")
    make_folder(tmp_path / "list", "[]")
    for name, message in (
        ("absent", "no adapter_config.json"),
        ("outer", "did you mean .*checkpoint-3"),
        ("bare", "no adapter_model.safetensors or adapter_model.bin"),
        ("broken", "cannot be read"),
        ("list", "holds no fields"),
    ):
        with pytest.raises(InputError, match=message):
            read_peft(tmp_path / name)


def test_weights_of_another_name(tmp_path):
    folder = make_folder(tmp_path / "a", CONFIG, weights="")
    save_file({"lora_A": VECTORS}, folder / "adapter_model.safetensors")
    with pytest.raises(InputError, match="no array 'prompt_embeddings'"):
        read_peft(folder)


# --- writing ----------------------------------------------------------------------------------------------------------
def test_write_refuses(tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    write = {"backbone": "b", "task_type": "SEQ_CLS"}
    with pytest.raises(InputError, match="already there"):
        write_peft(tmp_path / "used", VECTORS, **write)
    with pytest.raises(InputError, match="did you mean 'FEATURE_EXTRACTION'"):
        write_peft(tmp_path / "a", VECTORS, **write | {"task_type": "FEATURE_EXTRACTOR"})
    for wrong in (VECTORS[0], VECTORS[:0], VECTORS * np.nan):
        with pytest.raises(InputError):
            write_peft(tmp_path / "a", wrong, **write)
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_empty_folder_is_filled(tmp_path):
    write_peft(tmp_path, VECTORS, backbone="b", task_type="SEQ_CLS")
    assert np.array_equal(read_peft(tmp_path).vectors, VECTORS)


def test_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(self, *arguments):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(StoreError, match="disk full"):
        write_peft(tmp_path / "a", VECTORS, backbone="b", task_type="SEQ_CLS")
    assert not list(tmp_path.iterdir())
