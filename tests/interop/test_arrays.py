"""Plain prompt files: round trips, one rule for which array is the prompt, and nothing that runs stored code."""

import io
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import save, save_file
from safetensors.torch import save_file as save_torch_file

from transferkit.errors import InputError, StoreError
from transferkit.interop.arrays import MAX_VALUES, read_array, write_array

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) - 5
TENSOR = torch.from_numpy(VECTORS)
IN_ONE_FOLDER = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Touch:
    """Makes a file when unpickled, which must never happen."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


# --- round trips ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".NPY"])
@IN_ONE_FOLDER
@given(
    vectors=arrays(
        np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(width=32, allow_nan=False)
    )
)
def test_round_trip(tmp_path, suffix, vectors):
    path = tmp_path / f"prompt{suffix}"
    if np.isinf(vectors).any():
        with pytest.raises(InputError, match="infinite"):
            write_array(path, vectors)
        return
    write_array(path, vectors)
    read = read_array(path)
    assert read.dtype == np.float32
    assert np.array_equal(read, vectors)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["task_prompt", "a.pt", "a.pth", "a.bin", "a.pkl", "a.ckpt"])
@pytest.mark.parametrize(
    "stored",
    [
        TENSOR,
        torch.nn.Parameter(TENSOR.clone()),
        TENSOR[None],
        TENSOR.half(),
        TENSOR.bfloat16(),
        TENSOR.double(),
        TENSOR.T.contiguous().T,
        {"best_acc": torch.tensor(0.5), "best_prompt": TENSOR},
        {"prompt": TENSOR, "other": torch.zeros(7, 7)},
        {"model": TENSOR, "optimizer": {"state": {0: {"exp_avg": TENSOR * 0}}}, "optimizer_name": "AdamW", "epoch": 3},
        {"model": {"bert.prompt_embeddings.weight": TENSOR, "bert.word_embeddings.weight": torch.zeros(9, 3)}},
        {"anything": TENSOR[None], "step": 3, "loss": torch.zeros(4)},
    ],
    ids=lambda stored: type(stored).__name__,
)
def test_files_of_pytorch(tmp_path, name, stored):
    torch.save(stored, tmp_path / name)
    read = read_array(tmp_path / name)
    assert read.dtype == np.float32
    assert np.array_equal(read, VECTORS)


def test_old_format_of_pytorch(tmp_path):
    torch.save(TENSOR, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert np.array_equal(read_array(tmp_path / "a.pt"), VECTORS)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8"])
def test_numbers_of_numpy_become_float32(tmp_path, dtype):
    np.save(tmp_path / "a.npy", VECTORS[None].astype(dtype))
    assert np.array_equal(read_array(tmp_path / "a.npy"), VECTORS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float32])
def test_numbers_of_safetensors_become_float32(tmp_path, dtype):
    save_torch_file({"x": TENSOR.to(dtype), "live": torch.ones(4, dtype=torch.uint8)}, tmp_path / "a.safetensors")
    assert np.array_equal(read_array(tmp_path / "a.safetensors"), VECTORS)


# --- which array ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["prompt", "vectors", "prompt_embeddings"])
def test_usual_name_among_several(tmp_path, name):
    several = {name: VECTORS, "initial": VECTORS * 0}
    np.savez(tmp_path / "a.npz", **several)
    save_file(several, tmp_path / "a.safetensors")
    for suffix in (".npz", ".safetensors"):
        assert np.array_equal(read_array(tmp_path / f"a{suffix}"), VECTORS)
        assert not read_array(tmp_path / f"a{suffix}", name="initial").any()


@pytest.mark.parametrize("several", [{"a": VECTORS, "b": VECTORS}, {"prompt": VECTORS, "vectors": VECTORS}])
def test_which_cannot_be_told(tmp_path, several):
    np.savez(tmp_path / "a.npz", **several)
    with pytest.raises(InputError, match=r"which of its arrays.*\[4, 3\]"):
        read_array(tmp_path / "a.npz")


def test_wanted_name_is_absent(tmp_path):
    np.savez(tmp_path / "a.npz", a=VECTORS)
    with pytest.raises(InputError, match=r"no array 'prompt' in it; there are: a \[4, 3\]"):
        read_array(tmp_path / "a.npz", name="prompt")


@pytest.mark.parametrize("stored", [{}, {"a": 3}, "text", 3])
def test_no_array_at_all(tmp_path, stored):
    torch.save(stored, tmp_path / "a.pt")
    with pytest.raises(InputError, match="There are: none"):
        read_array(tmp_path / "a.pt")


def test_dict_that_holds_itself(tmp_path):
    endless = {}
    endless["more"] = endless
    torch.save(endless, tmp_path / "a.pt")
    with pytest.raises(InputError, match="There are: none"):
        read_array(tmp_path / "a.pt")


# --- is it a prompt? --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(3, np.float32), r"has the shape \[rows, width\]; this has \[3\]"),
        (np.zeros((2, 3, 4), np.float32), r"this has \[2, 3, 4\]"),
        (np.zeros((0, 4), np.float32), r"this has \[0, 4\]"),
        (np.float32(1), r"this has \[\]"),
        (np.zeros((2, 3), np.int64), "holds int64 values, not vectors"),
        (np.zeros((2, 3), np.complex64), "holds complex64 values"),
        (np.array([[0, np.nan, np.inf]], np.float32), "2 of 3 values are infinite or not a number"),
        (np.array([[1e300]]), "1 of 1 values are infinite or not a number, as float32"),
    ],
)
def test_not_a_prompt(tmp_path, values, message):
    path = tmp_path / "a.npy"
    np.save(path, values)
    with pytest.raises(InputError, match=message) as caught:
        read_array(path)
    assert str(path) in caught.value.problem
    assert caught.value.fix


@pytest.mark.parametrize("tensor", [TENSOR.to_sparse(), TENSOR.int(), torch.zeros(2, 3, device="meta")])
def test_not_plain_numbers_of_pytorch(tmp_path, tensor):
    torch.save(tensor, tmp_path / "a.pt")
    with pytest.raises(InputError):
        read_array(tmp_path / "a.pt")


def test_small_file_that_claims_a_huge_tensor(tmp_path):
    torch.save(torch.zeros(1).expand(MAX_VALUES, 2), tmp_path / "a.pt")
    with pytest.raises(InputError, match="too large for a prompt"):
        read_array(tmp_path / "a.pt")


def test_no_such_file_a_folder_another_kind(tmp_path):
    (tmp_path / "a.csv").write_text("1,2")
    for name, message in (("absent.npy", "no file"), ("", "is a folder"), ("a.csv", "unknown kind of file '.csv'")):
        with pytest.raises(InputError, match=message):
            read_array(tmp_path / name)


# --- nothing is run ---------------------------------------------------------------------------------------------------
def malicious(path, victim):
    stored = {"prompt": Touch(victim)}
    if path.suffix in (".npy", ".npz") and path.stem == "array":
        write = np.save if path.suffix == ".npy" else np.savez
        write(path, np.array([stored], dtype=object), allow_pickle=True)
    elif path.stem == "array":
        torch.save({"vectors": TENSOR, **stored}, path)
    else:
        path.write_bytes(pickle.dumps(stored))


@pytest.mark.parametrize(
    "name", ["array.npy", "array.npz", "array.pt", "array.pkl", "array", "bare.npy", "bare.npz", "bare.pt", "bare"]
)
def test_stored_code_is_not_run(tmp_path, name):
    path, victim = tmp_path / name, tmp_path / "victim"
    malicious(path, victim)
    with warnings.catch_warnings(record=True) as said, pytest.raises(InputError, match="run code stored in") as caught:
        read_array(path)
    assert not said
    assert not victim.exists()
    assert "save the bare prompt" in caught.value.fix


def whole(suffix):
    written = io.BytesIO()
    if suffix == ".npy":
        np.save(written, VECTORS)
    elif suffix == ".npz":
        np.savez(written, prompt=VECTORS)
    elif suffix == ".safetensors":
        written.write(save({"prompt": VECTORS}))
    else:
        torch.save({"prompt": TENSOR}, written, _use_new_zipfile_serialization=suffix == ".pt")
    return written.getvalue()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".pt", ".pkl"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_read(tmp_path, suffix, data):
    content = bytearray(whole(suffix))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content)) | st.just(len(content))) :]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    try:
        assert read_array(path).ndim == 2
    except InputError:
        pass


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pt", "a", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello, this is text", b"PK\x03\x04 no archive"])
def test_not_of_that_kind(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_array(tmp_path / name)


# --- writing ----------------------------------------------------------------------------------------------------------
def test_write_refuses_what_cannot_be_read_back(tmp_path):
    for name, values in (("a.pt", VECTORS), ("a", VECTORS), ("a.npy", VECTORS[0]), ("a.npz", VECTORS * np.nan)):
        with pytest.raises(InputError, match="a"):
            write_array(tmp_path / name, values)
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    write_array(path, VECTORS)

    def fail(self, data):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(StoreError, match="disk full"):
        write_array(path, VECTORS * 2)
    assert np.array_equal(read_array(path), VECTORS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]
