"""The published files themselves: every prompt and score is found, and numbers known from elsewhere come out."""

from collections import Counter

import numpy as np
import pytest

from transferkit.interop import su2022
from transferkit.interop.arrays import read_array

pytestmark = pytest.mark.published
NORMS = {"sst2": 14347.5, "mrpc": 8950.9, "rte": 9561.6}


@pytest.fixture(scope="module")
def checkout(reference):
    if not su2022.is_checkout(reference / "su2022"):
        pytest.skip("no published prompts of Su et al. in the folder")
    return su2022.read_checkout(reference / "su2022")


def test_every_prompt_is_found(checkout):
    assert len(checkout.prompts) == 14
    assert {prompt.backbone for prompt in checkout.prompts} == {"Roberta"}
    assert {prompt.vectors.shape for prompt in checkout.prompts} == {(100, 768)}
    assert all(prompt.variant is None and not prompt.live[0] and prompt.live[1:].all() for prompt in checkout.prompts)
    mnli = next(prompt for prompt in checkout.prompts if prompt.task == "MNLI")
    rows = np.linalg.norm(mnli.vectors, axis=1)
    assert rows[0] == pytest.approx(399.4, abs=0.05)
    assert rows[1:].mean() == pytest.approx(28.80, abs=0.005)


def test_every_score_is_found(checkout):
    kinds = Counter((score.kind, score.source_backbone) for score in checkout.scores)
    assert kinds == {
        ("prompt", "Roberta"): 196,
        ("prompt", "Bert"): 14,
        ("random", None): 14,
        ("projected", "Bert"): 14,
        ("projected", "T5"): 13,
    }
    assert checkout.missing_cells("Roberta") == []
    assert checkout.backbones == ("Roberta",)
    assert checkout.skipped == ()
    assert checkout.notes == ()
    found = {(s.source_task, s.target): s.value for s in checkout.scores if s.source_backbone == "Roberta"}
    assert (found["IMDB", "MNLI"], found["MNLI", "IMDB"]) == (0.3663, 0.5706)
    assert found["restaurant", "restaurant"] == pytest.approx(0.7950, abs=5e-5)


@pytest.mark.parametrize("name", NORMS)
def test_prompts_of_lester(reference, name):
    path = reference / "lester2021" / f"{name}.npy"
    if not path.is_file():
        pytest.skip("no published prompts of Lester et al. in the folder")
    vectors = read_array(path)
    assert vectors.shape == (100, 768)
    assert np.linalg.norm(vectors.astype(float)) == pytest.approx(NORMS[name], abs=0.05)
