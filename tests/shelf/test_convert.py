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
    from transferkit.catalogue.convert.files import write_weights

    with pytest.raises(StoreError, match="lacks b"):
        write_weights({"a": np.zeros(1)}, ["a", "b"], tmp_path / "x.safetensors")


@pytest.mark.parametrize(("name", "library"), [("distilbert-cased", "onnx"), ("smollm2-135m", "gguf")])
def test_converting_without_the_library_names_it_and_the_extra(tmp_path, monkeypatch, name, library):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=rf"(?s)library {library} is not installed.*transferkit\[quickstart\]"):
        catalogue.fetch([name], cache=tmp_path)


def t5_sides(names: list[str]) -> tuple[dict[str, np.ndarray], dict[str, dict], dict[str, list]]:
    """Return weights by name, and how the two ONNX files store them: (q − 5) · 0.5, dense ones transposed."""
    from onnx import helper

    rng = np.random.default_rng(0)
    weights, constants, nodes = {}, {"encoder": {}, "decoder": {}}, {"encoder": [], "decoder": []}
    for number, name in enumerate(names):
        side = name.split(".")[0] if name.startswith(("encoder", "decoder")) else "decoder"
        prefix, path = {"encoder": ("enc.", "/enc/"), "decoder": ("m.decoder.", "/m/decoder/")}[side]
        within = name.removeprefix(f"{side}.").removesuffix(".weight")
        stored = rng.integers(0, 255, (3, 2), np.uint8)
        weights[name] = (stored - np.float32(5)) * np.float32(0.5)
        if "layer_norm" in name:
            constants[side][f"{prefix}{within}.weight"] = weights[name]
            continue
        base = {"shared": "m.shared.weight"}.get(within, f"{prefix}{within}.weight")
        if "relative" not in name and within != "shared":
            base, stored = f"anonymous{number}", stored.T
            path = "/m/lm_head" if within == "lm_head" else path + within.replace(".", "/")
            for old in ("block", "layer"):
                path = path.replace(f"{old}/", f"{old}.")
            inputs = ["x", f"{base}_quantized", "x_zero", f"{base}_zero_point"]
            nodes[side].append(helper.make_node("MatMulInteger", inputs, ["y"], name=f"{path}/MatMul_quant"))
        parts = {"_quantized": stored, "_scale": np.float32(0.5), "_zero_point": np.uint8(5)}
        constants[side] |= {base + part: np.asarray(value) for part, value in parts.items()}
    return weights, constants, nodes


def test_flan_t5_is_read_from_its_two_files_and_its_head_stays_apart(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed: pip install 'transferkit[quickstart]'")
    import json

    from safetensors.numpy import load_file

    from transferkit.catalogue.convert import CONVERTERS, flan_t5

    weights, constants, nodes = t5_sides(list(flan_t5._iter_names()))
    for side in ("encoder", "decoder"):
        onnx_file(tmp_path / f"{side}.onnx", constants[side], nodes[side])
    (tmp_path / "tokenizer.json").write_text('{"truncation": {"max_length": 48}, "padding": {}, "model": {}}')
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        CONVERTERS["flan_t5"](tmp_path, tmp_path / run, {})
    written = load_file(tmp_path / "one/model.safetensors")
    assert written.keys() == weights.keys()
    assert all(np.array_equal(written[name], value) for name, value in weights.items())
    assert {value.dtype for value in written.values()} == {np.dtype(np.float16)}
    assert {"shared.weight", "lm_head.weight"} <= written.keys()
    assert json.loads((tmp_path / "one/config.json").read_text())["tie_word_embeddings"] is False
    assert json.loads((tmp_path / "one/tokenizer.json").read_text()) == {
        "truncation": None,
        "padding": None,
        "model": {},
    }
    for path in sorted((tmp_path / "one").iterdir()):
        assert sha256_of(path) == sha256_of(tmp_path / "two" / path.name)


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


@pytest.mark.slow
def test_flan_t5_answers_and_its_tables_differ():
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    folder = ready("flan-t5-small")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    config = model.config
    assert (config.is_gated_act, config.dense_act_fn, config.d_kv) == (True, "gelu_new", 64)
    assert (config.num_layers, config.num_decoder_layers, config.decoder_start_token_id) == (8, 8, 0)
    assert not config.scale_decoder_outputs  # as in every T5 v1.1, whose head stands alone
    assert not torch.equal(model.shared.weight, model.lm_head.weight)
    assert model.encoder.embed_tokens.weight.data_ptr() == model.shared.weight.data_ptr()
    for review, answer in (("A wonderful, moving film.", "positive"), ("A dull, tedious mess.", "negative")):
        batch = tokenizer(f"Is this review positive or negative? {review}", return_tensors="pt")
        assert "token_type_ids" not in batch
        made = model.generate(**batch, max_new_tokens=5, do_sample=False)
        assert tokenizer.decode(made[0], skip_special_tokens=True) == answer
